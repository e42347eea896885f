package offline

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"millrace/config/infer"
	"millrace/files"
)

// TestInferredPlaces: a row that cannot be looked at is told with its own file and line, in the report and in the
// pipeline file, and so is what was looked at.
func TestInferredPlaces(t *testing.T) {
	folder := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	var table, lines strings.Builder
	table.WriteString("a,y\n")
	for i := range 40 {
		fmt.Fprintf(&table, "%d,%d\n", i, i%2)
		fmt.Fprintf(&lines, "{\"a\": %d, \"y\": %d}\n", i, i%2)
	}
	lines.WriteString("\n\"java.lang.RuntimeException\"\n")
	first, second := write("one.csv", table.String()), write("two.jsonl", lines.String())
	stdin := files.NewStdin(strings.NewReader(lines.String()))
	if _, err := stdin.Spool(context.Background(), 1<<20); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		data          Data
		source, fault string
	}{
		{Data{Events: first, Input: files.Input{More: []string{second}}}, "one.csv and 1 more file", "two.jsonl:42: "},
		{Data{Events: second}, "two.jsonl", "two.jsonl:42: "},
		{Data{Events: files.StdinPath, Input: files.Input{Stdin: stdin}}, "stdin", "stdin:42: "},
	} {
		r, err := Infer(context.Background(), c.data, infer.Options{Label: "y", ScanAll: true})
		if err != nil {
			t.Fatal(err)
		}
		if r.Report.Source != c.source || !strings.HasPrefix(r.Fault, c.fault) || !strings.Contains(string(r.YAML), "The first: "+c.fault) ||
			!strings.Contains(string(r.YAML), "of "+c.source+".\n") {
			t.Errorf("%q, %q, want %q, %q\n%s", r.Report.Source, r.Fault, c.source, c.fault, r.YAML)
		}
	}
	if got := files.Where(files.StdinPath, files.Options{Input: files.Input{Stdin: files.NewStdin(strings.NewReader(""))}}, 5); got != "stdin, row 6" {
		t.Errorf("a row of what cannot be read again: %s", got)
	}
}
