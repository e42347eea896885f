package consumers

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"millrace"
)

// ofPartition is how one stands with a source.
func ofPartition(t *testing.T, s *Source, partition int32) millrace.Standing {
	t.Helper()
	all, _ := s.Standings()
	i := slices.IndexFunc(all, func(s millrace.Standing) bool { return s.Partition == partition })
	if i < 0 {
		t.Fatalf("partition %d is not among %+v", partition, all)
	}
	return all[i]
}

// TestAsk: the brokers tell where partitions end while the fetches of all are still on their way, of those alone that
// somebody wants to know of.
func TestAsk(t *testing.T) {
	both(t, func(t *testing.T, b *bench) {
		topic := b.topic(3)
		// Nothing that is written comes by itself: for that it would have to be more, or time to pass.
		s := b.source(SourceOptions{Topic: topic, Limits: Limits{MinBytes: 512 << 10, MaxWait: 25 * time.Second}})
		if err := s.Ask(b.ctx, time.Now(), func(int32) bool { return true }); err != nil {
			t.Fatal(err) // nothing was seen at its end yet, or is asked for
		}
		at := func(p int32) millrace.Standing { return ofPartition(t, s, p) }
		settled := func(p int32) func() bool { return func() bool { return !at(p).Since.IsZero() } }
		b.until("the partitions are known", func() bool { all, ok := s.Standings(); return ok && len(all) == 3 })
		// A first answer that is empty comes as late, so each gets a record.
		for p := range int32(3) {
			b.write(timed(topic, p, 600<<10, time.Now().UnixMilli()), kgo.ProducerBatchCompression(kgo.NoCompression()))
		}
		for range 3 {
			batch, err := s.Next(b.ctx)
			if err != nil {
				t.Fatal(err)
			}
			if now := time.Now(); batch.Received.IsZero() || batch.Received.After(now) || now.Sub(batch.Received) > testTimeout {
				t.Errorf("received at %v, now is %v", batch.Received, now)
			}
			batch.Release()
		}
		for p := range int32(3) {
			b.until("the partition is at its end", settled(p))
		}

		b.write(timed(topic, 1, 10, time.Now().UnixMilli()))
		before := time.Now()
		if err := s.Ask(b.ctx, before, func(p int32) bool { return p < 2 }); err != nil {
			t.Fatal(err)
		}
		if one := at(0); one.Since.IsZero() || one.Asked.Before(before) || one.Answered.Before(one.Asked) {
			t.Errorf("asked after %v, partition 0 stands at %+v", before, one)
		}
		if more := at(1); !more.Since.IsZero() {
			t.Errorf("partition 1 has more, and stands at %+v", more)
		}
		if other := at(2); other.Since.IsZero() || !other.Asked.Before(before) {
			t.Errorf("nobody wanted partition 2, it stands at %+v", other)
		}
		// What was asked for late enough is not asked for again.
		known := at(0)
		if err := s.Ask(b.ctx, before, func(p int32) bool { return p < 2 }); err != nil || at(0) != known {
			t.Errorf("%v, and it stands at %+v, was %+v", err, at(0), known)
		}
		ended, cancel := context.WithCancel(b.ctx)
		cancel()
		if err := s.Ask(ended, time.Now(), func(p int32) bool { return p == 0 }); !errors.Is(err, context.Canceled) {
			t.Errorf("an ended context: %v", err)
		}
	})
}
