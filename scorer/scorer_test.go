package scorer_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"millrace"
	"millrace/model"
	"millrace/scorer"
	"millrace/snapshot"
)

// The fakes: an event is a digit, and the model predicts its one weight for every event.

type decoder struct{}

var noLabel = &millrace.Rejection{Reason: millrace.ReasonMissingLabel}

func (decoder) NewEvent() *millrace.Event {
	return &millrace.Event{Fields: make([]millrace.Field, 1)}
}

func (decoder) Decode(rec *millrace.Record, e *millrace.Event) error {
	if rec.Value[0] < '0' || rec.Value[0] > '9' {
		return &millrace.Rejection{Reason: millrace.ReasonMalformed, Detail: "no number"}
	}
	e.ID, e.IDNumber, e.Time = rec.Value, true, rec.Time
	e.Label = millrace.Label{Fault: noLabel}
	return nil
}

type extractor struct{}

func (extractor) State(func(string, millrace.Tensor, millrace.Role)) {}
func (extractor) Restored() error                                    { return nil }
func (extractor) NewInput() millrace.Input                           { return millrace.Input{{}} }
func (extractor) Extract(millrace.Input, *millrace.Event) error      { return nil }

type constant struct{ weight []float32 }

func (c *constant) State(visit func(string, millrace.Tensor, millrace.Role)) {
	visit("weight", millrace.Tensor{Shape: []int{1}, F32: c.weight}, millrace.Serving)
}
func (c *constant) Restored() error           { return nil }
func (c *constant) Views() []millrace.ViewID  { return nil }
func (c *constant) NewScratch() model.Scratch { return nil }
func (c *constant) Predict(dst []float32, _ millrace.Input, _ model.Scratch) {
	dst[0], dst[1] = 1-c.weight[0], c.weight[0]
}
func (c *constant) Outputs() int { return 2 }
func (c *constant) Learn(millrace.Input, millrace.Target, float32, model.Scratch) error {
	return errors.New("a scorer must not learn")
}

func replica(weight float32) *scorer.Replica {
	m := &constant{weight: []float32{weight}}
	l, err := snapshot.NewLayout(nil, snapshot.Part{Prefix: "features", State: extractor{}}, snapshot.Part{Prefix: "model", State: m})
	if err != nil {
		panic(err)
	}
	return &scorer.Replica{Extractor: extractor{}, Model: m, Layout: l}
}

// snapshots is a store in memory.
type snapshots struct {
	mu      sync.Mutex
	head    millrace.Head
	loads   map[uint64]func() (millrace.Snapshot, error)
	away    error
	changed chan struct{}
	asked   chan struct{} // one token a Wait that begins
}

func newSnapshots() *snapshots {
	return &snapshots{loads: map[uint64]func() (millrace.Snapshot, error){}, changed: make(chan struct{}), asked: make(chan struct{}, 100)}
}

func (s *snapshots) Wait(ctx context.Context, known millrace.Head) (millrace.Head, error) {
	select {
	case s.asked <- struct{}{}:
	default:
	}
	for {
		s.mu.Lock()
		head, away, changed := s.head, s.away, s.changed
		s.mu.Unlock()
		if away != nil {
			return millrace.Head{}, away
		}
		if head != known {
			return head, nil
		}
		select {
		case <-ctx.Done():
			return head, ctx.Err()
		case <-changed:
		}
	}
}

func (s *snapshots) Load(_ context.Context, h millrace.Head) (millrace.Snapshot, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.loads[h.Seq]()
}

func (s *snapshots) serve(h millrace.Head, load func() (millrace.Snapshot, error)) {
	s.set(func() { s.head = h; s.loads[h.Seq] = load })
}

func (s *snapshots) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
	close(s.changed)
	s.changed = make(chan struct{})
}

func good(weight float32, schema string) func() (millrace.Snapshot, error) {
	return func() (millrace.Snapshot, error) {
		r := replica(weight)
		b := r.Layout.NewBuffer()
		r.Layout.Copy(b)
		return millrace.Snapshot{Manifest: millrace.Manifest{SchemaHash: schema}, Serving: b.Serving()}, nil
	}
}

func bad(err error) func() (millrace.Snapshot, error) {
	return func() (millrace.Snapshot, error) { return millrace.Snapshot{}, err }
}

// rig runs a scorer over snapshots in memory.
type rig struct {
	t        *testing.T
	store    *snapshots
	scorer   *scorer.Scorer
	registry *prometheus.Registry
	log      *logged
}

// logged keeps what is logged on another goroutine.
type logged struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func newRig(t *testing.T) *rig { return newRigFor(t, "") }

func newRigFor(t *testing.T, positive string) *rig {
	t.Helper()
	r := &rig{t: t, store: newSnapshots(), registry: prometheus.NewRegistry(), log: &logged{}}
	r.scorer = scorer.New(scorer.Options{Name: "m", Family: "constant", Classes: []string{"no", "yes"}, Positive: positive,
		NewReplica: func(version *millrace.Manifest) (*scorer.Replica, error) {
			if version.SchemaHash != "schema" {
				return nil, fmt.Errorf("%w: schema %s", millrace.ErrIncompatible, version.SchemaHash)
			}
			return replica(0), nil
		}, NewDecoder: func() scorer.Decoder { return decoder{} },
		Snapshots: r.store, Metrics: scorer.NewMetrics(r.registry, []string{"no", "yes"}, time.Now), Log: slog.New(slog.NewTextHandler(r.log, nil))})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.scorer.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	return r
}

// settled waits until the scorer has dealt with everything served so far: it asks for what is next.
func (r *rig) settled() {
	r.t.Helper()
	for len(r.store.asked) > 0 {
		<-r.store.asked
	}
	r.store.set(func() {})
	deadline := time.Now().Add(time.Minute)
	for {
		r.store.mu.Lock()
		head := r.store.head
		r.store.mu.Unlock()
		refused := r.refused()
		if v := r.scorer.Current(); v != nil && v.Head == head || refused > 0 {
			return
		}
		if time.Now().After(deadline) {
			r.t.Fatal("the scorer did not settle")
		}
		time.Sleep(time.Millisecond)
	}
}

func (r *rig) refused() float64 {
	families, err := r.registry.Gather()
	if err != nil {
		r.t.Fatal(err)
	}
	var n float64
	for _, f := range families {
		if f.GetName() == "millrace_snapshots_refused_total" {
			for _, m := range f.Metric {
				n += m.Counter.GetValue()
			}
		}
	}
	return n
}

func (r *rig) score() millrace.Score {
	r.t.Helper()
	var s millrace.Score
	if err := r.scorer.NewSession(nil).Score(&millrace.Record{Value: []byte("7"), Time: 99}, &s); err != nil {
		r.t.Fatal(err)
	}
	return s
}

func TestServesTheNewest(t *testing.T) {
	r := newRig(t)
	if err := r.scorer.NewSession(nil).Score(&millrace.Record{Value: []byte("1")}, &millrace.Score{}); !errors.Is(err, scorer.ErrNotReady) {
		t.Fatalf("before the first snapshot: %v", err)
	}
	for seq, weight := range []float32{0.25, 0.75} {
		r.store.serve(millrace.Head{Epoch: 1, Seq: uint64(seq + 1), Digest: fmt.Sprint(seq)}, good(weight, "schema"))
		r.settled()
		s := r.score()
		class := [2]string{"no", "yes"}[seq]
		if s.Score != float64(weight) || s.Class != class || s.Version != uint64(seq+1) || string(s.ID) != "7" || s.Time != 99 || s.Model != "m" {
			t.Errorf("score %+v, want %v and %s", s, weight, class)
		}
	}
}

// TestPositive: the score is the positive class's probability, whichever is predicted.
func TestPositive(t *testing.T) {
	for positive, want := range map[string]float64{"": 0.25, "yes": 0.25, "no": 0.75} {
		r := newRigFor(t, positive)
		r.store.serve(millrace.Head{Epoch: 1, Seq: 1, Digest: "1"}, good(0.25, "schema"))
		r.settled()
		if s := r.score(); s.Score != want || s.Class != "no" || s.Probabilities[1] != 0.25 {
			t.Errorf("positive %q: %+v, want a score of %v", positive, s, want)
		}
	}
}

// TestRefusesAndServesTheLastGood: whatever is wrong with the next version, the last good one stays
// in service and the refusal is counted by reason.
func TestRefusesAndServesTheLastGood(t *testing.T) {
	for _, c := range []struct {
		reason string
		head   millrace.Head
		load   func() (millrace.Snapshot, error)
	}{
		{scorer.RefusedCorrupt, millrace.Head{Epoch: 2, Seq: 6}, bad(fmt.Errorf("sha256: %w", millrace.ErrCorrupt))},
		{scorer.RefusedIncompatible, millrace.Head{Epoch: 2, Seq: 6}, good(0.9, "another schema")},
		{scorer.RefusedCorrupt, millrace.Head{Epoch: 2, Seq: 6}, func() (millrace.Snapshot, error) {
			s, err := good(0.9, "schema")()
			s.Serving = s.Serving[:len(s.Serving)-1]
			return s, err
		}},
		{scorer.RefusedStale, millrace.Head{Epoch: 2, Seq: 4}, good(0.9, "schema")},
		{scorer.RefusedStale, millrace.Head{Epoch: 1, Seq: 9}, good(0.9, "schema")},
		{scorer.RefusedStale, millrace.Head{Epoch: 2, Seq: 5, Digest: "another"}, good(0.9, "schema")},
		{scorer.RefusedOtherOrigin, millrace.Head{Epoch: 3, Seq: 1, Origin: "b", Began: "first"}, good(0.9, "schema")},
	} {
		r := newRig(t)
		r.store.serve(millrace.Head{Epoch: 2, Seq: 5, Digest: "good", Origin: "a", Began: "first"}, good(0.5, "schema"))
		r.settled()
		r.store.serve(c.head, c.load)
		r.settled()
		if s := r.score(); s.Score != 0.5 || s.Version != 5 {
			t.Errorf("%s %+v: serves %v of version %d", c.reason, c.head, s.Score, s.Version)
		}
		want := fmt.Sprintf(`
# HELP millrace_snapshots_refused_total Snapshots not put in service, by reason.
# TYPE millrace_snapshots_refused_total counter
millrace_snapshots_refused_total{reason=%q} 1
`, c.reason)
		if err := testutil.GatherAndCompare(r.registry, strings.NewReader(want), "millrace_snapshots_refused_total"); err != nil {
			t.Error(err)
		}
	}
}

// TestRollbackIsNewer: a person's flip to an older candidate has a higher epoch, and is served.
func TestRollbackIsNewer(t *testing.T) {
	r := newRig(t)
	r.store.serve(millrace.Head{Epoch: 1, Seq: 8}, good(0.9, "schema"))
	r.settled()
	r.store.serve(millrace.Head{Epoch: 2, Seq: 9, Cause: "rollback"}, good(0.1, "schema"))
	r.settled()
	if s := r.score(); s.Score != float64(float32(0.1)) || s.Version != 9 {
		t.Errorf("after the rollback: %+v", s)
	}
}

// TestStoreAway: the last good version serves on while the store is away, and the next one after it.
func TestStoreAway(t *testing.T) {
	r := newRig(t)
	r.store.serve(millrace.Head{Epoch: 1, Seq: 1}, good(0.5, "schema"))
	r.settled()
	r.store.set(func() { r.store.away = errors.New("connection refused") })
	for range 2 {
		<-r.store.asked
	}
	if s := r.score(); s.Score != 0.5 {
		t.Errorf("while the store is away: %+v", s)
	}
	r.store.set(func() { r.store.away = nil })
	r.store.serve(millrace.Head{Epoch: 1, Seq: 2}, good(0.75, "schema"))
	r.settled()
	if s := r.score(); s.Version != 2 {
		t.Errorf("after the store is back: %+v", s)
	}
}

// TestBadEventIsARejection, and a fault in the label is none.
func TestBadEventIsARejection(t *testing.T) {
	r := newRig(t)
	r.store.serve(millrace.Head{Epoch: 1, Seq: 1}, good(0.5, "schema"))
	r.settled()
	var why *millrace.Rejection
	err := r.scorer.NewSession(nil).Score(&millrace.Record{Value: []byte("x")}, &millrace.Score{})
	if !errors.As(err, &why) || why.Reason != millrace.ReasonMalformed {
		t.Errorf("Score = %v, want a rejection", err)
	}
}

func TestScoreAllocatesNothing(t *testing.T) {
	r := newRig(t)
	r.store.serve(millrace.Head{Epoch: 1, Seq: 1}, good(0.5, "schema"))
	r.settled()
	session := r.scorer.NewSession(nil)
	rec, s := &millrace.Record{Value: []byte("7")}, &millrace.Score{}
	if n := testing.AllocsPerRun(100, func() {
		if err := session.Score(rec, s); err != nil || math.IsNaN(s.Score) {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("Score allocates %v times", n)
	}
}

// windowed counts what it is asked for, and sets the time of an event to its answer.
type windowed struct{ asked int }

func (w *windowed) Fill(e *millrace.Event, rec *millrace.Record) error {
	w.asked++
	if rec.Time == 0 {
		return scorer.ErrWindowsNotReady
	}
	e.Time = 1000 + rec.Time
	return nil
}

// Windows are asked for once an event, after it was decoded and whichever version serves; without them nothing is.
func TestSessionAsksForWindows(t *testing.T) {
	r := newRig(t)
	w := &windowed{}
	session, s := r.scorer.NewSession(w), millrace.Score{}
	for seq := range uint64(2) { // the version changes while the session lives
		r.store.serve(millrace.Head{Epoch: 1, Seq: seq + 1}, good(0.25, "schema"))
		r.settled()
		if err := session.Score(&millrace.Record{Value: []byte("7"), Time: 5}, &s); err != nil || s.Time != 1005 || s.Version != seq+1 {
			t.Errorf("score %+v: %v", s, err)
		}
	}
	if err := session.Score(&millrace.Record{Value: []byte("7")}, &s); !errors.Is(err, scorer.ErrWindowsNotReady) {
		t.Errorf("before the tables are filled: %v", err)
	}
	var why *millrace.Rejection
	if err := session.Score(&millrace.Record{Value: []byte("x"), Time: 5}, &s); !errors.As(err, &why) || w.asked != 3 {
		t.Errorf("asked %d times, of which one was for no event: %v", w.asked, err)
	}
}
