package consumers

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"millrace"
	"millrace/consumers/internal/recordbatch"
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

// transaction writes values in one transaction and ends it.
func (b *bench) transaction(client *kgo.Client, commit bool, records ...*kgo.Record) {
	b.t.Helper()
	if err := client.BeginTransaction(); err != nil {
		b.t.Fatal(err)
	}
	if err := client.ProduceSync(b.ctx, records...).FirstErr(); err != nil {
		b.t.Fatal(err)
	}
	if err := client.EndTransaction(b.ctx, kgo.TransactionEndTry(commit)); err != nil {
		b.t.Fatal(err)
	}
}

func TestTransactions(t *testing.T) {
	both(t, func(t *testing.T, b *bench) {
		topic := b.topic(1)
		one := b.client(kgo.TransactionalID(topic+"-1"), kgo.RecordPartitioner(kgo.ManualPartitioner()))
		two := b.client(kgo.TransactionalID(topic+"-2"), kgo.RecordPartitioner(kgo.ManualPartitioner()))
		b.transaction(one, true, numbered(topic, 0, 0, 10)...)
		b.transaction(one, false, numbered(topic, 0, 1000, 1010)...)
		b.write(numbered(topic, 0, 10, 15)) // outside any transaction
		// Two at a time, the first aborted: its records stand between those of the other.
		for _, c := range []*kgo.Client{one, two} {
			if err := c.BeginTransaction(); err != nil {
				t.Fatal(err)
			}
		}
		for i := range 5 {
			if err := one.ProduceSync(b.ctx, numbered(topic, 0, 2000+i, 2001+i)...).FirstErr(); err != nil {
				t.Fatal(err)
			}
			if err := two.ProduceSync(b.ctx, numbered(topic, 0, 15+i, 16+i)...).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
		if err := one.EndTransaction(b.ctx, kgo.TryAbort); err != nil {
			t.Fatal(err)
		}
		if err := two.EndTransaction(b.ctx, kgo.TryCommit); err != nil {
			t.Fatal(err)
		}
		b.transaction(one, true, numbered(topic, 0, 20, 25)...)
		b.transaction(one, false, numbered(topic, 0, 3000, 3010)...) // the log ends with a marker
		s := b.source(SourceOptions{Topic: topic})
		got := read(b.ctx, t, s, 25)[0]
		for i, r := range got {
			if string(r.Value) != strconv.Itoa(i) {
				t.Fatalf("record %d is %q at offset %d", i, r.Value, r.Offset)
			}
		}
		// Positions come to the very end, beyond the last marker.
		bounds, err := b.cluster.Bounds(b.ctx, topic)
		if err != nil {
			t.Fatal(err)
		}
		end := bounds[0][1]
		for s.Lag()[0] != 0 {
			batch, err := s.Next(b.ctx)
			if err != nil {
				t.Fatal(err)
			}
			if len(batch.Records) != 0 {
				t.Fatalf("aborted records: %+v", batch.Records)
			}
			batch.Release()
		}
		if s.in.progress[0].taken != end || end != 10+1+10+1+5+10+2+5+1+10+1 {
			t.Errorf("read to %d of %d", s.in.progress[0].taken, end)
		}
		// Every place to go on from shows the same records, also within an aborted transaction.
		for from := int64(0); from < end; from += 3 {
			want := 0
			for _, r := range got {
				if r.Offset >= from {
					want++
				}
			}
			p := []millrace.Position{{Topic: topic, Offset: from}}
			rest := read(b.ctx, t, b.source(SourceOptions{Topic: topic, Positions: p}), want)[0]
			for i, r := range rest {
				if w := got[len(got)-want+i]; r.Offset != w.Offset || string(r.Value) != string(w.Value) {
					t.Fatalf("from %d: record %d is %q at %d", from, i, r.Value, r.Offset)
				}
			}
		}
	})
}

func TestOpenTransactionIsNotRead(t *testing.T) {
	both(t, func(t *testing.T, b *bench) {
		topic := b.topic(1)
		b.write(numbered(topic, 0, 0, 3))
		open := b.client(kgo.TransactionalID(topic), kgo.RecordPartitioner(kgo.ManualPartitioner()))
		if err := open.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		if err := open.ProduceSync(b.ctx, numbered(topic, 0, 3, 6)...).FirstErr(); err != nil {
			t.Fatal(err)
		}
		latest, err := b.cluster.Resolve(b.ctx, topic, Latest)
		if err != nil || latest[0].Offset != 3 {
			t.Errorf("latest is %v, %v, want 3: before the open transaction", latest, err)
		}
		s := b.source(SourceOptions{Topic: topic})
		read(b.ctx, t, s, 3)
		if err := open.EndTransaction(b.ctx, kgo.TryCommit); err != nil {
			t.Fatal(err)
		}
		if got := read(b.ctx, t, s, 3)[0]; string(got[0].Value) != "3" {
			t.Errorf("after the commit: %q", got[0].Value)
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

func TestCorruptBatch(t *testing.T) {
	b := newFake(t)
	topic := b.topic(1)
	b.write(numbered(topic, 0, 0, 5))
	b.write(numbered(topic, 0, 5, 10))
	b.write(numbered(topic, 0, 10, 15))
	res, err := b.cluster.fetch(b.ctx, &fetchRequest{
		topic: topic, leader: b.fake.LeaderFor(topic, 0), maxBytes: 1 << 20, clientID: "test", pool: &buffers{},
	})
	if err != nil || res.code != 0 || len(res.records) < 2*recordbatch.HeaderBytes {
		t.Fatalf("%+v, %v", res, err)
	}
	_, _, rest, err := recordbatch.Split(res.records)
	if err != nil {
		t.Fatal(err)
	}
	rest[recordbatch.HeaderBytes+3] ^= 1
	breakSecond := func(req kmsg.Request) (kmsg.Response, error, bool) {
		b.fake.KeepControl()
		offset := req.(*kmsg.FetchRequest).Topics[0].Partitions[0].FetchOffset
		if offset >= 10 {
			return nil, nil, false
		}
		answer := fetchError(req, topic, 0).(*kmsg.FetchResponse)
		p := &answer.Topics[0].Partitions[0]
		p.HighWatermark, p.LastStableOffset, p.RecordBatches = 15, 15, res.records
		return answer, nil, true
	}
	b.fake.ControlKey(int16(kmsg.Fetch), breakSecond)
	s := b.source(SourceOptions{Topic: topic})
	read(b.ctx, t, s, 5)
	_, err = s.Next(b.ctx)
	var corrupt *CorruptError
	if !errors.As(err, &corrupt) || corrupt.Topic != topic || corrupt.From != 5 || corrupt.To != 10 {
		t.Fatalf("got %v", err)
	}
	s = b.source(SourceOptions{Topic: topic, AllowGaps: true})
	var offsets []int64
	for len(offsets) < 10 {
		batch, err := s.Next(b.ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range batch.Records {
			offsets = append(offsets, r.Offset)
		}
		batch.Release()
	}
	if fmt.Sprint(offsets) != "[0 1 2 3 4 10 11 12 13 14]" {
		t.Errorf("stepping over: %v", offsets)
	}
}

func TestLeaderMoves(t *testing.T) {
	b := newFake(t, kfake.NumBrokers(3))
	topic := b.topic(1)
	s := b.source(SourceOptions{Topic: topic})
	p := b.producer(ProducerOptions{})
	for i := range 12 {
		if err := b.fake.MoveTopicPartition(topic, 0, int32(i%3)); err != nil {
			t.Fatal(err)
		}
		if err := p.Send(b.ctx, millrace.Record{Topic: topic, Value: []byte("x")}, nil); err != nil {
			t.Fatal(err)
		}
		if err := p.Flush(b.ctx); err != nil {
			t.Fatal(err)
		}
		read(b.ctx, t, s, 1)
	}
}

func TestPassingErrors(t *testing.T) {
	b := newFake(t)
	topic := b.topic(1)
	b.write(numbered(topic, 0, 0, 1))
	codes := []int16{
		kerr.NotLeaderForPartition.Code, kerr.LeaderNotAvailable.Code, kerr.UnknownTopicOrPartition.Code, kerr.OffsetNotAvailable.Code,
		kerr.KafkaStorageError.Code, kerr.FencedLeaderEpoch.Code, kerr.UnknownServerError.Code,
	}
	for _, code := range codes {
		b.fake.ControlKey(int16(kmsg.Fetch), func(req kmsg.Request) (kmsg.Response, error, bool) {
			return fetchError(req, topic, code), nil, true
		})
	}
	first := NewSource(b.cluster, SourceOptions{Topic: topic})
	stop := start(t, first.Run)
	read(b.ctx, t, first, 1)
	_ = stop() // it would get the next error, too
	if err := b.dial().Check(b.ctx); err != nil {
		t.Fatal(err)
	}
	b.fake.ControlKey(int16(kmsg.Fetch), func(req kmsg.Request) (kmsg.Response, error, bool) {
		return fetchError(req, topic, kerr.TopicAuthorizationFailed.Code), nil, true
	})
	if _, err := b.source(SourceOptions{Topic: topic}).Next(b.ctx); err == nil || passing(err) {
		t.Errorf("no authorization: %v", err)
	}
}

func fetchError(req kmsg.Request, topic string, code int16) kmsg.Response {
	res := req.ResponseKind().(*kmsg.FetchResponse)
	rt := kmsg.NewFetchResponseTopic()
	rt.Topic = topic
	rp := kmsg.NewFetchResponseTopicPartition()
	rp.ErrorCode = code
	rt.Partitions = append(rt.Partitions, rp)
	res.Topics = append(res.Topics, rt)
	return res
}

func TestBrokerRestarts(t *testing.T) {
	dir := t.TempDir()
	open := func(ports ...int) *kfake.Cluster {
		opts := []kfake.Opt{kfake.NumBrokers(1), kfake.DataDir(dir)}
		if len(ports) > 0 {
			opts = append(opts, kfake.Ports(ports...))
		}
		fake, err := kfake.NewCluster(opts...)
		if err != nil {
			t.Fatal(err)
		}
		return fake
	}
	fake := open()
	b := newBench(t, fake, fake.ListenAddrs()...)
	var port int
	if _, err := fmt.Sscanf(b.addrs[0], "127.0.0.1:%d", &port); err != nil {
		t.Fatal(err)
	}
	topic := b.topic(2)
	s := b.source(SourceOptions{Topic: topic})
	p := b.producer(ProducerOptions{})
	sent := make(chan error, 100)
	for i := range 100 {
		if i == 50 {
			for range 50 {
				if err := <-sent; err != nil {
					t.Fatal(err)
				}
			}
			fake.Close()
		}
		rec := millrace.Record{Topic: topic, Partition: int32(i % 2), Value: []byte(strconv.Itoa(i))}
		if err := p.Send(b.ctx, rec, func(_ int32, _ int64, err error) { sent <- err }); err != nil {
			t.Fatal(err)
		}
	}
	fake = open(port)
	defer fake.Close()
	if err := p.Flush(b.ctx); err != nil {
		t.Fatal(err)
	}
	got := read(b.ctx, t, s, 100)
	for p := range int32(2) {
		for i, r := range got[p] {
			if want := strconv.Itoa(2*i + int(p)); string(r.Value) != want {
				t.Fatalf("partition %d: record %d is %q, want %s", p, i, r.Value, want)
			}
		}
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
