package pipeline

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"millrace"
	"millrace/merge"
	"millrace/pipeline/status"
)

// TestFirstStart: where events begin in the middle of a log, windows know what the longest of them reaches back to from
// the first event on, and labels begin as long before it as one may come too early. It is all in the first version, so
// that a crash right after it begins in the same place.
func TestFirstStart(t *testing.T) {
	base := time.Now().Add(-time.Hour).Truncate(time.Second)
	r := newKeyedRig(t, 1, "drop")
	all := story(base, 2000, 1)
	r.write(all)
	first := base.Add(100 * time.Second)
	r.pipeline.Events.Start = first.Format(time.RFC3339)
	l, err := openLearning(t.Context(), r.open(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	m := r.head().Manifest
	events, labels := m.Positions[0], m.Positions[1]
	if m.Steps() != 0 || m.Format != 2 || events.Offset != 1000 {
		t.Fatalf("the first version is %+v", m)
	}
	firstLabel := int64(0)
	for _, s := range all {
		if s.topic == "loop.labels" && s.at < first.Add(-10*time.Second).UnixMilli() {
			firstLabel++
		}
	}
	warm, _ := markOf(m.Keyed, events)
	mark, _ := markOf(m.Keyed, labels)
	horizon := l.learned.Windows.Horizon()
	if labels.Offset != firstLabel || mark.Offset != firstLabel || warm.Offset != 1000-horizon/100 || horizon < 20_000 {
		t.Errorf("labels at %d from %d, want %d; windows from %d, horizon %d ms", labels.Offset, mark.Offset, firstLabel, warm.Offset, horizon)
	}
	want := l.counted(t, "c7", first)
	if want < 2 {
		t.Errorf("the windows hold %v events of a card before the first event", want)
	}
	again, err := openLearning(t.Context(), r.open(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got := again.counted(t, "c7", first); got != want {
		t.Errorf("after a crash the windows hold %v events, before %v", got, want)
	}
	r.pipeline.Events.Start = "latest" // the version says where it began
	r.crash(1500)
	r.run(false, r.appliedAll)
	whole := newKeyedRig(t, 1, "drop")
	whole.write(all)
	whole.pipeline.Events.Start = first.Format(time.RFC3339)
	whole.run(false, whole.appliedAll)
	sameKeyed(t, r.head(), whole.head())
}

// counted makes the learner, and returns how many events of a card its windows hold at a time.
func (l *learning) counted(t *testing.T, card string, at time.Time) float64 {
	t.Helper()
	if err := l.prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	e := l.learned.Decoder.NewEvent()
	rec := &millrace.Record{Time: at.UnixMilli(), Value: fmt.Appendf(nil, `{"id":"x","time":%d,"card":%q}`, at.UnixMilli(), card)}
	if err := l.learned.Decoder.Decode(rec, e); err != nil {
		t.Fatal(err)
	}
	l.learned.Windows.Fill(e, at.UnixMilli())
	return e.Fields[2].Number
}

// TestFirstStartWithoutEvents: with nothing in the topic yet, labels begin now, or at their first where events do.
func TestFirstStartWithoutEvents(t *testing.T) {
	for start, want := range map[string]int64{"earliest": 0, "latest": 2} {
		r := newKeyedRig(t, 2, "drop")
		r.pipeline.Events.Start = start
		old := time.Now().Add(-time.Hour).UnixMilli()
		r.write([]stamped{{"loop.labels", 0, old, `{}`}, {"loop.labels", 0, old, `{}`}})
		if _, err := openLearning(t.Context(), r.open(), Options{}); err != nil {
			t.Fatal(err)
		}
		m := r.head().Manifest
		if len(m.Positions) != 4 || m.Positions[2].Topic != "loop.labels" || m.Positions[2].Offset != want || len(m.Keyed.Rebuild) != 4 {
			t.Errorf("%s: positions %+v", start, m.Positions)
		}
	}
}

// TestTopicsOfLabels: the topic of labels and that of its dead letters are created as those of the events are, bad
// labels are dead letters with their reason, and lag and group offsets tell of both topics.
func TestTopicsOfLabels(t *testing.T) {
	r := newKeyedRig(t, 2, "drop")
	r.run(false, func(*Pipeline) bool { return r.applied() == 0 })
	r.write(story(time.Now().Add(-time.Hour), 500, 2))
	var scraped string
	r.run(false, func(s *Pipeline) bool {
		_, scraped = get(t, s, "/metrics")
		return r.appliedAll(s)
	})
	for _, topic := range []string{"loop.events", "loop.labels"} {
		if !strings.Contains(scraped, fmt.Sprintf(`millrace_lag_records{partition="1",pipeline="loop",stage="learner",topic=%q}`, topic)) {
			t.Errorf("no lag of %s", topic)
		}
		committed, err := r.servers.cluster.CommittedOffsets(t.Context(), learnerGroup("loop"), topic)
		if err != nil || len(committed) != 2 || committed[0].Offset == 0 {
			t.Errorf("the group stands at %v in %s, %v", committed, topic, err)
		}
	}
	dead := r.read("loop.labels.dead")
	if len(dead) == 0 || uint64(len(dead)) != r.head().Manifest.Names["label_rejected"] {
		t.Fatalf("%d dead labels, %v", len(dead), r.head().Manifest.Names)
	}
	reasons := ""
	for _, h := range dead[0].Headers {
		reasons += h.Key + "=" + string(h.Value) + " "
	}
	if !strings.Contains(reasons, "millrace-reason=unknown_class") || !strings.Contains(reasons, "millrace-source=loop.labels/") {
		t.Errorf("a dead label says %s", reasons)
	}
}

// TestEveryEventHasOneName: with four partitions of either topic, over crashes, every event and every label ends under
// exactly one name, or still waits.
func TestEveryEventHasOneName(t *testing.T) {
	const n = 4000
	r := newKeyedRig(t, 4, "legit")
	all := story(time.Now().Add(-time.Hour), n, 4)
	r.write(all)
	for i := uint64(1); i <= 4; i++ {
		r.crash(i * 1200)
	}
	r.run(false, r.appliedAll)
	r.write(endOfWaits(4))
	r.run(false, func(s *Pipeline) bool {
		m := r.head().Manifest
		return r.atEnd(&m) && events(&m) >= n
	})
	m := r.head().Manifest
	if got := events(&m); got != n {
		t.Errorf("%d of %d events have a name: %v", got, n, m.Names)
	}
	if got, want := labels(&m), uint64(len(all)-n); got != want {
		t.Errorf("%d of %d labels have a name: %v", got, want, m.Names)
	}
}

// endOfWaits are events of each partition long after all others: they end all waits.
func endOfWaits(partitions int32) (last []stamped) {
	for p := range partitions {
		now := time.Now().UnixMilli()
		last = append(last, stamped{"loop.events", p, now, fmt.Sprintf(`{"id":"last%d","time":%d}`, p, now)})
	}
	return last
}

// labels are how many have ended under a name.
func labels(m *millrace.Manifest) (n uint64) {
	for _, name := range []string{"label_joined", "label_unmatched", "label_repeated", "label_crowded", "label_rejected", "label_lost"} {
		n += m.Names[name]
	}
	return n
}

// events are how many have ended under a name.
func events(m *millrace.Manifest) (n uint64) {
	for _, name := range []string{"labelled", "joined", "expired", "expired_learned", "crowded", "duplicate", "no_id", "unlabelled", "rejected", "lost"} {
		n += m.Names[name]
	}
	return n
}

// TestStatusOfARebuild: a learner that reads the log again says so, and is not ready.
func TestStatusOfARebuild(t *testing.T) {
	r, _ := learnedLate(t, 500)
	s, err := open(t.Context(), Options{Config: r.pipeline, Learn: true, Log: r.log}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	defer s.stopAround()
	s.started.Store(true)
	again := newRebuilding(s.learning, &s.learning.from)
	s.env.rebuilding.Store(again)
	at := s.Status()
	if at.Learning.State != status.Rebuilding || at.Learning.Rebuild == nil || !strings.Contains(at.NotReady, "reading the log again") {
		t.Errorf("status %+v, %+v", at, at.Learning)
	}
	if code, body := get(t, s, "/readyz"); code != 503 || !strings.Contains(body, "reading the log again") {
		t.Errorf("ready: %d %s", code, body)
	}
	if told := figures(at); !strings.Contains(fmt.Sprint(told...), "rebuilding") {
		t.Errorf("the log line says %v", told)
	}
	var metrics string
	again.Merger = merging(func() error { // before the first record
		_, metrics = get(t, s, "/metrics")
		return context.Canceled
	})
	if _, err := again.Run(t.Context()); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	_, total := again.Progress()
	if line := fmt.Sprintf("millrace_rebuild_remaining_records{pipeline=\"loop\"} %d\n", total); total == 0 || !strings.Contains(metrics, line) {
		t.Errorf("the metrics lack %s", line)
	}
	s.env.rebuilding.Store(nil)
	if _, metrics := get(t, s, "/metrics"); !strings.Contains(metrics, "millrace_rebuild_remaining_records{pipeline=\"loop\"} 0\n") {
		t.Error("records remain after it")
	}
	if at := s.Status(); at.NotReady != "" || at.Learning.State != status.Starting {
		t.Errorf("after it: %+v, %+v", at, at.Learning)
	}
}

// merging is a merger that ends at once, with what the function returns.
type merging func() error

func (m merging) Next(context.Context) (merge.Stretch, error) { return merge.Stretch{}, m() }
