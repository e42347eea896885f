package consumers

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"millrace"
)

// filled writes 100 KiB records to each partition until they exceed every limit by far, compressed or not.
func filled(b *bench, partitions int32, records int, opts ...kgo.Opt) string {
	b.t.Helper()
	topic := b.topic(int(partitions))
	for p := range partitions {
		var all []*kgo.Record
		for range records {
			all = append(all, &kgo.Record{Topic: topic, Partition: p, Value: make([]byte, 100<<10)})
		}
		b.write(all, opts...)
	}
	return topic
}

// TestALackingPartitionIsServed: the others have used up the budget and nobody takes or releases what they hold.
func TestALackingPartitionIsServed(t *testing.T) {
	for name, opts := range map[string][]kgo.Opt{
		"plain":      {kgo.ProducerBatchCompression(kgo.NoCompression())},
		"compressed": {kgo.ProducerBatchCompression(kgo.GzipCompression()), kgo.ProducerBatchMaxBytes(1 << 20)},
	} {
		t.Run(name, func(t *testing.T) {
			b := newFake(t)
			topic := filled(b, 3, 40, opts...)
			const limit = 1 << 20
			s := b.source(SourceOptions{Topic: topic, Limits: Limits{PrefetchBytes: limit, PrefetchBatches: 100}})
			b.until("the budget is used up", func() bool { return s.in.budget.full() })
			held := make(map[int32][]*millrace.Batch)
			// Each is asked for alone, and all that the others hold stays where it is.
			for _, p := range []int32{2, 0, 1, 1, 2, 0} {
				batch, err := s.NextOf(b.ctx, func(of int32) bool { return of == p })
				if err != nil || batch.Partition != p {
					t.Fatalf("asked for %d: %+v, %v", p, batch, err)
				}
				held[p] = append(held[p], batch)
			}
			for p, batches := range held {
				if batches[0].From != 0 || batches[1].From != batches[0].To {
					t.Errorf("partition %d: %d to %d, then %d", p, batches[0].From, batches[0].To, batches[1].From)
				}
				for _, batch := range batches {
					batch.Release()
				}
			}
		})
	}
}

func TestStandings(t *testing.T) {
	both(t, func(t *testing.T, b *bench) {
		topic := b.topic(2)
		b.write(numbered(topic, 0, 0, 10))
		s := b.source(SourceOptions{Topic: topic, Limits: Limits{MaxWait: 20 * time.Millisecond}})
		at := func(p int) millrace.Standing {
			all, ok := s.Standings()
			if !ok {
				return millrace.Standing{}
			}
			if len(all) != 2 || all[p].Partition != int32(p) {
				t.Fatalf("standings: %+v", all)
			}
			return all[p]
		}
		b.until("both are read to their ends", func() bool {
			return !at(1).Since.IsZero() && !at(0).Answered.IsZero() && waiting(s.in) == 1
		})
		if since := at(0).Since; !since.IsZero() {
			t.Errorf("at the end since %v with a batch that nobody took", since)
		}
		read(b.ctx, t, s, 10)
		from := at(0).Since
		if from.IsZero() {
			t.Error("all of it was taken")
		}
		b.until("later answers say so, too", func() bool { return at(0).Answered.Sub(from) > 50*time.Millisecond })
		if at(0).Since != from {
			t.Error("nothing has come, yet it is at its end since another time")
		}
		b.write(numbered(topic, 0, 10, 12))
		read(b.ctx, t, s, 2)
		b.until("it is at its end since later", func() bool { return at(0).Since.After(from) })
	})
}
