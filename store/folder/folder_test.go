package folder

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"millrace"
	"millrace/snapshot"
)

// version is a small snapshot that has learned so much.
func version(t *testing.T, learned uint64) *millrace.Snapshot {
	t.Helper()
	l, err := snapshot.NewLayout(nil)
	if err != nil {
		t.Fatal(err)
	}
	b := l.NewBuffer()
	s := &millrace.Snapshot{Manifest: millrace.Manifest{Model: "m", Epoch: 7, Seq: learned, Origin: "a", Began: "first", Learned: learned, Spec: []byte(`{}`)},
		Serving: b.Serving(), Training: b.Training()}
	snapshot.Seal(s)
	return s
}

func open(t *testing.T, state string) *Folder {
	t.Helper()
	f, err := Open(state, "m", none(t))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestKeepsTheNewest: what is kept last comes back whole, also for the next process, and only its user may read it.
func TestKeepsTheNewest(t *testing.T) {
	state := filepath.Join(t.TempDir(), "state")
	f := open(t, state)
	if _, err := f.Newest(); !errors.Is(err, millrace.ErrNoSnapshot) {
		t.Errorf("before the first: %v", err)
	}
	for learned := range uint64(3) {
		if err := f.Keep(version(t, learned+1)); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	f = open(t, state)
	defer f.Close()
	s, err := f.Newest()
	if err != nil || s.Manifest.Learned != 3 || s.Manifest.Origin != "a" || s.Manifest.Epoch != 7 || !bytes.Equal(s.Training, version(t, 3).Training) {
		t.Errorf("%+v, %v", s.Manifest, err)
	}
	if runtime.GOOS == "windows" {
		return
	}
	for path, want := range map[string]os.FileMode{filepath.Join(state, "m"): 0o700 | os.ModeDir, f.Path(): 0o600, filepath.Join(state, "m", "lock"): 0o600} {
		if info, err := os.Stat(path); err != nil || info.Mode() != want {
			t.Errorf("%s: %v, %v, want %v", path, info.Mode(), err, want)
		}
	}
}

// TestOneProcess: the folder is one process's at a time, and what a killed one left half written goes.
func TestOneProcess(t *testing.T) {
	state := filepath.Join(t.TempDir(), "a [folder") // whose name would be no good pattern
	f := open(t, state)
	if err := f.Keep(version(t, 1)); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(state, "m", none(t)); err == nil || !strings.Contains(err.Error(), "in use by process") {
		t.Errorf("a second process: %v", err)
	}
	other, err := Open(state, "other", none(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(other.Close(), f.Close()); err != nil {
		t.Fatal(err)
	}
	leftover := filepath.Join(state, "m", ".newest.millrace.123.tmp")
	if err := os.WriteFile(leftover, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	f = open(t, state)
	defer f.Close()
	if _, err := os.Stat(leftover); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the leftover: %v", err)
	}
	if s, err := f.Newest(); err != nil || s.Manifest.Learned != 1 {
		t.Errorf("%+v, %v", s.Manifest, err)
	}
	if err := os.WriteFile(f.Path(), []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Newest(); !errors.Is(err, millrace.ErrCorrupt) {
		t.Errorf("a damaged copy: %v", err)
	}
}
