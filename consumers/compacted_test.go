package consumers

import (
	"strconv"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"millrace"
)

func TestCompacted(t *testing.T) {
	b := newFake(t)
	topic := b.topic(1, "cleanup.policy", "compact", "segment.ms", "1", "min.cleanable.dirty.ratio", "0.01",
		"min.compaction.lag.ms", "0", "max.compaction.lag.ms", "1")
	compactable(b, topic)
	b.fake.Compact()
	checkCompacted(b, topic)
}

// compactable writes ten batches with the same ten keys, so that compaction leaves holes.
func compactable(b *bench, topic string) {
	b.t.Helper()
	for i := range 10 {
		var records []*kgo.Record
		for k := range 10 {
			records = append(records, &kgo.Record{Topic: topic, Key: []byte(strconv.Itoa(k)), Value: []byte(strconv.Itoa(i*10 + k))})
		}
		// Two keys only here and there, so that some batches keep something and others nothing.
		records[0].Key = []byte("only" + strconv.Itoa(i/3))
		b.write(records)
	}
}

// checkCompacted reads a compacted topic from every offset and compares it with franz-go.
func checkCompacted(b *bench, topic string) {
	b.t.Helper()
	bounds, err := b.cluster.Bounds(b.ctx, topic)
	if err != nil {
		b.t.Fatal(err)
	}
	from, end := bounds[0][0], bounds[0][1]
	client := b.client(kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: kgo.NewOffset().AtStart()}}))
	var want []*kgo.Record
	for len(want) == 0 || want[len(want)-1].Offset < end-1 {
		fetches := client.PollFetches(b.ctx)
		if err := fetches.Err(); err != nil {
			b.t.Fatal(err)
		}
		want = append(want, fetches.Records()...)
	}
	if len(want) >= 100 {
		b.t.Fatalf("%d records left of 100: nothing was compacted", len(want))
	}
	for ; from < end; from += 7 {
		rest := want
		for len(rest) > 0 && rest[0].Offset < from {
			rest = rest[1:]
		}
		p := []millrace.Position{{Topic: topic, Offset: from}}
		got := read(b.ctx, b.t, b.source(SourceOptions{Topic: topic, Positions: p}), len(rest))[0]
		for i, r := range got {
			if r.Offset != rest[i].Offset || string(r.Value) != string(rest[i].Value) || string(r.Key) != string(rest[i].Key) {
				b.t.Fatalf("from %d: record %d is %q at %d, want %q at %d", from, i, r.Value, r.Offset, rest[i].Value, rest[i].Offset)
			}
		}
	}
}

func TestCompactedKafka(t *testing.T) {
	b := newReal(t)
	topic := b.topic(1, "cleanup.policy", "compact", "segment.ms", "100", "segment.bytes", "1048576", "min.cleanable.dirty.ratio", "0.01",
		"min.compaction.lag.ms", "0", "max.compaction.lag.ms", "200", "delete.retention.ms", "100")
	compactable(b, topic)
	// The active segment is never compacted: keep rolling it until the cleaner has been there.
	for i := 0; ; i++ {
		b.write([]*kgo.Record{{Topic: topic, Key: []byte("last"), Value: []byte(strconv.Itoa(i))}})
		count, err := countRecords(b, topic)
		if err != nil {
			t.Fatal(err)
		}
		if count < 60 {
			break
		}
		time.Sleep(200 * time.Millisecond)
	}
	// The cleaner may be at work still, and what is compared must not change meanwhile.
	for last, same := -1, 0; same < 5; {
		count, err := countRecords(b, topic)
		if err != nil {
			t.Fatal(err)
		}
		if same++; count != last {
			last, same = count, 0
		}
		time.Sleep(300 * time.Millisecond)
	}
	checkCompacted(b, topic)
}

// countRecords asks franz-go how many records a topic's partition 0 still has.
func countRecords(b *bench, topic string) (int, error) {
	bounds, err := b.cluster.Bounds(b.ctx, topic)
	if err != nil {
		return 0, err
	}
	client := b.client(kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: kgo.NewOffset().AtStart()}}))
	defer client.Close()
	for n := 0; ; {
		fetches := client.PollFetches(b.ctx)
		if err := fetches.Err(); err != nil {
			return 0, err
		}
		for _, r := range fetches.Records() {
			n++
			if r.Offset == bounds[0][1]-1 {
				return n, nil
			}
		}
	}
}
