package files

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// folder writes files and returns their folder.
func folder(t *testing.T, texts map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range texts {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestSeveralFiles: files are one stream, in order, whose faults say which of them they are of.
func TestSeveralFiles(t *testing.T) {
	dir := folder(t, map[string]string{
		"1.csv": "a,b\n1,x\n2\n", "2.csv": "# two\nb;a\ny;3\n4\n", "3.jsonl": "{\"a\":5}\n{\"a\":6}\n", "4.csv": "a,b\n7,z\n",
	})
	paths, err := Expand([]string{filepath.Join(dir, "[1-3].*"), filepath.Join(dir, "4.csv")})
	if err != nil || len(paths) != 4 {
		t.Fatal(paths, err)
	}
	want := []string{`{"a":1,"b":"x"}`, "<1.csv:3: 1 cell where the header names 2>", `{"b":"y","a":3}`, "<2.csv:4: 1 cell where the header names 2>",
		`{"a":5}`, `{"a":6}`, `{"a":7,"b":"z"}`}
	notes := []string{"2.csv: 1 comment line skipped"}
	for _, records := range []int{0, 1, 2, 3} {
		o := Options{BatchRecords: records, Input: Input{More: paths[1:]}}
		rows, told := told(t, paths[0], o)
		if !slices.Equal(rows, want) || !slices.Equal(told, notes) {
			t.Errorf("batches of %d: %q with %q", records, rows, told)
		}
		for row, place := range map[int64]string{0: "1.csv", 2: "2.csv", 5: "3.jsonl", 6: "4.csv"} {
			if name, _, err := Line(paths[0], o, row); err != nil || name != place {
				t.Errorf("row %d is in %s, %v, want %s", row, name, err, place)
			}
		}
	}
	s, err := Open(paths[0], Options{Loop: true, BatchRecords: 4, Input: Input{More: paths[1:]}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var got []string
	for len(got) < 3*len(want) {
		b, err := s.Next(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		for i := range b.Records {
			if b.Records[i].Fault == nil {
				got = append(got, string(b.Records[i].Value))
			}
		}
		b.Release()
	}
	if got[0] != got[5] || got[4] != got[9] || s.Size() == 0 || len(s.Notes()) != len(notes) {
		t.Errorf("in rounds: %q, of %d bytes, noting %q", got, s.Size(), s.Notes())
	}
}

// TestFilesAgree: what is missing or differs is said before a row is read.
func TestFilesAgree(t *testing.T) {
	dir := folder(t, map[string]string{"1.csv": "a,b\n1,2\n", "2.csv": "a,b,c\n1,2,3\n", "3.csv": "a\n1\n", "bad.csv": "a,\xff\n"})
	for name, want := range map[string]string{
		"2.csv": `2.csv: it has a column "c", which 1.csv has not`, "3.csv": `3.csv: it has no column "b", which 1.csv has`,
		"bad.csv": "bad.csv:1:3: the byte 0xff", "none.csv": "none.csv",
	} {
		_, err := Open(filepath.Join(dir, "1.csv"), Options{Input: Input{More: []string{filepath.Join(dir, name)}}})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
	}
	for _, names := range [][]string{{filepath.Join(dir, "*.xml")}, {filepath.Join(dir, "[")}, {"-", "a", "-"}} {
		if paths, err := Expand(names); err == nil {
			t.Errorf("%s are %s", names, paths)
		}
	}
}

// TestStdin: it comes once, or, kept in a file that nobody sees, as often as it is asked for.
func TestStdin(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	const text = "a,b\n1,2\n3\n"
	o := Options{Input: Input{Stdin: NewStdin(strings.NewReader(text))}}
	want := []string{`{"a":1,"b":2}`, "<stdin:3: 1 cell where the header names 2>"}
	if rows, _ := told(t, StdinPath, o); !slices.Equal(rows, want) {
		t.Errorf("got %q", rows)
	}
	if _, err := Open(StdinPath, o); err == nil || !strings.Contains(err.Error(), "only once") {
		t.Errorf("a second time: %v", err)
	}
	if _, err := Open(StdinPath, Options{}); err == nil {
		t.Error("there is no standard input")
	}
	o.Stdin = NewStdin(strings.NewReader(text))
	if n, err := o.Stdin.Spool(t.Context(), 9); err == nil || !strings.Contains(err.Error(), "more than 9 bytes") {
		t.Errorf("too much: %d, %v", n, err)
	}
	o.Stdin = NewStdin(strings.NewReader(text))
	if n, err := o.Stdin.Spool(t.Context(), 1<<20); err != nil || n != int64(len(text)) {
		t.Fatal(n, err)
	}
	for range 3 {
		if rows, _ := told(t, StdinPath, o); !slices.Equal(rows, want) {
			t.Errorf("kept: %q", rows)
		}
	}
	if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := NewStdin(strings.NewReader(text)).Spool(ctx, 100); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
	if _, err := NewStdin(io.MultiReader()).Spool(t.Context(), 100); err != nil {
		t.Errorf("nothing: %v", err)
	}
}
