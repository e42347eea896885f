package embedded

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// startHolding runs a broker of the least retention whose topic is read up to an offset.
func startHolding(t *testing.T, o KafkaOptions, needed *atomic.Int64) *Kafka {
	t.Helper()
	o.Topics, o.RetentionBytes = map[string]int{"events": 1, "scores": 1}, 1 // raised to the least there is
	k := startKafkaT(t, o)
	k.Hold([]string{"events"}, func() []Reader {
		return []Reader{{"events", k.Ends("events")}, {"events", map[int32]int64{0: needed.Load()}}}
	})
	ctx, cancel := context.WithCancel(t.Context())
	ran := make(chan error, 1)
	go func() { ran <- k.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ran; err != nil {
			t.Error(err)
		}
	})
	return k
}

// quick lets a client try again at once; by itself it asks for metadata first, every five seconds.
func quick() []kgo.Opt {
	return []kgo.Opt{kgo.RetryBackoffFn(func(int) time.Duration { return 20 * time.Millisecond }), kgo.MetadataMinAge(20 * time.Millisecond)}
}

func startOf(t *testing.T, c *kgo.Client, topic string) int64 {
	t.Helper()
	starts, err := kadm.NewClient(c).ListStartOffsets(context.Background(), topic)
	if err != nil {
		t.Fatal(err)
	}
	start, _ := starts.Lookup(topic, 0)
	return start.Offset
}

// TestProducersWaitForReaders: a client of its own, which names topics by id, is held back while a reader needs
// all that a log holds, loses nothing and goes on in order once the reader has. Topics that nobody holds are
// trimmed meanwhile.
func TestProducersWaitForReaders(t *testing.T) {
	for _, where := range []string{"memory", "disk"} {
		t.Run(where, func(t *testing.T) {
			var o KafkaOptions
			if where == "disk" {
				o.Dir = t.TempDir()
			}
			var needed atomic.Int64
			k := startHolding(t, o, &needed)
			c := clientOf(t, k.Addr(), quick()...)
			k.retain() // knows the topic's id
			var acknowledged atomic.Int64
			value := []byte(strings.Repeat("x", 1<<20))
			for range 60 {
				c.Produce(t.Context(), &kgo.Record{Topic: "events", Value: value}, func(r *kgo.Record, err error) {
					if n := acknowledged.Add(1); err != nil || r.Offset != n-1 {
						t.Errorf("record %d has offset %d: %v", n, r.Offset, err)
					}
				})
			}
			for len(k.Full()) == 0 {
				time.Sleep(10 * time.Millisecond)
			}
			for range 40 {
				produce(t, c, "scores", string(value))
			}
			for startOf(t, c, "scores") == 0 {
				time.Sleep(10 * time.Millisecond)
			}
			if n := acknowledged.Load(); n < 30 || n > 58 || startOf(t, c, "events") != 0 {
				t.Errorf("%d records are written, from %d on, and nobody has read them", n, startOf(t, c, "events"))
			}
			for acknowledged.Load() < 60 {
				needed.Store(acknowledged.Load() - 5)
				time.Sleep(10 * time.Millisecond)
			}
			if start := startOf(t, c, "events"); start == 0 || start > needed.Load() {
				t.Errorf("the log begins at %d, and is needed from %d on", start, needed.Load())
			}
		})
	}
}

// TestReleasedProducersWrite: at the end what is on its way is written, though nobody reads it; and a producer
// that wants no answers loses its connection, as it would not know otherwise.
func TestReleasedProducersWrite(t *testing.T) {
	var needed atomic.Int64
	k := startHolding(t, KafkaOptions{}, &needed)
	c := clientOf(t, k.Addr(), append(quick(), kgo.RecordRetries(2), kgo.RequestRetries(1), kgo.DisableIdempotentWrite())...)
	record := func() *kgo.Record { return &kgo.Record{Topic: "events", Value: []byte(strings.Repeat("x", 8<<20))} }
	var err error
	for range 10 {
		if err = c.ProduceSync(t.Context(), record()).FirstErr(); err != nil {
			break
		}
	}
	if !errors.Is(err, kerr.NotEnoughReplicas) {
		t.Fatalf("a full log answers %v", err)
	}
	for acks, want := range map[int16]error{0: errHeld, 1: nil, -1: nil} { // those with answers get theirs from the broker
		req := kmsg.NewPtrProduceRequest()
		req.Version, req.Acks = 9, acks
		topic := kmsg.NewProduceRequestTopic()
		topic.Topic, topic.Partitions = "events", []kmsg.ProduceRequestTopicPartition{kmsg.NewProduceRequestTopicPartition()}
		req.Topics = append(req.Topics, topic)
		if resp, err, handled := k.hold.observe(k)(req); resp != nil || !errors.Is(err, want) || handled != (want != nil) {
			t.Errorf("with acks=%d: %v, %v", acks, handled, err)
		}
	}
	k.Release()
	if err := c.ProduceSync(t.Context(), record()).FirstErr(); err != nil {
		t.Errorf("after the end: %v", err)
	}
	if start := startOf(t, c, "events"); start != 0 {
		t.Errorf("the log begins at %d, and nothing was read", start)
	}
}

// TestOnePartitionIsFull: producers of the others go on, also in the same request.
func TestOnePartitionIsFull(t *testing.T) {
	k := startKafkaT(t, KafkaOptions{Topics: map[string]int{"events": 3}, RetentionBytes: 1})
	k.Hold([]string{"events"}, func() []Reader { return []Reader{{"events", map[int32]int64{1: 1 << 40, 2: 1 << 40}}} })
	ctx, cancel := context.WithCancel(t.Context())
	ran := make(chan error, 1)
	go func() { ran <- k.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-ran; err != nil {
			t.Error(err)
		}
	}()
	c := clientOf(t, k.Addr(), append(quick(), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(5*time.Millisecond))...)
	value := []byte(strings.Repeat("x", 1<<20))
	var written [3]atomic.Int64
	for range 60 {
		for p := range written {
			c.Produce(ctx, &kgo.Record{Topic: "events", Partition: int32(p), Value: value}, func(_ *kgo.Record, err error) {
				if err == nil {
					written[p].Add(1)
				}
			})
		}
	}
	for written[1].Load() < 60 || written[2].Load() < 60 {
		time.Sleep(5 * time.Millisecond)
	}
	if n, full := written[0].Load(), k.Full(); n < 30 || n > 58 || len(full) != 1 || full[0].Partition != 0 {
		t.Errorf("%d records are in the partition that nobody reads; full: %+v", n, full)
	}
}
