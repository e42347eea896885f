//go:build unix

package folder

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"millrace"
)

// oddKinds are what else than a file may have a file's name, and what is said of it.
var oddKinds = []struct {
	name, said string
	make       func(path string) error
}{
	{"an empty folder", "is a folder, where a file belongs", func(path string) error { return os.Mkdir(path, 0o700) }},
	{"a folder with something in it", "is a folder, where a file belongs", func(path string) error {
		return os.MkdirAll(filepath.Join(path, "inner"), 0o700)
	}},
	{"a pipe", "is a pipe, a socket or a device, where a file belongs", func(path string) error { return syscall.Mkfifo(path, 0o600) }},
	{"a link that leads nowhere", "leads to no file", func(path string) error { return os.Symlink("nowhere", path) }},
	{"a link to a folder", "is a folder, where a file belongs", func(path string) error { return os.Symlink(".", path) }},
	{"a link to a pipe", "is a pipe", func(path string) error {
		return errors.Join(syscall.Mkfifo(path+".pipe", 0o600), os.Symlink(path+".pipe", path))
	}},
}

// TestOddFilesBlockNothing: whatever has the name of one of the folder's files is said in a sentence, is not waited
// for, and keeps nothing else from being read or written.
func TestOddFilesBlockNothing(t *testing.T) {
	for _, kind := range oddKinds {
		for _, name := range []string{newest, checkpointNewest, checkpointBefore} {
			t.Run(kind.name+" as "+name, func(t *testing.T) {
				f := open(t, t.TempDir())
				defer f.Close()
				f.told = func(string, error) {}
				f.must(t, 1)
				f.must(t, 2)
				if err := f.Keep(version(t, 2)); err != nil {
					t.Fatal(err)
				}
				path := filepath.Join(f.path, name)
				if err := errors.Join(os.Remove(path), kind.make(path)); err != nil {
					t.Fatal(err)
				}
				var said []string
				all := f.Checkpoints(func(_ string, err error) { said = append(said, err.Error()) })
				_, err := f.Newest()
				want := 1 // of two checkpoints
				if name == newest {
					said, want = append(said, fmt.Sprint(err)), 2
				} else if err != nil {
					t.Errorf("the copy: %v", err)
				}
				if len(said) != 1 || !strings.Contains(said[0], kind.said) || len(all) != want {
					t.Errorf("said %q, and %d checkpoints can be read", said, len(all))
				}
				f.must(t, 3)
				if err := f.Keep(version(t, 3)); err != nil {
					t.Error(err)
				}
				all = f.Checkpoints(none(t))
				if s, err := f.Newest(); err != nil || s.Manifest.Learned != 3 || len(all) != 2 || all[0].Manifest.Seq != 3 {
					t.Errorf("afterwards: %v, %+v", err, all)
				}
			})
		}
	}
}

// TestAFolderInTheWayIsMovedAside: what is in a folder that has a file's name may be somebody's, and is kept.
func TestAFolderInTheWayIsMovedAside(t *testing.T) {
	f := open(t, t.TempDir())
	defer f.Close()
	var said []string
	f.told = func(path string, what error) { said = append(said, path+": "+what.Error()) }
	path := filepath.Join(f.path, checkpointNewest)
	for _, aside := range []string{".aside", ".aside2"} {
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		if err := os.MkdirAll(filepath.Join(path, "inner"), 0o700); err != nil {
			t.Fatal(err)
		}
		f.must(t, 1)
		if _, err := os.Stat(filepath.Join(path+aside, "inner")); err != nil {
			t.Error(err)
		}
	}
	if len(said) != 2 || !strings.Contains(said[1], checkpointNewest+".aside2 now") {
		t.Errorf("said %q", said)
	}
}

// TestABrokenNewestLeavesTheOneBefore: the next checkpoint takes the place of one that cannot be used, and not of the
// one that can.
func TestABrokenNewestLeavesTheOneBefore(t *testing.T) {
	for name, breaks := range map[string]func(f *Folder, path string) error{
		"cut off":        func(_ *Folder, path string) error { return os.Truncate(path, 300) },
		"without a head": func(_ *Folder, path string) error { return os.Truncate(path, 3) },
		"of no use": func(f *Folder, _ string) error {
			all := f.Checkpoints(none(t))
			f.Used(&all[1])
			if !f.Holds(all[0].Digest) || !f.Holds(all[1].Digest) || f.Holds("") { // to ask changes nothing
				return fmt.Errorf("%+v are not there", all)
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			f := open(t, dir)
			f.must(t, 1)
			f.must(t, 2)
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
			f = open(t, dir)
			defer f.Close()
			if err := breaks(f, filepath.Join(f.path, checkpointNewest)); err != nil {
				t.Fatal(err)
			}
			f.must(t, 3)
			all := f.Checkpoints(none(t))
			if len(all) != 2 || all[0].Manifest.Seq != 3 || all[1].Manifest.Seq != 1 {
				t.Fatalf("%+v", all)
			}
			f.must(t, 4)
			if all = f.Checkpoints(none(t)); len(all) != 2 || all[1].Manifest.Seq != 3 {
				t.Errorf("%+v", all)
			}
		})
	}
}

// TestAFullDiskLeavesWhatWasThere: what fails while a checkpoint is written says what to do, and changes nothing.
func TestAFullDiskLeavesWhatWasThere(t *testing.T) {
	f := open(t, t.TempDir())
	defer f.Close()
	f.must(t, 1)
	f.must(t, 2)
	_, err := f.KeepCheckpoint(t.Context(), ofVersion(t, 3), "settings", 1<<20, func(func(byte, []byte) error) error { return syscall.ENOSPC })
	if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "make room") {
		t.Errorf("%v", err)
	}
	if all := f.Checkpoints(none(t)); len(all) != 2 || all[0].Manifest.Seq != 2 || all[1].Manifest.Seq != 1 {
		t.Errorf("%+v", all)
	}
	files, err := os.ReadDir(f.path)
	if err != nil || len(files) != 3 {
		t.Errorf("%v, %v", files, err)
	}
}

// TestAFolderThatMayNotBeRead: rights are said with what to do, and what is left half written by somebody else is in
// nobody's way.
func TestAFolderThatMayNotBeRead(t *testing.T) {
	dir := t.TempDir()
	f := open(t, dir)
	f.must(t, 1)
	if err := os.MkdirAll(filepath.Join(f.path, ".newest.millrace.1.tmp", "inner"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	said := 0
	f, err := Open(dir, "m", func(string, error) { said++ })
	if err != nil || said != 1 {
		t.Fatalf("%v, said %d", err, said)
	}
	defer f.Close()
	if os.Getuid() == 0 {
		t.Skip("root may read everything")
	}
	path := filepath.Join(f.path, checkpointNewest)
	if err := os.Chmod(path, 0); err != nil {
		t.Fatal(err)
	}
	var told error
	if all := f.Checkpoints(func(_ string, err error) { told = err }); len(all) != 0 || told == nil || !strings.Contains(told.Error(), "the right to") {
		t.Errorf("%+v, %v", all, told)
	}
	if err := os.Chmod(f.path, 0o500); err != nil {
		t.Fatal(err)
	}
	defer os.Chmod(f.path, 0o700) //nolint:errcheck // so that the test's folder can be deleted
	if err := f.Keep(version(t, 1)); !errors.Is(err, os.ErrPermission) || !strings.Contains(err.Error(), "the right to") {
		t.Errorf("%v", err)
	}
	if _, err := f.Newest(); !errors.Is(err, millrace.ErrNoSnapshot) {
		t.Errorf("%v", err)
	}
}
