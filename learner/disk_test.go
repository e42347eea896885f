package learner

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"millrace"
	"millrace/join"
	"millrace/snapshot"
)

// disk keeps checkpoints in memory over the lives of learners. Some are lost, some are broken.
type disk struct {
	mu    sync.Mutex
	rng   *rand.Rand
	files []file // the newest first
	// What became of those that were there when a life began.
	used, ancestors, strangers, broken int
	read                               uint64 // records that were read behind those that were used
}

type file struct {
	version millrace.Manifest
	digest  string
	layout  string
	kinds   []byte
	blocks  [][]byte
}

func (d *disk) Holds(digest string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.ContainsFunc(d.files, func(f file) bool { return f.digest == digest })
}

func (d *disk) Keep(_ context.Context, version *millrace.Manifest, digest, layout string, blocks Blocks) error {
	f := file{version: *version, digest: digest, layout: layout}
	err := blocks(func(kind byte, block []byte) error {
		f.kinds, f.blocks = append(f.kinds, kind), append(f.blocks, slices.Clone(block))
		return nil
	})
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.rng.IntN(10) == 0 {
		return errors.New("no space left on device")
	}
	d.files = append([]file{f}, d.files[:min(1, len(d.files))]...)
	return err
}

// usable are those that belong to a version or to an ancestor of it.
func (d *disk) usable(from *millrace.Manifest) (all []file) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, f := range d.files {
		switch {
		case f.digest == from.Signature:
		case slices.Contains(from.Keyed.Checkpoints, f.digest):
			d.ancestors++
		default:
			d.strangers++
			continue
		}
		if d.rng.IntN(8) == 0 && len(f.blocks) > 1 {
			f.kinds, f.blocks = f.kinds[1:], f.blocks[1:]
		}
		all = append(all, f)
	}
	return all
}

func (f *file) replay(write func(kind byte, block []byte) error) error {
	k := kept{kinds: f.kinds, blocks: f.blocks}
	return k.replay(write)
}

// restore makes the state by key of a version from a checkpoint, if there is one that can be used, and returns the
// stream that has it.
func (l *lives) restore(tb testing.TB, s *Stream, layout *snapshot.Layout, m *millrace.Manifest) (*Stream, *snapshot.Layout, bool) {
	tb.Helper()
	for _, f := range l.disk.usable(m) {
		if own, ok := s.Layout(); !ok || own != f.layout {
			tb.Fatalf("layout %q, was %q", own, f.layout)
		}
		from := Restored(m, &f.version)
		r := &Rebuilding{Stream: s, Manifest: from, Waiting: layout.Tail(), Merger: l.merger(marks(from), m.Positions, nil),
			Decoder: lateDecoder{}, Labels: lateDecoder{label: true}, Checkpoint: f.replay}
		lost, err := r.Run(tb.Context())
		var unusable *UnusableError
		switch {
		case errors.As(err, &unusable) && errors.Is(err, millrace.ErrCorrupt):
			l.disk.broken++
			serving, training := layout.NewBuffer(), layout.Tail()
			layout.Copy(serving)
			if err := serving.SetTail(training); err != nil {
				tb.Fatal(err)
			}
			s, layout = l.stream(tb)
			if err := layout.Restore(serving.Serving(), serving.Training()); err != nil {
				tb.Fatal(err)
			}
			continue
		case err != nil || lost != 0:
			tb.Fatalf("restoring: %d lost, %v", lost, err)
		}
		if f.digest == m.Signature {
			m.Keyed.Checkpoints = append(slices.Clone(m.Keyed.Checkpoints), f.digest)
			m.Keyed.Checkpoints = m.Keyed.Checkpoints[max(0, len(m.Keyed.Checkpoints)-millrace.CheckpointsMax):]
		}
		l.disk.used++
		done, _ := r.Progress()
		l.disk.read += done
		return s, layout, true
	}
	return s, layout, false
}

// TestKilledWithCheckpointsEqualsUninterrupted: as without any, whatever is there when the learner starts again, and
// after going back to older versions.
func TestKilledWithCheckpointsEqualsUninterrupted(t *testing.T) {
	var all disk // of all cases: when one stops, and so what it finds, depends on the machine's pace
	for _, c := range []struct {
		name       string
		partitions int
		set        func(l *lives)
	}{
		{"one partition", 1, func(*lives) {}},
		{"labels that wait longer than events", 1, func(l *lives) {
			l.spec.Wait, l.spec.Early, l.span = 300*time.Millisecond, 3*time.Second, time.Second
			l.ahead = 4 * time.Second
		}},
		{"memory is full", 1, func(l *lives) { l.spec.Memory = 24 << 10 }},
		{"memory is full while expiries are held", 1, func(l *lives) { l.spec.Memory, l.spec.Hold = 24<<10, 60*time.Millisecond }},
		{"most of what waits is on disk", 1, func(l *lives) { l.spec.Memory, l.spec.Disk = 12<<10, 1<<20 }},
		{"disk is full while expiries are held", 1, func(l *lives) {
			l.spec.Memory, l.spec.Disk, l.spec.Hold = 12<<10, 10<<10, 60*time.Millisecond
		}},
		{"several partitions", 3, func(l *lives) { l.ends = true }},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLives(11)
			c.set(l)
			l.fill(2500, c.partitions)
			l.disk = &disk{rng: rand.New(rand.NewPCG(1, 3))}
			l.back = true
			l.survive(t, 60)
			d := l.disk
			t.Logf("%d used, %d of ancestors, %d of others, %d broken, %d records read behind them", d.used, d.ancestors, d.strangers, d.broken, d.read)
			all.used += d.used
			all.ancestors += d.ancestors
			all.strangers += d.strangers
			all.broken += d.broken
		})
	}
	if !testing.Short() && (all.used < 100 || all.ancestors < 35 || all.strangers < 20 || all.broken == 0) {
		t.Errorf("the lives do not tell of everything: %d used, %d of ancestors, %d of others, %d broken", all.used, all.ancestors, all.strangers, all.broken)
	}
}

// TestACheckpointKeepsPredictions: what waits, in memory or on disk, has the prediction made when it came, so that
// nothing is unmeasured after a clean stop.
func TestACheckpointKeepsPredictions(t *testing.T) {
	for name, memory := range map[string]millrace.Bytes{"in memory": 0, "on disk": 12 << 10} {
		t.Run(name, func(t *testing.T) {
			l := newLives(5)
			l.spec.Memory = memory
			if memory > 0 {
				l.spec.Disk = 1 << 20
			}
			l.fill(1000, 1)
			whole := l.begin(t, nil, 0, 0)
			whole.run(t)
			l.disk = &disk{rng: rand.New(rand.NewPCG(1, 4))}
			half := l.begin(t, nil, 0, 0)
			half.stopAt(t, 900)
			last := half.store.last(t)
			if len(l.disk.files) == 0 || (half.stream.Join.Stats().Spilled > 0) != (memory > 0) {
				t.Fatalf("%d checkpoints at the end, %d are on disk", len(l.disk.files), half.stream.Join.Stats().Spilled)
			}
			end := l.begin(t, &last, 0, 0)
			end.run(t)
			want, got := whole.store.last(t), end.store.last(t)
			if fmt.Sprint(got.Manifest.Names) != fmt.Sprint(want.Manifest.Names) || got.Manifest.Names[string(join.NameUnmeasured)] != 0 {
				t.Errorf("names %v, want %v", got.Manifest.Names, want.Manifest.Names)
			}
			if string(got.Training) != string(want.Training) {
				t.Error("figures differ")
			}
			if l.disk.used != 1 || l.disk.read != 0 {
				t.Errorf("%d checkpoints were used, %d records read again", l.disk.used, l.disk.read)
			}
		})
	}
}

// TestACheckpointOfTooMuchIsNotBegun: what is on disk counts before anything is written, also at the end.
func TestACheckpointOfTooMuchIsNotBegun(t *testing.T) {
	l := newLives(5)
	l.spec.Memory, l.spec.Disk = 12<<10, 1<<20
	l.fill(1000, 1)
	l.disk = &disk{rng: rand.New(rand.NewPCG(1, 4))}
	f := l.begin(t, nil, 50, 0)
	f.learner.checkpoints.most = 1000
	f.stopAt(t, 900)
	if f.stream.Join.Stats().Spilled == 0 || len(l.disk.files) > 0 {
		t.Errorf("%d are on disk, %d checkpoints", f.stream.Join.Stats().Spilled, len(l.disk.files))
	}
}
