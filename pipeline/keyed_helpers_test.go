package pipeline

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"millrace"
	"millrace/config"
	"millrace/consumers"
)

const keyedConfig = `
name: loop
events: {topic: loop.events, id: id, time: time, partitions: PARTITIONS, unknown_topic: create}
features:
  amount: {type: number, missing: indicator}
  card: {type: category, cap: 64}
  n_20s: {type: window, key: card, over: 20s, stat: count}
  spent_20s: {type: window, key: card, of: amount, over: 20s, stat: [sum, max]}
label: {path: outcome, classes: [legit, fraud], topic: loop.labels, wait: 30s, early: 10s, missing: MISSING}
model: {type: mlp, hidden: [8], optimizer: adam, batch: 3}
snapshots: {every: 50ms, events: 500, keep: 5, unpublished_max: 600}
scores: {topic: loop.scores, start: earliest}
admin: 127.0.0.1:0
`

// newKeyedRig is a rig whose pipeline has windows, and labels that come later.
func newKeyedRig(t *testing.T, partitions int, missing string) *rig {
	t.Helper()
	r := newRig(t, partitions)
	text := strings.NewReplacer("PARTITIONS", fmt.Sprint(partitions), "MISSING", missing).Replace(keyedConfig)
	p, err := config.Parse("loop.yaml", []byte(text), os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	p.Kafka, p.Redis = r.pipeline.Kafka, r.pipeline.Redis
	r.pipeline = p
	return r
}

// stamped is a record to be written with its own time.
type stamped struct {
	topic     string
	partition int32
	at        int64
	value     string
}

// story is a stream of events, a tenth of a second apart from start on, and their labels: most of them late, some
// early, some twice, some never, some that cannot be used, some of nothing.
func story(start time.Time, n, partitions int) []stamped {
	g := rand.New(rand.NewPCG(1, 2))
	all := eventsOf(g, start, 0, n, partitions)
	slices.SortStableFunc(all, func(a, b stamped) int { return int(a.at - b.at) })
	return all
}

// eventsOf are the events of a story from one number to another, with their labels, out of order.
func eventsOf(g *rand.Rand, start time.Time, from, to, partitions int) (all []stamped) {
	for i := from; i < to; i++ {
		at := start.UnixMilli() + int64(i)*100
		fraud := g.IntN(5) == 0
		amount := 10 + 5*g.NormFloat64()
		if fraud {
			amount += 20
		}
		outcome := ""
		if g.IntN(20) == 0 {
			outcome = `,"outcome":"legit"`
		}
		value := fmt.Sprintf(`{"id":"e%d","time":%d,"amount":%g,"card":"c%d"%s}`, i, at-int64(g.IntN(3000)), amount, g.IntN(40), outcome)
		switch g.IntN(100) {
		case 0:
			value = `{"amount": "much"}`
		case 1:
			value = strings.Replace(value, fmt.Sprintf(`"e%d"`, i), fmt.Sprintf(`"e%d"`, max(0, i-7)), 1)
		}
		all = append(all, stamped{"loop.events", int32(i % partitions), at, value})
		all = append(all, labelsOf(g, i, at, fraud, partitions)...)
	}
	return all
}

func labelsOf(g *rand.Rand, i int, at int64, fraud bool, partitions int) []stamped {
	class := "legit"
	if fraud {
		class = "fraud"
	}
	label := stamped{"loop.labels", int32(g.IntN(partitions)), at + int64(g.IntN(35_000)), fmt.Sprintf(`{"id":"e%d","outcome":%q}`, i, class)}
	switch g.IntN(20) {
	case 0:
		return nil
	case 1:
		label.at = max(at-int64(g.IntN(12_000)), 0)
	case 2:
		label.value = fmt.Sprintf(`{"id":"e%d","outcome":"who knows"}`, i)
	case 3:
		label.value = fmt.Sprintf(`{"id":"other%d","outcome":"legit"}`, i)
	case 4:
		again := label
		again.at += 1000
		return []stamped{label, again}
	}
	return []stamped{label}
}

// write writes records as they are.
func (r *rig) write(all []stamped) {
	r.t.Helper()
	r.writeReplayed(all, nil)
}

// writeReplayed writes records of which some, by their index, say where they stood before.
func (r *rig) writeReplayed(all []stamped, from map[int]string) {
	r.t.Helper()
	topics := map[string]bool{"loop.events": true, "loop.labels": true}
	for _, s := range all {
		topics[s.topic] = true
	}
	for topic := range topics {
		if err := r.servers.cluster.EnsureTopic(r.t.Context(), consumers.TopicSpec{Name: topic, Partitions: r.pipeline.Events.Partitions}); err != nil {
			r.t.Fatal(err)
		}
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(r.servers.kafka.Addr()), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		r.t.Fatal(err)
	}
	defer client.Close()
	records := make([]*kgo.Record, len(all))
	for i, s := range all {
		records[i] = &kgo.Record{Topic: s.topic, Partition: s.partition, Timestamp: time.UnixMilli(s.at), Value: []byte(s.value)}
		if from[i] != "" {
			records[i].Headers = []kgo.RecordHeader{{Key: millrace.HeaderReplayedSource, Value: []byte(from[i])}}
		}
	}
	if err := client.ProduceSync(r.t.Context(), records...).FirstErr(); err != nil {
		r.t.Fatal(err)
	}
}

// applied is what the head has behind it, 0 when there is none.
func (r *rig) applied() uint64 {
	head, err := r.servers.store.Head(r.t.Context(), "loop")
	if err != nil {
		return 0
	}
	v, err := r.servers.store.Load(r.t.Context(), "loop", head, false)
	if err != nil {
		return 0
	}
	return v.Manifest.Applied
}

// appliedAll is done when the head has all of both topics behind it.
func (r *rig) appliedAll(*Pipeline) bool {
	head, err := r.servers.store.Head(r.t.Context(), "loop")
	if err != nil {
		return false
	}
	v, err := r.servers.store.Load(r.t.Context(), "loop", head, false)
	return err == nil && r.atEnd(&v.Manifest)
}

func (r *rig) atEnd(m *millrace.Manifest) bool {
	for _, topic := range readTopics(r.pipeline) {
		bounds, err := r.servers.cluster.Bounds(r.t.Context(), topic)
		if err != nil {
			r.t.Fatal(err)
		}
		id, err := r.servers.cluster.TopicID(r.t.Context(), topic)
		if err != nil {
			r.t.Fatal(err)
		}
		read := map[int32]int64{}
		for _, p := range ofTopic(topic, m.Positions) {
			if p.TopicID == id { // it may have been made anew
				read[p.Partition] = p.Offset
			}
		}
		for partition, log := range bounds {
			if read[partition] < log[1] {
				return false
			}
		}
	}
	return true
}

// crash learns until so much was applied, and then ends as a crash does: without a last snapshot.
func (r *rig) crash(applied uint64) {
	r.t.Helper()
	ctx, stop := context.WithTimeout(r.t.Context(), 2*time.Minute)
	defer stop()
	s, err := open(ctx, Options{Config: r.pipeline, Learn: true, ShutdownTimeout: time.Nanosecond, Log: r.log}, r.challengers)
	if err != nil {
		r.t.Fatal(err)
	}
	defer s.Close()
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	for r.applied() < applied {
		select {
		case err := <-ended:
			r.t.Fatalf("ended early: %v", err)
		case <-time.After(time.Millisecond):
		}
	}
	stop()
	if err := <-ended; err != nil && !strings.Contains(err.Error(), "no time left") && !strings.Contains(err.Error(), "given up") {
		r.t.Fatal(err)
	}
}
