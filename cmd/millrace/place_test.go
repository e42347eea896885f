package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"millrace/payments"
)

// TestNoHalfFiles: what produce --generate and evaluate --predictions write is there once it is whole. Until then, and
// when it fails, a file of that name stays as it was, and none is left beside it.
func TestNoHalfFiles(t *testing.T) {
	inFolder(t, map[string]string{"my.yaml": shortPipeline, "bad.csv": "a,y\nx,p\n", "data.csv": shortRows(40), "old.jsonl": "old\n", "old.csv": "old\n"})
	if err := os.Chmod("old.csv", 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("old.csv", "link.csv"); err != nil {
		t.Fatal(err)
	}
	before := listed(t)
	ended, end := context.WithCancel(t.Context())
	end()
	for _, paths := range [][]string{{"old.jsonl"}, {"new.jsonl"}, {"new.jsonl", "old.jsonl"}} {
		if _, err := generate(ended, payments.New(1), 1000, paths); err == nil {
			t.Errorf("generating %v ended well", paths)
		}
	}
	for _, path := range []string{"old.csv", "new.csv", "link.csv"} {
		code, _, errOut := verb(t, "evaluate", "my.yaml", "bad.csv", "--predictions", path)
		if code == exitDone || !strings.Contains(errOut, "bad.csv") {
			t.Errorf("nothing to learn: %d, %s", code, errOut)
		}
	}
	if after := listed(t); !slices.Equal(before, after) {
		t.Errorf("the folder holds %v, before %v", after, before)
	}
	if code, _, errOut := verb(t, "evaluate", "my.yaml", "data.csv", "--predictions", "."); code != exitUsage || !strings.Contains(errOut, "--predictions: . is a folder") {
		t.Errorf("a folder: %d, %s", code, errOut)
	}
	ok(t, "evaluate", "my.yaml", "data.csv", "--predictions", "link.csv")
	ok(t, "evaluate", "my.yaml", "data.csv", "--predictions", os.DevNull)
	ok(t, "produce", "--generate", "payments", "--events", "3", "--out", "old.jsonl")
	after := listed(t)
	if i := slices.IndexFunc(after, func(s string) bool { return strings.HasPrefix(s, "link.csv L") }); i < 0 || len(after) != len(before) {
		t.Errorf("a link is not written through: %v", after)
	}
	text, err := os.ReadFile("old.csv")
	if info, statErr := os.Stat("old.csv"); err != nil || statErr != nil || strings.Count(string(text), "\n") != 41 || info.Mode().Perm() != 0o640 {
		t.Errorf("predictions in place of others: %v, %v, %q", err, statErr, text)
	}
}

// listed are the files of the working folder, each with its mode and what it holds.
func listed(t *testing.T) (all []string) {
	t.Helper()
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		text, err := os.ReadFile(e.Name())
		info, infoErr := e.Info()
		if err != nil || infoErr != nil {
			t.Fatal(err, infoErr)
		}
		all = append(all, e.Name()+" "+info.Mode().String()+" "+string(text))
	}
	return all
}

// TestFilesAreAsAnyOther: what verbs write for a person has the permissions of any file that the person makes, and not
// those of temporary files.
func TestFilesAreAsAnyOther(t *testing.T) {
	inFolder(t, map[string]string{"my.yaml": shortPipeline, "data.csv": shortRows(40)})
	if err := os.WriteFile("any", nil, 0o666); err != nil {
		t.Fatal(err)
	}
	want, err := os.Stat("any")
	if err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"init", "data.csv", "--no-try", "--out", "new.yaml"},
		{"train", "my.yaml", "data.csv", "--out", "my.millrace"},
		{"predict", "my.yaml", "data.csv", "--snapshot", "my.millrace", "--out", "scores.jsonl"},
		{"evaluate", "my.yaml", "data.csv", "--predictions", "told.csv"},
		{"compare", "data.csv", "--label", "y", "--models", "logistic", "--plot", "losses.svg"},
		{"produce", "--generate", "payments", "--events", "3", "--out", "events.jsonl"},
	} {
		ok(t, args...)
		path := args[len(args)-1]
		if info, err := os.Stat(path); err != nil || info.Mode() != want.Mode() || info.Size() == 0 {
			t.Errorf("%s: %v, %v; another file has %v", path, info, err, want.Mode())
		}
	}
}

// TestFullDisk: what cannot be written is said once, with exit code 1, by verbs that print and by flags that name
// files.
func TestFullDisk(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skip("this system has no device that is full")
	}
	defer full.Close()
	file, data := written(t, "from.yaml", fromConfig), written(t, "data.csv", fromRows(50))
	model := filepath.Join(t.TempDir(), "m.millrace")
	ok(t, "train", "-c", file, data, "--out", model)
	for _, c := range []struct {
		args   []string
		direct bool // a flag names the device; standard output is it otherwise
	}{
		{[]string{"evaluate", "-c", file, data, "--predictions", "/dev/full"}, true},
		{[]string{"train", "-c", file, data, "--out", "/dev/full"}, true},
		{[]string{"evaluate", "-c", file, data}, false},
		{[]string{"predict", "-c", file, "--snapshot", model, data}, false},
		{[]string{"check", "-c", file}, false},
		{[]string{"init", "--from", data, "--no-try"}, false},
		{[]string{"compare", "-c", file, data}, false},
		{[]string{"schema"}, false},
	} {
		a := &app{in: strings.NewReader(""), out: io.Discard}
		var errOut bytes.Buffer
		if a.err = &errOut; !c.direct {
			a.out = full
		}
		code := execute(t.Context(), c.args, a)
		if said := strings.Count(errOut.String(), "no space left on device"); code != exitFailed || said != 1 {
			t.Errorf("%v: exit code %d, said %d times: %s", c.args, code, said, errOut.String())
		}
	}
}
