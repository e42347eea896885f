// Package embedded runs a Kafka broker and a Redis server inside the process, for the default set-up
// and for demos. Both listen on loopback, so that any Kafka client and redis-cli can join in, and
// everything above them is the same code that talks to real ones. With a data directory, topics and
// snapshots survive restarts and kill -9: the broker syncs its writes, and a flip of a model's head is
// in files before Redis answers it, so snapshots may trail the log but never lead it.
package embedded

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"millrace/snapshot"
	"millrace/store/folder"
)

const (
	// RetentionBytesMemory is what a partition keeps at most in a broker without a data directory: its
	// log lives in memory then.
	RetentionBytesMemory = 64 << 20
	// RetentionBytesDisk is what a partition keeps at most in a data directory. The log stands on disk,
	// but the start after a crash holds all logs in memory at once while it rebuilds their indexes, so
	// this bounds memory, too.
	RetentionBytesDisk = 128 << 20
	// recordBatchBytesMax is the largest record batch the broker takes: beyond Kafka's default of
	// 1 MiB, so that an event larger than the pipeline's limit can arrive and become a dead letter.
	recordBatchBytesMax = 16 << 20
	// retentionEvery is the pause between looks at the logs' sizes. What is written within it comes on
	// top of the retention.
	retentionEvery = time.Second
	// compactionEvery is the pause between compactions, of topics created as compacted.
	compactionEvery = 15 * time.Second
	// segmentsPerLog divides a partition's retention into segments: only whole ones are deleted.
	segmentsPerLog = 8
)

// KafkaOptions describe an embedded broker. The zero value keeps everything in memory.
type KafkaOptions struct {
	Dir    string         // data directory; its subdirectory kafka is used. Empty for memory
	Addr   string         // listens here; 127.0.0.1:0 by default. Clients are told this host, so it must be one they can reach
	Topics map[string]int // topics to create unless they exist, with their partitions
	// RetentionBytes is what a partition keeps, give or take a segment of an eighth of it, and a quarter more
	// where Hold lets producers wait; by default RetentionBytesMemory or RetentionBytesDisk. It is at least two
	// of the largest batches, so that the newest one always stays: a log emptied before a crash would start over
	// at offset 0. Nothing is dropped by age: records carry their events' times, which may be old.
	RetentionBytes int64
	BatchBytes     int64 // of the largest record batch that is taken; 16 MiB by default
	Log            *slog.Logger
	Random         io.Reader // makes the cluster's id; crypto/rand by default
}

// Kafka is a running broker.
type Kafka struct {
	cluster *kfake.Cluster
	addr    string
	id      string
	unlock  func() error
	hold    *holding

	mu     sync.Mutex // between retention and Close: a closed cluster never answers
	closed bool
}

// StartKafka starts a broker of one node. Its cluster id is random, one a data directory, so that
// positions of another broker's log are never mistaken for its own. Call Run to keep its logs bounded.
func StartKafka(o KafkaOptions) (*Kafka, error) {
	k, err := startKafka(o)
	if err != nil {
		return nil, fmt.Errorf("starting embedded Kafka: %w", err)
	}
	return k, nil
}

func startKafka(o KafkaOptions) (_ *Kafka, err error) {
	o.defaults()
	host, _, err := net.SplitHostPort(o.Addr)
	if err != nil {
		return nil, err
	}
	if ip := net.ParseIP(host); host == "" || (ip != nil && ip.IsUnspecified()) {
		return nil, fmt.Errorf("address %q names no host: clients are told to connect to it", o.Addr)
	}
	k := &Kafka{unlock: func() error { return nil }, hold: newHolding(o.RetentionBytes)}
	if o.Dir != "" {
		if k.unlock, err = folder.Lock(filepath.Join(o.Dir, "kafka"), 0o750); err != nil {
			return nil, err
		}
		defer func() {
			if err != nil {
				err = errors.Join(err, k.unlock())
			}
		}()
	}
	if k.id, err = clusterID(o); err != nil {
		return nil, err
	}
	if k.cluster, err = kfake.NewCluster(options(o, k.id)...); err != nil {
		return nil, err
	}
	k.cluster.ControlKey(int16(kmsg.CreateTopics), keepForever)
	k.cluster.ControlKey(int16(kmsg.Produce), k.hold.observe(k))
	k.addr = k.cluster.ListenAddrs()[0]
	if err := createTopics(k.addr, o.Topics); err != nil {
		k.cluster.Close()
		return nil, err
	}
	return k, nil
}

func (o *KafkaOptions) defaults() {
	if o.Addr == "" {
		o.Addr = "127.0.0.1:0"
	}
	if o.RetentionBytes == 0 {
		o.RetentionBytes = RetentionBytesMemory
		if o.Dir != "" {
			o.RetentionBytes = RetentionBytesDisk
		}
	}
	o.BatchBytes = cmp.Or(o.BatchBytes, recordBatchBytesMax)
	o.RetentionBytes = max(o.RetentionBytes, 2*o.BatchBytes)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Random == nil {
		o.Random = rand.Reader
	}
}

func options(o KafkaOptions, id string) []kfake.Opt {
	text := func(n int64) string { return strconv.FormatInt(n, 10) }
	opts := []kfake.Opt{
		kfake.NumBrokers(1),
		kfake.ClusterID(id),
		kfake.WithLogger(brokerLog{o.Log}),
		kfake.ListenFn(func(network, _ string) (net.Listener, error) { return net.Listen(network, o.Addr) }),
		kfake.BrokerConfigs(map[string]string{
			"log.retention.bytes":    "-1", // retain goes by what readers need, too
			"log.retention.ms":       "-1",
			"log.segment.bytes":      text(o.RetentionBytes / segmentsPerLog),
			"log.cleaner.backoff.ms": text(compactionEvery.Milliseconds()),
			"message.max.bytes":      text(o.BatchBytes),
		}),
	}
	if o.Dir != "" {
		// Without syncing, a crash of the machine could leave a snapshot whose events are gone.
		opts = append(opts, kfake.DataDir(filepath.Join(o.Dir, "kafka", "log")), kfake.SyncWrites())
	}
	return opts
}

// keepForever lets a new topic say what is so: here records go when the log is full, and never by their time. The
// broker acts by its own setting, but tells a topic's as Kafka's default of seven days.
func keepForever(req kmsg.Request) (kmsg.Response, error, bool) { //nolint:revive // the order is kfake's
	const name = "retention.ms"
	create := req.(*kmsg.CreateTopicsRequest)
	for i := range create.Topics {
		t := &create.Topics[i]
		if slices.ContainsFunc(t.Configs, func(c kmsg.CreateTopicsRequestTopicConfig) bool { return c.Name == name }) {
			continue
		}
		c := kmsg.NewCreateTopicsRequestTopicConfig()
		c.Name, c.Value = name, kmsg.StringPtr("-1")
		t.Configs = append(t.Configs, c)
	}
	return nil, nil, false
}

// clusterID reads the data directory's id, or draws one in the form that Kafka gives its own.
func clusterID(o KafkaOptions) (string, error) {
	raw := make([]byte, 16)
	if _, err := io.ReadFull(o.Random, raw); err != nil {
		return "", fmt.Errorf("drawing a cluster id: %w", err)
	}
	fresh := base64.RawURLEncoding.EncodeToString(raw)
	if o.Dir == "" {
		return fresh, nil
	}
	path := filepath.Join(o.Dir, "kafka", "cluster-id")
	text, err := os.ReadFile(path)
	if err == nil {
		id := strings.TrimSpace(string(text))
		if id == "" {
			return "", fmt.Errorf("%s is empty: the data directory is damaged", path)
		}
		return id, nil
	}
	if !errors.Is(err, os.ErrNotExist) {
		return "", err
	}
	// The id is written before the first log, so a log without an id is another's, or half a copy.
	if _, err := os.Stat(filepath.Join(o.Dir, "kafka", "log")); err == nil {
		return "", fmt.Errorf("%s is missing beside a log: the data directory is damaged", path)
	}
	return fresh, snapshot.ReplaceFile(path, []byte(fresh+"\n"))
}

// Addr is the broker's address, host:port.
func (k *Kafka) Addr() string { return k.addr }

// ClusterID is the id that the broker reports to clients.
func (k *Kafka) ClusterID() string { return k.id }

// Close stops the broker and gives its data directory back.
func (k *Kafka) Close() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.closed {
		return nil
	}
	k.closed = true
	k.cluster.Close()
	if err := k.unlock(); err != nil {
		return fmt.Errorf("closing embedded Kafka: %w", err)
	}
	return nil
}

// brokerLog brings the broker's messages into the structured log. What it calls informational is one
// line a request, which is for debugging here.
type brokerLog struct{ log *slog.Logger }

func (l brokerLog) Logf(level kfake.LogLevel, format string, v ...any) {
	to := slog.LevelDebug
	switch level {
	case kfake.LogLevelError:
		to = slog.LevelError
	case kfake.LogLevelWarn:
		to = slog.LevelWarn
	}
	if l.log.Enabled(context.Background(), to) {
		l.log.Log(context.Background(), to, "embedded Kafka", "message", fmt.Sprintf(format, v...))
	}
}
