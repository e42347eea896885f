package topic

import (
	"testing"

	"millrace"
)

// TestTracker: positions are those before which everything is acknowledged, in order.
func TestTracker(t *testing.T) {
	tr := newTracker()
	batch := func(from, to int64) *millrace.Batch {
		return &millrace.Batch{Topic: "t", Partition: 3, From: from, To: to}
	}
	first := tr.open(batch(0, 10))
	first.add()
	first.add()
	if got := tr.acknowledged(); len(got) != 0 {
		t.Errorf("an open run gave %v", got)
	}
	first.close()
	second := tr.open(batch(10, 20))
	second.close() // nothing in it could be scored
	first.done()
	if got := tr.acknowledged(); len(got) != 0 {
		t.Errorf("one score is still on its way, but %v", got)
	}
	first.done()
	got := tr.acknowledged()
	if len(got) != 1 || got[0] != (millrace.Position{Topic: "t", Partition: 3, Offset: 20}) {
		t.Errorf("acknowledged() = %v, want 20", got)
	}
	if got := tr.acknowledged(); len(got) != 0 {
		t.Errorf("again: %v", got)
	}
	tr.putBack(got)
	if again := tr.acknowledged(); len(again) != 1 || again[0].Offset != 20 {
		t.Errorf("after a commit that failed: %v, want 20", again)
	}
	// After a rebalance the partition may come back from an earlier position: what was in flight
	// before says nothing about it.
	late := tr.open(batch(20, 30))
	late.add()
	late.close()
	back := tr.open(batch(20, 25))
	back.close()
	late.done()
	if got := tr.acknowledged(); len(got) != 1 || got[0].Offset != 25 {
		t.Errorf("after coming back: %v, want 25", got)
	}
}

// TestTrackerOfATopicMadeAnew: nothing that was acknowledged of the former topic, or is on its way, is a position in
// the new.
func TestTrackerOfATopicMadeAnew(t *testing.T) {
	tr := newTracker()
	old := func(partition int32) *millrace.Batch {
		return &millrace.Batch{Topic: "t", Partition: partition, From: 90, To: 100, TopicID: "was"}
	}
	tr.open(old(0)).close()
	tr.putBack([]millrace.Position{old(1).Position()})
	late := tr.open(old(2))
	late.add()
	late.close()
	anew := tr.open(&millrace.Batch{Topic: "t", From: 0, To: 3, TopicID: "is", Anew: true})
	anew.close()
	late.done()
	want := millrace.Position{Topic: "t", Offset: 3, TopicID: "is"}
	if got := tr.acknowledged(); len(got) != 1 || got[0] != want {
		t.Errorf("acknowledged() = %+v, want %+v alone", got, want)
	}
}
