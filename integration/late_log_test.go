//go:build integration

package integration

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// late is what tests of labels that come later learn: windows of both kinds, and every name that an event can end
// under.
const late = `features:
  amount: {type: number, missing: mean}
  card: {type: category, encode: hash, bits: 8}
  shop: category
  n_10m: {type: window, key: card, over: 10m, stat: count}
  spent_1h: {type: window, key: card, of: amount, over: 1h, stat: [sum, max, std]}
  cards_5m: {type: window, key: shop, of: card, over: 5m, stat: distinct}
  idle: {type: window, key: card, over: 1h, stat: since}
  all_1m: {type: window, over: 1m, stat: count}
  amount_vs: {type: ratio, of: [amount, spent_1h.max]}
label: {topic: %[1]s.labels, id: of, path: outcome, time: known, classes: [legit, fraud], wait: 20m, early: 2m, missing: %[2]s}
model: {type: mlp, hidden: [16, 8], optimizer: {type: adam, rate: 0.001}}
`

// Spans of event time in the logs, as late has them.
const (
	lateWait  = 20 * time.Minute
	lateEarly = 2 * time.Minute
	// lateStep is the mean time between two events.
	lateStep = 500 * time.Millisecond
)

// lateRecord is a record of events or of labels.
type lateRecord struct {
	partition int32
	time      int64
	value     string
}

// lateLogs are a topic of events and one of labels in record time, as producers would have written them.
type lateLogs struct {
	events, labels []lateRecord
	bad, badLabels int // records that cannot be used
}

// newLateLogs draws n events and their labels, from begin on. Of the events some come twice, late, without id, with
// their label, or are bad; of the labels some come early, late, twice, never, without an event, or are bad.
func newLateLogs(random *rand.Rand, n, partitions int, begin time.Time) *lateLogs {
	l := &lateLogs{}
	now := begin.UnixMilli()
	for i := range n {
		now += 1 + int64(random.ExpFloat64()*float64(lateStep.Milliseconds()))
		l.draw(random, i, int32(random.IntN(partitions)), now)
	}
	slices.SortStableFunc(l.labels, func(a, b lateRecord) int { return cmp.Compare(a.time, b.time) })
	for i := range l.labels {
		l.labels[i].partition = int32(random.IntN(partitions))
	}
	return l
}

func (l *lateLogs) draw(random *rand.Rand, i int, partition int32, now int64) {
	chance := func(p float64) bool { return random.Float64() < p }
	at := now
	if chance(0.05) {
		at -= int64(random.IntN(60_000)) // told of late
	}
	card, shop, amount := random.IntN(50)*random.IntN(40), random.IntN(20), random.ExpFloat64()*80
	outcome := "legit"
	if chance(0.02 + amount/2000) {
		outcome = "fraud"
	}
	id := fmt.Sprintf(`"id":"e%d",`, i)
	if chance(0.01) {
		id = ""
	}
	own := ""
	if chance(0.03) {
		own = fmt.Sprintf(`,"outcome":%q`, outcome)
	}
	value := fmt.Sprintf(`{%s"time":%d,"amount":%.2f,"card":"c%d","shop":"s%d"%s}`, id, at, amount, card, shop, own)
	l.event(partition, now, value)
	switch random.IntN(100) {
	case 0:
		l.event(partition, now, value) // again
	case 1:
		l.event(partition, now, fmt.Sprintf(`{"id":"bad%d","amount":"much"}`, i))
		l.bad++
	}
	known := now + int64(random.ExpFloat64()*float64(5*time.Minute.Milliseconds()))
	switch {
	case chance(0.1):
		return // never known
	case chance(0.03):
		known = now - int64(random.IntN(90_000)) // before its event
	case chance(0.02):
		known = now + (lateWait + time.Duration(random.IntN(600))*time.Second).Milliseconds() // too late
	}
	label := fmt.Sprintf(`{"of":"e%d","outcome":%q,"known":%d}`, i, outcome, known)
	l.label(known, label)
	switch random.IntN(100) {
	case 0, 1:
		l.label(known+int64(random.IntN(1_000_000)), label) // again
	case 2:
		l.label(known, fmt.Sprintf(`{"of":"stranger%d","outcome":"legit"}`, i))
	case 3:
		l.label(known, []string{`{"outcome":"legit"}`, `no json`, fmt.Sprintf(`{"of":"e%d","outcome":"odd"}`, i)}[random.IntN(3)])
		l.badLabels++
	}
}

func (l *lateLogs) event(partition int32, at int64, value string) {
	l.events = append(l.events, lateRecord{partition, at, value})
}

func (l *lateLogs) label(at int64, value string) {
	l.labels = append(l.labels, lateRecord{0, at, value})
}

// last is when the newest record was written.
func (l *lateLogs) last() int64 {
	return max(l.events[len(l.events)-1].time, l.labels[len(l.labels)-1].time)
}

// close adds an event with its label to every partition, so long after all others that nothing waits any more behind
// it.
func (l *lateLogs) close(partitions int) {
	at := l.last() + (2 * (lateWait + lateEarly)).Milliseconds()
	for p := range partitions {
		l.event(int32(p), at, fmt.Sprintf(`{"id":"close%d","time":%d,"amount":1,"card":"c","shop":"s","outcome":"legit"}`, p, at))
	}
}

func (p *pipeline) labels() string { return p.spec.name + ".labels" }

// createTopics makes the topics of events and of labels, which keep records however old.
func (p *pipeline) createTopics() {
	p.t.Helper()
	forever := "-1"
	made, err := p.kafka.CreateTopics(p.t.Context(), int32(p.spec.partitions), 1, map[string]*string{"retention.ms": &forever},
		p.spec.topic, p.labels())
	if err != nil {
		p.t.Fatal(err)
	}
	for _, c := range made {
		if c.Err != nil {
			p.t.Fatalf("creating %s: %v", c.Topic, c.Err)
		}
	}
}

// writing is a client that writes to partitions that it is told.
func (p *pipeline) writing() *kgo.Client {
	p.t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(p.spec.kafka), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerLinger(5*time.Millisecond))
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(client.Close)
	return client
}

// fill writes records with their times. They are in the log when it returns.
func (p *pipeline) fill(client *kgo.Client, topic string, records []lateRecord) {
	p.t.Helper()
	if err := write(p.t.Context(), client, topic, records); err != nil {
		p.t.Fatal(err)
	}
}

func write(ctx context.Context, client *kgo.Client, topic string, records []lateRecord) error {
	batch := make([]*kgo.Record, 0, len(records))
	for _, r := range records {
		batch = append(batch, &kgo.Record{Topic: topic, Partition: r.partition, Timestamp: time.UnixMilli(r.time), Value: []byte(r.value)})
	}
	if err := client.ProduceSync(ctx, batch...).FirstErr(); err != nil {
		return fmt.Errorf("writing to %s: %w", topic, err)
	}
	return nil
}
