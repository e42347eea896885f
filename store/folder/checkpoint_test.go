package folder

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"millrace"
	"millrace/snapshot"
)

var update = flag.Bool("update", false, "write golden files anew")

// ofVersion is a manifest with state by key.
func ofVersion(t testing.TB, seq uint64) millrace.Manifest {
	t.Helper()
	m := millrace.Manifest{Model: "m", Epoch: 7, Seq: seq, Origin: "a", Began: "first", Learned: seq, Spec: []byte(`{}`),
		Positions: []millrace.Position{{Topic: "e", Offset: 10 * int64(seq)}}, Keyed: &millrace.Keyed{Now: 5, Watermark: 5}}
	s := millrace.Snapshot{Manifest: m}
	snapshot.Seal(&s)
	return s.Manifest
}

// state is what the blocks of a version hold.
func state(seq uint64) Blocks {
	return func(write func(kind byte, block []byte) error) error {
		for i := range 3 {
			if err := write("rwj"[i], fmt.Append(nil, "block ", i, " of version ", seq)); err != nil {
				return err
			}
		}
		return nil
	}
}

func none(t *testing.T) func(string, error) {
	return func(path string, err error) { t.Errorf("%s: %v", path, err) }
}

func (f *Folder) must(t testing.TB, seq uint64) {
	t.Helper()
	if _, err := f.KeepCheckpoint(t.Context(), ofVersion(t, seq), "settings", 1<<20, state(seq)); err != nil {
		t.Fatal(err)
	}
}

// contents are a checkpoint's blocks, as one text.
func contents(t testing.TB, c *Checkpoint) (string, error) {
	t.Helper()
	var b strings.Builder
	err := c.Read(t.Context(), func(kind byte, block []byte) error {
		fmt.Fprintf(&b, "%c %s\n", kind, block)
		return nil
	})
	return b.String(), err
}

// TestKeepsTwoCheckpoints: the newest and the one before it, each whole, and for their user alone.
func TestKeepsTwoCheckpoints(t *testing.T) {
	dir := t.TempDir()
	f := open(t, dir)
	defer f.Close()
	if all := f.Checkpoints(none(t)); len(all) != 0 {
		t.Errorf("of an empty folder: %+v", all)
	}
	for seq := range uint64(4) {
		f.must(t, seq+1)
	}
	all := f.Checkpoints(none(t))
	if len(all) != 2 || all[0].Manifest.Seq != 4 || all[1].Manifest.Seq != 3 {
		t.Fatalf("%+v", all)
	}
	for _, c := range all {
		manifest, err := snapshot.EncodeManifest(ofVersion(t, c.Manifest.Seq))
		if err != nil || c.Digest != snapshot.Digest(manifest) || c.Settings != "settings" {
			t.Errorf("%+v, %v", c, err)
		}
		n := c.Manifest.Seq
		want := fmt.Sprintf("r block 0 of version %d\nw block 1 of version %d\nj block 2 of version %d\n", n, n, n)
		if got, err := contents(t, &c); err != nil || got != want {
			t.Errorf("%q, %v", got, err)
		}
		info, err := os.Stat(c.Path)
		if err != nil || info.Mode().Perm() != 0o600 || info.Size() != c.Size {
			t.Errorf("%v, %v, size %d", info.Mode(), err, c.Size)
		}
	}
	files, err := os.ReadDir(filepath.Join(dir, "m"))
	if err != nil || len(files) != 3 { // and the lock
		t.Errorf("%v, %v", files, err)
	}
}

// TestACheckpointThatFailsChangesNothing: one that is too large, whose state cannot be read or whose time is over,
// leaves those that were there, and nothing else.
func TestACheckpointThatFailsChangesNothing(t *testing.T) {
	dir := t.TempDir()
	f := open(t, dir)
	defer f.Close()
	f.must(t, 1)
	f.must(t, 2)
	over, cancel := context.WithCancel(t.Context())
	cancel()
	broken := errors.New("broken")
	for _, c := range []struct {
		ctx    context.Context
		most   int64
		blocks Blocks
		want   error
	}{
		{t.Context(), 500, state(3), ErrTooLarge},
		{over, 1 << 20, state(3), context.Canceled},
		{t.Context(), 1 << 20, func(func(byte, []byte) error) error { return broken }, broken},
	} {
		if _, err := f.KeepCheckpoint(c.ctx, ofVersion(t, 3), "settings", c.most, c.blocks); !errors.Is(err, c.want) {
			t.Errorf("%v, want %v", err, c.want)
		}
	}
	all := f.Checkpoints(none(t))
	files, err := os.ReadDir(filepath.Join(dir, "m"))
	if len(all) != 2 || all[0].Manifest.Seq != 2 || err != nil || len(files) != 3 {
		t.Errorf("%+v, %v, %v", all, files, err)
	}
}

// TestBrokenCheckpoints: wherever a file is cut off or changed, that is noticed, at the latest at its end.
func TestBrokenCheckpoints(t *testing.T) {
	f := open(t, t.TempDir())
	defer f.Close()
	f.must(t, 1)
	path := f.Checkpoints(none(t))[0].Path
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	try := func(what string, data []byte) {
		t.Helper()
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		told := false
		for _, c := range f.Checkpoints(func(_ string, err error) { told = errors.Is(err, millrace.ErrCorrupt) }) {
			_, err := contents(t, &c)
			told = errors.Is(err, millrace.ErrCorrupt)
		}
		if !told {
			t.Errorf("%s: it is taken for whole", what)
		}
	}
	for n := range len(whole) {
		try(fmt.Sprint("cut off at ", n), whole[:n])
		changed := bytes.Clone(whole)
		changed[n] ^= 1 << (n % 8)
		try(fmt.Sprint("changed at ", n), changed)
	}
	try("with more behind its end", append(bytes.Clone(whole), 0))
	end := whole[len(whole)-frameHead-1:]
	at := bytes.Index(whole, []byte("jblock")) - frameHead
	try("without a block", append(bytes.Clone(whole[:at]), end...))
}

// TestGoldenCheckpointFile: a file that an earlier release wrote is read, and written as it was.
func TestGoldenCheckpointFile(t *testing.T) {
	f := open(t, t.TempDir())
	defer f.Close()
	f.must(t, 3)
	c := f.Checkpoints(none(t))[0]
	written, err := os.ReadFile(c.Path)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("testdata", "v1.checkpoint")
	if *update {
		if err := os.WriteFile(path, written, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	golden, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(golden, written) {
		t.Errorf("the file differs from the golden one (%v)", err)
	}
	old := Checkpoint{Path: path, Digest: c.Digest}
	if got, err := contents(t, &old); err != nil || !strings.HasPrefix(got, "r block 0 of version 3\n") || old.Manifest.Seq != 3 {
		t.Errorf("%q, %+v, %v", got, old, err)
	}
}

// FuzzCheckpoint: whatever a file holds, it is read or refused.
func FuzzCheckpoint(f *testing.F) {
	golden, err := os.ReadFile(filepath.Join("testdata", "v1.checkpoint"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(golden)
	f.Add(golden[:200])
	f.Add([]byte(checkpointMagic + "\xff\xff\xff\x03\x00\x00\x00\x00M"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c := Checkpoint{Path: filepath.Join(t.TempDir(), "c")}
		if err := os.WriteFile(c.Path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		err := c.open(func(*frameReader) error { return nil })
		if err == nil {
			_, err = contents(t, &c)
		}
		if err != nil && !errors.Is(err, millrace.ErrCorrupt) {
			t.Fatal(err)
		}
		if err == nil && !slices.Equal(data, golden) && !bytes.HasPrefix(data, []byte(checkpointMagic)) {
			t.Fatal("a file without a beginning")
		}
	})
}
