package pipeline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"millrace"
	"millrace/config"
	"millrace/keyed"
	"millrace/learner"
	"millrace/scorer/wire"
)

// Windows at scorers, on the embedded broker and store, compared with what all of the log says.

const windowsConfig = `
name: loop
events: {topic: loop.events, id: id, time: time, partitions: PARTITIONS}
features:
  card: {type: category, encode: hash, bits: 8}
  amount: {type: number, missing: mean}
  n: {type: window, key: card, over: 2s, stat: count}
  spent: {type: window, key: card, of: amount, over: 5s, stat: [sum, max, since]}
  all: {type: window, over: 1s, stat: [count, std], of: amount}
  share: {type: ratio, of: [amount, spent.sum]}
label: {path: outcome, classes: [legit, fraud]}
model: {type: mlp, hidden: [8], optimizer: adam}
snapshots: {every: 50ms, keep: 5}
scores: {topic: loop.scores, start: earliest}
kafka: {retry: 1s}
admin: 127.0.0.1:0
`

// windowsRig has a served version that has learned what windows tell, and no learner.
func windowsRig(t *testing.T, partitions int) *rig {
	t.Helper()
	r := newRig(t, partitions)
	p, err := config.Parse("loop.yaml", []byte(strings.ReplaceAll(windowsConfig, "PARTITIONS", fmt.Sprint(partitions))), os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	p.Kafka, p.Redis = r.pipeline.Kafka, r.pipeline.Redis
	r.pipeline = p
	pieces, err := Build(p)
	if err != nil {
		t.Fatal(err)
	}
	r.replay(pieces, r.swipes(3000, partitions, 9), pieces.Trainer.Apply)
	s := pieces.Snapshot(Manifest(p, ""))
	if _, err := Publish(t.Context(), r.servers.store.Store, p, &s, millrace.CauseImported, false); err != nil {
		t.Fatal(err)
	}
	return r
}

// swipes are records of cards, whose event times trail their records' by up to 3 s; 10 ms apart, the last now. Some are
// no events.
func (r *rig) swipes(n, partitions int, seed uint64) []millrace.Record {
	random := rand.New(rand.NewPCG(seed, 1))
	begin := time.Now().UnixMilli() - int64(n)*10
	out := make([]millrace.Record, n)
	for i := range out {
		card, at := random.IntN(12), begin+int64(i)*10
		out[i] = millrace.Record{Topic: r.pipeline.Events.Topic, Partition: int32(card % partitions), Time: at,
			Value: fmt.Appendf(nil, `{"id":"%d/%d","time":%d,"card":"c%d","amount":%.2f,"outcome":%q}`, seed, i,
				at-int64(random.IntN(3000)*random.IntN(2)), card, random.ExpFloat64()*30, [2]string{"legit", "fraud"}[random.IntN(2)])}
		if random.IntN(30) == 0 {
			out[i].Value = []byte(`{"amount":"much"}`)
		}
	}
	return out
}

// replay has windows see records as the learner does, and then is told of each event before it is observed.
func (r *rig) replay(pieces *Pieces, records []millrace.Record, then func(e *millrace.Event) error) {
	r.t.Helper()
	spec := r.pipeline.FeatureSpec()
	w, err := keyed.New(spec.Columns, spec.Seed)
	if err != nil {
		r.t.Fatal(err)
	}
	stream := learner.NewStream(learner.StreamOptions{Windows: &told{w, then}, Clock: keyed.NewClock(), Trainer: pieces.Trainer})
	e := pieces.Decoder.NewEvent()
	for i := range records {
		if pieces.Decoder.Decode(&records[i], e) == nil {
			_, _ = stream.Event(e, &records[i])
		}
	}
}

// told are windows that tell what they have filled in.
type told struct {
	*keyed.Windows
	then func(e *millrace.Event) error
}

func (w *told) Fill(e *millrace.Event, watermark int64) {
	w.Windows.Fill(e, watermark)
	_ = w.then(e) // the stream refuses the same
}

// send appends records to the events topic, each with its own time.
func (r *rig) send(records []millrace.Record) {
	r.t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(r.servers.kafka.Addr()), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		r.t.Fatal(err)
	}
	defer client.Close()
	for i := range records {
		rec := &records[i]
		client.Produce(r.t.Context(), &kgo.Record{Topic: rec.Topic, Partition: rec.Partition, Timestamp: time.UnixMilli(rec.Time), Value: rec.Value}, nil)
	}
	if err := client.Flush(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
}

// score runs a scorer until done says so.
func (r *rig) score(done func(s *Pipeline) bool) {
	r.t.Helper()
	s, stop := r.startScorer()
	waitFor(r.t, func() bool { return done(s) })
	stop()
}

// startScorer runs a scorer, until stop.
func (r *rig) startScorer() (s *Pipeline, stop func()) {
	r.t.Helper()
	s, err := open(r.t.Context(), Options{Config: r.pipeline, Score: true, Log: r.log}, nil)
	if err != nil {
		r.t.Fatal(err)
	}
	ctx, end := context.WithCancel(r.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	return s, func() {
		end()
		if err := <-ended; err != nil {
			r.t.Error(err)
		}
		s.Close()
	}
}

// committed is how many records the scorers are done with, of all partitions.
func (r *rig) committed() (n int64) {
	r.t.Helper()
	positions, err := r.servers.cluster.CommittedOffsets(r.t.Context(), scorerGroup(r.pipeline.Name), r.pipeline.Events.Topic)
	if err != nil {
		r.t.Fatal(err)
	}
	for _, at := range positions {
		n += at.Offset
	}
	return n
}

// commit puts the scorers' position of partition 0 somewhere else, while none runs.
func (r *rig) commit(offset int64) {
	r.t.Helper()
	if err := r.servers.cluster.CommitOffsets(r.t.Context(), scorerGroup(r.pipeline.Name),
		[]millrace.Position{{Topic: r.pipeline.Events.Topic, Offset: offset}}); err != nil {
		r.t.Fatal(err)
	}
}

// sent is how many events the topic's partition 0 holds.
func (r *rig) sent() int64 {
	r.t.Helper()
	bounds, err := r.servers.cluster.Bounds(r.t.Context(), r.pipeline.Events.Topic)
	if err != nil {
		r.t.Fatal(err)
	}
	return bounds[0][1]
}

// scores are the scores topic's values by the id of their event.
func (r *rig) scores() map[string][]string {
	out := map[string][]string{}
	for _, rec := range r.read(r.pipeline.Scores.Topic) {
		id, _, _ := strings.Cut(strings.TrimPrefix(string(rec.Value), `{"id":"`), `"`)
		out[id] = append(out[id], string(rec.Value))
	}
	return out
}

// TestScorersWindowsAreTheLearners: with one partition every score is, to the last digit, what the learner's path gives
// when it has seen all of the log, over restarts and however late scoring is.
func TestScorersWindowsAreTheLearners(t *testing.T) {
	r := windowsRig(t, 1)
	head, err := r.servers.store.Served(t.Context(), "loop")
	if err != nil {
		t.Fatal(err)
	}
	all := r.swipes(4000, 1, 5)
	r.createEvents()
	for _, to := range []int{1300, 1800, 2500, 4000} {
		r.send(all[:to][r.sent():])
		r.score(func(*Pipeline) bool { return r.committed() == int64(to) })
		// As if it had been killed before it committed: what it scored since comes again.
		r.commit(int64(to - 250))
	}
	r.score(func(*Pipeline) bool { return r.committed() == 4000 })

	snap, err := r.servers.store.Load(t.Context(), "loop", head, true)
	if err != nil {
		t.Fatal(err)
	}
	_, pieces, err := Revive(&snap)
	if err != nil {
		t.Fatal(err)
	}
	want := r.expected(pieces, head.Seq, all)
	got := r.scores()
	if len(got) != len(want) {
		t.Errorf("%d events have scores, want %d", len(got), len(want))
	}
	wrong := 0
	for id, lines := range got {
		for _, line := range lines { // a restart may score one again
			if line != want[id] {
				if wrong++; wrong < 5 {
					t.Errorf("%s\n  want %s", line, want[id])
				}
			}
		}
	}
	if wrong > 0 {
		t.Errorf("%d scores differ", wrong)
	}
}

// expected are the scores of a version for all events of a log, by id.
func (r *rig) expected(pieces *Pieces, version uint64, all []millrace.Record) map[string]string {
	r.t.Helper()
	fresh, err := Build(r.pipeline) // what learns while the log is replayed is not what predicts
	if err != nil {
		r.t.Fatal(err)
	}
	p := r.pipeline
	encoder := wire.NewEncoder(p.Name, p.Label.Classes, p.Scores.Include)
	out := map[string]string{}
	r.replay(fresh, all, func(e *millrace.Event) error {
		prediction, err := pieces.Trainer.Predict(e)
		if err != nil {
			return err
		}
		s := millrace.Score{ID: e.ID, Model: p.Name, Version: version, Time: e.Time, Score: prediction[1],
			Probabilities: []float32{float32(prediction[0]), float32(prediction[1])}}
		s.Class = p.Label.Classes[0]
		if prediction[1] > prediction[0] {
			s.Class = p.Label.Classes[1]
		}
		out[string(e.ID)] = string(encoder.Append(nil, &s))
		return nil
	})
	return out
}

func (r *rig) createEvents() {
	r.t.Helper()
	if err := ensureTopics(r.t.Context(), r.servers, r.pipeline.Events.Topic); err != nil {
		r.t.Fatal(err)
	}
}

// TestReadyOnceTheWindowsAre: /readyz is 503 while the tables are filled.
func TestReadyOnceTheWindowsAre(t *testing.T) {
	r := windowsRig(t, 1)
	r.createEvents()
	r.send(r.swipes(500, 1, 5))
	s, stop := r.startScorer()
	defer stop()
	waitFor(t, func() bool { code, _ := get(t, s, "/readyz"); return code == http.StatusOK })
	if !s.scoring.windows.follower.Warm() {
		t.Error("it is ready before its tables are")
	}
	for _, name := range []string{"millrace_scorer_windows_ready", `millrace_lag_records{partition="0",pipeline="loop",stage="windows"`} {
		// The lag is known with the first records; the tables may be whole before, when nothing is to be read.
		waitFor(t, func() bool { _, metrics := get(t, s, "/metrics"); return strings.Contains(metrics, name) })
	}
}

// TestRebalanceWithWindows: when the other owner of a topic ends, its partition is scored on within two seconds, with
// the windows of all of its log, and without reading the log again.
func TestRebalanceWithWindows(t *testing.T) {
	r := windowsRig(t, 2)
	r.createEvents()
	all := r.swipes(2400, 2, 5)
	r.send(all[:800])
	one, stopOne := r.startScorer()
	defer func() { stopOne() }()
	two, stopTwo := r.startScorer()
	waitFor(t, func() bool {
		return len(one.scoring.source.Assigned()) == 1 && len(two.scoring.source.Assigned()) == 1 && r.committed() >= 800
	})
	r.send(all[800:1600])
	waitFor(t, func() bool { return r.committed() >= 1600 })
	stopTwo()
	began := time.Now()
	r.send(all[1600:])
	waitFor(t, func() bool { return one.scoring.loop.Finished() >= 800 && r.lagOf(one) == 0 })
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("both partitions are scored %s after the other owner ended", took)
	}
	if _, metrics := get(t, one, "/metrics"); !strings.Contains(metrics, "millrace_scorer_windows_fillings_total{pipeline=\"loop\"} 1\n") {
		t.Error("the tables were filled more than once")
	}
	waitFor(t, func() bool { return r.committed() == 2400 })
	got := r.scores()
	for i := range all {
		id := fmt.Sprintf("5/%d", i)
		if strings.Contains(string(all[i].Value), id) && len(got[id]) == 0 {
			t.Fatalf("event %s has no score", id)
		}
	}
}

// lagOf is how many events of its partitions a scorer has not read; -1 while it does not have both.
func (r *rig) lagOf(s *Pipeline) (n int64) {
	lag := s.scoring.source.Lag()
	if len(lag) < 2 {
		return -1
	}
	for _, behind := range lag {
		n += behind
	}
	return n
}

// TestRequestsSeeTheLiveWindows: an event over HTTP is scored with the windows of the topic as they are, and leaves no
// trace in them.
func TestRequestsSeeTheLiveWindows(t *testing.T) {
	r := windowsRig(t, 1)
	r.pipeline.Scores.HTTP = "127.0.0.1:0"
	r.createEvents()
	s, stop := r.startScorer()
	defer stop()
	waitFor(t, func() bool { return s.Status().NotReady == "" })
	ask := func() string {
		answer, err := http.Post("http://"+s.Status().Addresses.Score+"/v1/score", "application/json", strings.NewReader(`{"card":"c1","amount":5}`))
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		var score scoreLine
		if err := json.NewDecoder(answer.Body).Decode(&score); err != nil || score.Score == nil {
			t.Fatalf("%s: %v", answer.Status, err)
		}
		return fmt.Sprint(*score.Score)
	}
	first := ask()
	if again := ask(); again != first {
		t.Errorf("the same event has scores %s and %s, though the topic is empty", first, again)
	}
	var burst []millrace.Record
	for i := range 200 {
		burst = append(burst, millrace.Record{Topic: r.pipeline.Events.Topic, Time: time.Now().UnixMilli(),
			Value: fmt.Appendf(nil, `{"id":"b/%d","card":"c1","amount":40}`, i)})
	}
	r.send(burst)
	waitFor(t, func() bool { return s.scoring.loop.Finished() >= 200 })
	if now := ask(); now == first {
		t.Errorf("the score is %s before and after a burst of the card", first)
	}
}

// TestWindowsMustAgree: a version whose windows are others is refused, whatever its weights. One without any has no
// follower, and so no second reader of the topic.
func TestWindowsMustAgree(t *testing.T) {
	r := windowsRig(t, 1)
	text := strings.ReplaceAll(strings.ReplaceAll(windowsConfig, "PARTITIONS", "1"), "over: 5s", "over: 6s")
	other, err := config.Parse("loop.yaml", []byte(text), os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	served := r.head().Manifest
	if _, err := replicaOf(other, &served); !errors.Is(err, millrace.ErrIncompatible) {
		t.Errorf("a version with windows of 5 s where the file says 6 s: %v", err)
	}
	if _, err := replicaOf(r.pipeline, &served); err != nil {
		t.Errorf("its own windows: %v", err)
	}
	plain := newRig(t, 1)
	plain.produce(rows(50, false))
	s, stop := plain.startScorer()
	defer stop()
	if s.scoring.windows != nil {
		t.Error("a pipeline without windows has a follower")
	}
}

// TestComparesWithTheLearnerBeside: where both run in one process windows of learner and scorer are compared, and with
// one partition they are equal to the last bit.
func TestComparesWithTheLearnerBeside(t *testing.T) {
	r := windowsRig(t, 1)
	r.createEvents()
	r.send(r.swipes(3000, 1, 5))
	r.run(true, func(s *Pipeline) bool { return s.scoring.loop.Finished() >= 3000 && r.differences(t, s) >= 40 })
}

// differences is how many events were compared. All of them must be equal.
func (r *rig) differences(t *testing.T, s *Pipeline) float64 {
	t.Helper()
	_, metrics := get(t, s, "/metrics")
	sample := func(name string) float64 {
		for line := range strings.SplitSeq(metrics, "\n") {
			if rest, ok := strings.CutPrefix(line, "millrace_scorer_window_difference"+name); ok {
				n, err := strconv.ParseFloat(rest[strings.LastIndex(rest, " ")+1:], 64)
				if err != nil {
					t.Fatal(err)
				}
				return n
			}
		}
		t.Fatalf("no sample %s in:\n%s", name, metrics)
		return 0
	}
	if sum := sample("_sum"); sum != 0 {
		t.Fatalf("windows differ by %v in all", sum)
	}
	return sample("_count")
}
