package harness

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	// kafkaHeap is the broker's heap: 256 MB serve a single node with a few topics, about 400 MB resident.
	kafkaHeap = "256m"
	// clusterID is a fixed base64 UUID: a test that wants another cluster says so with Options.ClusterID.
	clusterID = "bWlsbHJhY2UtdGVzdC0wMQ"
)

// KafkaOptions are what a test may want of its broker; the zero value is a good default.
type KafkaOptions struct {
	// Properties are added to server.properties and win over the harness's own.
	Properties map[string]string
	// ClusterID is a base64 UUID of 22 characters, for tests that need two different clusters.
	ClusterID string
	// AsServed runs the broker as Kafka's own start script does, with both compilers, G1 and a heap of 1 GB: slower to
	// start and faster to answer, for measurements.
	AsServed bool
	// Own asks for a broker of the test's own also when MILLRACE_TEST_KAFKA names one.
	Own bool
}

// Kafka is an Apache Kafka broker, a cluster of one node in KRaft mode.
type Kafka struct {
	server
	dir  string
	addr string
	java string
	lib  string

	asServed bool
}

// StartKafka starts a broker with its data and log under dir and waits until it answers, or takes the one that
// MILLRACE_TEST_KAFKA names. The caller ends it with Stop.
func StartKafka(ctx context.Context, dir string, o KafkaOptions) (*Kafka, error) {
	if addr := os.Getenv("MILLRACE_TEST_KAFKA"); addr != "" && !o.Own {
		k := &Kafka{addr: addr}
		return k, k.ping(ctx)
	}
	lib, err := kafkaLib(ctx)
	if err != nil {
		return nil, err
	}
	java, err := exec.LookPath("java")
	if err != nil {
		return nil, errors.New("starting Kafka needs Java 17 (apt-get install openjdk-17-jre-headless)")
	}
	for attempt := 1; ; attempt++ {
		k := &Kafka{dir: filepath.Join(dir, fmt.Sprintf("kafka-%d", attempt)), java: java, lib: lib, asServed: o.AsServed}
		if err := k.format(ctx, o); err != nil {
			return nil, err
		}
		k.server = server{
			command: Command{
				Path:   k.java,
				Args:   append(k.javaArgs(), "kafka.Kafka", k.config()),
				Stdout: filepath.Join(k.dir, "kafka.log"),
			},
			ping: k.ping,
		}
		err := k.start(ctx)
		if err == nil {
			return k, nil
		}
		if attempt == startAttempts || !portTaken(err) {
			return nil, err
		}
	}
}

// format writes server.properties with fresh ports and prepares the data folder.
func (k *Kafka) format(ctx context.Context, o KafkaOptions) error {
	if err := os.MkdirAll(k.dir, 0o755); err != nil {
		return fmt.Errorf("preparing Kafka: %w", err)
	}
	ports, err := freePorts(2)
	if err != nil {
		return err
	}
	k.addr = fmt.Sprintf("127.0.0.1:%d", ports[0])
	properties := brokerProperties(k.addr, fmt.Sprintf("127.0.0.1:%d", ports[1]), filepath.Join(k.dir, "data"))
	maps.Copy(properties, o.Properties)
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		fmt.Fprintf(&text, "%s=%s\n", name, properties[name])
	}
	if err := os.WriteFile(k.config(), []byte(text.String()), 0o644); err != nil {
		return fmt.Errorf("preparing Kafka: %w", err)
	}
	id := clusterID
	if o.ClusterID != "" {
		id = o.ClusterID
	}
	args := append(k.javaArgs(), "kafka.tools.StorageTool", "format", "--standalone", "-t", id, "-c", k.config())
	if out, err := exec.CommandContext(ctx, k.java, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("formatting Kafka's storage: %w\n%s", err, out)
	}
	return nil
}

// brokerProperties are the settings of one node that is broker and controller. What a cluster would spread over three
// brokers is set to one; what a real broker does every few minutes (cleaning, rolling, expiring) it does within a
// second here, so that tests meet compacted and truncated logs.
func brokerProperties(broker, controller, data string) map[string]string {
	return map[string]string{
		"process.roles":                                    "broker,controller",
		"node.id":                                          "1",
		"controller.quorum.bootstrap.servers":              controller,
		"listeners":                                        "PLAINTEXT://" + broker + ",CONTROLLER://" + controller,
		"advertised.listeners":                             "PLAINTEXT://" + broker,
		"controller.listener.names":                        "CONTROLLER",
		"log.dirs":                                         data,
		"offsets.topic.replication.factor":                 "1",
		"offsets.topic.num.partitions":                     "4",
		"transaction.state.log.replication.factor":         "1",
		"transaction.state.log.min.isr":                    "1",
		"transaction.state.log.num.partitions":             "4",
		"share.coordinator.state.topic.replication.factor": "1",
		"share.coordinator.state.topic.min.isr":            "1",
		"group.initial.rebalance.delay.ms":                 "0",
		// Topics are created by those who mean to: a test of an unknown topic would otherwise create it by asking.
		"auto.create.topics.enable": "false",
		// 1 MiB segments roll within tests, and only rolled segments are compacted or deleted.
		"log.segment.bytes":               "1048576",
		"log.cleaner.backoff.ms":          "100",
		"log.cleaner.min.cleanable.ratio": "0.01",
		"log.retention.check.interval.ms": "500",
		"log.segment.delete.delay.ms":     "100",
		"log.cleaner.dedupe.buffer.size":  "4194304",
		"log.cleaner.threads":             "1",
		// Above a pipeline's largest event, so that events too large for the pipeline reach it.
		"message.max.bytes":       "16777216",
		"replica.fetch.max.bytes": "16777216",
		// A killed consumer's partitions move after its own session time-out, which tests set low.
		"group.min.session.timeout.ms":                                "1000",
		"transaction.max.timeout.ms":                                  "60000",
		"transaction.abort.timed.out.transaction.cleanup.interval.ms": "500",
		// A killed broker's registration blocks the restarted one until it expires, 9 s by default.
		"broker.session.timeout.ms":    "6000",
		"broker.heartbeat.interval.ms": "200",
		// One request at a time from each of a few test clients: fewer threads start faster.
		"num.network.threads": "2",
		"num.io.threads":      "4",
	}
}

func (k *Kafka) config() string { return filepath.Join(k.dir, "server.properties") }

func (k *Kafka) javaArgs() []string {
	// The client compiler alone starts faster; a test broker is short-lived. Shared class data is the default.
	virtualMachine := []string{"-Xmx" + kafkaHeap, "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"}
	if k.asServed {
		virtualMachine = []string{"-server", "-Xms1g", "-Xmx1g", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20",
			"-XX:InitiatingHeapOccupancyPercent=35", "-XX:+ExplicitGCInvokesConcurrent"}
	}
	return append(virtualMachine,
		// At level info each start writes its thousand settings, and the reason of a failed one is not in the tail.
		"-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-Dorg.slf4j.simpleLogger.showDateTime=true",
		"-cp", filepath.Join(k.lib, "*"),
	)
}

// ping asks the broker for its metadata. It is ready when it knows itself and every partition has a leader: right after
// a restart topics are listed before they can be read.
func (k *Kafka) ping(ctx context.Context) error {
	conn, err := (&net.Dialer{Timeout: readyTimeout}).DialContext(ctx, "tcp", strings.Split(k.addr, ",")[0])
	if err != nil {
		return err
	}
	conn.Close()
	ctx, cancel := context.WithTimeout(ctx, pingTimeout)
	defer cancel()
	client, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(k.addr, ",")...))
	if err != nil {
		return fmt.Errorf("asking Kafka for its metadata: %w", err)
	}
	defer client.Close()
	metadata, err := kadm.NewClient(client).Metadata(ctx)
	if err != nil {
		return fmt.Errorf("asking Kafka for its metadata: %w", err)
	}
	if len(metadata.Brokers) == 0 {
		return errors.New("asking Kafka for its metadata: it knows no broker yet")
	}
	return metadata.Topics.Error()
}

// Addr returns the bootstrap address, host:port.
func (k *Kafka) Addr() string { return k.addr }
