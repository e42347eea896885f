package consumers

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"millrace"
)

func TestPartitionsByKeyAsOtherClients(t *testing.T) {
	ask := kgo.StickyKeyPartitioner(nil).ForTopic("t")
	for _, partitions := range []int{1, 3, 4, 12, 100} {
		for i := range 500 {
			key := []byte(strings.Repeat("é", i%9) + strconv.Itoa(i*7919))
			want := ask.Partition(&kgo.Record{Key: key}, partitions)
			if got := keyPartition(key, partitions); int(got) != want {
				t.Fatalf("key %q of %d partitions: %d, want %d", key, partitions, got, want)
			}
		}
	}
	// Known values of Java's Utils.murmur2.
	for key, want := range map[string]int32{
		"21": -973932308, "foobar": -790332482, "a-little-bit-long-string": -985981536,
		"a-little-bit-longer-string": -1486304829, "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
	} {
		if got := int32(murmur2([]byte(key))); got != want {
			t.Errorf("murmur2 of %q is %d, want %d", key, got, want)
		}
	}
}

func TestProducer(t *testing.T) {
	both(t, func(t *testing.T, b *bench) {
		topic := b.topic(4)
		p := b.producer(ProducerOptions{BatchBytes: 2 << 10, BufferBytes: 16 << 10, Compression: "lz4"})
		var mu sync.Mutex
		offsets := make(map[string]millrace.Position)
		value := make([]byte, 0, 16)
		const n = 2000
		for i := range n {
			key := []byte("key" + strconv.Itoa(i%10))
			if i%10 == 9 {
				key = nil
			}
			name := strconv.Itoa(i)
			value = append(value[:0], name...) // used again: Send copies
			err := p.Send(b.ctx, millrace.Record{
				Topic: topic, Partition: -1, Key: key, Value: value,
				Headers: []millrace.Header{{Key: "n", Value: value}},
			}, func(partition int32, offset int64, err error) {
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					t.Errorf("record %s: %v", name, err)
				}
				offsets[name] = millrace.Position{Partition: partition, Offset: offset}
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := p.Flush(b.ctx); err != nil {
			t.Fatal(err)
		}
		if len(offsets) != n {
			t.Fatalf("%d of %d records are acknowledged", len(offsets), n)
		}
		last := make(map[string]int)
		keyless := make(map[int32]int)
		ask := kgo.StickyKeyPartitioner(nil).ForTopic(topic)
		for partition, records := range read(b.ctx, t, b.source(SourceOptions{Topic: topic}), n) {
			for _, r := range records {
				if at := offsets[string(r.Value)]; at.Partition != partition || at.Offset != r.Offset {
					t.Fatalf("record %s is at %d/%d, acknowledged at %d/%d", r.Value, partition, r.Offset, at.Partition, at.Offset)
				}
				if string(r.Headers[0].Value) != string(r.Value) || time.Since(time.UnixMilli(r.Time)).Abs() > testTimeout {
					t.Fatalf("record %s: header %q, time %d", r.Value, r.Headers[0].Value, r.Time)
				}
				if r.Key == nil {
					keyless[partition]++
					continue
				}
				if want := ask.Partition(&kgo.Record{Key: r.Key}, 4); int(partition) != want {
					t.Fatalf("key %q is in partition %d, want %d", r.Key, partition, want)
				}
				i, err := strconv.Atoi(string(r.Value))
				if err != nil || i <= last[string(r.Key)] && i > 9 {
					t.Fatalf("key %q: %d after %d", r.Key, i, last[string(r.Key)])
				}
				last[string(r.Key)] = i
			}
		}
		if fmt.Sprint(keyless) != "map[0:50 1:50 2:50 3:50]" {
			t.Errorf("without a key, in turn: %v", keyless)
		}
	})
}

func TestProducerBlocksWhenFull(t *testing.T) {
	b := newFake(t)
	topic := b.topic(1)
	p := NewProducer(b.cluster, ProducerOptions{BufferBytes: 1 << 10}) // not running yet
	rec := millrace.Record{Topic: topic, Value: make([]byte, 600)}
	if err := p.Send(b.ctx, rec, nil); err != nil {
		t.Fatal(err)
	}
	if err := p.Send(withTimeout(t, 20*time.Millisecond), rec, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("a second record into a full buffer: %v", err)
	}
	if err := p.Flush(withTimeout(t, 20*time.Millisecond)); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("flushing without running: %v", err)
	}
	stop := start(t, p.Run)
	big := millrace.Record{Topic: topic, Value: make([]byte, 5<<10)} // larger than the buffer: goes alone
	for _, r := range []millrace.Record{rec, big, rec} {
		if err := p.Send(b.ctx, r, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.Flush(b.ctx); err != nil {
		t.Fatal(err)
	}
	read(b.ctx, t, b.source(SourceOptions{Topic: topic}), 4)
	_ = stop()
	if err := p.Send(b.ctx, rec, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("after Run: %v", err)
	}
}

// produceError answers the next produce request with an error.
func (b *bench) produceError(topic string, code int16) {
	b.fake.ControlKey(int16(kmsg.Produce), func(req kmsg.Request) (kmsg.Response, error, bool) {
		return produceAnswer(req, topic, code), nil, true
	})
}

func produceAnswer(req kmsg.Request, topic string, code int16) kmsg.Response {
	res := req.ResponseKind().(*kmsg.ProduceResponse)
	rt := kmsg.NewProduceResponseTopic()
	rt.Topic = topic
	rp := kmsg.NewProduceResponseTopicPartition()
	rp.Partition = req.(*kmsg.ProduceRequest).Topics[0].Partitions[0].Partition
	rp.ErrorCode = code
	rt.Partitions = append(rt.Partitions, rp)
	res.Topics = append(res.Topics, rt)
	return res
}

func TestProducerErrors(t *testing.T) {
	b := newFake(t)
	topic := b.topic(1)
	p := b.producer(ProducerOptions{})
	send := func() error {
		if err := p.Send(b.ctx, millrace.Record{Topic: topic, Value: []byte("v")}, nil); err != nil {
			t.Fatal(err)
		}
		return p.Flush(b.ctx)
	}
	for _, code := range []int16{kerr.NotLeaderForPartition.Code, kerr.NotEnoughReplicas.Code, kerr.RequestTimedOut.Code, kerr.UnknownTopicOrPartition.Code} {
		b.produceError(topic, code)
	}
	if err := send(); err != nil {
		t.Errorf("errors that pass: %v", err)
	}
	for _, code := range []kafka.Error{kafka.TopicAuthorizationFailed, kafka.MessageSizeTooLarge, kafka.InvalidTimestamp} {
		b.produceError(topic, int16(code))
		if err := send(); !errors.Is(err, code) || !strings.Contains(err.Error(), topic+"/0") {
			t.Errorf("%v: %v", code, err)
		}
		if err := p.Flush(b.ctx); err != nil {
			t.Errorf("the error is reported twice: %v", err)
		}
	}
	if err := send(); err != nil {
		t.Errorf("after errors: %v", err)
	}
	if err := p.Send(b.ctx, millrace.Record{Topic: "no-such-topic", Partition: -1}, nil); !errors.Is(err, ErrUnknownTopic) {
		t.Errorf("unknown topic: %v", err)
	}
	if err := p.Send(b.ctx, millrace.Record{Topic: "no-such-topic", Partition: 3}, nil); err != nil {
		t.Fatal(err)
	}
	if err := p.Flush(b.ctx); !errors.Is(err, ErrUnknownTopic) {
		t.Errorf("unknown topic with a partition: %v", err)
	}
	bad := NewProducer(b.cluster, ProducerOptions{Compression: "rar"})
	if err := bad.Run(b.ctx); err == nil || !strings.Contains(err.Error(), "rar") {
		t.Errorf("unknown compression: %v", err)
	}
}

func TestProducerGivesUpWhenTold(t *testing.T) {
	b := newFake(t)
	topic := b.topic(1)
	p := b.producer(ProducerOptions{RetryFor: time.Millisecond})
	b.fake.ControlKey(int16(kmsg.Produce), func(req kmsg.Request) (kmsg.Response, error, bool) {
		b.fake.KeepControl()
		return produceAnswer(req, topic, kerr.NotEnoughReplicas.Code), nil, true
	})
	if err := p.Send(b.ctx, millrace.Record{Topic: topic}, nil); err != nil {
		t.Fatal(err)
	}
	if err := p.Flush(b.ctx); !errors.Is(err, kafka.NotEnoughReplicas) {
		t.Errorf("got %v", err)
	}
}

func TestProducerHalvesBatches(t *testing.T) {
	both(t, func(t *testing.T, b *bench) {
		topic := b.topic(1, "max.message.bytes", "5000")
		p := NewProducer(b.cluster, ProducerOptions{})
		var acknowledged []int64
		for i := range 100 {
			value := fmt.Sprintf("%d%0300d", i, 0)
			err := p.Send(b.ctx, millrace.Record{Topic: topic, Value: []byte(value)}, func(_ int32, offset int64, err error) {
				if err != nil {
					t.Error(err)
				}
				acknowledged = append(acknowledged, offset)
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		start(t, p.Run) // now, so that all go in one batch
		if err := p.Flush(b.ctx); err != nil {
			t.Fatal(err)
		}
		for i, offset := range acknowledged {
			if offset != int64(i) {
				t.Fatalf("record %d was acknowledged at %d", i, offset)
			}
		}
		for i, r := range read(b.ctx, t, b.source(SourceOptions{Topic: topic}), 100)[0] {
			if want := fmt.Sprintf("%d%0300d", i, 0); string(r.Value) != want {
				t.Fatalf("record %d is %q", i, r.Value)
			}
		}
	})
}

func TestDeadLetters(t *testing.T) {
	both(t, func(t *testing.T, b *bench) {
		topic := b.topic(2)
		p := b.producer(ProducerOptions{})
		d := NewDeadLetters(p, topic, nil)
		why := &millrace.Rejection{Reason: millrace.ReasonWrongType, Path: "amount", Detail: strings.Repeat("ä", 2000)}
		rec := &millrace.Record{Topic: "events", Partition: 3, Offset: 77, Time: 1234, Key: []byte("k"), Value: []byte("v"),
			Headers: []millrace.Header{{Key: "mine", Value: []byte("1")}}}
		big := &millrace.Record{Topic: "events", Partition: 1, Offset: 5, Key: []byte("k"), Value: make([]byte, 10<<20)}
		tomb := &millrace.Record{Topic: "events", Offset: 6, Key: []byte("k")}
		all := &millrace.Record{Topic: "events", Offset: 7, Key: make([]byte, 1<<20), Value: []byte("v"),
			Headers: []millrace.Header{{Key: "mine", Value: make([]byte, 1<<20)}}}
		for _, r := range []*millrace.Record{rec, big, tomb} {
			if err := d.Reject(b.ctx, "", r, why); err != nil {
				t.Fatal(err)
			}
		}
		if err := d.Flush(b.ctx); err != nil || d.Pending() != 0 {
			t.Fatalf("%v, %d pending", err, d.Pending())
		}
		if err := d.Reject(b.ctx, "a-topic's-id", all, why); err != nil {
			t.Fatal(err)
		}
		if err := d.Flush(b.ctx); err != nil {
			t.Fatal(err)
		}
		letters := make(map[string]copied)
		for _, records := range read(b.ctx, t, b.source(SourceOptions{Topic: topic}), 4) {
			for _, r := range records {
				letters[header(r, millrace.HeaderSource)] = r
			}
		}
		first := letters["events/3/77"]
		if string(first.Key) != "k" || string(first.Value) != "v" || first.Time < 1e12 || header(first, millrace.HeaderTime) != "1234" || header(first, "mine") != "1" ||
			header(first, millrace.HeaderReason) != "wrong_type" || header(first, millrace.HeaderTruncated) != "none" || header(first, millrace.HeaderTopicID) != "none" {
			t.Errorf("letter: %+v", first)
		}
		if detail := header(first, millrace.HeaderDetail); !strings.HasPrefix(detail, `wrong_type at "amount": ä`) || len(detail) > detailBytesMax ||
			strings.ContainsRune(detail, '\uFFFD') {
			t.Errorf("detail: %q", detail)
		}
		if r := letters["events/1/5"]; header(r, millrace.HeaderTruncated) != "value=10485760" || len(r.Value) < 800<<10 || header(r, millrace.HeaderReason) != "wrong_type" {
			t.Errorf("large letter: %d bytes, truncated %q", len(r.Value), header(r, millrace.HeaderTruncated))
		}
		if r := letters["events/0/6"]; !r.null {
			t.Errorf("tombstone: %+v", r)
		}
		if r := letters["events/0/7"]; header(r, millrace.HeaderTruncated) != "value=1 key=1048576 headers=1" && header(r, millrace.HeaderTruncated) != "key=1048576 headers=1" {
			t.Errorf("letter with a large key and header: truncated %q", header(r, millrace.HeaderTruncated))
		} else if header(r, millrace.HeaderTopicID) != "a-topic's-id" || header(r, millrace.HeaderReason) != "wrong_type" {
			t.Errorf("a letter that was cut lost what Reject added: %+v", r.Headers)
		}
	})
}

func header(r copied, key string) string {
	for _, h := range r.Headers {
		if h.Key == key {
			return string(h.Value)
		}
	}
	return "none"
}

func TestDeadLettersAreNeverDropped(t *testing.T) {
	b := newFake(t)
	topic := b.topic(1)
	p := b.producer(ProducerOptions{})
	d := NewDeadLetters(p, topic, nil)
	for _, code := range []int16{kerr.TopicAuthorizationFailed.Code, kerr.InvalidTimestamp.Code, kerr.NotEnoughReplicas.Code} {
		b.produceError(topic, code)
	}
	why := &millrace.Rejection{Reason: millrace.ReasonEmpty}
	if err := d.Reject(b.ctx, "", &millrace.Record{Topic: "e", Value: []byte("v")}, why); err != nil {
		t.Fatal(err)
	}
	if err := d.Flush(b.ctx); err != nil || d.Pending() != 0 {
		t.Fatalf("%v, %d pending", err, d.Pending())
	}
	// A topic that takes less than dead letters are cut to.
	small := b.topic(1, "max.message.bytes", "20000")
	d = NewDeadLetters(p, small, nil)
	if err := d.Reject(b.ctx, "", &millrace.Record{Topic: "e", Value: make([]byte, 100<<10)}, why); err != nil {
		t.Fatal(err)
	}
	if err := d.Flush(b.ctx); err != nil {
		t.Fatal(err)
	}
	if r := read(b.ctx, t, b.source(SourceOptions{Topic: small}), 1)[0][0]; len(r.Value) < 5000 || header(r, millrace.HeaderTruncated) != "value=102400" {
		t.Errorf("%d bytes, truncated %q", len(r.Value), header(r, millrace.HeaderTruncated))
	}
	// A producer that stops leaves it pending, and says so.
	stopped := NewProducer(b.cluster, ProducerOptions{})
	d = NewDeadLetters(stopped, topic, nil)
	if err := d.Reject(b.ctx, "", &millrace.Record{Topic: "e"}, why); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.ctx)
	cancel()
	_ = stopped.Run(ctx)
	if err := d.Flush(b.ctx); !errors.Is(err, context.Canceled) || d.Pending() != 1 {
		t.Errorf("stopped: %v, %d pending", err, d.Pending())
	}
}

func BenchmarkProduce(b *testing.B) {
	bench := newFake(b, kfake.BlackholeProduce())
	topic := bench.topic(4)
	p := bench.producer(ProducerOptions{})
	rec := millrace.Record{Topic: topic, Partition: -1, Value: make([]byte, 180)}
	b.ReportAllocs()
	for b.Loop() {
		if err := p.Send(bench.ctx, rec, nil); err != nil {
			b.Fatal(err)
		}
	}
	if err := p.Flush(bench.ctx); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
}

// A record that is queued just as the producer stops is told so before a flush returns: a flush must
// not take it for written.
func TestFlushWaitsForWhatTheEndLeaves(t *testing.T) {
	b := newFake(t)
	topic := b.topic(1)
	p := NewProducer(b.cluster, ProducerOptions{})
	stop := start(t, p.Run)
	if err := p.Send(b.ctx, millrace.Record{Topic: topic, Value: []byte("1")}, nil); err != nil {
		t.Fatal(err)
	}
	if err := p.Flush(b.ctx); err != nil {
		t.Fatal(err)
	}
	telling, told := make(chan struct{}), make(chan struct{})
	p.mu.Lock() // Run cannot note its end, while the partition's sender leaves
	stopped := make(chan error, 1)
	go func() { stopped <- stop() }()
	time.Sleep(50 * time.Millisecond)
	p.outlet(topic, 0).push(&millrace.Record{Topic: topic, Value: []byte("2")}, 1, func(int32, int64, error) {
		close(telling)
		<-told
	}, nil, false)
	p.mu.Unlock()
	<-telling
	settled := make(chan error, 1)
	go func() { settled <- p.settle(b.ctx) }()
	select {
	case err := <-settled:
		t.Errorf("settled (%v) before the record's sender was told", err)
	case <-time.After(50 * time.Millisecond):
	}
	close(told)
	if err := <-stopped; err == nil {
		t.Error("Run ended without an error")
	}
}
