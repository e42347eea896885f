package learner

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"millrace"
	"millrace/join"
	waiting "millrace/join/disk"
)

// store is a new one in files; what a test calls a folder is the system's.
func (l *lives) store(tb testing.TB) *waiting.Store {
	tb.Helper()
	files := waiting.Files(folder(tb.TempDir()))
	if l.files != nil {
		files = l.files()
	}
	s := waiting.New(files, waiting.Limits{Room: int64(l.spec.Disk), SegmentBytes: 4000, Segments: 4})
	tb.Cleanup(func() {
		if err := s.Close(); err != nil && l.files == nil {
			tb.Error(err)
		}
	})
	return s
}

// folder has files of the system.
type folder string

func (f folder) Create(name string) (waiting.File, error) {
	return os.OpenFile(filepath.Join(string(f), name), os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
}

func (f folder) Remove(name string) error { return os.Remove(filepath.Join(string(f), name)) }

// TestDiskChangesNothing: what waits on disk is joined, expires and is held as in memory: weights, features and counts
// are equal, bit for bit.
func TestDiskChangesNothing(t *testing.T) {
	l := newLives(9)
	l.fill(4000, 1)
	l.spec.Memory = 1 << 20
	inMemory := l.begin(t, nil, 100, 0)
	inMemory.run(t)
	want := inMemory.store.last(t)
	l.spec.Memory, l.spec.Disk = 12<<10, 1<<20
	onDisk := l.begin(t, nil, 100, 0)
	onDisk.run(t)
	got := onDisk.store.last(t)
	if !maps.Equal(learned(t, &got), learned(t, &want)) || !maps.Equal(got.Manifest.Names, want.Manifest.Names) {
		t.Errorf("with a disk: %v, want %v", got.Manifest.Names, want.Manifest.Names)
	}
	if s := onDisk.stream.Join.Stats(); s.Spilled < 50 || s.Files == 0 || got.Manifest.Names[string(join.NameJoined)] < 1000 {
		t.Errorf("in the end %+v, %v", s, got.Manifest.Names)
	}
}

// breaking are files that break after so many operations.
type breaking struct {
	folder
	left int
}

type breakingFile struct {
	waiting.File
	of *breaking
}

var errBroken = errors.New("input/output error")

func (b *breaking) spend() error {
	if b.left--; b.left < 0 {
		return errBroken
	}
	return nil
}

func (b *breaking) Create(name string) (waiting.File, error) {
	f, err := b.folder.Create(name)
	return breakingFile{f, b}, err
}

func (f breakingFile) Write(p []byte) (int, error) {
	if err := f.of.spend(); err != nil {
		return 0, err
	}
	return f.File.Write(p)
}

func (f breakingFile) ReadAt(p []byte, at int64) (int, error) {
	if err := f.of.spend(); err != nil {
		return 0, err
	}
	return f.File.ReadAt(p, at)
}

// TestABrokenDiskEndsTheLearner: with the disk's error, and with nothing published that is not right. Whoever goes on
// from there, on a disk that works, comes to what an uninterrupted learner learned.
func TestABrokenDiskEndsTheLearner(t *testing.T) {
	l := newLives(10)
	l.fill(3000, 1)
	l.spec.Memory, l.spec.Disk = 12<<10, 1<<20
	whole := l.begin(t, nil, 0, 0)
	whole.run(t)
	want := whole.store.last(t)
	met, rebuilding := 0, 0
	for left := 0; left < 40_000; left = left*3/2 + 7 {
		l.files = func() waiting.Files { return &breaking{folder(t.TempDir()), left} }
		f := l.begin(t, nil, 25, 0)
		err := f.learner.Run(t.Context())
		if err == nil {
			break // it was not used as often
		}
		met++
		if !errors.Is(err, errBroken) || !strings.Contains(err.Error(), "what waits for its label") {
			t.Fatalf("after %d operations: %v", left, err)
		}
		if len(f.store.heads) == 0 {
			continue
		}
		last := f.store.last(t)
		if l.breaksRebuilding(t, &last) {
			rebuilding++
		}
		l.files = nil
		end := l.begin(t, &last, 100, 0)
		end.run(t)
		got := end.store.last(t)
		if !maps.Equal(learned(t, &got), learned(t, &want)) || got.Manifest.Learned != want.Manifest.Learned {
			t.Fatalf("after %d operations, at %d applied: it learned %d, %v; want %d, %v", left, last.Manifest.Applied, got.Manifest.Learned,
				got.Manifest.Names, want.Manifest.Learned, want.Manifest.Names)
		}
	}
	if met < 10 || rebuilding < 5 {
		t.Errorf("the disk broke %d times, and %d times while state was made again", met, rebuilding)
	}
}

// breaksRebuilding makes state of a version again on a disk that breaks at once, and reports whether the disk was
// needed.
func (l *lives) breaksRebuilding(t *testing.T, from *millrace.Snapshot) bool {
	t.Helper()
	l.files = func() waiting.Files { return &breaking{folder(t.TempDir()), 0} }
	s, layout := l.stream(t)
	if err := layout.Restore(from.Serving, from.Training); err != nil {
		t.Fatal(err)
	}
	m := from.Manifest
	r := &Rebuilding{Stream: s, Manifest: &m, Waiting: layout.Tail(), Merger: l.merger(marks(&m), m.Positions, nil),
		Decoder: lateDecoder{}, Labels: lateDecoder{label: true}}
	_, err := r.Run(t.Context())
	if err != nil && !errors.Is(err, errBroken) {
		t.Fatal(err)
	}
	return err != nil
}
