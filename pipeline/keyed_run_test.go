package pipeline

import (
	"context"
	"fmt"
	"testing"
	"time"

	"millrace/pipeline/status"
)

// TestEndDuringARebuild: an end that comes while the log is read again is as clean as any, and changes nothing.
func TestEndDuringARebuild(t *testing.T) {
	r := newKeyedRig(t, 1, "drop")
	r.pipeline.Snapshots.Events, r.pipeline.Snapshots.UnpublishedMax = 0, 0
	r.pipeline.Label.Wait = time.Hour
	start := time.Now().Add(-time.Hour).UnixMilli()
	all := make([]stamped, 100_000)
	for i := range all {
		at := start + int64(i)
		all[i] = stamped{"loop.events", 0, at, fmt.Sprintf(`{"id":"e%d","time":%d,"amount":1,"card":"c%d"}`, i, at, i%50)}
	}
	r.write(all)
	r.run(false, r.appliedAll)
	before := r.head().Manifest

	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	s, err := open(ctx, Options{Config: r.pipeline, Learn: true, Log: r.log}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	for s.Status().Learning.State != status.Rebuilding {
		if s.Status().Learning.State == status.AtWork || ctx.Err() != nil {
			t.Fatal("the rebuild was not seen")
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Errorf("ended with %v", err)
	}
	if after := r.head().Manifest; after.Seq != before.Seq || after.Epoch != before.Epoch {
		t.Errorf("the head is %d of epoch %d, was %d of %d", after.Seq, after.Epoch, before.Seq, before.Epoch)
	}
	r.write(all[:1])
	r.run(false, r.appliedAll)
	if after := r.head().Manifest; after.Names["duplicate"] != 1 || after.Applied != before.Applied+1 {
		t.Errorf("went on to %+v", after)
	}
}

// TestReloadMakesStateAgain: a running learner that a person rolls back makes the state of that version again, and goes
// on to what it had.
func TestReloadMakesStateAgain(t *testing.T) {
	all := story(time.Now().Add(-time.Hour).Truncate(time.Second), 2500, 1)
	whole := newKeyedRig(t, 1, "legit")
	whole.write(all)
	whole.run(false, whole.appliedAll)

	r := newKeyedRig(t, 1, "legit")
	r.write(all)
	learners, flipped := 0, false
	r.onLearning = func(*learning) { learners++ }
	r.run(false, func(s *Pipeline) bool {
		if !flipped && r.appliedAll(s) {
			flipped = true
			versions, err := r.servers.store.List(t.Context(), "loop")
			if err != nil || len(versions) < 3 {
				t.Fatalf("versions %v, %v", versions, err)
			}
			if _, err := r.rollback(versions[len(versions)-2].Head.Seq, r.pipeline); err != nil {
				t.Fatal(err)
			}
			if r.appliedAll(s) {
				t.Fatal("the older version has everything behind it")
			}
		}
		return flipped && r.appliedAll(s)
	})
	if learners != 2 {
		t.Errorf("%d learners were at work, want 2", learners)
	}
	sameKeyed(t, r.head(), whole.head())
}
