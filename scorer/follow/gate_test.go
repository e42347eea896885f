package follow

import (
	"context"
	"testing"
	"time"

	"millrace"
)

// A batch of which a part was passed is scored so far, and its position moves with the part; what follows the last
// record belongs to the last part.
func TestGateReturnsWhatWasPassed(t *testing.T) {
	m := newMemory(0)
	r := newRig(t, m, 0, 0)
	now := time.Now().UnixMilli()
	m.change(func() { // all at once: the follower reads already
		for i := range int64(200) {
			m.logs[0] = append(m.logs[0], millrace.Record{Topic: "events", Offset: i, Time: now + i, Value: []byte(`{"k":"a"}`)})
		}
		m.batch = 200
	})
	at := int64(0)
	for at < 200 {
		b, err := r.gate.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if b.From != at || b.To != b.Records[len(b.Records)-1].Offset+1 || b.TopicID != "first" {
			t.Fatalf("a part from %d to %d with %d records, the position is %d", b.From, b.To, len(b.Records), at)
		}
		at = b.To
		b.Release()
	}
}

// What the group has committed since a batch was fetched is not scored again, nor are the tables filled for it.
func TestGateDropsWhatAnotherOwnerScored(t *testing.T) {
	m := newMemory(0)
	r := newRig(t, m, 0, 0)
	now := time.Now().UnixMilli()
	for i := range int64(6) {
		m.send(0, now+i, `{"k":"a"}`)
	}
	r.eventually(t, "all is passed", func() bool { return r.follower.Warm() && r.follower.values.held() > 0 })
	m.change(func() { m.committed[0] = 3 })
	r.follower.values.committed([]millrace.Position{{Topic: "events", Offset: 3, TopicID: "first"}})
	got := r.scores(t, 3) // the batch of 0 to 2 was fetched from the former position
	for i := range int64(3) {
		if n := got[[2]int64{0, 3 + i}]; n != float64(3+i) {
			t.Errorf("offset %d: %v events before, of %v", 3+i, n, got)
		}
	}
	if n := r.follower.passes.Load(); n != 1 {
		t.Errorf("%d passes", n)
	}
}

// Batches of partitions that went to another scorer are given up.
func TestGateGivesUpWhatIsNotAssigned(t *testing.T) {
	m := newMemory(0)
	r := newRig(t, m, 0, 0)
	r.eventually(t, "the tables are filled", r.follower.Warm)
	b := millrace.NewBatch(nil)
	b.Topic, b.Partition, b.From, b.To, b.TopicID = "events", 0, 0, 1, "first"
	b.Records = []millrace.Record{{Topic: "events", Offset: 0, Value: []byte(`{"k":"a"}`)}}
	r.gate.parked = append(r.gate.parked, &parked{batch: b})
	r.group.assign()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if b, err := r.gate.Next(ctx); err == nil {
		t.Errorf("a batch of %d records came", len(b.Records))
	}
	if len(r.gate.parked) > 0 {
		t.Error("it is still parked")
	}
}

// A topic made anew begins with empty tables and scores on, whatever was kept of the former.
func TestTopicMadeAnew(t *testing.T) {
	m := newMemory(0)
	r := newRig(t, m, 0, 0)
	now := time.Now().UnixMilli()
	for i := range int64(5) {
		m.send(0, now+i, `{"k":"a"}`)
	}
	r.scores(t, 5)
	m.change(func() {
		m.id, m.anew, m.logs[0], m.committed[0] = "second", 2, nil, 0
		m.readers[0].from[0], r.group.from[0] = 0, 0
	})
	for i := range int64(5) {
		m.send(0, now+i, `{"k":"a"}`)
	}
	for at, n := range r.scores(t, 5) {
		if want := float64(at[1]); n != want && at[1] > 0 {
			t.Errorf("offset %d: %v events before", at[1], n)
		}
	}
}

// A log that loses what the tables are about to read is read from where it begins by then.
func TestLogLosesWhatIsRead(t *testing.T) {
	m := newMemory(0)
	history(m, 0, 100, prompt)
	m.committed[0] = 90
	m.lose = &millrace.GapError{Topic: "events", Position: 40, Start: 60, End: 100}
	r := newRig(t, m, 0, 0)
	r.scores(t, 10)
	if n := r.follower.passes.Load(); n != 2 {
		t.Errorf("%d passes, want one that failed and one more", n)
	}
}

// What the log no longer holds when windows are asked for again is scored without them, rather than never.
func TestScoresWhatTheLogHasLost(t *testing.T) {
	m := newMemory(0)
	history(m, 0, 50, prompt)
	r := newRig(t, m, 0, 0)
	r.eventually(t, "all is passed", func() bool { return r.follower.Warm() && r.follower.values.held() > 0 })
	m.change(func() { m.starts[0] = 40 })
	r.follower.values.committed([]millrace.Position{{Topic: "events", Offset: 45, TopicID: "first"}}) // as if they had to go
	r.scores(t, 50)
	if n := r.follower.passes.Load(); n != 2 {
		t.Errorf("%d passes", n)
	}
}
