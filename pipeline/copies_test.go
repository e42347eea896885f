package pipeline

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"millrace"
	"millrace/store/folder"
)

// copyIn reads the copy in the rig's state folder.
func (r *rig) copyIn() (s millrace.Snapshot, err error) {
	r.t.Helper()
	f, err := folder.Open(r.pipeline.State, r.pipeline.Name, func(path string, what error) { r.t.Errorf("%s: %v", path, what) })
	if err != nil {
		r.t.Fatal(err)
	}
	s, err = f.Newest()
	if err := f.Close(); err != nil {
		r.t.Fatal(err)
	}
	return s, err
}

// TestTheCopyIsThereAgain: a copy that was lost or broken is there again as soon as a learner has started, though
// nothing is learned, and at a clean end, though it was lost since.
func TestTheCopyIsThereAgain(t *testing.T) {
	const n = 500
	breaks := map[string]func(path string) error{
		"lost":    os.Remove,
		"cut off": func(path string) error { return os.Truncate(path, 100) },
		"a folder": func(path string) error {
			return errors.Join(os.Remove(path), os.MkdirAll(filepath.Join(path, "x"), 0o700))
		},
	}
	for name, becomes := range breaks {
		for _, when := range []string{"before the start", "before the end"} {
			t.Run(name+" "+when, func(t *testing.T) {
				t.Parallel()
				r := newRig(t, 1)
				r.pipeline.State = filepath.Join(t.TempDir(), "state")
				r.produce(rows(n, false))
				r.run(false, learnedAll(n))
				want, err := r.copyIn()
				if err != nil {
					t.Fatal(err)
				}
				path := filepath.Join(r.pipeline.State, r.pipeline.Name, "newest.millrace")
				if when == "before the start" {
					if err := becomes(path); err != nil {
						t.Fatal(err)
					}
				}
				told := &lines{}
				r.log = slog.New(told)
				r.run(false, func(p *Pipeline) bool {
					if p.Status().Learning == nil {
						return false
					}
					if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() || info.Size() < 1000 {
						t.Errorf("after the start: %v", err)
					}
					if when == "before the end" {
						if err := becomes(path); err != nil {
							t.Error(err)
						}
					}
					return true
				})
				got, err := r.copyIn()
				if err != nil || got.Manifest.Seq != want.Manifest.Seq || digestOf(&got.Manifest) != digestOf(&want.Manifest) {
					t.Errorf("the copy is of version %d, %v; want %d", got.Manifest.Seq, err, want.Manifest.Seq)
				}
				if name == "a folder" && len(told.with("something odd", "newest.millrace.aside")) != 1 {
					t.Errorf("told %v", told.with("state folder"))
				}
			})
		}
	}
}

// TestAnotherLineagesCopyStays: who started on the wrong store by mistake still has the copy of the right one.
func TestAnotherLineagesCopyStays(t *testing.T) {
	c := &copies{folder: new(folder.Folder), there: &millrace.Manifest{Origin: "a", Seq: 3}}
	if c.lacks(millrace.Head{Origin: "b", Seq: 9, Digest: "x"}) {
		t.Error("the copy of another lineage is written over before anything new is learned")
	}
	if !c.lacks(millrace.Head{Origin: "a", Seq: 9, Digest: "x"}) {
		t.Error("an older copy stays")
	}
}
