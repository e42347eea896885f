package files

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// Titles above the header, and units below it, are no rows; what may be rows stays.
func TestTitlesAndUnits(t *testing.T) {
	data := func(sep string, n int) string {
		var b strings.Builder
		for i := range n {
			b.WriteString(strings.Join([]string{fmt.Sprint(20 + i%50), "D" + fmt.Sprint(i%3), fmt.Sprintf("%d.5", i), fmt.Sprint(i % 2)}, sep) + "\n")
		}
		return b.String()
	}
	first := `{"age":20,"land":"D0","amount":0.5,"y":0}`
	for _, c := range []struct {
		name, text, first, note string
		rows                    int
	}{
		{"as it is", "age,land,amount,y\n" + data(",", 30), first, "", 30},
		{"merged headings", "Report 2024,,,\n,,,\nperson,,contract,\nage,land,amount,y\n" + data(",", 30), first, "3 lines above the header skipped", 30},
		{"lines of text", "Report 2024\nmade by Meier, Berlin\n\nage;land;amount;y\n" + data(";", 30), first, "lines above the header skipped", 30},
		{"accounts", "account:;123\nfrom:;01.01.2024\n\nage;land;amount;y\n" + data(";", 30), first, "lines above the header skipped", 30},
		{"units", "age,land,amount,y\n[years],[ISO],[EUR],[0/1]\n" + data(",", 30), first, `line 2, "[years],[ISO],[EUR],[0/1]", belongs to the header`, 30},
		{"both", "Report,,,\nage,land,amount,y\nyears,,EUR,\n" + data(",", 30), first, `line 3, "years,,EUR,", belongs to the header`, 30},
		{"a word in one column", "age,land,amount,y\nunknown,D1,7.5,1\n" + data(",", 30), `{"age":"unknown","land":"D1","amount":7.5,"y":1}`, "", 31},
		{"a row of words", "age,land,amount,y\nnone,D1,none,1\n" + data(",", 30), `{"age":"none","land":"D1","amount":"none","y":1}`, "", 31},
		{"names missing", "age,land,,\n" + data(",", 30), `{"age":20,"land":"D0","c3":0.5,"c4":0}`, "2 columns without a name", 30},
		{"one column", "text\n" + strings.Repeat("hello, world; 5\n", 30), `{"text":"hello`, "", -1},
	} {
		o := Options{}
		source, err := Open(put(t, "f.csv", c.text), o)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		notes := strings.Join(source.Notes(), "; ")
		if err := source.Close(); err != nil {
			t.Error(err)
		}
		if !strings.Contains(notes, c.note) || c.note == "" && strings.Contains(notes, "header") {
			t.Errorf("%s: notes %q, want %q", c.name, notes, c.note)
		}
		for _, records := range []int{0, 1} {
			got := all(t, put(t, "f.csv", c.text), Options{BatchRecords: records})
			if c.rows >= 0 && (len(got) != c.rows || got[0] != c.first) || slices.ContainsFunc(got, func(row string) bool { return strings.Contains(row, "Report") }) {
				t.Errorf("%s: %d rows, first %q; want %d, %q", c.name, len(got), got[0], c.rows, c.first)
			}
		}
	}
}
