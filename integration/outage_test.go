//go:build integration

package integration

import (
	"context"
	"fmt"
	"syscall"
	"testing"
	"time"

	"millrace/integration/harness"
)

// outage is one way in which a server goes away and comes back.
type outage struct {
	name  string
	begin func() error
	end   func(context.Context) error
}

// redisOutages are the two ways to be away: refusing connections, and taking them without a word.
func redisOutages(r *harness.Redis) []outage {
	return []outage{
		{"killed", r.Kill, r.Restart},
		{"frozen", func() error { return r.Signal(syscall.SIGSTOP) },
			func(context.Context) error { return r.Signal(syscall.SIGCONT) }},
	}
}

// While Redis is away the learner learns on and the scorer scores on with the version it has; when Redis is back,
// snapshots go on, and nothing was lost.
func TestRedisAway(t *testing.T) {
	redis := harness.NewRedis(t, harness.RedisOptions{Own: true})
	p := newPipeline(t, pipelineSpec{name: "redis-away", learns: example(t, "elec"), partitions: 2, redis: redis.URL()})
	s := p.running("run")
	producing := p.producing(elec(t), "--rate", "1500", "--loop")
	badly, stop := context.WithCancel(t.Context())
	defer stop()
	bad := p.writeBad(badly, 50*time.Millisecond)
	p.waitSnapshot(s, 1000)

	for _, o := range redisOutages(redis) {
		if err := o.begin(); err != nil {
			t.Fatal(err)
		}
		// Two seconds' events learned and scored since the beginning of the outage can have been neither before.
		learned, scored := s.metric("millrace_learned_events_total"), s.metric("millrace_scored_events_total")
		scores := p.size(p.scores())
		s.waitMetric(learned+3000, "millrace_learned_events_total")
		s.waitMetric(scored+3000, "millrace_scored_events_total")
		if now := p.size(p.scores()); now < scores+2000 {
			t.Errorf("Redis %s: %d scores were written meanwhile, want thousands", o.name, now-scores)
		}
		if err := o.end(t.Context()); err != nil {
			t.Fatal(err)
		}
		p.waitSnapshot(s, uint64(learned)+3000)
	}

	rows := producing.stop()
	stop()
	rejected := <-bad
	p.waitApplied(s)
	p.waitScored(s)
	s.terminate()
	if m := p.checkExact(uint64(len(rejected))); m.Learned != rows {
		t.Errorf("learned %d of %d rows", m.Learned, rows)
	}
	p.checkLetters(rejected)
	p.checkScores(rejected.unscored())
}

// unscored are the bad events that cannot be scored either: those whose label alone is at fault can.
func (l letters) unscored() map[string]bool {
	unscored := map[string]bool{}
	for from, reason := range l {
		if reason != "missing_label" && reason != "unknown_class" && reason != "bad_label" {
			unscored[from] = true
		}
	}
	return unscored
}

// waitSnapshot waits until the head holds at least n events, which is also that Redis takes snapshots.
func (p *pipeline) waitSnapshot(s *stage, n uint64) {
	p.t.Helper()
	waitFor(p.t, fmt.Sprintf("a snapshot with %d events", n), func() (bool, string) {
		s.alive()
		v, ok := p.head()
		return ok && v.Manifest.Learned >= n, fmt.Sprintf("the head holds %d", v.Manifest.Learned)
	})
}

// When Kafka is restarted, in order or not, producer, learner and scorer go on by themselves.
func TestKafkaRestarts(t *testing.T) {
	t.Parallel() // it waits for most of its time
	kafka := harness.NewKafka(t, harness.KafkaOptions{Own: true})
	p := newPipeline(t, pipelineSpec{name: "kafka-away", learns: example(t, "elec"), partitions: 2, kafka: kafka.Addr()})
	s := p.running("run")
	producing := p.producing(elec(t), "--rate", "1500", "--loop")
	p.waitSnapshot(s, 1000)
	for _, end := range []func() error{kafka.Kill, kafka.Stop} {
		if err := end(); err != nil {
			t.Fatal(err)
		}
		s.alive()
		if err := kafka.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		learned, scored := s.metric("millrace_learned_events_total"), s.metric("millrace_scored_events_total")
		s.waitMetric(learned+1500, "millrace_learned_events_total")
		s.waitMetric(scored+1500, "millrace_scored_events_total")
	}
	rows := producing.stop()
	p.waitApplied(s)
	p.waitScored(s)
	s.terminate()
	// The producer writes again what it has no answer for, so the log may hold some rows twice; it never loses one.
	m := p.checkExact(0)
	if m.Learned < rows {
		t.Errorf("learned %d of at least %d rows", m.Learned, rows)
	}
	p.checkScores(nil)
	t.Logf("%d rows produced, %d in the log", rows, m.Learned)
}
