package pipeline

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"millrace"
	"millrace/snapshot"
)

// TestKeyedStateSurvivesCrashes: with one partition of events and of labels, whatever the moments of crashes, weights,
// counts and what still waits are bit for bit those of a run without any.
func TestKeyedStateSurvivesCrashes(t *testing.T) {
	for _, missing := range []string{"drop", "legit"} {
		t.Run(missing, func(t *testing.T) {
			all := story(time.Now().Add(-time.Hour).Truncate(time.Second), 6000, 1)
			whole := newKeyedRig(t, 1, missing)
			whole.write(all)
			whole.run(false, whole.appliedAll)
			want := whole.head()

			r := newKeyedRig(t, 1, missing)
			r.write(all)
			var at []uint64
			for i := uint64(1); i <= 5; i++ {
				r.crash(i * 1500)
				at = append(at, r.applied())
			}
			t.Logf("crashes when the head had applied %v of %d", at, want.Manifest.Applied)
			if last := at[2]; last >= want.Manifest.Applied {
				t.Errorf("the third crash came when all %d were applied", last)
			}
			r.run(false, r.appliedAll)
			sameKeyed(t, r.head(), want)
			k := want.Manifest.Keyed
			if len(k.Rebuild) != 2 || k.Rebuild[0].Offset == 0 || k.Rebuild[0].Offset >= want.Manifest.Positions[0].Offset {
				t.Errorf("a version is rebuilt from %+v", k.Rebuild)
			}
		})
	}
}

// learnedTensors are those of a training blob that learning depends on: figures do not count events whose prediction
// was lost in a crash.
func learnedTensors(t *testing.T, blob []byte) map[string][]byte {
	t.Helper()
	f, err := snapshot.Parse(blob)
	if err != nil {
		t.Fatal(err)
	}
	tensors := map[string][]byte{}
	for _, x := range f.Tensors {
		if !strings.HasPrefix(x.Name, "progressive.") {
			tensors[x.Name] = x.Data
		}
	}
	return tensors
}

// sameKeyed compares two versions of state by key.
func sameKeyed(t *testing.T, got, want millrace.Snapshot) {
	t.Helper()
	a, b := got.Manifest, want.Manifest
	if a.Keyed == nil || b.Keyed == nil {
		t.Fatalf("a version without state by key: %+v, %+v", a, b)
	}
	if !bytes.Equal(got.Serving, want.Serving) {
		t.Error("what is served differs")
	}
	x, y := learnedTensors(t, got.Training), learnedTensors(t, want.Training)
	for name, data := range y {
		if !bytes.Equal(x[name], data) {
			t.Errorf("%s differs", name)
		}
	}
	if len(x) != len(y) || x[waitingTail] == nil {
		t.Errorf("tensors %v, want %v", slices.Sorted(maps.Keys(x)), slices.Sorted(maps.Keys(y)))
	}
	if a.Learned != b.Learned || a.Rejected != b.Rejected || a.Applied != b.Applied || a.Keyed.Now != b.Keyed.Now {
		t.Errorf("learned %d, rejected %d, applied %d, watermark %d; want %d, %d, %d, %d", a.Learned, a.Rejected, a.Applied, a.Keyed.Now,
			b.Learned, b.Rejected, b.Applied, b.Keyed.Now)
	}
	names, others := maps.Clone(a.Names), maps.Clone(b.Names) // what is wanted is shared by tests that run side by side
	delete(names, "unmeasured")                               // predictions are in no version
	delete(others, "unmeasured")
	if !maps.Equal(names, others) {
		t.Errorf("names %v, want %v", names, others)
	}
}

// TestKeyedStateSurvivesALostStore: the copy in the state folder says who waits, too. With it a store that lost its
// data is filled again, and the learner goes on bit for bit.
func TestKeyedStateSurvivesALostStore(t *testing.T) {
	all := story(time.Now().Add(-time.Hour).Truncate(time.Second), 3000, 1)
	whole := newKeyedRig(t, 1, "legit")
	whole.write(all)
	whole.run(false, whole.appliedAll)

	r := newKeyedRig(t, 1, "legit")
	r.pipeline.State = t.TempDir()
	r.write(all)
	r.run(false, func(*Pipeline) bool { return r.applied() >= 2000 })
	before := r.applied()
	r.redis("FLUSHALL")
	r.run(false, func(*Pipeline) bool { return r.applied() > before })
	r.run(false, r.appliedAll)
	sameKeyed(t, r.head(), whole.head())
}
