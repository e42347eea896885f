package pipeline

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"millrace"
	"millrace/config"
	"millrace/consumers"
	"millrace/payments"
)

// The whole loop on the embedded broker and store: produce → learn → snapshot → score → read scores.

const loopConfig = `
name: loop
events: {topic: loop.events, id: id, partitions: PARTITIONS}
features:
  amount: {type: number, missing: indicator}
  merchant_category: {type: category, cap: 32}
  country: {type: category, encode: hash, bits: 10}
  card_present: boolean
label: {path: outcome, classes: [legit, fraud]}
model: {type: mlp, hidden: [8], optimizer: adam, batch: 3}
snapshots: {every: 50ms, events: 500, keep: 5}
scores: {topic: loop.scores, start: earliest}
admin: 127.0.0.1:0
`

func loopPipeline(t *testing.T, partitions int) *config.Pipeline {
	t.Helper()
	text := strings.ReplaceAll(loopConfig, "PARTITIONS", fmt.Sprint(partitions))
	p, err := config.Parse("loop.yaml", []byte(text), os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// rig is an environment whose broker and store outlive the stages that run on them, as a user's do.
type rig struct {
	t          *testing.T
	pipeline   *config.Pipeline
	servers    *environment
	onLearning func(*learning) // of each learner at work; may be nil
	log        *slog.Logger    // discards by default
	// challengers learn beside the pipeline's model.
	challengers []*config.Pipeline
	allowGaps   bool
}

func newRig(t *testing.T, partitions int) *rig {
	t.Helper()
	p := loopPipeline(t, partitions)
	e, err := openEnvironment(t.Context(), Options{Config: p, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	external := *p
	external.Kafka.Mode, external.Kafka.Brokers = "external", []string{e.kafka.Addr()}
	external.Redis.Mode, external.Redis.URL = "external", "redis://"+e.redis.Addr()+"/0"
	return &rig{t: t, pipeline: &external, servers: e, log: slog.New(slog.DiscardHandler)}
}

// produce writes rows to the events topic.
func (r *rig) produce(rows [][]byte) {
	r.t.Helper()
	if err := r.servers.cluster.EnsureTopic(r.t.Context(), consumers.TopicSpec{Name: r.pipeline.Events.Topic, Partitions: r.pipeline.Events.Partitions}); err != nil {
		r.t.Fatal(err)
	}
	i := 0
	next := func(context.Context) (Row, error) {
		row := rows[i]
		i++
		return Row{Key: fmt.Appendf(nil, "key%d", i), Value: row}, nil
	}
	if _, err := produceRows(r.t.Context(), r.servers.cluster, r.pipeline, next, Produce{Events: uint64(len(rows))}); err != nil {
		r.t.Fatal(err)
	}
}

// run runs the stages until done says so, then ends them as a signal does.
func (r *rig) run(score bool, done func(s *Pipeline) bool) {
	r.t.Helper()
	ctx, stop := context.WithTimeout(r.t.Context(), 2*time.Minute)
	defer stop()
	s, err := open(ctx, Options{Config: r.pipeline, Learn: true, Score: score, AllowGaps: r.allowGaps, Log: r.log}, r.challengers)
	if err != nil {
		r.t.Fatal(err)
	}
	defer s.Close()
	s.onLearning = r.onLearning
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	for !done(s) {
		select {
		case err := <-ended:
			r.t.Fatalf("the stages ended early: %v", err)
		case <-ctx.Done():
			r.t.Fatalf("not done in time: %+v", s.learning.learner.Status())
		case <-time.After(5 * time.Millisecond):
		}
	}
	stop()
	if err := <-ended; err != nil {
		r.t.Fatal(err)
	}
}

func (r *rig) head() millrace.Snapshot { return r.headOf(r.pipeline.Name) }

func (r *rig) headOf(model string) millrace.Snapshot {
	r.t.Helper()
	h, err := r.servers.store.Head(r.t.Context(), model)
	if err != nil {
		r.t.Fatal(err)
	}
	s, err := r.servers.store.Load(r.t.Context(), model, h, true)
	if err != nil {
		r.t.Fatal(err)
	}
	return s
}

// read returns all records of a topic.
func (r *rig) read(topic string) []millrace.Record {
	r.t.Helper()
	bounds, err := r.servers.cluster.Bounds(r.t.Context(), topic)
	if err != nil {
		r.t.Fatal(err)
	}
	var positions []millrace.Position
	for id, b := range bounds {
		positions = append(positions, millrace.Position{Topic: topic, Partition: id, Offset: b[0]})
	}
	source := consumers.NewSource(r.servers.cluster, consumers.SourceOptions{Topic: topic, Positions: positions})
	ctx, cancel := context.WithTimeout(r.t.Context(), 30*time.Second)
	defer cancel()
	ran := make(chan error, 1)
	go func() { ran <- source.Run(ctx) }()
	var records []millrace.Record
	left := map[int32]bool{}
	for id, b := range bounds {
		left[id] = b[1] > b[0]
		if !left[id] {
			delete(left, id)
		}
	}
	for len(left) > 0 {
		b, err := source.Next(ctx)
		if err != nil {
			r.t.Fatal(err)
		}
		for _, rec := range b.Records {
			rec.Key, rec.Value = bytes.Clone(rec.Key), bytes.Clone(rec.Value)
			headers := make([]millrace.Header, len(rec.Headers))
			for i, h := range rec.Headers {
				headers[i] = millrace.Header{Key: strings.Clone(h.Key), Value: bytes.Clone(h.Value)}
			}
			rec.Headers = headers
			records = append(records, rec)
		}
		if b.To >= bounds[b.Partition][1] {
			delete(left, b.Partition)
		}
		b.Release()
	}
	cancel()
	if err := <-ran; err != nil && !errors.Is(err, context.Canceled) {
		r.t.Fatal(err)
	}
	return records
}

// rows are payments, every tenth of them spoilt when bad is set.
func rows(n int, bad bool) [][]byte {
	g := payments.New(7)
	out := make([][]byte, n)
	for i := range out {
		out[i] = g.Next(nil)
		if bad && i%10 == 9 {
			out[i] = []byte(`{"amount":"much","outcome":"legit"}`)
		}
	}
	return out
}

// learnRows learns rows without Kafka, leaving out what cannot be used.
func learnRows(pieces *Pieces, data [][]byte) {
	event := pieces.Decoder.NewEvent()
	for i, row := range data {
		rec := &millrace.Record{Value: row, Offset: int64(i)}
		if pieces.Decoder.Decode(rec, event) == nil {
			_, _ = pieces.Stream.Event(event, rec) // what is refused leaves nothing behind
		}
	}
}

func learnedAll(n int) func(*Pipeline) bool {
	return func(s *Pipeline) bool {
		st := s.learning.learner.Status()
		return st.Learned+st.Rejected >= uint64(n)
	}
}

// TestRestartsChangeNothing: with one partition, the state after restarts at random moments is bit
// for bit that of an uninterrupted run, which is that of the same rows learned without Kafka.
func TestRestartsChangeNothing(t *testing.T) {
	const n = 6000
	data := rows(n, true)
	whole := newRig(t, 1)
	whole.produce(data)
	whole.run(false, learnedAll(n))
	want := whole.head()
	if want.Manifest.Learned != n*9/10 || want.Manifest.Rejected != n/10 {
		t.Fatalf("learned %d, rejected %d", want.Manifest.Learned, want.Manifest.Rejected)
	}

	restarted := newRig(t, 1)
	random := rand.New(rand.NewPCG(5, 6))
	for from := 0; from < n; {
		to := min(n, from+500+random.IntN(1500))
		restarted.produce(data[from:to])
		stopAt := from + random.IntN(to-from) // the rest is read after the restart
		restarted.run(false, learnedAll(stopAt))
		from = to
	}
	restarted.run(false, learnedAll(n))
	got := restarted.head()
	if !bytes.Equal(got.Serving, want.Serving) || !bytes.Equal(got.Training, want.Training) {
		t.Error("state after restarts differs from an uninterrupted run's")
	}

	offline, err := Build(whole.pipeline)
	if err != nil {
		t.Fatal(err)
	}
	learnRows(offline, data)
	buffer := offline.Layout.NewBuffer()
	offline.Layout.Copy(buffer)
	if !bytes.Equal(buffer.Serving(), want.Serving) || !bytes.Equal(buffer.Training(), want.Training) {
		t.Error("learning the same rows without Kafka gives another state")
	}
}

// TestFourPartitionsCountOnce: each event changes the weights exactly once over restarts, every bad
// one is in the dead letters, and the committed group offsets follow.
func TestFourPartitionsCountOnce(t *testing.T) {
	const n = 4000
	r := newRig(t, 4)
	data := rows(n, true)
	for from := 0; from < n; from += n / 4 {
		r.produce(data[from : from+n/4])
		r.run(false, learnedAll(from+n/8))
	}
	r.run(false, learnedAll(n))
	m := r.head().Manifest
	if m.Learned != n*9/10 || m.Rejected != n/10 {
		t.Errorf("learned %d, rejected %d; want %d and %d", m.Learned, m.Rejected, n*9/10, n/10)
	}
	var sum int64
	for _, p := range m.Positions {
		sum += p.Offset
	}
	if sum != n {
		t.Errorf("positions %v sum to %d, want %d", m.Positions, sum, n)
	}
	sources := map[string]bool{}
	for _, rec := range r.read(r.pipeline.Events.DeadLetters) {
		if got := headerOf(&rec, "millrace-reason"); got != "wrong_type" {
			t.Fatalf("dead letter with reason %q", got)
		}
		sources[headerOf(&rec, "millrace-source")] = true
	}
	if len(sources) != n/10 {
		t.Errorf("%d distinct dead letters, want %d", len(sources), n/10)
	}
	committed, err := r.servers.cluster.CommittedOffsets(t.Context(), learnerGroup(r.pipeline.Name), r.pipeline.Events.Topic)
	if err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(committed) != fmt.Sprint(m.Positions) {
		t.Errorf("group offsets %v, snapshot %v", committed, m.Positions)
	}
}

// scoreLine is a score as its readers decode it.
type scoreLine struct {
	ID            any
	Model         string
	Version       uint64
	Score         *float64
	Class         string
	Probabilities map[string]float64
	Time          int64
}

// TestScoresOfEveryEvent: learner and scorer side by side, with a restart in the middle; every good
// event has a score whose numbers hold together.
func TestScoresOfEveryEvent(t *testing.T) {
	const n = 3000
	r := newRig(t, 2)
	data := rows(n, true)
	r.produce(data[:n/2])
	scored := func(want int) func(*Pipeline) bool {
		return func(s *Pipeline) bool {
			return learnedAll(want)(s) && s.scoring.loop.Finished() >= uint64(n/2)
		}
	}
	r.run(true, scored(n/2))
	r.produce(data[n/2:])
	r.run(true, scored(n))

	sources := map[string]bool{}
	for _, rec := range r.read(r.pipeline.Scores.Topic) {
		var s scoreLine
		if err := json.Unmarshal(rec.Value, &s); err != nil {
			t.Fatalf("%s: %v", rec.Value, err)
		}
		p := s.Probabilities
		if s.Model != "loop" || s.Version < 2 || s.Score == nil || s.ID == nil || s.Time == 0 ||
			math.Abs(p["legit"]+p["fraud"]-1) > 1e-5 || *s.Score != p["fraud"] || s.Class == "fraud" != (p["fraud"] > p["legit"]) {
			t.Fatalf("score %s", rec.Value)
		}
		if rec.Key == nil || headerOf(&rec, "millrace-version") != fmt.Sprint(s.Version) {
			t.Fatalf("score with key %q and headers %v", rec.Key, rec.Headers)
		}
		sources[headerOf(&rec, "millrace-source")] = true
	}
	if want := n * 9 / 10; len(sources) != want {
		t.Errorf("%d events have scores, want %d", len(sources), want)
	}
}

// TestRollbackReloads: a person's flip makes the running learner reload and read on, and nothing is
// lost: in the end everything is learned.
func TestRollbackReloads(t *testing.T) {
	const n = 2000
	r := newRig(t, 1)
	data := rows(n, false)
	r.produce(data[:n/2])
	r.run(false, learnedAll(n/2))
	versions, err := r.servers.store.List(t.Context(), r.pipeline.Name)
	if err != nil {
		t.Fatal(err)
	}
	oldest := versions[len(versions)-1]
	var learners atomic.Int32
	r.onLearning = func(*learning) { learners.Add(1) }
	rolled := false
	r.run(false, func(*Pipeline) bool {
		if !rolled {
			rolled = true
			if _, err := r.servers.store.Rollback(t.Context(), r.pipeline.Name, versions[1].Seq, "tester"); err != nil {
				t.Error(err)
			}
			r.produce(data[n/2:])
		}
		h, err := r.servers.store.Head(t.Context(), r.pipeline.Name)
		return err == nil && h.Cause == "learned" && learners.Load() > 1
	})
	r.run(false, learnedAll(n))
	if m := r.head().Manifest; m.Learned != n || m.Seq <= oldest.Seq {
		t.Errorf("after the rollback: learned %d of %d, version %d", m.Learned, n, m.Seq)
	}
}

// TestOtherSettingsAreRefused with what differs, and --fresh goes on counting versions.
func TestOtherSettingsAreRefused(t *testing.T) {
	r := newRig(t, 1)
	r.produce(rows(500, false))
	r.run(false, learnedAll(500))
	before := r.head().Manifest

	r.pipeline.Model.Hidden = []int{16}
	e, err := openEnvironment(t.Context(), Options{Config: r.pipeline, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	_, err = openLearning(t.Context(), e, Options{})
	if !errors.Is(err, millrace.ErrIncompatible) || !strings.Contains(err.Error(), "--fresh") || !strings.Contains(err.Error(), "hidden") && !strings.Contains(err.Error(), "layers") {
		t.Fatalf("other layers: %v", err)
	}
	if _, err := openLearning(t.Context(), e, Options{Fresh: true}); err != nil {
		t.Fatal(err)
	}
	if after := r.head().Manifest; after.Seq <= before.Seq || after.Learned != 0 {
		t.Errorf("--fresh: version %d after %d, %d learned", after.Seq, before.Seq, after.Learned)
	}
	versions, err := e.store.List(t.Context(), r.pipeline.Name)
	if err != nil || len(versions) < 2 {
		t.Errorf("old versions are gone: %d left, %v", len(versions), err)
	}
}

func headerOf(rec *millrace.Record, key string) string {
	for _, h := range rec.Headers {
		if h.Key == key {
			return string(h.Value)
		}
	}
	return ""
}
