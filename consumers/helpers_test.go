package consumers

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"millrace"
)

// testTimeout bounds what a test waits for; nothing waits for it to pass.
const testTimeout = 60 * time.Second

var topicCount atomic.Int64

// bench is a cluster under test: kfake in the process, or a real one.
type bench struct {
	t       testing.TB
	ctx     context.Context
	addrs   []string
	fake    *kfake.Cluster // nil for a real one
	cluster *Cluster
	admin   *kadm.Client
}

func newFake(t testing.TB, opts ...kfake.Opt) *bench {
	t.Helper()
	fake, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(1)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(fake.Close)
	return newBench(t, fake, fake.ListenAddrs()...)
}

func newReal(t testing.TB) *bench {
	t.Helper()
	addrs := os.Getenv("MILLRACE_TEST_KAFKA")
	if addrs == "" {
		t.Skip("MILLRACE_TEST_KAFKA names no broker")
	}
	return newBench(t, nil, strings.Split(addrs, ",")...)
}

func newBench(t testing.TB, fake *kfake.Cluster, addrs ...string) *bench {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), testTimeout)
	t.Cleanup(cancel)
	b := &bench{t: t, ctx: ctx, fake: fake, addrs: addrs}
	b.cluster = b.dial()
	b.admin = kadm.NewClient(b.client())
	return b
}

// both runs a test on kfake, and on a real Kafka when there is one.
func both(t *testing.T, test func(t *testing.T, b *bench)) {
	t.Helper()
	t.Run("kfake", func(t *testing.T) { test(t, newFake(t)) })
	t.Run("kafka", func(t *testing.T) { test(t, newReal(t)) })
}

func testSpec(addrs ...string) Spec {
	var s Spec
	s.SetDefaults()
	s.Mode, s.Brokers = "external", addrs
	return s
}

func (b *bench) dial() *Cluster {
	b.t.Helper()
	c, err := Dial(testSpec(b.addrs...), Options{})
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = c.Close() })
	return c
}

func (b *bench) client(opts ...kgo.Opt) *kgo.Client {
	b.t.Helper()
	client, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(b.addrs...)}, opts...)...)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(client.Close)
	return client
}

// topic creates a topic with a name of its own.
func (b *bench) topic(partitions int, configs ...string) string {
	b.t.Helper()
	name := fmt.Sprintf("t%d-%d-%s", os.Getpid(), topicCount.Add(1), strings.NewReplacer("/", "-", "#", "-").Replace(b.t.Name()))
	spec := TopicSpec{Name: name, Partitions: partitions, Replication: 1}
	for i := 0; i+1 < len(configs); i += 2 {
		if spec.Configs == nil {
			spec.Configs = make(map[string]string)
		}
		spec.Configs[configs[i]] = configs[i+1]
	}
	if err := b.cluster.EnsureTopic(b.ctx, spec); err != nil {
		b.t.Fatal(err)
	}
	return name
}

// write produces records through franz-go and waits for them; the client keeps partitions as given.
func (b *bench) write(records []*kgo.Record, opts ...kgo.Opt) {
	b.t.Helper()
	client := b.client(append([]kgo.Opt{kgo.RecordPartitioner(kgo.ManualPartitioner())}, opts...)...)
	defer client.Close()
	if err := client.ProduceSync(b.ctx, records...).FirstErr(); err != nil {
		b.t.Fatal(err)
	}
}

func numbered(topic string, partition int32, from, to int) []*kgo.Record {
	var records []*kgo.Record
	for i := from; i < to; i++ {
		records = append(records, &kgo.Record{Topic: topic, Partition: partition, Value: []byte(strconv.Itoa(i))})
	}
	return records
}

// start runs something long-lived until the test ends, and returns how to stop it and what it said.
func start(t testing.TB, run func(context.Context) error) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx) }()
	var err error
	var stopped bool
	stop = func() error {
		cancel()
		if !stopped {
			err = <-ended
			stopped = true
		}
		return err
	}
	t.Cleanup(func() { _ = stop() }) // tests look at what they expect themselves
	return stop
}

func (b *bench) source(o SourceOptions) *Source {
	b.t.Helper()
	s := NewSource(b.cluster, o)
	start(b.t, s.Run)
	return s
}

func (b *bench) producer(o ProducerOptions) *Producer {
	b.t.Helper()
	p := NewProducer(b.cluster, o)
	start(b.t, p.Run)
	return p
}

type nexter interface {
	Next(ctx context.Context) (*millrace.Batch, error)
}

// copied is a record that outlives its batch.
type copied struct {
	millrace.Record
	null bool
}

// read takes batches until they hold n records, checks that each partition's batches join up, and
// returns the records by partition. It fails the test when there are more than n.
func read(ctx context.Context, t testing.TB, s nexter, n int) map[int32][]copied {
	t.Helper()
	records := make(map[int32][]copied)
	next := make(map[int32]int64)
	for n > 0 {
		b, err := s.Next(ctx)
		if err != nil {
			t.Fatalf("with %d records to come: %v", n, err)
		}
		if to, ok := next[b.Partition]; ok && to != b.From {
			t.Fatalf("partition %d: a batch from %d after one to %d", b.Partition, b.From, to)
		}
		next[b.Partition] = b.To
		at := b.From
		for _, r := range b.Records {
			if r.Offset < at || r.Offset >= b.To || r.Topic != b.Topic || r.Partition != b.Partition {
				t.Fatalf("record %s/%d/%d in a batch of partition %d from %d to %d", r.Topic, r.Partition, r.Offset, b.Partition, at, b.To)
			}
			at = r.Offset + 1
			records[b.Partition] = append(records[b.Partition], deepCopy(r))
		}
		if b.End < b.To {
			t.Fatalf("a batch to %d of a partition that ends at %d", b.To, b.End)
		}
		n -= len(b.Records)
		b.Release()
	}
	if n < 0 {
		t.Fatalf("%d records too many", -n)
	}
	return records
}

func deepCopy(r millrace.Record) copied {
	c := copied{Record: r, null: r.Value == nil}
	c.Key = clone(r.Key)
	c.Value = clone(r.Value)
	c.Headers = nil
	for _, h := range r.Headers {
		c.Headers = append(c.Headers, millrace.Header{Key: strings.Clone(h.Key), Value: clone(h.Value)})
	}
	return c
}

func clone(b []byte) []byte {
	if b == nil {
		return nil
	}
	return append([]byte{}, b...)
}
