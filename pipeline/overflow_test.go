package pipeline

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"millrace/config"
)

// waitingOnDisk writes n events that wait for labels of a day later, of which memory has room for a few thousand, and
// says from which time on they come, in milliseconds.
func waitingOnDisk(t *testing.T, n int) (r *rig, base int64) {
	t.Helper()
	r = newKeyedRig(t, 1, "legit")
	r.pipeline.Join.Memory, r.pipeline.Join.Disk, r.pipeline.Label.Wait = 1<<20, 64<<20, 24*time.Hour
	base = time.Now().Add(-time.Hour).Truncate(time.Second).UnixMilli()
	var all []stamped
	for i := range n {
		at := base + int64(i)/100
		all = append(all, stamped{"loop.events", 0, at, fmt.Sprintf(`{"id":"e%d","time":%d,"amount":%d,"card":"c%d"}`, i, at, i%9, i%7)})
	}
	r.write(all)
	return r, base
}

// TestWaitingOnDisk: forty thousand events wait where memory has room for a few thousand, and none is crowded out; the
// state folder has the others. A crash leaves files, which the next start deletes; what waited is joined after it.
func TestWaitingOnDisk(t *testing.T) {
	const n = 40_000
	r, base := waitingOnDisk(t, n)
	r.pipeline.Snapshots.Events, r.pipeline.Snapshots.UnpublishedMax = 10_000, 20_000
	var labels []stamped
	for i := range n / 2 {
		labels = append(labels, stamped{"loop.labels", 0, base + n/100, fmt.Sprintf(`{"id":"e%d","outcome":"fraud"}`, i*2)})
	}
	r.inState(nil)
	waiting := filepath.Join(r.pipeline.State, "loop", "waiting")
	r.run(false, func(s *Pipeline) bool {
		late := s.Status().Learning.Late
		if late == nil || late.Waiting < n || !r.appliedAll(s) {
			return false
		}
		if files, err := os.ReadDir(waiting); err != nil || len(files) == 0 || late.Stored < n/2 || late.DiskBytes < 1<<20 {
			t.Errorf("%d files, %v; %+v", len(files), err, late)
		}
		return true
	})
	if _, err := os.Stat(waiting); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a learner that ended left its files: %v", err)
	}
	if err := os.MkdirAll(waiting, 0o700); err != nil { // as one that was killed leaves them
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(waiting, "1"), []byte("torn"), 0o600); err != nil {
		t.Fatal(err)
	}
	r.write(labels)
	r.run(false, r.appliedAll)
	after := r.head().Manifest
	delete(after.Names, "unmeasured")
	if want := map[string]uint64{"joined": n / 2, "label_joined": n / 2}; !maps.Equal(after.Names, want) || after.Learned != n/2 {
		t.Errorf("%d are learned, %v, want %v", after.Learned, after.Names, want)
	}
}

// TestDiskWantsAPlace: what waits goes to the state folder; without one the pipeline is refused before it takes the
// model, and check says so.
func TestDiskWantsAPlace(t *testing.T) {
	r := newKeyedRig(t, 1, "legit")
	r.pipeline.Join.Disk = 64 << 20
	_, err := openLearning(t.Context(), r.open(), Options{})
	var usage config.UsageError
	if !errors.As(err, &usage) || !strings.Contains(err.Error(), "--state-dir") {
		t.Errorf("without a state folder: %v", err)
	}
	if owner, err := r.servers.store.Owner(t.Context(), "loop"); err != nil || owner.By != "" {
		t.Errorf("it has taken the model: %+v, %v", owner, err)
	}
	found, err := Check(t.Context(), r.pipeline, "file", CheckOptions{Log: slog.New(slog.DiscardHandler)})
	if err != nil || len(found.Warnings) != 1 || !strings.Contains(found.Warnings[0], "--state-dir") {
		t.Errorf("check: %q, %v", found.Warnings, err)
	}
	r.inState(nil)
	if err := os.MkdirAll(filepath.Join(r.pipeline.State, "loop"), 0o700); err != nil {
		t.Fatal(err)
	}
	e := r.open()
	l, err := openLearning(t.Context(), e, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if s := l.learned.Join.Stats(); s.Room != int64(r.pipeline.Join.Memory+r.pipeline.Join.Disk) {
			t.Errorf("the table has no disk: %+v", s)
		}
		if err := l.anew(); err != nil { // as where a checkpoint cannot be used
			t.Fatal(err)
		}
	}
	if err := l.env.closeOverflow(); err != nil {
		t.Error(err)
	}
}
