package consumers

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"millrace"
)

func TestProduceAndRead(t *testing.T) {
	both(t, func(t *testing.T, b *bench) {
		for _, codec := range []string{"none", "gzip", "snappy", "lz4", "zstd"} {
			t.Run(codec, func(t *testing.T) {
				b.t = t
				topic := b.topic(3)
				p := b.producer(ProducerOptions{Compression: codec})
				const n = 3000
				for i := range n {
					rec := millrace.Record{Topic: topic, Partition: int32(i % 3), Time: int64(1000 + i), Value: []byte(strconv.Itoa(i))}
					if err := p.Send(b.ctx, rec, nil); err != nil {
						t.Fatal(err)
					}
				}
				if err := p.Flush(b.ctx); err != nil {
					t.Fatal(err)
				}
				got := read(b.ctx, t, b.source(SourceOptions{Topic: topic}), n)
				for p := range int32(3) {
					for i, r := range got[p] {
						want := fmt.Sprint(i*3 + int(p))
						if string(r.Value) != want || r.Offset != int64(i) || r.Time != int64(1000+i*3+int(p)) {
							t.Fatalf("partition %d, record %d: %+v, want value %s", p, i, r, want)
						}
					}
				}
			})
		}
	})
}

func TestReadOtherClients(t *testing.T) {
	codecs := map[string]kgo.CompressionCodec{
		"none": kgo.NoCompression(), "gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(),
		"lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression(),
	}
	both(t, func(t *testing.T, b *bench) {
		for name, codec := range codecs {
			t.Run(name, func(t *testing.T) {
				b.t = t
				topic := b.topic(1)
				big := make([]byte, 100_000) // compresses well
				b.write([]*kgo.Record{
					{Topic: topic, Key: []byte("k"), Value: []byte("v"), Headers: []kgo.RecordHeader{{Key: "a", Value: []byte("1")}, {Key: "b"}}},
					{Topic: topic, Key: []byte("gone")},
					{Topic: topic, Value: []byte{}},
					{Topic: topic, Value: big},
				}, kgo.ProducerBatchCompression(codec))
				got := read(b.ctx, t, b.source(SourceOptions{Topic: topic}), 4)[0]
				first := got[0]
				if string(first.Key) != "k" || string(first.Value) != "v" || len(first.Headers) != 2 ||
					first.Headers[0].Key != "a" || string(first.Headers[0].Value) != "1" || first.Headers[1].Key != "b" {
					t.Errorf("first record: %+v", first)
				}
				if time.Since(time.UnixMilli(first.Time)).Abs() > testTimeout {
					t.Errorf("first record's time: %v", time.UnixMilli(first.Time))
				}
				if !got[1].null || string(got[1].Key) != "gone" {
					t.Errorf("tombstone: %+v", got[1])
				}
				if got[2].null || got[2].Key != nil || len(got[2].Value) != 0 {
					t.Errorf("empty value: %+v", got[2])
				}
				if len(got[3].Value) != len(big) {
					t.Errorf("large value: %d bytes", len(got[3].Value))
				}
			})
		}
	})
}

func TestGaps(t *testing.T) {
	both(t, func(t *testing.T, b *bench) {
		topic := b.topic(1)
		b.write(numbered(topic, 0, 0, 20))
		offsets := make(kadm.Offsets)
		offsets.Add(kadm.Offset{Topic: topic, Partition: 0, At: 8})
		if _, err := b.admin.DeleteRecords(b.ctx, offsets); err != nil {
			t.Fatal(err)
		}
		for _, position := range []int64{3, 25} {
			p := []millrace.Position{{Topic: topic, Offset: position}}
			_, err := b.source(SourceOptions{Topic: topic, Positions: p}).Next(b.ctx)
			var gap *millrace.GapError
			if !errors.As(err, &gap) || *gap != (millrace.GapError{Topic: topic, Position: position, Start: 8, End: 20}) {
				t.Errorf("from %d: %v", position, err)
			}
		}
		s := b.source(SourceOptions{Topic: topic, Positions: []millrace.Position{{Topic: topic, Offset: 3}}, AllowGaps: true})
		if got := read(b.ctx, t, s, 12)[0]; got[0].Offset != 8 {
			t.Errorf("below the start: went on at %d", got[0].Offset)
		}
		s = NewSource(b.cluster, SourceOptions{Topic: topic, Positions: []millrace.Position{{Topic: topic, Offset: 25}}, AllowGaps: true})
		start(t, s.Run)
		// What is written while the position is still being asked about is passed over.
		for at := 20; ; at++ {
			b.write(numbered(topic, 0, at, at+1))
			batch, err := s.Next(withTimeout(t, 100*time.Millisecond))
			if errors.Is(err, context.DeadlineExceeded) && b.ctx.Err() == nil {
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			if batch.From < 20 {
				t.Errorf("beyond the end: went on at %d", batch.From)
			}
			batch.Release()
			break
		}
		// A partition that is not there any more.
		gone := []millrace.Position{{Topic: topic, Offset: 8}, {Topic: topic, Partition: 7, Offset: 5}}
		var gap *millrace.GapError
		if _, err := b.source(SourceOptions{Topic: topic, Positions: gone}).Next(b.ctx); !errors.As(err, &gap) || gap.Partition != 7 {
			t.Errorf("a partition that is gone: %v", err)
		}
	})
}

func withTimeout(t testing.TB, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

func TestPositionsAndNewPartitions(t *testing.T) {
	both(t, func(t *testing.T, b *bench) {
		topic := b.topic(2)
		b.write(append(numbered(topic, 0, 0, 10), numbered(topic, 1, 0, 10)...))
		// Partition 1 is not named: it starts at the beginning.
		s := b.source(SourceOptions{
			Topic: topic, Positions: []millrace.Position{{Topic: topic, Partition: 0, Offset: 7}}, Refresh: 20 * time.Millisecond,
		})
		got := read(b.ctx, t, s, 13)
		if len(got[0]) != 3 || got[0][0].Offset != 7 || len(got[1]) != 10 {
			t.Fatalf("%d records of partition 0, %d of 1", len(got[0]), len(got[1]))
		}
		if _, err := b.admin.UpdatePartitions(b.ctx, 3, topic); err != nil {
			t.Fatal(err)
		}
		b.write(numbered(topic, 2, 0, 5))
		if got := read(b.ctx, t, s, 5); len(got[2]) != 5 || got[2][0].Offset != 0 {
			t.Errorf("new partition: %+v", got)
		}
	})
}

func TestUnknownTopic(t *testing.T) {
	both(t, func(t *testing.T, b *bench) {
		name := func(mode string) string { return fmt.Sprintf("%s-%s-%d", b.topic(1), mode, topicCount.Add(1)) }
		if _, err := b.cluster.Partitions(b.ctx, name("no")); !errors.Is(err, ErrUnknownTopic) {
			t.Errorf("listing partitions: %v", err)
		}
		if _, err := b.source(SourceOptions{Topic: name("fail")}).Next(b.ctx); !errors.Is(err, ErrUnknownTopic) {
			t.Errorf("fail: %v", err)
		}
		topic := name("create")
		s := b.source(SourceOptions{Topic: topic, UnknownTopic: UnknownTopicCreate, Create: TopicSpec{Partitions: 2, Replication: 1}})
		for {
			if partitions, err := b.cluster.Partitions(b.ctx, topic); err == nil && len(partitions) == 2 {
				break
			} else if b.ctx.Err() != nil {
				t.Fatalf("create: %v, %v", partitions, err)
			}
		}
		b.write(numbered(topic, 1, 0, 1))
		read(b.ctx, t, s, 1)
		topic = name("wait")
		s = b.source(SourceOptions{Topic: topic, UnknownTopic: UnknownTopicWait})
		if err := b.dial().EnsureTopic(b.ctx, TopicSpec{Name: topic, Replication: 1}); err != nil {
			t.Fatal(err)
		}
		b.write(numbered(topic, 0, 0, 1))
		read(b.ctx, t, s, 1)
	})
}

func TestPrefetchIsBounded(t *testing.T) {
	b := newFake(t)
	topic := b.topic(4)
	for p := range int32(4) {
		var records []*kgo.Record
		for range 40 {
			records = append(records, &kgo.Record{Topic: topic, Partition: p, Value: make([]byte, 100<<10)})
		}
		b.write(records, kgo.ProducerBatchCompression(kgo.GzipCompression()), kgo.ProducerBatchMaxBytes(1<<20))
	}
	const limit = 4 << 20
	s := b.source(SourceOptions{Topic: topic, Limits: Limits{PrefetchBytes: limit, PrefetchBatches: 100}})
	// Nothing is taken until it has filled up and stands still.
	for {
		s.in.budget.mu.Lock()
		used := s.in.budget.used
		blocked := s.in.budget.changed != nil
		s.in.budget.mu.Unlock()
		// One opened batch a partition may exceed it.
		if used > limit+4*8<<20 {
			t.Fatalf("%d bytes are held, the limit is %d", used, limit)
		}
		if blocked {
			break
		}
		if b.ctx.Err() != nil {
			t.Fatal("it never filled up")
		}
		time.Sleep(time.Millisecond)
	}
	read(b.ctx, t, s, 160)
	s.in.budget.mu.Lock()
	defer s.in.budget.mu.Unlock()
	if s.in.budget.waiting != 0 || s.in.budget.used > 64<<10 {
		t.Errorf("all is read and released, yet %d bytes are held, %d batches waiting", s.in.budget.used, s.in.budget.waiting)
	}
	if s.Paused() <= 0 {
		t.Error("it was paused, yet says not")
	}
}

func TestHoldingEverythingDoesNotBlock(t *testing.T) {
	b := newFake(t)
	topic := b.topic(1)
	for range 8 {
		b.write([]*kgo.Record{{Topic: topic, Value: make([]byte, 600<<10)}})
	}
	s := b.source(SourceOptions{Topic: topic, Limits: Limits{PrefetchBytes: 1 << 20, FetchBytes: 64 << 10}})
	for n := 0; n < 8; {
		batch, err := s.Next(b.ctx) // never released
		if err != nil {
			t.Fatal(err)
		}
		n += len(batch.Records)
	}
}

func TestLargeBatchIsSplit(t *testing.T) {
	b := newFake(t)
	topic := b.topic(1)
	b.write(numbered(topic, 0, 0, 3*runRecordsMax+5))
	s := b.source(SourceOptions{Topic: topic})
	if got := read(b.ctx, t, s, 3*runRecordsMax+5)[0]; string(got[3*runRecordsMax].Value) != strconv.Itoa(3*runRecordsMax) {
		t.Errorf("record %d is %q", 3*runRecordsMax, got[3*runRecordsMax].Value)
	}
}

func TestSourceStops(t *testing.T) {
	b := newFake(t)
	topic := b.topic(2)
	s := NewSource(b.cluster, SourceOptions{Topic: topic})
	stop := start(t, s.Run)
	b.write(numbered(topic, 0, 0, 3))
	read(b.ctx, t, s, 3)
	if err := stop(); !errors.Is(err, context.Canceled) {
		t.Errorf("Run ended with %v", err)
	}
	if _, err := s.Next(b.ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Next after it: %v", err)
	}
	if err := s.Run(b.ctx); err == nil || errors.Is(err, context.Canceled) {
		t.Errorf("a second Run: %v", err)
	}
	ended, cancel := context.WithCancel(b.ctx)
	cancel()
	if _, err := b.source(SourceOptions{Topic: topic}).Next(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("Next with an ended context: %v", err)
	}
}

func TestSteadyStateAllocatesNothingARecord(t *testing.T) {
	b := newFake(t)
	topic := b.topic(1)
	const n = 200_000
	records := make([]*kgo.Record, n)
	value := make([]byte, 20)
	for i := range records {
		records[i] = &kgo.Record{Topic: topic, Value: value, Headers: []kgo.RecordHeader{{Key: "trace", Value: value}}}
	}
	b.write(records)
	s := b.source(SourceOptions{Topic: topic})
	drain := func(n int) {
		for n > 0 {
			batch, err := s.Next(b.ctx)
			if err != nil {
				t.Fatal(err)
			}
			n -= len(batch.Records)
			batch.Release()
		}
	}
	drain(n / 2)
	// kfake runs in this process and allocates too: so this is an upper bound, far below one.
	per := testing.AllocsPerRun(1, func() { drain(n / 5) }) / (n / 5)
	if per > 0.05 {
		t.Errorf("%.3f allocations a record", per)
	}
}
