package pipeline

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"millrace/config"
	"millrace/join/disk"
)

// TestSpaceOfDisk: check and a start say, with both figures, that the file system has less room than what waits may
// take, and say nothing where it has enough with what is the store's already.
func TestSpaceOfDisk(t *testing.T) {
	r := newKeyedRig(t, 1, "legit")
	r.pipeline.Join.Memory, r.pipeline.Join.Disk = 1<<20, 20<<30
	for _, c := range []struct {
		name  string
		space disk.Space
		err   error
		want  []string // of the warning; none where there is enough
	}{
		{"enough", disk.Space{Free: 20 << 30}, nil, nil},
		{"enough, with what it has", disk.Space{Free: 15 << 30, Taken: 5 << 30}, nil, nil},
		{"too little", disk.Space{Free: 3 << 30}, nil, []string{"join.disk is 20 GiB", "has 3072 MiB free:", "make room, or lower join.disk"}},
		{"nothing", disk.Space{}, nil, []string{"join.disk is 20 GiB", "has 0B free:"}},
		{"too little, with what it has", disk.Space{Free: 10 << 30, Taken: 900 << 20}, nil,
			[]string{"join.disk is 20 GiB", "has 10 GiB free, beside the 900 MiB that what waits takes there"}},
		{"nobody knows", disk.Space{}, errors.ErrUnsupported, []string{"join.disk", "is not known"}},
	} {
		r.inState(nil)
		asked := ""
		space := func(folder string) (disk.Space, error) {
			asked = folder
			return c.space, c.err
		}
		found, err := Check(t.Context(), r.pipeline, "file", CheckOptions{Log: slog.New(slog.DiscardHandler), space: space})
		if want := filepath.Join(r.pipeline.State, "loop"); err != nil || asked != want {
			t.Fatalf("%s: %v, of %q, want %q", c.name, err, asked, want)
		}
		var log strings.Builder
		e := r.open()
		e.log = slog.New(slog.NewTextHandler(&log, nil))
		if _, err := openLearning(t.Context(), e, Options{Fresh: true, space: space}); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		if err := errors.Join(e.closeOverflow(), e.folder.Close()); err != nil {
			t.Fatal(err)
		}
		for who, said := range map[string]string{"check": strings.Join(found.Warnings, "\n"), "a start": log.String()} {
			if len(c.want) == 0 && strings.Contains(said, "join.disk") {
				t.Errorf("%s: %s says %q", c.name, who, said)
			}
			for _, want := range c.want {
				if !strings.Contains(said, want) {
					t.Errorf("%s: %s says %q, not %q", c.name, who, said, want)
				}
			}
		}
	}
	if found, err := disk.SpaceOf(filepath.Join(t.TempDir(), "not", "there", "yet")); err != nil && !errors.Is(err, errors.ErrUnsupported) || err == nil && found.Free <= 0 {
		t.Errorf("of a folder to be made: %+v, %v", found, err)
	}
}

// TestSpaceOfChallengers: what waits for a challenger lies in the same state folder, so that both need room.
func TestSpaceOfChallengers(t *testing.T) {
	champion, second := newKeyedRig(t, 1, "legit").pipeline, newKeyedRig(t, 1, "legit").pipeline
	champion.State, second.Name = t.TempDir(), "second"
	second.State = champion.State
	champion.Join.Disk, second.Join.Disk = 3<<30, 2<<30
	for free, enough := range map[int64]bool{5 << 30: true, 5<<30 - 1: false} {
		var found Checked
		found.spaceOfDisk([]*config.Pipeline{second, champion}, func(string) (disk.Space, error) { return disk.Space{Free: free}, nil })
		if enough != (len(found.Warnings) == 0) {
			t.Errorf("%d bytes free: %q", free, found.Warnings)
		}
	}
}

// filling are files on a disk that is full after so many bytes.
type filling struct {
	folder string
	left   *int64
}

type fillingFile struct {
	*os.File
	left *int64
}

func (f filling) Create(name string) (disk.File, error) {
	file, err := os.Create(filepath.Join(f.folder, name))
	return fillingFile{file, f.left}, err
}

func (f filling) Remove(name string) error { return os.Remove(filepath.Join(f.folder, name)) }

func (f fillingFile) Write(b []byte) (int, error) {
	if *f.left -= int64(len(b)); *f.left < 0 {
		return 0, &os.PathError{Op: "write", Path: f.Name(), Err: syscall.ENOSPC}
	}
	return f.File.Write(b)
}

var _ io.ReaderAt = fillingFile{}

// TestADiskThatFills: learning ends with a sentence that says what is full and what to do, and nothing of what had been
// moved there is counted as anything: when there is room again every event is joined, or waits.
func TestADiskThatFills(t *testing.T) {
	const n = 20_000
	r, base := waitingOnDisk(t, n)
	r.pipeline.Snapshots.Events, r.pipeline.Snapshots.UnpublishedMax = 2_000, 4_000
	var labels []stamped
	for i := range n {
		labels = append(labels, stamped{"loop.labels", 0, base + n/100, fmt.Sprintf(`{"id":"e%d","outcome":"fraud"}`, i)})
	}
	r.inState(nil)
	left := int64(200 << 10)
	o := Options{Config: r.pipeline, Learn: true, Log: r.log, overflow: func(_ string, room int64) (*disk.Store, error) {
		return disk.New(filling{t.TempDir(), &left}, disk.Limits{Room: room}), nil
	}}
	s, err := open(t.Context(), o, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = s.Run(t.Context())
	s.Close()
	if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "join.disk (64MiB)") || !strings.Contains(err.Error(), "make room there, or lower join.disk") {
		t.Fatalf("it ended with %v", err)
	}
	if applied := r.applied(); applied == 0 || applied >= n {
		t.Errorf("%d were applied; nothing before the disk was full, or all, is no test", applied)
	}
	if names := r.head().Manifest.Names; len(names) > 0 {
		t.Errorf("what waited has become %v", names)
	}
	r.write(labels)
	r.run(false, r.appliedAll)
	after := r.head().Manifest
	delete(after.Names, "unmeasured")
	if want := map[string]uint64{"joined": n, "label_joined": n}; !maps.Equal(after.Names, want) || after.Learned != n {
		t.Errorf("%d are learned, %v, want %v", after.Learned, after.Names, want)
	}
}
