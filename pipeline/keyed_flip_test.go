package pipeline

import (
	"strings"
	"testing"
)

// TestRollbackLooksAtTheLog: before anything is flipped, the log must hold what the version's windows, and the events
// that wait in it, are made again from. Where that cannot be asked it is said, and force goes on.
func TestRollbackLooksAtTheLog(t *testing.T) {
	r, _ := learnedLate(t, 2000)
	r.pipeline.Snapshots.Keep = 100
	versions, err := r.servers.store.List(t.Context(), "loop")
	if err != nil || len(versions) < 3 {
		t.Fatalf("versions %v, %v", versions, err)
	}
	old := versions[len(versions)/2]
	if old.Manifest.Keyed == nil {
		t.Fatalf("version %d has no state by key", old.Head.Seq)
	}
	refused := func(words ...string) {
		t.Helper()
		_, err := r.rollback(old.Head.Seq, r.pipeline)
		for _, word := range words {
			if err == nil || !strings.Contains(err.Error(), word) {
				t.Errorf("rolling back: %v, want %q in it", err, word)
			}
		}
		if now, err := r.servers.store.Head(t.Context(), "loop"); err != nil || now != versions[0].Head {
			t.Errorf("the head became %+v, %v", now, err)
		}
	}
	reached := *r.pipeline
	r.pipeline.Kafka.Brokers, r.pipeline.Kafka.Retry = []string{"127.0.0.1:1"}, 1
	refused("127.0.0.1:1", "cannot be looked for now", "--force")
	r.pipeline.Kafka.Mode, r.pipeline.Kafka.Brokers = "embedded", nil
	refused("no process runs it", "--brokers", "--force")
	r.pipeline = &reached
	r.cut("loop.events", old.Manifest.Positions[0].Offset-1)
	refused("loop.events/0", "windows", "--force", "--allow-gaps")
	if _, err := Rollback(t.Context(), r.servers.store.Store, r.pipeline, old.Head.Seq, Flip{By: "tester", Force: true}); err != nil {
		t.Errorf("with force: %v", err)
	}
	after := r.goOn()
	if after.Names["lost"] == 0 {
		t.Errorf("nothing was lost: %v", after.Names)
	}
}

// TestRollbackReplays: a learner goes on from an older version as it did the first time.
func TestRollbackReplays(t *testing.T) {
	r, _ := learnedLate(t, 1500)
	want := r.head()
	versions, err := r.servers.store.List(t.Context(), "loop")
	if err != nil || len(versions) < 3 {
		t.Fatalf("versions %v, %v", versions, err)
	}
	if _, err := r.rollback(versions[len(versions)-2].Head.Seq, r.pipeline); err != nil {
		t.Fatal(err)
	}
	if r.appliedAll(nil) {
		t.Fatal("the older version has everything behind it")
	}
	r.run(false, r.appliedAll)
	sameKeyed(t, r.head(), want)
}
