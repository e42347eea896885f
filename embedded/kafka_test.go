package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

func startKafkaT(t *testing.T, o KafkaOptions) *Kafka {
	t.Helper()
	k, err := StartKafka(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = k.Close() })
	return k
}

func clientOf(t testing.TB, addr string, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	c, err := kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(addr), kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchMaxBytes(recordBatchBytesMax),
	}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func produce(t testing.TB, c *kgo.Client, topic, value string) int64 {
	t.Helper()
	r, err := c.ProduceSync(context.Background(), &kgo.Record{Topic: topic, Value: []byte(value)}).First()
	if err != nil {
		t.Fatal(err)
	}
	return r.Offset
}

func consume(t testing.TB, addr, topic string, n int) (values []string) {
	t.Helper()
	c := clientOf(t, addr, kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {0: kgo.NewOffset().AtStart()}}))
	for len(values) < n {
		fetches := c.PollFetches(context.Background())
		if err := fetches.Err(); err != nil {
			t.Fatal(err)
		}
		fetches.EachRecord(func(r *kgo.Record) { values = append(values, string(r.Value)) })
	}
	return values
}

func TestKafkaInMemory(t *testing.T) {
	k := startKafkaT(t, KafkaOptions{Topics: map[string]int{"events": 4, "scores": 1}})
	other := startKafkaT(t, KafkaOptions{})
	if k.ClusterID() == other.ClusterID() || len(k.ClusterID()) != 22 {
		t.Errorf("cluster ids are %q and %q", k.ClusterID(), other.ClusterID())
	}
	admin := kadm.NewClient(clientOf(t, k.Addr()))
	meta, err := admin.Metadata(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if meta.Cluster != k.ClusterID() || len(meta.Brokers) != 1 || len(meta.Topics["events"].Partitions) != 4 || len(meta.Topics["scores"].Partitions) != 1 {
		t.Errorf("metadata is %+v", meta)
	}
	c := clientOf(t, k.Addr())
	for i := range 3 {
		produce(t, c, "events", fmt.Sprint(i))
	}
	if got := consume(t, k.Addr(), "events", 3); strings.Join(got, "") != "012" {
		t.Errorf("consumed %v", got)
	}
	// An event beyond the usual limits gets in, to become a dead letter.
	produce(t, c, "events", strings.Repeat("x", 10<<20))
}

func TestKafkaKeepsItsData(t *testing.T) {
	dir := t.TempDir()
	k := startKafkaT(t, KafkaOptions{Dir: dir, Topics: map[string]int{"events": 1}})
	id := k.ClusterID()
	produce(t, clientOf(t, k.Addr()), "events", "a")
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	if err := k.Close(); err != nil {
		t.Errorf("closing again: %v", err)
	}
	k.retain() // must not wait for a closed broker
	k = startKafkaT(t, KafkaOptions{Dir: dir, Topics: map[string]int{"events": 1, "new": 2}})
	if k.ClusterID() != id {
		t.Errorf("cluster id %q became %q", id, k.ClusterID())
	}
	meta, err := kadm.NewClient(clientOf(t, k.Addr())).Metadata(context.Background())
	if err != nil || meta.Cluster != id || len(meta.Topics["new"].Partitions) != 2 {
		t.Errorf("metadata is %+v, %v", meta, err)
	}
	if offset := produce(t, clientOf(t, k.Addr()), "events", "b"); offset != 1 {
		t.Errorf("the second record has offset %d", offset)
	}
	if got := consume(t, k.Addr(), "events", 2); strings.Join(got, "") != "ab" {
		t.Errorf("consumed %v", got)
	}
}

func TestKafkaRetention(t *testing.T) {
	const retention = 2 * recordBatchBytesMax
	for _, where := range []string{"memory", "disk"} {
		t.Run(where, func(t *testing.T) {
			o := KafkaOptions{Topics: map[string]int{"events": 1}, RetentionBytes: 1} // raised to the least there is
			if where == "disk" {
				o.Dir = t.TempDir()
			}
			k := startKafkaT(t, o)
			c := clientOf(t, k.Addr())
			value := strings.Repeat("x", 1<<20)
			for range 48 {
				produce(t, c, "events", value)
			}
			k.retain()
			starts, err := kadm.NewClient(c).ListStartOffsets(context.Background(), "events")
			if err != nil {
				t.Fatal(err)
			}
			start, _ := starts.Lookup("events", 0)
			if start.Offset < 16 || start.Offset > 20 {
				t.Errorf("the log starts at %d", start.Offset)
			}
			if where == "memory" {
				return
			}
			var size int64
			files, err := filepath.Glob(filepath.Join(o.Dir, "kafka", "log", "partitions", "*", "*.dat"))
			if err != nil {
				t.Fatal(err)
			}
			for _, path := range files {
				info, err := os.Stat(path)
				if err != nil {
					t.Fatal(err)
				}
				size += info.Size()
			}
			if size > retention+retention/segmentsPerLog+1<<20 {
				t.Errorf("the log has %d bytes on disk in %d segments", size, len(files))
			}
		})
	}
}

func TestKafkaRunEndsWithItsContext(t *testing.T) {
	k := startKafkaT(t, KafkaOptions{})
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := k.Run(ctx); err != nil {
		t.Error(err)
	}
}

func TestStartKafkaRefuses(t *testing.T) {
	damaged := t.TempDir()
	if err := os.MkdirAll(filepath.Join(damaged, "kafka", "log"), 0o755); err != nil {
		t.Fatal(err)
	}
	busy := startKafkaT(t, KafkaOptions{Dir: t.TempDir()})
	tests := map[string]struct {
		o    KafkaOptions
		want string
	}{
		"an address clients cannot use": {KafkaOptions{Addr: ":0"}, "names no host"},
		"all addresses":                 {KafkaOptions{Addr: "0.0.0.0:0"}, "names no host"},
		"no port":                       {KafkaOptions{Addr: "localhost"}, "port"},
		"a port in use":                 {KafkaOptions{Addr: busy.Addr()}, "in use"},
		"topics that collide":           {KafkaOptions{Topics: map[string]int{"a.b": 1, "a_b": 1}}, "creating topic"},
		"a log without its id":          {KafkaOptions{Dir: damaged}, "damaged"},
	}
	for name, test := range tests {
		k, err := StartKafka(test.o)
		if err == nil {
			_ = k.Close()
		}
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: error is %v", name, err)
		}
	}
}

// One data directory serves both, but each only once.
func TestDataDirectoryIsLocked(t *testing.T) {
	dir := t.TempDir()
	k := startKafkaT(t, KafkaOptions{Dir: dir})
	r := startRedisT(t, RedisOptions{Dir: dir})
	_, kafkaErr := StartKafka(KafkaOptions{Dir: dir})
	_, redisErr := StartRedis(RedisOptions{Dir: dir})
	for _, err := range []error{kafkaErr, redisErr} {
		if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("in use by process %d", os.Getpid())) {
			t.Errorf("error is %v", err)
		}
	}
	if err := errors.Join(k.Close(), r.Close()); err != nil {
		t.Fatal(err)
	}
	startKafkaT(t, KafkaOptions{Dir: dir})
	startRedisT(t, RedisOptions{Dir: dir})
}

func FuzzCheckTopicsReply(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x01\x00\x01a\x00\x24\xff\xff"))
	f.Add([]byte("\x00\x00\x00\x01\x00\x00\x00\x00\xff\xff\xff\xff"))
	f.Fuzz(func(_ *testing.T, reply []byte) { _ = checkTopicsReply(reply) })
}

// TestTopicsSayThatTimeDeletesNothing: what is asked of a topic's retention is how the broker acts, which keeps records
// whatever their time; a topic that is given one has it.
func TestTopicsSayThatTimeDeletesNothing(t *testing.T) {
	k := startKafkaT(t, KafkaOptions{Topics: map[string]int{"seeded": 1}})
	admin := kadm.NewClient(clientOf(t, k.Addr()))
	if _, err := admin.CreateTopic(t.Context(), 1, 1, nil, "created"); err != nil {
		t.Fatal(err)
	}
	hour := "3600000"
	if _, err := admin.CreateTopic(t.Context(), 1, 1, map[string]*string{"retention.ms": &hour}, "given"); err != nil {
		t.Fatal(err)
	}
	for topic, want := range map[string]string{"seeded": "-1", "created": "-1", "given": hour} {
		described, err := admin.DescribeTopicConfigs(t.Context(), topic)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, c := range described[0].Configs { // the default, then the topic's own
			if c.Key == "retention.ms" {
				got = *c.Value
			}
		}
		if got != want {
			t.Errorf("topic %s has retention.ms %s, want %s", topic, got, want)
		}
	}
}
