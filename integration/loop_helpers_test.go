//go:build integration

package integration

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"millrace/integration/harness"
	"millrace/store"
)

const (
	// patience is how long a test waits for what must come. It is far longer than anything takes, because the machine
	// may be building something else meanwhile.
	patience = 90 * time.Second
	// pollEvery is how often a condition is looked at.
	pollEvery = 25 * time.Millisecond
)

// TestMain starts one Kafka and one Redis for all tests, unless the environment names them, and hands them on the same
// way. Tests that stop or kill a server ask the harness for their own.
func TestMain(m *testing.M) { os.Exit(runWithServers(m)) }

func runWithServers(m *testing.M) int {
	dir, err := os.MkdirTemp("", "millrace-servers-")
	if err != nil {
		fmt.Fprintln(os.Stderr, "preparing servers:", err)
		return 1
	}
	defer os.RemoveAll(dir)
	kafka, err := harness.StartKafka(context.Background(), dir, harness.KafkaOptions{})
	if err != nil {
		fmt.Fprintln(os.Stderr, "starting Kafka:", err)
		return 1
	}
	defer endServer(kafka)
	redis, err := harness.StartRedis(context.Background(), dir, harness.RedisOptions{})
	if err != nil {
		fmt.Fprintln(os.Stderr, "starting Redis:", err)
		return 1
	}
	defer endServer(redis)
	if err := errors.Join(os.Setenv("MILLRACE_TEST_KAFKA", kafka.Addr()), os.Setenv("MILLRACE_TEST_REDIS", redis.Addr())); err != nil {
		fmt.Fprintln(os.Stderr, "naming the servers:", err)
		return 1
	}
	return harness.Main(m)
}

func endServer(s interface {
	External() bool
	Kill() error
}) {
	if s.External() {
		return
	}
	if err := s.Kill(); err != nil {
		fmt.Fprintln(os.Stderr, "ending a server:", err)
	}
}

// waitFor polls until done reports true. What it last said is in the failure's message.
func waitFor(t *testing.T, what string, done func() (bool, string)) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		ok, state := done()
		if ok {
			return
		}
		select {
		case <-deadline.C:
			t.Fatalf("waiting for %s: not after %s: %s", what, patience, state)
		case <-t.Context().Done():
			t.Fatalf("waiting for %s: the test ended: %s", what, state)
		case <-tick.C:
		}
	}
}

// pipelineSpec is what a test chooses of its pipeline; empty fields have defaults.
type pipelineSpec struct {
	name        string
	topic       string // of the events; <name>.events
	eventFields string // further settings of the events, as ", id: id"
	learns      string // features, label and model
	kafka       string // host:port; the shared broker
	redis       string // URL; the shared server's database 0
	partitions  int    // 1
	snapshots   string // {every: 200ms, keep: 1000}
	waits       string // how long Kafka and Redis are waited for: timeout and retry
	extra       string // further lines
}

// pipeline is one pipeline of a test: its file, and ways to look at its topics and versions from outside.
type pipeline struct {
	t     *testing.T
	spec  pipelineSpec
	file  string
	kafka *kadm.Client
	store *store.Store
	told  []string // what learners that were killed have told
}

// newPipeline writes the pipeline file. Names are the test's own, so that tests share servers without meeting.
func newPipeline(t *testing.T, s pipelineSpec) *pipeline {
	t.Helper()
	if s.topic == "" {
		s.topic = s.name + ".events"
	}
	if s.kafka == "" {
		s.kafka = harness.NewKafka(t, harness.KafkaOptions{}).Addr()
	}
	if s.redis == "" {
		s.redis = harness.NewRedis(t, harness.RedisOptions{}).URL()
	}
	if s.partitions == 0 {
		s.partitions = 1
	}
	if s.snapshots == "" {
		s.snapshots = "{every: 200ms, keep: 1000}"
	}
	// A frozen Redis is noticed after its time-out; under load Kafka may need longer than that.
	kafkaWaits, redisWaits := "", ", timeout: 1s"
	if s.waits != "" {
		kafkaWaits, redisWaits = ", "+s.waits, ", "+s.waits
	}
	text := fmt.Sprintf(`name: %s
kafka: {brokers: [%q]%s}
redis: {url: %q%s}
events: {topic: %s, partitions: %d, unknown_topic: create%s}
scores: {topic: %s.scores, start: earliest}
snapshots: %s
admin: 127.0.0.1:0
%s
%s`, s.name, s.kafka, kafkaWaits, s.redis, redisWaits, s.topic, s.partitions, s.eventFields, s.topic, s.snapshots, s.extra, s.learns)
	p := &pipeline{t: t, spec: s, file: writeFile(t, s.name+".yaml", text)}
	client, err := kgo.NewClient(kgo.SeedBrokers(s.kafka))
	if err != nil {
		t.Fatal(err)
	}
	p.kafka = kadm.NewClient(client)
	t.Cleanup(p.kafka.Close)
	spec := store.Spec{}
	spec.SetDefaults()
	spec.URL, spec.Timeout = s.redis, time.Second
	if p.store, err = store.Open(spec, store.Options{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.store.Close() })
	return p
}

// elsewhere is the same pipeline with its versions in another place: the reference that a disturbed run is compared
// with. The name stays, because it is part of a snapshot's bytes. Its group has positions, so that a learner there
// begins with --fresh.
func (p *pipeline) elsewhere() *pipeline {
	p.t.Helper()
	s := p.spec
	s.redis = strings.TrimSuffix(s.redis, "/0") + "/1"
	return newPipeline(p.t, s)
}

func (p *pipeline) scores() string { return p.spec.topic + ".scores" }

func (p *pipeline) dead() string { return p.spec.topic + ".dead" }

func writeFile(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// example returns features, label and model of an example pipeline: what it learns, without where from and where to.
func example(t *testing.T, name string) string {
	t.Helper()
	root, err := harness.RepoRoot()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(root, "examples", name+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var kept strings.Builder
	for line := range strings.Lines(string(text)) {
		section, _, _ := strings.Cut(line, ":")
		if slices.Contains([]string{"name", "kafka", "redis", "events", "scores", "snapshots"}, section) {
			continue
		}
		kept.WriteString(line)
	}
	return kept.String()
}

// rewriteEvents puts another events section into the pipeline file.
func (p *pipeline) rewriteEvents(events string) {
	p.t.Helper()
	text, err := os.ReadFile(p.file)
	if err != nil {
		p.t.Fatal(err)
	}
	changed := regexp.MustCompile(`(?m)^events: .*$`).ReplaceAll(text, []byte("events: "+events))
	if err := os.WriteFile(p.file, changed, 0o600); err != nil {
		p.t.Fatal(err)
	}
}
