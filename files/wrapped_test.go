package files

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestWrappedRows: the rows of a JSON file that is one object around an array are the array's; an object among others
// is a row, whatever it holds; and what is cut off, or stands behind it, is told.
func TestWrappedRows(t *testing.T) {
	long := strings.Repeat(`{"x":1,"s":"a]}\""},`, 10_000)
	for _, c := range []struct {
		text   string
		rows   int
		first  string
		note   string
		faults int
	}{
		{`{"data":[{"x":1},{"x":2}]}`, 2, `{"x":1}`, `the rows are those of "data"`, 0},
		{"{\n \"meta\": {\"list\": [{\"no\": 1}]},\n \"n\": [1, 2],\n \"results\": [\n  {\"x\": 1},\n  {\"x\": 2}\n ],\n \"next\": null\n}\n", 2, `{"x": 1}`, `those of "results"`, 0},
		{`{"data":[` + long + `{"x":2}],"n":2}`, 10_001, `{"x":1,"s":"a]}\""}`, `those of "data"`, 0},
		{`{"data":[{"x":1}]} {"x":2}`, 2, `{"data":[{"x":1}]}`, "", 0},
		{`{"x":1,"items":[1,2]}`, 1, `{"x":1,"items":[1,2]}`, "", 0},
		{`{"a":"[{","x":1}`, 1, `{"a":"[{","x":1}`, "", 0},
		{`[{"items":[{"x":1}]}]`, 1, `{"items":[{"x":1}]}`, "", 0},
		{`{"data":[{"x":1},{"x":2}]`, 2, `{"x":1}`, `those of "data"`, 1},
		{`{"data":[` + long + `{"x":2}]} {"x":3}`, 10_001, `{"x":1,"s":"a]}\""}`, `those of "data"`, 1},
	} {
		path := put(t, "d.json", c.text)
		rows, notes := told(t, path, Options{})
		faults := 0
		rows = slices.DeleteFunc(rows, func(row string) bool {
			if strings.HasPrefix(row, "<") {
				faults++
				return true
			}
			return false
		})
		name := fmt.Sprintf("%.40q", c.text)
		if len(rows) != c.rows || faults != c.faults || rows[0] != c.first || !strings.Contains(strings.Join(notes, "\n"), c.note) || (len(notes) == 0) != (c.note == "") {
			t.Errorf("%s: %d rows, want %d, %d faults, want %d, the first %s, notes %q", name, len(rows), c.rows, faults, c.faults, rows[0], notes)
		}
	}
	if rows, _ := told(t, put(t, "d.dat", `{"data":[{"x":1},{"x":2}]}`), Options{}); len(rows) != 2 {
		t.Errorf("without a name that tells: %q", rows)
	}
}
