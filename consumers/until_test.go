package consumers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"millrace"
)

// spans are positions of a topic's partitions from 0 on.
func spans(topic string, offsets ...int64) []millrace.Position {
	var all []millrace.Position
	for p, offset := range offsets {
		if offset >= 0 {
			all = append(all, millrace.Position{Topic: topic, Partition: int32(p), Offset: offset})
		}
	}
	return all
}

// drain reads until io.EOF and returns the offsets by partition, and where each partition's last batch ended.
func drain(b *bench, s *Source) (offsets map[int32][]int64, to map[int32]int64) {
	b.t.Helper()
	offsets, to = map[int32][]int64{}, map[int32]int64{}
	for {
		batch, err := s.Next(b.ctx)
		if errors.Is(err, io.EOF) {
			return offsets, to
		}
		if err != nil {
			b.t.Fatal(err)
		}
		for _, r := range batch.Records {
			offsets[r.Partition] = append(offsets[r.Partition], r.Offset)
		}
		to[batch.Partition] = batch.To
		batch.Release()
	}
}

func TestReadUntil(t *testing.T) {
	both(t, func(t *testing.T, b *bench) {
		topic := b.topic(4)
		for p := range int32(4) {
			b.write(numbered(topic, p, 0, 50))
			b.write(numbered(topic, p, 50, 100), kgo.ProducerBatchCompression(kgo.GzipCompression()))
		}
		// In the middle of a batch, at its end, at the log's, and nothing at all; the last one is not named.
		s := NewSource(b.cluster, SourceOptions{Topic: topic, Positions: spans(topic, 10, 0, 20), Until: spans(topic, 73, 50, 20)})
		ended := make(chan error, 1)
		go func() { ended <- s.Run(b.ctx) }()
		offsets, to := drain(b, s)
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
		if len(offsets) != 2 || len(offsets[0]) != 63 || offsets[0][0] != 10 || offsets[0][62] != 72 || len(offsets[1]) != 50 {
			t.Errorf("%v", offsets)
		}
		if to[0] != 73 || to[1] != 50 {
			t.Errorf("it ended at %v", to)
		}
		if s.in.budget.used != 0 {
			t.Errorf("%d bytes are still counted", s.in.budget.used)
		}
		offsets, _ = drain(b, b.source(SourceOptions{Topic: topic, Until: []millrace.Position{}}))
		if len(offsets) != 0 {
			t.Errorf("until nothing: %v", offsets)
		}
	})
}

// TestReadUntilTakesItsTime: what was delivered is taken long after the readers have ended.
func TestReadUntilTakesItsTime(t *testing.T) {
	b := newFake(t)
	topic := b.topic(2)
	b.write(append(numbered(topic, 0, 0, 10), numbered(topic, 1, 0, 10)...))
	s := b.source(SourceOptions{Topic: topic, Until: spans(topic, 10, 10)})
	b.until("both are read", func() bool { return waiting(s.in) == 2 })
	all, ok := s.Standings()
	if !ok || len(all) != 2 {
		t.Errorf("standings before anything is taken: %v", all)
	}
	batch, err := s.NextOf(b.ctx, func(p int32) bool { return p == 1 })
	if err != nil {
		t.Fatal(err)
	}
	batch.Release()
	// Nobody waits for a partition that has ended.
	b.until("it has ended", func() bool {
		all, ok := s.Standings()
		return ok && len(all) == 1 && all[0].Partition == 0
	})
	offsets, _ := drain(b, s)
	if len(offsets[0]) != 10 || len(offsets[1]) != 0 {
		t.Errorf("%v", offsets)
	}
}

func TestReadUntilBehindTransactions(t *testing.T) {
	both(t, func(t *testing.T, b *bench) {
		topic := b.topic(1)
		client := b.client(kgo.TransactionalID(topic), kgo.RecordPartitioner(kgo.ManualPartitioner()))
		b.transaction(client, true, numbered(topic, 0, 0, 5)...)
		b.transaction(client, false, numbered(topic, 0, 5, 9)...)
		bounds, err := b.cluster.Bounds(b.ctx, topic)
		if err != nil {
			t.Fatal(err)
		}
		end := bounds[0][1]
		for until := int64(1); until <= end; until++ {
			offsets, to := drain(b, b.source(SourceOptions{Topic: topic, Until: spans(topic, until)}))
			if want := min(until, 5); int64(len(offsets[0])) != want || to[0] != until {
				t.Errorf("until %d: %v, to %d", until, offsets[0], to[0])
			}
		}
	})
}

func TestReadUntilInACompactedLog(t *testing.T) {
	b := newFake(t)
	topic := b.topic(1, "cleanup.policy", "compact", "segment.ms", "1", "min.cleanable.dirty.ratio", "0.01",
		"min.compaction.lag.ms", "0", "max.compaction.lag.ms", "1")
	compactable(b, topic)
	b.fake.Compact()
	bounds, err := b.cluster.Bounds(b.ctx, topic)
	if err != nil {
		t.Fatal(err)
	}
	all, _ := drain(b, b.source(SourceOptions{Topic: topic, Until: spans(topic, bounds[0][1])}))
	if len(all[0]) >= 100 || len(all[0]) == 0 {
		t.Fatalf("%d records left of 100", len(all[0]))
	}
	for until := int64(1); until <= bounds[0][1]; until += 7 {
		offsets, to := drain(b, b.source(SourceOptions{Topic: topic, Until: spans(topic, until)}))
		n := 0
		for n < len(all[0]) && all[0][n] < until {
			n++
		}
		if fmt.Sprint(offsets[0]) != fmt.Sprint(all[0][:n]) || n > 0 && to[0] != until {
			t.Errorf("until %d: %v, to %d, want %v", until, offsets[0], to[0], all[0][:n])
		}
	}
}

// TestReadUntilBehindACompactedTail: the log goes on to the end that was asked for, and has nothing there any more.
func TestReadUntilBehindACompactedTail(t *testing.T) {
	b := newFake(t)
	topic := b.topic(1)
	b.write(numbered(topic, 0, 0, 10))
	s := NewSource(b.cluster, SourceOptions{Topic: topic, Until: spans(topic, 10)})
	r := s.reader(millrace.Position{Topic: topic, Offset: 7, TopicID: b.topicID(topic)}, 1)
	r.until = 10
	r.stand = s.in.standOf(0)
	for i := range emptyTries {
		if r.ended() {
			t.Fatalf("ended after %d answers", i)
		}
		if err := r.foundNothing(b.ctx, 12); err != nil {
			t.Fatal(err)
		}
	}
	if err := r.flush(b.ctx, 12); err != nil || !r.ended() {
		t.Fatalf("at %d: %v", r.position, err)
	}
	if batch := s.in.take(nil); batch == nil || batch.From != 7 || batch.To != 10 {
		t.Errorf("%+v", batch)
	}
}

func TestReadUntilLosses(t *testing.T) {
	both(t, func(t *testing.T, b *bench) {
		topic := b.topic(1)
		b.write(numbered(topic, 0, 0, 20))
		offsets := make(kadm.Offsets)
		offsets.Add(kadm.Offset{Topic: topic, Partition: 0, At: 8})
		if _, err := b.admin.DeleteRecords(b.ctx, offsets); err != nil {
			t.Fatal(err)
		}
		limits := Limits{MaxWait: 10 * time.Millisecond}
		for _, c := range []struct {
			from, until, position int64
			left                  int
		}{{3, 15, 3, 7}, {3, 6, 3, 0}, {10, 30, 30, 10}} {
			o := SourceOptions{Topic: topic, Positions: spans(topic, c.from), Until: spans(topic, c.until), Limits: limits}
			var gap *millrace.GapError
			var err error
			for s := b.source(o); err == nil; {
				_, err = s.Next(b.ctx)
			}
			if !errors.As(err, &gap) || *gap != (millrace.GapError{Topic: topic, Position: c.position, Start: 8, End: 20}) {
				t.Errorf("%d to %d: %v", c.from, c.until, err)
			}
			o.AllowGaps = true
			if got, _ := drain(b, b.source(o)); len(got[0]) != c.left {
				t.Errorf("%d to %d, allowed: %v", c.from, c.until, got[0])
			}
		}
		gone := SourceOptions{Topic: topic, Positions: spans(topic, -1, -1, 4), Until: spans(topic, -1, -1, 9)}
		var gap *millrace.GapError
		if _, err := b.source(gone).Next(b.ctx); !errors.As(err, &gap) || gap.Partition != 2 {
			t.Errorf("a partition that is gone: %v", err)
		}
		gone.AllowGaps = true
		if got, _ := drain(b, b.source(gone)); len(got) != 0 {
			t.Errorf("a partition that is gone, allowed: %v", got)
		}
	})
}

func TestReadUntilInATopicMadeAnew(t *testing.T) {
	b := newFake(t)
	topic := b.topic(1)
	b.write(numbered(topic, 0, 0, 20))
	from := millrace.Position{Topic: topic, Offset: 3, TopicID: b.topicID(topic)}
	b.anew(topic, 1, 30)
	o := SourceOptions{Topic: topic, Positions: []millrace.Position{from}, Until: spans(topic, 15)}
	var gap *millrace.GapError
	if _, err := b.source(o).Next(b.ctx); !errors.As(err, &gap) || !gap.Anew() {
		t.Errorf("%v", err)
	}
	o.AllowGaps = true
	if got, _ := drain(b, b.source(o)); len(got) != 0 {
		t.Errorf("%v", got)
	}
}

// TestACutConnectionIsNoEnd: a failure that is io.EOF somewhere must not pass for the end of what was to be read.
func TestACutConnectionIsNoEnd(t *testing.T) {
	in := newIntake(newFake(t).cluster, Limits{})
	failed := in.stopFailed(fmt.Errorf("looking up topic x: %w", io.EOF))
	if _, err := in.next(context.Background(), nil); errors.Is(err, io.EOF) || err == nil || err.Error() != failed.Error() {
		t.Errorf("%v", err)
	}
}
