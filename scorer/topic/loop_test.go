package topic

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"millrace"
	"millrace/model"
	"millrace/scorer"
	"millrace/scorer/wire"
	"millrace/snapshot"
)

// The fakes: any event but "bad" scores one half.

type halfDecoder struct{}

func (halfDecoder) NewEvent() *millrace.Event { return &millrace.Event{} }
func (halfDecoder) Decode(rec *millrace.Record, _ *millrace.Event) error {
	if string(rec.Value) == "bad" {
		return &millrace.Rejection{Reason: millrace.ReasonMalformed}
	}
	return nil
}

type half struct{}

func (half) State(func(string, millrace.Tensor, millrace.Role))       {}
func (half) Restored() error                                          { return nil }
func (half) NewInput() millrace.Input                                 { return nil }
func (half) Extract(millrace.Input, *millrace.Event) error            { return nil }
func (half) Views() []millrace.ViewID                                 { return nil }
func (half) NewScratch() model.Scratch                                { return nil }
func (half) Predict(dst []float32, _ millrace.Input, _ model.Scratch) { dst[0], dst[1] = 0.5, 0.5 }
func (half) Outputs() int                                             { return 2 }
func (half) Learn(millrace.Input, millrace.Target, float32, model.Scratch) error {
	return errors.New("a scorer must not learn")
}

// oneVersion serves one version for good.
type oneVersion struct{ layout *snapshot.Layout }

func (o oneVersion) Wait(ctx context.Context, known millrace.Head) (millrace.Head, error) {
	if known.Seq == 1 {
		<-ctx.Done()
		return known, ctx.Err()
	}
	return millrace.Head{Epoch: 1, Seq: 1}, nil
}

func (o oneVersion) Load(context.Context, millrace.Head) (millrace.Snapshot, error) {
	b := o.layout.NewBuffer()
	o.layout.Copy(b)
	return millrace.Snapshot{Serving: b.Serving()}, nil
}

// channelSource gives batches as they are sent and keeps what is committed.
type channelSource struct {
	batches   chan *millrace.Batch
	mu        sync.Mutex
	refuse    error
	committed []millrace.Position
}

func (s *channelSource) Next(ctx context.Context) (*millrace.Batch, error) {
	select {
	case b := <-s.batches:
		return b, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (s *channelSource) Commit(_ context.Context, p []millrace.Position) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refuse != nil {
		return s.refuse
	}
	s.committed = append(s.committed, p...)
	return nil
}

// heldWriter keeps records until they are acknowledged one by one.
type heldWriter struct {
	mu       sync.Mutex
	held     []func(int32, int64, error)
	values   []string
	sent     chan struct{}
	topicIDs []string // of the values
}

func headerOf(rec millrace.Record, key string) string {
	for _, h := range rec.Headers {
		if h.Key == key {
			return string(h.Value)
		}
	}
	return "none"
}

func (w *heldWriter) Send(_ context.Context, rec millrace.Record, done func(int32, int64, error)) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.held = append(w.held, done)
	w.values = append(w.values, string(rec.Value)+" "+string(rec.Headers[0].Value))
	w.topicIDs = append(w.topicIDs, headerOf(rec, millrace.HeaderTopicID))
	w.sent <- struct{}{}
	return nil
}

func (w *heldWriter) Flush(context.Context) error { w.acknowledge(nil); return nil }

func (w *heldWriter) acknowledge(err error) {
	w.mu.Lock()
	held := w.held
	w.held = nil
	w.mu.Unlock()
	for _, done := range held {
		done(0, 0, err)
	}
}

// loopRig runs a loop over the fakes.
type loopRig struct {
	loop   *Loop
	source *channelSource
	writer *heldWriter
	stop   context.CancelFunc
	ended  chan error
}

func newLoopRig(t *testing.T) *loopRig {
	t.Helper()
	layout, err := snapshot.NewLayout(nil, snapshot.Part{Prefix: "model", State: half{}})
	if err != nil {
		t.Fatal(err)
	}
	metrics := scorer.NewMetrics(prometheus.NewRegistry(), []string{"no", "yes"}, time.Now)
	s := scorer.New(scorer.Options{Name: "m", Classes: []string{"no", "yes"}, Metrics: metrics, Log: slog.New(slog.DiscardHandler),
		NewReplica: func(*millrace.Manifest) (*scorer.Replica, error) {
			return &scorer.Replica{Extractor: half{}, Model: half{}, Layout: layout}, nil
		},
		NewDecoder: func() scorer.Decoder { return halfDecoder{} }, Snapshots: oneVersion{layout}})
	r := &loopRig{source: &channelSource{batches: make(chan *millrace.Batch, 10)}, writer: &heldWriter{sent: make(chan struct{}, 100)}, ended: make(chan error, 1)}
	r.loop = NewLoop(Options{Scorer: s, Topic: "scores", Source: r.source, Writer: r.writer,
		Encoder: wire.NewEncoder("m", []string{"no", "yes"}, nil), Metrics: metrics, Log: slog.New(slog.DiscardHandler), Now: time.Now, ShutdownTimeout: time.Second})
	ctx, stop := context.WithCancel(t.Context())
	r.stop = stop
	following := make(chan error, 1)
	go func() { following <- s.Run(ctx) }()
	go func() { r.ended <- r.loop.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-following; err != nil {
			t.Error(err)
		}
	})
	return r
}

func events(from int64, values ...string) *millrace.Batch {
	b := millrace.NewBatch(nil)
	b.Topic, b.From, b.To = "events", from, from+int64(len(values))
	for i, v := range values {
		b.Records = append(b.Records, millrace.Record{Topic: "events", Offset: from + int64(i), Key: []byte("k"), Value: []byte(v)})
	}
	return b
}

// TestLoopCommitsWhatIsAcknowledged at its end, also after a commit that failed, and skips what cannot be scored.
func TestLoopCommitsWhatIsAcknowledged(t *testing.T) {
	r := newLoopRig(t)
	tooLong := events(3, "1")
	tooLong.Records[0].Key = []byte(strings.Repeat("k", keyBytesMax+1))
	r.source.batches <- events(0, "1", "bad", "2")
	r.source.batches <- tooLong
	faulty := events(4, "5")
	faulty.Records[0].Fault = &millrace.Rejection{Reason: millrace.ReasonBadBatch}
	faulty.Records[0].Last, faulty.Records[0].Lost, faulty.To = 7, 4, 8
	r.source.batches <- faulty
	for range 2 {
		<-r.writer.sent
	}
	for r.loop.skipped.Load() < 6 {
		time.Sleep(time.Millisecond)
	}
	if r.loop.Finished() != 6 {
		t.Errorf("%d events are finished before any acknowledgement, want the six that cannot be scored", r.loop.Finished())
	}
	r.stop() // the end flushes, which acknowledges, and commits
	if err := <-r.ended; err != nil {
		t.Fatal(err)
	}
	if got := r.source.committed; len(got) != 1 || got[0] != (millrace.Position{Topic: "events", Offset: 8}) {
		t.Errorf("committed %+v, want position 8", got)
	}
	if got := fmt.Sprint(r.writer.values); got != `[{"score":0.5} events/0/0 {"score":0.5} events/0/2]` {
		t.Errorf("written %s", got)
	}
}

// TestLoopSaysWhichTopicScoresAreOf: the source of a score repeats when its topic is made anew, so that it is told
// beside it, and kept with the position.
func TestLoopSaysWhichTopicScoresAreOf(t *testing.T) {
	r := newLoopRig(t)
	known := events(0, "1")
	known.TopicID = "uuid"
	r.source.batches <- known
	<-r.writer.sent
	r.source.batches <- events(1, "2")
	<-r.writer.sent
	r.writer.acknowledge(nil)
	r.stop()
	if err := <-r.ended; err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(r.writer.topicIDs); got != "[uuid none]" {
		t.Errorf("topic ids of two scores are %s, want one of a topic with an id and one without", got)
	}
	r.source.mu.Lock()
	defer r.source.mu.Unlock()
	last := r.source.committed[len(r.source.committed)-1]
	if last.Offset != 2 || last.TopicID != "" {
		t.Errorf("committed %+v last", last)
	}
}

// TestLoopEndsWhenAScoreIsGivenUp, also while no further event comes, and commits nothing beyond it.
func TestLoopEndsWhenAScoreIsGivenUp(t *testing.T) {
	r := newLoopRig(t)
	r.source.batches <- events(0, "1")
	<-r.writer.sent
	refused := errors.New("not authorised")
	r.writer.acknowledge(refused)
	if err := <-r.ended; !errors.Is(err, refused) {
		t.Errorf("Run = %v, want what the writer said", err)
	}
	if len(r.source.committed) > 0 {
		t.Errorf("committed %v, though the score was not written", r.source.committed)
	}
}
