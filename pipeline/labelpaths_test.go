package pipeline

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"millrace/config"
	"millrace/files"
)

// TestLateRowsHaveTheirPaths: files in which no row has what joins them are refused before a record is written.
func TestLateRowsHaveTheirPaths(t *testing.T) {
	const pipelineFile = `name: late
events: {topic: late.events, id: id, time: time}
features: {amount: number}
label: {topic: late.labels, path: outcome, id: of, time: known, classes: [n, p], wait: 1h}
model: logistic
`
	const events, labels = "id,time,amount\na,100,1\nb,160,2\n", "of,known,outcome\na,120,n\nb,200,p\nc,300,\n"
	for _, c := range []struct{ old, changed, want string }{
		{"", "", ""},
		{"of,", "id,", "no row of labels.csv has a value at label.id (of)"},
		{",outcome", ",class", "no row of labels.csv has a value at label.path (outcome)"},
		{",known", ",at", "no row of labels.csv has a time at label.time (known)"},
		{"id,time", "id,at", "no row of events.csv has a time at events.time (time)"},
		{", time: known", "", "label.time is not given: write label: {time: PATH}"},
		{", time: time", "", "events.time is not given: write events: {time: PATH}"},
	} {
		change := func(text string) string { return strings.Replace(text, c.old, c.changed, 1) }
		dir := t.TempDir()
		paths := [2]string{filepath.Join(dir, "events.csv"), filepath.Join(dir, "labels.csv")}
		for i, text := range []string{events, labels} {
			if err := os.WriteFile(paths[i], []byte(change(text)), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		text := pipelineFile
		if strings.HasPrefix(c.old, ", time") {
			text = change(text)
		}
		p, err := config.Parse("late.yaml", []byte(text), nil)
		if err != nil {
			t.Fatal(err)
		}
		rows, err := OpenLateRows(t.Context(), p, paths[0], paths[1], files.Input{}, time.Now(), func(string) {})
		if c.want == "" {
			if err != nil {
				t.Fatal(err)
			}
			_ = rows.Close()
			continue
		}
		var usage config.UsageError
		if !errors.As(err, &usage) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %s", err, c.want)
		}
	}
}
