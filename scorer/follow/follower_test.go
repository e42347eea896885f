package follow

import (
	"errors"
	"strings"
	"testing"
	"time"

	"millrace"
)

// A scorer that starts anywhere in the log has the same windows as one that has read it all, also where event times
// stand still, come late or in bursts.
func TestWindowsAreThoseOfTheWholeLog(t *testing.T) {
	trails := map[string]func(int) int64{
		"prompt":  prompt,
		"random":  func(i int) int64 { return int64(i * 7919 % 1500) },
		"rising":  func(i int) int64 { return int64(i) * 19 },
		"stopped": func(i int) int64 { return int64(max(i-250, 0)) * 20 },
		"future":  func(i int) int64 { return -int64(i % 50 * 1000) },
		"late":    func(i int) int64 { return int64(i%2) * 900 },
	}
	for name, trail := range trails {
		for _, at := range []int64{0, 1, 130, 399, 400} {
			t.Run(name, func(t *testing.T) {
				m := newMemory(0)
				history(m, 0, 400, trail)
				m.committed[0] = at
				r := newRig(t, m, 0, 0)
				r.eventually(t, "the tables are filled", r.follower.Warm)
				m.send(0, time.Now().UnixMilli(), `{"k":"a"}`)
				equal(t, r.scores(t, 401-int(at)), learned(m.logs[0]))
			})
		}
	}
}

// What was sent again is scored, and no window sees it.
func TestWindowsPassOverWhatWasSentAgain(t *testing.T) {
	m := newMemory(0)
	history(m, 0, 400, prompt)
	for i := 3; i < 400; i += 5 {
		m.logs[0][i].Headers = []millrace.Header{{Key: millrace.HeaderReplayedSource, Value: []byte("e/0/1")}}
	}
	m.committed[0] = 200
	r := newRig(t, m, 0, 0)
	equal(t, r.scores(t, 200), learned(m.logs[0]))
}

// Only about the horizon before the committed position is read again.
func TestReadsNoMoreThanTheHorizon(t *testing.T) {
	m := newMemory(0)
	history(m, 0, 2000, prompt) // 40 s
	m.committed[0] = 1900
	r := newRig(t, m, 0, 0)
	r.scores(t, 100)
	// 50 records a horizon; what is searched for is exact to a second, and a second more is read
	if from := m.readers[0].began[0]; from < 1900-50-150 || from > 1900-50 {
		t.Errorf("reading begins at %d, the position is 1900 and the horizon 50 records", from)
	}
	if len(m.readers) != 1 {
		t.Errorf("the topic was read %d times", len(m.readers))
	}
}

// A partition that comes from another scorer is scored on from what was kept, without reading again.
func TestRebalanceScoresOnFromWhatWasKept(t *testing.T) {
	m := newMemory(0, 1)
	r := newRig(t, m, 0, 0)
	now := time.Now().UnixMilli()
	for i := range int64(50) {
		m.send(0, now+i, `{"k":"a"}`)
		m.send(1, now+i, `{"k":"b"}`)
	}
	r.scores(t, 50)
	m.change(func() { m.committed[0], m.committed[1] = 50, 20 }) // the other owner's last second is not committed
	began := time.Now()
	r.group.assign(0, 1)
	got := r.scores(t, 30)
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("it took %s", took)
	}
	for i := range int64(30) {
		if n := got[[2]int64{1, 20 + i}]; n != float64(20+i) {
			t.Errorf("offset %d: %v events before, want %d", 20+i, n, 20+i)
		}
	}
	if len(m.readers) != 1 {
		t.Errorf("the topic was read %d times", len(m.readers))
	}
}

// What is committed by any owner is dropped, and then nobody is asked any more.
func TestDropsWhatIsCommitted(t *testing.T) {
	m := newMemory(0, 1)
	r := newRig(t, m, 0, 0)
	now := time.Now().UnixMilli()
	m.send(0, now, `{"k":"a"}`)
	m.send(1, now, `{"k":"b"}`)
	r.scores(t, 1)
	r.eventually(t, "both are kept", func() bool { return r.follower.values.held() == 2*r.follower.values.chunkBytes() })
	if err := r.gate.Commit(t.Context(), []millrace.Position{{Topic: "events", Partition: 0, Offset: 1, TopicID: "first"}}); err != nil {
		t.Fatal(err)
	}
	if held := r.follower.values.held(); held != r.follower.values.chunkBytes() {
		t.Errorf("%d bytes are held after one of two chunks was committed", held)
	}
	m.change(func() { m.committed[1] = 1 })
	r.eventually(t, "nothing is kept", func() bool { return r.follower.values.held() == 0 })
	asked := func() int { m.mu.Lock(); defer m.mu.Unlock(); return m.asked }
	before := asked()
	time.Sleep(commitsEach + commitsEach/4)
	if n := asked() - before; n > 0 {
		t.Errorf("the group was asked %d times while nothing was kept", n)
	}
}

// A partition whose values had to go is scored all the same, after the tables were filled again.
func TestBeginsAgainBeyondTheBound(t *testing.T) {
	m := newMemory(0, 1)
	history(m, 1, 2000, prompt)
	history(m, 0, 2000, prompt)
	r := newRig(t, m, 6*chunkEvents*16, 0)
	r.scores(t, 2000)
	r.eventually(t, "values of the other partition are dropped", func() bool { return r.follower.values.lost() > 0 })
	r.group.assign(1)
	if got := r.scores(t, 2000); len(got) < 1700 {
		t.Errorf("%d events have windows", len(got))
	}
	if n := r.follower.passes.Load(); n < 2 {
		t.Errorf("%d passes", n)
	}
}

// The follower does not run away from what is scored here: however small the bound, nothing is read twice.
func TestWaitsForScoring(t *testing.T) {
	m := newMemory(0, 1, 2)
	for p := range int32(3) {
		history(m, p, 3000, prompt)
	}
	m.batch = 1000
	r := newRig(t, m, 8*chunkEvents*16, 0, 1, 2)
	got := r.scores(t, 9000)
	if len(got) < 8000 {
		t.Errorf("%d events have windows", len(got))
	}
	if n, lost := r.follower.passes.Load(), r.follower.values.lost(); n != 1 {
		t.Errorf("%d passes, %d values dropped", n, lost)
	}
	if held := r.follower.values.held(); held > 8*chunkEvents*16 {
		t.Errorf("%d bytes are held", held)
	}
}

// Partitions whose times lie far apart do not hold each other up.
func TestPartitionsFarApart(t *testing.T) {
	m := newMemory(0, 1)
	now := time.Now().UnixMilli()
	for i := range int64(1000) {
		m.send(0, now-3_600_000+i, `{"k":"a"}`)
		m.send(1, now+i, `{"k":"b"}`)
	}
	m.batch = 500
	r := newRig(t, m, 6*chunkEvents*16, 0, 1)
	if got := r.scores(t, 2000); len(got) != 2000 {
		t.Errorf("%d events", len(got))
	}
	if n := r.follower.passes.Load(); n != 1 {
		t.Errorf("%d passes", n)
	}
}

// While the cluster is away the follower tries on, and is not ready.
func TestTriesUntilTheClusterAnswers(t *testing.T) {
	m := newMemory(0)
	m.away = errors.New("away")
	m.send(0, 1, `{"k":"a"}`)
	r := newRig(t, m, 0, 0)
	rec := millrace.Record{Value: []byte(`{"k":"a"}`), Time: time.Now().UnixMilli()}
	e := jsonDecoder{}.NewEvent()
	if err := r.follower.Fill(e, &rec); err == nil || !strings.Contains(err.Error(), "being filled") {
		t.Errorf("a request meanwhile: %v", err)
	}
	m.change(func() { m.away = nil })
	r.eventually(t, "the tables are filled", r.follower.Warm)
	r.scores(t, 1)
}

// A request over HTTP sees the windows of this moment, counts itself nowhere, and is no later than now.
func TestFillsRequestsFromTheLiveTables(t *testing.T) {
	m := newMemory(0)
	r := newRig(t, m, 0, 0)
	now := time.Now().UnixMilli()
	for i := range int64(5) {
		m.send(0, now+i, `{"k":"a"}`)
	}
	r.scores(t, 5)
	rec := millrace.Record{Value: []byte(`{"k":"a","t":99999999999999}`), Time: now + 10}
	e := jsonDecoder{}.NewEvent()
	for range 3 {
		if err := (jsonDecoder{}).Decode(&rec, e); err != nil {
			t.Fatal(err)
		}
		if err := r.follower.Fill(e, &rec); err != nil {
			t.Fatal(err)
		}
		if e.Fields[1].Number != 5 || e.Time != now+10 {
			t.Errorf("window %v at %d, want 5 at %d", e.Fields[1].Number, e.Time, now+10)
		}
	}
}
