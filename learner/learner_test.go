package learner

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"millrace"
	"millrace/model"
	"millrace/snapshot"
)

// The fakes: a record's value is a number in text, "bad" does not decode, "huge" is refused by the
// model, and the model's only weight is an order-sensitive hash of the numbers it has learned.

type fakeSource struct {
	batches []*millrace.Batch
	endless bool // block at the end in place of io.EOF
	calls   int
}

func (s *fakeSource) Next(ctx context.Context) (*millrace.Batch, error) {
	s.calls++
	if len(s.batches) == 0 {
		if !s.endless {
			return nil, io.EOF
		}
		<-ctx.Done()
		return nil, ctx.Err()
	}
	b := s.batches[0]
	s.batches = s.batches[1:]
	return b, ctx.Err()
}

// batchesOf splits offsets [from, to) of one partition into batches of n; every seventh value is bad.
func batchesOf(partition int32, from, to int64, n int) []*millrace.Batch {
	var out []*millrace.Batch
	for at := from; at < to; at += int64(n) {
		b := millrace.NewBatch(nil)
		b.Topic, b.Partition, b.From, b.To, b.End = "events", partition, at, min(at+int64(n), to), to
		for o := b.From; o < b.To; o++ {
			value := strconv.FormatInt(o*31+int64(partition), 10)
			if o%7 == 3 {
				value = "bad"
			}
			b.Records = append(b.Records, millrace.Record{Topic: "events", Partition: partition, Offset: o, Value: []byte(value)})
		}
		out = append(out, b)
	}
	return out
}

type fakeDecoder struct{}

func (fakeDecoder) NewEvent() *millrace.Event {
	return &millrace.Event{Fields: make([]millrace.Field, 1)}
}

func (fakeDecoder) Decode(rec *millrace.Record, e *millrace.Event) error {
	v, err := strconv.ParseFloat(string(rec.Value), 64)
	if err != nil {
		return &millrace.Rejection{Reason: millrace.ReasonMalformed, Detail: err.Error()}
	}
	e.Fields[0] = millrace.Field{Presence: millrace.Present, Number: v}
	e.Label = millrace.Label{Known: true, Value: v}
	return nil
}

type fakeExtractor struct{ observed []uint64 }

func (x *fakeExtractor) State(visit func(string, millrace.Tensor, millrace.Role)) {
	visit("observed", millrace.Tensor{Shape: []int{1}, U64: x.observed}, millrace.Serving)
}
func (x *fakeExtractor) Restored() error          { return nil }
func (x *fakeExtractor) NewInput() millrace.Input { return millrace.Input{{Dense: make([]float32, 1)}} }
func (x *fakeExtractor) Observe(*millrace.Event)  { x.observed[0]++ }
func (x *fakeExtractor) Extract(dst millrace.Input, e *millrace.Event) error {
	dst[0].Dense[0] = float32(e.Fields[0].Number)
	return nil
}

type fakeModel struct{ hash []uint64 }

func (m *fakeModel) State(visit func(string, millrace.Tensor, millrace.Role)) {
	visit("hash", millrace.Tensor{Shape: []int{1}, U64: m.hash}, millrace.Serving)
	visit("steps", millrace.Tensor{Shape: []int{1}, U64: m.hash}, millrace.Training)
}
func (m *fakeModel) Restored() error                                          { return nil }
func (m *fakeModel) Views() []millrace.ViewID                                 { return nil }
func (m *fakeModel) NewScratch() model.Scratch                                { return nil }
func (m *fakeModel) Predict(dst []float32, _ millrace.Input, _ model.Scratch) { dst[0] = 1 }
func (m *fakeModel) Outputs() int                                             { return 1 }
func (m *fakeModel) Value(prediction float32) float64                         { return float64(prediction) }
func (m *fakeModel) Norms() (float64, float64)                                { return 1, 1 }
func (m *fakeModel) Learn(x millrace.Input, _ millrace.Target, _ float32, _ model.Scratch) error {
	if x[0].Dense[0] > 1e30 {
		return fmt.Errorf("fake: %w", millrace.ErrUpdateRefused)
	}
	m.hash[0] = m.hash[0]*1099511628211 + uint64(x[0].Dense[0])
	return nil
}

// fakeStore publishes into memory. away makes it fail until it is cleared; gate, when set, must be
// received from before each publish.
type fakeStore struct {
	mu       sync.Mutex
	heads    []millrace.Snapshot
	away     error
	attempts int
	tried    chan struct{}
}

func (s *fakeStore) Publish(_ context.Context, snap *millrace.Snapshot, _ millrace.Cause) (millrace.Head, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.attempts++
	if s.tried != nil {
		select {
		case s.tried <- struct{}{}:
		default:
		}
	}
	if s.away != nil {
		return millrace.Head{}, s.away
	}
	c := *snap
	c.Serving = append([]byte(nil), snap.Serving...)
	c.Training = append([]byte(nil), snap.Training...)
	s.heads = append(s.heads, c)
	return millrace.Head{Seq: uint64(len(s.heads))}, nil
}

func (s *fakeStore) last(t *testing.T) millrace.Snapshot {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.heads) == 0 {
		t.Fatal("nothing was published")
	}
	return s.heads[len(s.heads)-1]
}

// fakeDeadLetters notes what was rejected and what was flushed.
type fakeDeadLetters struct {
	mu       sync.Mutex
	rejected []string
	topicID  string // of the last one rejected
	flushed  int
}

func (d *fakeDeadLetters) Reject(_ context.Context, topicID string, rec *millrace.Record, why *millrace.Rejection) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.topicID = topicID
	d.rejected = append(d.rejected, fmt.Sprintf("%d/%d %s", rec.Partition, rec.Offset, why.Reason))
	return nil
}

func (d *fakeDeadLetters) Flush(context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.flushed = len(d.rejected)
	return nil
}

func (d *fakeDeadLetters) Pending() int { return 0 }

func (d *fakeDeadLetters) Blocked() time.Duration { return 0 }

// rig is a learner over fakes.
type rig struct {
	learner *Learner
	model   *fakeModel
	layout  *snapshot.Layout
	store   *fakeStore
	dead    *fakeDeadLetters
}

// newRig builds a learner that goes on from s, or starts anew when s is nil.
func newRig(t *testing.T, source Source, spec SnapshotsSpec, store *fakeStore, s *millrace.Snapshot) *rig {
	t.Helper()
	r := &rig{model: &fakeModel{hash: make([]uint64, 1)}, store: store, dead: &fakeDeadLetters{}}
	trainer := NewTrainer(&fakeExtractor{observed: make([]uint64, 1)}, r.model, 0)
	var err error
	r.layout, err = snapshot.NewLayout(nil, snapshot.Part{Prefix: "features", State: trainer.Extractor},
		snapshot.Part{Prefix: "model", State: trainer.Model}, snapshot.Part{Prefix: "progressive", State: trainer.Progressive})
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Name: "test", Stream: NewStream(StreamOptions{Trainer: trainer}), Layout: r.layout, Snapshots: spec, Source: source,
		Decoder: fakeDecoder{}, DeadLetters: r.dead, Publisher: store,
		Registerer: prometheus.NewRegistry(), Log: slog.New(slog.DiscardHandler), Now: time.Now, ShutdownTimeout: 5 * time.Second}
	if s != nil {
		if err := r.layout.Restore(s.Serving, s.Training); err != nil {
			t.Fatal(err)
		}
		o.Manifest, o.Positions = s.Manifest, s.Manifest.Positions
	}
	r.learner = New(o)
	return r
}

func offsetOf(t *testing.T, m millrace.Manifest, partition int32) int64 {
	t.Helper()
	for _, p := range m.Positions {
		if p.Partition == partition {
			return p.Offset
		}
	}
	t.Fatalf("no position of partition %d in %v", partition, m.Positions)
	return 0
}

// TestRunPublishesWhatItLearned: counts, positions, dead letters and weights of the last snapshot.
func TestRunPublishesWhatItLearned(t *testing.T) {
	r := newRig(t, &fakeSource{batches: batchesOf(0, 0, 1000, 300)}, SnapshotsSpec{Events: 100}, &fakeStore{}, nil)
	if err := r.learner.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	last := r.store.last(t)
	if got := offsetOf(t, last.Manifest, 0); got != 1000 {
		t.Errorf("position = %d, want 1000", got)
	}
	if last.Manifest.Learned != 857 || last.Manifest.Rejected != 143 {
		t.Errorf("learned %d, rejected %d; want 857 and 143", last.Manifest.Learned, last.Manifest.Rejected)
	}
	if len(r.dead.rejected) != 143 || r.dead.rejected[0] != "0/3 malformed_json" || r.dead.flushed != 143 {
		t.Errorf("%d dead letters, %d flushed, the first %q", len(r.dead.rejected), r.dead.flushed, r.dead.rejected[0])
	}
	var hash uint64
	for o := range int64(1000) {
		if o%7 != 3 {
			hash = hash*1099511628211 + uint64(float32(o*31))
		}
	}
	if r.model.hash[0] != hash {
		t.Errorf("weights = %x, want %x", r.model.hash[0], hash)
	}
}

// TestEverySnapshotIsConsistent: whatever moment a snapshot was taken at, its weights are those of
// exactly the events before its positions.
func TestEverySnapshotIsConsistent(t *testing.T) {
	store := &fakeStore{}
	r := newRig(t, &fakeSource{batches: batchesOf(0, 0, 3000, 257)}, SnapshotsSpec{Events: 10}, store, nil)
	if err := r.learner.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i, s := range store.heads {
		to := offsetOf(t, s.Manifest, 0)
		again := newRig(t, &fakeSource{batches: batchesOf(0, 0, to, 64)}, SnapshotsSpec{}, &fakeStore{}, nil)
		if err := again.learner.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if want := again.store.last(t); string(want.Serving) != string(s.Serving) || string(want.Training) != string(s.Training) {
			t.Fatalf("snapshot %d at position %d differs from learning up to there at once", i, to)
		}
	}
}

// TestResumeEqualsUninterrupted kills the learner at every published snapshot and goes on from it.
func TestResumeEqualsUninterrupted(t *testing.T) {
	whole := newRig(t, &fakeSource{batches: batchesOf(0, 0, 2000, 100)}, SnapshotsSpec{}, &fakeStore{}, nil)
	if err := whole.learner.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	var from *millrace.Snapshot
	for to := int64(150); to <= 2000; to += 185 {
		at := int64(0)
		if from != nil {
			at = offsetOf(t, from.Manifest, 0)
		}
		store := &fakeStore{}
		r := newRig(t, &fakeSource{batches: batchesOf(0, at, to, 64)}, SnapshotsSpec{Events: 50}, store, from)
		if err := r.learner.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		crashed := store.heads[len(store.heads)/2] // what a crash would have left
		from = &crashed
	}
	last := newRig(t, &fakeSource{batches: batchesOf(0, offsetOf(t, from.Manifest, 0), 2000, 100)}, SnapshotsSpec{}, &fakeStore{}, from)
	if err := last.learner.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	got, want := last.store.last(t), whole.store.last(t)
	if string(got.Serving) != string(want.Serving) || string(got.Training) != string(want.Training) || got.Manifest.Learned != want.Manifest.Learned {
		t.Error("resuming from snapshots differs from an uninterrupted run")
	}
}

// TestStopTakesALastSnapshot: the context ends in the middle; the last snapshot stands right behind
// the last event applied, and nothing is applied twice or left out afterwards.
func TestStopTakesALastSnapshot(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	source := &fakeSource{batches: batchesOf(0, 0, 500, 500), endless: true}
	r := newRig(t, source, SnapshotsSpec{}, &fakeStore{}, nil)
	done := make(chan error, 1)
	go func() { done <- r.learner.Run(ctx) }()
	for r.learner.Status().Learned == 0 && len(done) == 0 {
		time.Sleep(time.Millisecond)
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	s := r.store.last(t)
	if at := offsetOf(t, s.Manifest, 0); uint64(at) != s.Manifest.Learned+s.Manifest.Rejected {
		t.Errorf("position %d, but %d learned and %d rejected", at, s.Manifest.Learned, s.Manifest.Rejected)
	}
}

// TestEmptyRunMovesThePosition: compaction may leave a batch without records.
func TestEmptyRunMovesThePosition(t *testing.T) {
	empty := millrace.NewBatch(nil)
	empty.Topic, empty.From, empty.To = "events", 10, 25
	r := newRig(t, &fakeSource{batches: append(batchesOf(0, 0, 10, 10), empty)}, SnapshotsSpec{}, &fakeStore{}, nil)
	if err := r.learner.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := offsetOf(t, r.store.last(t).Manifest, 0); got != 25 {
		t.Errorf("position = %d, want 25", got)
	}
}

// TestStoreAway: while the store is away snapshots are skipped and learning goes on to the bound;
// when it is back everything is published.
func TestStoreAway(t *testing.T) {
	store := &fakeStore{away: errors.New("connection refused"), tried: make(chan struct{}, 1)}
	source := &fakeSource{batches: batchesOf(0, 0, 4000, 100)}
	r := newRig(t, source, SnapshotsSpec{Events: 50, UnpublishedMax: 1000}, store, nil)
	done := make(chan error, 1)
	go func() { done <- r.learner.Run(t.Context()) }()
	for range 3 {
		<-store.tried
	}
	if s := r.learner.Status(); s.Learned+s.Rejected > 1000+partRecords {
		t.Errorf("%d events are unpublished, the bound is 1000", s.Learned+s.Rejected)
	}
	store.mu.Lock()
	store.away = nil
	store.mu.Unlock()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if got := offsetOf(t, store.last(t).Manifest, 0); got != 4000 {
		t.Errorf("position = %d, want 4000", got)
	}
	if r.learner.Status().Skipped == 0 {
		t.Error("no snapshot was skipped")
	}
}

// TestPublishesAgain: a learner without new events publishes its state once more when the store has lost it, once.
func TestPublishesAgain(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	store := &fakeStore{}
	r := newRig(t, &fakeSource{batches: batchesOf(0, 0, 70, 70), endless: true}, SnapshotsSpec{Every: 10 * time.Millisecond}, store, nil)
	done := make(chan error, 1)
	go func() { done <- r.learner.Run(ctx) }()
	wait := func(n int) {
		t.Helper()
		for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
			store.mu.Lock()
			published := len(store.heads)
			store.mu.Unlock()
			if published >= n {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("%d versions, want %d", published, n)
			}
		}
	}
	wait(1)
	before := store.last(t)
	for before.Manifest.Learned+before.Manifest.Rejected < 70 {
		wait(2)
		before = store.last(t)
	}
	store.mu.Lock()
	n := len(store.heads)
	store.mu.Unlock()
	r.learner.PublishAgain()
	wait(n + 1)
	time.Sleep(3 * idleTick)
	after := store.last(t)
	if after.Manifest.Learned != before.Manifest.Learned || !bytes.Equal(after.Serving, before.Serving) || !bytes.Equal(after.Training, before.Training) {
		t.Errorf("published %+v again as %+v", before.Manifest, after.Manifest)
	}
	store.mu.Lock()
	published := len(store.heads)
	store.mu.Unlock()
	if published != n+1 {
		t.Errorf("%d versions, want %d", published, n+1)
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// TestFencedLearnerStops and says so, without another try.
func TestFencedLearnerStops(t *testing.T) {
	store := &fakeStore{away: fmt.Errorf("flip: %w", millrace.ErrFenced)}
	source := &fakeSource{batches: batchesOf(0, 0, 100, 100), endless: true}
	r := newRig(t, source, SnapshotsSpec{Events: 10}, store, nil)
	if err := r.learner.Run(t.Context()); !errors.Is(err, millrace.ErrFenced) {
		t.Fatalf("Run = %v, want ErrFenced", err)
	}
	if store.attempts != 1 {
		t.Errorf("%d attempts, want 1", store.attempts)
	}
}

// TestRefusedUpdateIsADeadLetter and leaves features and metrics alone.
func TestRefusedUpdateIsADeadLetter(t *testing.T) {
	b := batchesOf(0, 0, 3, 3)[0]
	b.Records[1].Value = []byte("1e31")
	r := newRig(t, &fakeSource{batches: []*millrace.Batch{b}}, SnapshotsSpec{}, &fakeStore{}, nil)
	if err := r.learner.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(r.dead.rejected) != 1 || r.dead.rejected[0] != "0/1 update_overflow" {
		t.Errorf("dead letters = %q", r.dead.rejected)
	}
	file, err := snapshot.Parse(r.store.last(t).Serving)
	if err != nil {
		t.Fatal(err)
	}
	for _, tensor := range file.Tensors {
		if tensor.Name == "features.observed" {
			if got := binary.LittleEndian.Uint64(tensor.Data); got != 2 {
				t.Errorf("observed %d events, want 2", got)
			}
			return
		}
	}
	t.Error("no features.observed in the snapshot")
}

// TestSourceFailureIsReported after a last snapshot of what was learned.
// TestFaultyRecordsAreDeadLetters: what a source could not read is not decoded, whatever is left of it, and a range
// counts as the records that it holds. A snapshot behind it waits for its letter.
func TestFaultyRecordsAreDeadLetters(t *testing.T) {
	b := batchesOf(0, 0, 3, 3)[0]
	b.Records[1].Fault = &millrace.Rejection{Reason: millrace.ReasonTooLarge, Detail: "200 MB"}
	b.Records = append(b.Records, millrace.Record{Topic: b.Topic, Offset: 3, Last: 9, Lost: 5, Value: []byte("1"),
		Fault: &millrace.Rejection{Reason: millrace.ReasonBadBatch, Detail: "no gzip"}})
	b.To, b.End = 10, 10
	r := newRig(t, &fakeSource{batches: []*millrace.Batch{b}}, SnapshotsSpec{Events: 4}, &fakeStore{}, nil)
	if err := r.learner.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(r.dead.rejected); got != "[0/1 too_large 0/3 bad_batch]" || r.dead.flushed != 2 {
		t.Errorf("dead letters = %s, %d flushed", got, r.dead.flushed)
	}
	m := r.store.last(t).Manifest
	if m.Learned != 2 || m.Rejected != 6 || offsetOf(t, m, 0) != 10 {
		t.Errorf("learned %d, rejected %d, position %d; want 2, 6 and 10", m.Learned, m.Rejected, offsetOf(t, m, 0))
	}
	for _, s := range r.store.heads { // the range's position is behind all of it, or before
		if at := offsetOf(t, s.Manifest, 0); at > 3 && at != 10 {
			t.Errorf("a snapshot at %d, within the range", at)
		}
	}
}

func TestSourceFailureIsReported(t *testing.T) {
	gap := &millrace.GapError{Topic: "events", Position: 5, Start: 10, End: 20}
	r := newRig(t, failing{gap}, SnapshotsSpec{}, &fakeStore{}, nil)
	var got *millrace.GapError
	if err := r.learner.Run(t.Context()); !errors.As(err, &got) {
		t.Fatalf("Run = %v, want the gap", err)
	}
}

type failing struct{ err error }

func (f failing) Next(context.Context) (*millrace.Batch, error) { return nil, f.err }

// TestTopicMadeAnew: positions carry the identity of what they were read of, and those of the former topic go with it,
// so that partitions that nothing was read of yet begin at the new one's first event.
func TestTopicMadeAnew(t *testing.T) {
	of := func(topicID string, batches ...*millrace.Batch) []*millrace.Batch {
		for _, b := range batches {
			b.TopicID = topicID
		}
		return batches
	}
	batches := append(of("was", batchesOf(0, 0, 40, 20)...), of("was", batchesOf(1, 0, 30, 30)...)...)
	anew := of("is", batchesOf(0, 0, 10, 10)...)
	anew[0].Anew = true
	r := newRig(t, &fakeSource{batches: append(batches, anew...)}, SnapshotsSpec{}, &fakeStore{}, nil)
	if err := r.learner.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	m := r.store.last(t).Manifest
	want := millrace.Position{Topic: m.Positions[0].Topic, Offset: 10, TopicID: "is"}
	if len(m.Positions) != 1 || m.Positions[0] != want {
		t.Errorf("positions are %+v, want %+v alone", m.Positions, want)
	}
	if m.Learned+m.Rejected != 80 {
		t.Errorf("%d events were applied, want 80", m.Learned+m.Rejected)
	}
	if r.dead.topicID != "is" {
		t.Errorf("the last dead letter is of topic %q", r.dead.topicID)
	}
}

// TestPositionsTakeIdentityAtFirstSight: those of a former release have none; a fingerprint gives way to an id.
func TestPositionsTakeIdentityAtFirstSight(t *testing.T) {
	plain := batchesOf(0, 0, 10, 10)
	plain[0].Fingerprint = millrace.Fingerprint{Last: 9, Time: 5, CRC: 7}
	known := batchesOf(0, 10, 20, 10)
	known[0].TopicID = "id"
	for _, test := range []struct {
		batches []*millrace.Batch
		want    millrace.Position
	}{
		{plain, millrace.Position{Offset: 10, Fingerprint: plain[0].Fingerprint}},
		{append(slices.Clone(plain), known...), millrace.Position{Offset: 20, TopicID: "id"}},
	} {
		r := newRig(t, &fakeSource{batches: test.batches}, SnapshotsSpec{}, &fakeStore{}, nil)
		if err := r.learner.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		positions := r.store.last(t).Manifest.Positions
		test.want.Topic = positions[0].Topic
		if positions[0] != test.want {
			t.Errorf("positions are %+v, want %+v", positions, test.want)
		}
	}
}
