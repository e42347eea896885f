//go:build integration

package integration

import (
	"context"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	// kills is how often the learner is killed while events come.
	kills = 20
	// killAfter bounds the random moment of a kill: long enough for several snapshots, so that kills fall into all that
	// a learner does.
	killAfter = 700 * time.Millisecond
)

// badEvents are events that cannot be learned, each with the reason it must be rejected for.
func badEvents() []badEvent {
	return []badEvent{
		{"malformed_json", `{"date": 0.1,`},
		{"wrong_type", `{"date": "yesterday", "day": 1, "period": 0, "y": 0}`},
		{"not_an_object", `[1, 2, 3]`},
		{"bad_label", `{"date": 0.1, "day": 1, "period": 0, "y": [0]}`},
		{"unknown_class", `{"date": 0.1, "day": 1, "period": 0, "y": 7}`},
		{"not_finite", `{"date": 1e999, "day": 1, "period": 0, "y": 1}`},
		{"malformed_json", `{"date": NaN, "day": 1, "period": 0, "y": 1}`},
		{"empty", ""},
	}
}

type badEvent struct{ reason, value string }

// letters are the bad events that a test wrote: the reason of each by its source, topic/partition/offset.
type letters map[string]string

// writeBad writes bad events, each partition in turn, until ctx ends; the first round always goes out.
func (p *pipeline) writeBad(ctx context.Context, every time.Duration) <-chan letters {
	p.t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(p.spec.kafka), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		p.t.Fatal(err)
	}
	partitions := int32(p.spec.partitions)
	result := make(chan letters, 1)
	go func() {
		defer client.Close()
		written := letters{}
		defer func() { result <- written }()
		tick := time.NewTicker(every)
		defer tick.Stop()
		for i, bad := 0, badEvents(); i < len(bad) || ctx.Err() == nil; i++ {
			b := bad[i%len(bad)]
			r := &kgo.Record{Topic: p.spec.topic, Partition: int32(i) % partitions, Key: []byte("bad-" + strconv.Itoa(i))}
			if b.value != "" {
				r.Value = []byte(b.value)
			}
			// A context of its own: a record whose write is cut off may or may not be in the log.
			if err := client.ProduceSync(context.WithoutCancel(ctx), r).FirstErr(); err != nil {
				p.t.Errorf("writing a bad event: %v", err)
				return
			}
			written[sourceOf(r)] = b.reason
			select {
			case <-tick.C:
			case <-ctx.Done():
			}
		}
	}()
	return result
}

// checkLetters fails unless each bad event is in the dead-letter topic, for the right reason, and nothing else is.
func (p *pipeline) checkLetters(want letters) {
	p.t.Helper()
	found := letters{}
	for _, r := range p.read(p.dead()) {
		from := header(r, "millrace-source")
		if reason, ok := want[from]; !ok || header(r, "millrace-reason") != reason {
			p.t.Errorf("a dead letter of %s for %q (%s), want %q", from, header(r, "millrace-reason"), header(r, "millrace-detail"), reason)
		}
		found[from] = header(r, "millrace-reason")
	}
	for from, reason := range want {
		if found[from] == "" {
			p.t.Errorf("%s (%s) is not in the dead-letter topic", from, reason)
		}
	}
}

// seeded returns a source of random moments. MILLRACE_TEST_SEED repeats a run's.
func seeded(t *testing.T) *rand.Rand {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("MILLRACE_TEST_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("MILLRACE_TEST_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// killOften starts a learner and kills it, n times, at random moments: every other time counted from its start, so
// that restoring is hit too, and from the moment that it runs, so that all get somewhere. Between two lives it calls
// between.
func (p *pipeline) killOften(random *rand.Rand, n int, between ...func()) {
	p.t.Helper()
	for i := range n {
		for _, f := range between {
			f()
		}
		learner := p.start("learn")
		if i%2 == 0 {
			if err := learner.WaitOutput("msg=running", patience); err != nil {
				p.t.Fatal(err)
			}
		}
		moment := time.NewTimer(time.Duration(random.Int64N(int64(killAfter))))
		select {
		case <-moment.C:
		case <-learner.Exited():
			p.t.Fatalf("the learner ended by itself with code %d\n%s", learner.ExitCode(), learner.Stderr())
		}
		if err := learner.Kill(); err != nil {
			p.t.Fatal(err)
		}
		p.told = append(p.told, learner.Stderr())
	}
}

// Four partitions, some of the events bad, the learner killed 20 times while they come: each event counts once.
func TestKilledLearnerCountsEachEventOnce(t *testing.T) {
	p := newPipeline(t, pipelineSpec{name: "killed-four", learns: example(t, "elec"), partitions: 4,
		snapshots: "{every: 50ms, events: 500, keep: 20}"})
	random := seeded(t)
	producing := p.producing(elec(t), "--rate", "2500", "--loop")
	p.waitTopic()
	badly, stop := context.WithCancel(t.Context())
	defer stop()
	bad := p.writeBad(badly, 15*time.Millisecond)

	p.killOften(random, kills)
	before, ok := p.head()
	if !ok || before.Manifest.Learned == 0 {
		t.Errorf("the killed learners have learned nothing: %+v", before.Manifest)
	}
	rows := producing.stop()
	stop()
	rejected := <-bad
	p.learnAll()
	if m := p.checkExact(uint64(len(rejected))); m.Learned != rows {
		t.Errorf("learned %d of %d rows", m.Learned, rows)
	}
	p.checkLetters(rejected)
	t.Logf("%d rows and %d bad events, %d of them learned by learners that were killed, %d versions",
		rows, len(rejected), before.Manifest.Learned, before.Seq)
}

// One partition: the order of events is fixed, so that a learner killed 20 times ends with the very weights of one that
// was not, be it one network or a mixture that changes its experts as it goes.
func TestKilledLearnerLearnsTheSame(t *testing.T) {
	for _, model := range []string{"elec-mlp", "elec-auto"} {
		t.Run(model, func(t *testing.T) { killedLearnsTheSame(t, model) })
	}
}

func killedLearnsTheSame(t *testing.T, model string) {
	p := newPipeline(t, pipelineSpec{name: "killed-one-" + model, learns: example(t, model),
		snapshots: "{every: 50ms, events: 500, keep: 20}"})
	random := seeded(t)
	producing := p.producing(elec(t), "--rate", "2500", "--loop")
	p.waitTopic()
	badly, stop := context.WithCancel(t.Context())
	defer stop()
	bad := p.writeBad(badly, 15*time.Millisecond)

	p.killOften(random, kills)
	rows := producing.stop()
	stop()
	rejected := <-bad
	got := p.learnAll()
	p.checkExact(uint64(len(rejected)))
	p.checkLetters(rejected)
	checkSameLearning(t, "a learner never killed", p.elsewhere().learnAll("--fresh"), got)
	t.Logf("%d rows and %d bad events", rows, len(rejected))
}
