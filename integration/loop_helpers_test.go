//go:build integration

package integration

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"millrace"
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
	name       string
	topic      string // of the events; <name>.events
	learns     string // features, label and model
	kafka      string // host:port; the shared broker
	redis      string // URL; the shared server's database 0
	partitions int    // 1
	snapshots  string // {every: 200ms, keep: 1000}
	waits      string // how long Kafka and Redis are waited for: timeout and retry
	extra      string // further lines
}

// pipeline is one pipeline of a test: its file, and ways to look at its topics and versions from outside.
type pipeline struct {
	t     *testing.T
	spec  pipelineSpec
	file  string
	kafka *kadm.Client
	store *store.Store
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
events: {topic: %s, partitions: %d, unknown_topic: create}
scores: {topic: %s.scores, start: earliest}
snapshots: %s
admin: 127.0.0.1:0
%s
%s`, s.name, s.kafka, kafkaWaits, s.redis, redisWaits, s.topic, s.partitions, s.topic, s.snapshots, s.extra, s.learns)
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

// elsewhere is the same pipeline with its versions in another place: the reference that a disturbed run is compared with.
// The name stays, because it is part of a snapshot's bytes.
func (p *pipeline) elsewhere() *pipeline {
	p.t.Helper()
	s := p.spec
	s.redis = strings.TrimSuffix(s.redis, "/0") + "/1"
	return newPipeline(p.t, s)
}

func (p *pipeline) scores() string { return p.spec.topic + ".scores" }
func (p *pipeline) dead() string   { return p.spec.topic + ".dead" }

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

// ended is a verb that has run to its end.
type ended struct {
	code           int
	stdout, stderr string
}

// verb runs millrace to its end.
func verb(t *testing.T, args ...string) ended {
	t.Helper()
	run := harness.Start(t, args...)
	code, err := run.WaitExit(patience)
	if err != nil {
		t.Fatalf("millrace %s: %v", strings.Join(args, " "), err)
	}
	return ended{code, run.Stdout(), run.Stderr()}
}

// must runs millrace to its end and fails the test unless it did what it should.
func must(t *testing.T, args ...string) ended {
	t.Helper()
	e := verb(t, args...)
	if e.code != 0 {
		t.Fatalf("millrace %s: exit code %d\n%s%s", strings.Join(args, " "), e.code, e.stdout, e.stderr)
	}
	return e
}

// decoded reads a verb's JSON result.
func decoded[T any](t *testing.T, e ended) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(e.stdout), &v); err != nil {
		t.Fatalf("the result is no JSON of its kind: %v\n%s", err, e.stdout)
	}
	return v
}

// produce writes a data file to the events topic and returns how many events that were.
func (p *pipeline) produce(data string, args ...string) uint64 {
	p.t.Helper()
	return p.producing(data, args...).end()
}

// stage is a running learn, score or run.
type stage struct {
	*harness.Run
	t     *testing.T
	admin string
}

// start starts a stage without waiting for it.
func (p *pipeline) start(name string, args ...string) *stage {
	p.t.Helper()
	return &stage{t: p.t, Run: harness.Start(p.t, append([]string{name, "-c", p.file, "--admin", "127.0.0.1:0"}, args...)...)}
}

// running starts a stage and waits until it does its work.
func (p *pipeline) running(name string, args ...string) *stage {
	p.t.Helper()
	s := p.start(name, args...)
	if err := s.WaitOutput("msg=running", patience); err != nil {
		p.t.Fatal(err)
	}
	found := regexp.MustCompile(`admin=(http://\S+)`).FindStringSubmatch(s.Stderr())
	if found == nil {
		p.t.Fatalf("no admin address in\n%s", s.Stderr())
	}
	s.admin = found[1]
	return s
}

// terminate ends a stage with SIGTERM, which must be clean.
func (s *stage) terminate() {
	s.t.Helper()
	code, err := s.Terminate(patience)
	if err != nil || code != 0 {
		s.t.Fatalf("after SIGTERM: exit code %d, %v\n%s", code, err, s.Stderr())
	}
}

// alive fails the test when the stage has ended.
func (s *stage) alive() {
	s.t.Helper()
	select {
	case <-s.Exited():
		s.t.Fatalf("%s ended with code %d\n%s", s.Name(), s.ExitCode(), s.Stderr())
	default:
	}
}

// metric is the sum of a metric's series whose labels contain all of the given texts.
func (s *stage) metric(name string, labels ...string) float64 {
	s.t.Helper()
	response, err := http.Get(s.admin + "/metrics")
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	sum := 0.0
	for line := range strings.Lines(string(text)) {
		series, value, _ := strings.Cut(strings.TrimSpace(line), "} ")
		family, set, _ := strings.Cut(series, "{")
		without := slices.ContainsFunc(labels, func(l string) bool { return !strings.Contains(set, l) })
		if family != name || without {
			continue
		}
		v, err := strconv.ParseFloat(value, 64)
		if err != nil {
			s.t.Fatalf("%s: %v", line, err)
		}
		sum += v
	}
	return sum
}

// get returns the status of a page of the admin address.
func (s *stage) get(path string) int {
	s.t.Helper()
	client := &http.Client{Timeout: 10 * time.Second}
	response, err := client.Get(s.admin + path)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	return response.StatusCode
}

// waitMetric waits until a metric is at least n.
func (s *stage) waitMetric(n float64, name string, labels ...string) {
	s.t.Helper()
	waitFor(s.t, fmt.Sprintf("%s of at least %g", name, n), func() (bool, string) {
		s.alive()
		v := s.metric(name, labels...)
		return v >= n, fmt.Sprintf("it is %g", v)
	})
}

// ends are the topic's log ends by partition; none when there is no such topic.
func (p *pipeline) ends(topic string) map[int32]int64 {
	p.t.Helper()
	listed, err := p.kafka.ListEndOffsets(p.t.Context(), topic)
	if err != nil {
		p.t.Fatal(err)
	}
	ends := map[int32]int64{}
	listed.Each(func(o kadm.ListedOffset) {
		if o.Err == nil {
			ends[o.Partition] = o.Offset
		}
	})
	return ends
}

// size is how many records a topic holds. Nothing here compacts or expires.
func (p *pipeline) size(topic string) uint64 {
	p.t.Helper()
	var n uint64
	for _, end := range p.ends(topic) {
		n += uint64(end)
	}
	return n
}

// read returns all records that a topic holds now.
func (p *pipeline) read(topic string) []*kgo.Record {
	p.t.Helper()
	want := p.size(topic)
	if want == 0 {
		return nil
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(p.spec.kafka), kgo.ConsumeTopics(topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchMaxPartitionBytes(16<<20))
	if err != nil {
		p.t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	var records []*kgo.Record
	for uint64(len(records)) < want {
		fetched := client.PollFetches(ctx)
		if err := fetched.Err(); err != nil {
			p.t.Fatalf("reading %s, %d of %d records: %v", topic, len(records), want, err)
		}
		records = append(records, fetched.Records()...)
	}
	return records
}

// head is the version that a learner would resume from; false while there is none or Redis is away.
func (p *pipeline) head() (store.Version, bool) {
	p.t.Helper()
	versions, err := p.store.List(p.t.Context(), p.spec.name)
	if err != nil {
		return store.Version{}, false
	}
	i := slices.IndexFunc(versions, func(v store.Version) bool { return v.IsHead })
	if i < 0 {
		return store.Version{}, false
	}
	return versions[i], true
}

// waitApplied waits until the head holds as many events as the topic.
func (p *pipeline) waitApplied(s *stage) {
	p.t.Helper()
	want := p.size(p.spec.topic)
	waitFor(p.t, fmt.Sprintf("%d events in a snapshot", want), func() (bool, string) {
		s.alive()
		v, ok := p.head()
		applied := v.Manifest.Learned + v.Manifest.Rejected
		return ok && applied >= want, fmt.Sprintf("there are %d", applied)
	})
}

// learnAll learns the topic to its end without being disturbed and returns the last version's manifest.
func (p *pipeline) learnAll() millrace.Manifest {
	p.t.Helper()
	s := p.running("learn")
	p.waitApplied(s)
	s.terminate()
	v, _ := p.head()
	return v.Manifest
}

// checkExact fails unless the head has applied each of the topic's events once, rejected of them to the dead letters,
// and reads on at the log's ends. It returns the head's manifest.
func (p *pipeline) checkExact(rejected uint64) millrace.Manifest {
	p.t.Helper()
	v, ok := p.head()
	if !ok {
		p.t.Fatal("there is no version")
	}
	m := v.Manifest
	if total := p.size(p.spec.topic); m.Learned+m.Rejected != total || m.Rejected != rejected {
		p.t.Errorf("learned %d + rejected %d of %d events, want %d rejected", m.Learned, m.Rejected, total, rejected)
	}
	positions := map[int32]int64{}
	for _, at := range m.Positions {
		positions[at.Partition] = at.Offset
	}
	if ends := p.ends(p.spec.topic); !maps.Equal(positions, ends) {
		p.t.Errorf("positions are %v, the log ends at %v", positions, ends)
	}
	return m
}

// waitTopic waits until the events topic has all its partitions.
func (p *pipeline) waitTopic() {
	p.t.Helper()
	waitFor(p.t, "topic "+p.spec.topic, func() (bool, string) {
		ends := p.ends(p.spec.topic)
		return len(ends) == p.spec.partitions, fmt.Sprintf("it has %d partitions", len(ends))
	})
}

// sourceOf is a record's place as headers name it.
func sourceOf(r *kgo.Record) string {
	return fmt.Sprintf("%s/%d/%d", r.Topic, r.Partition, r.Offset)
}

// header is a record's header, empty when it has none.
func header(r *kgo.Record, key string) string {
	for _, h := range r.Headers {
		if h.Key == key {
			return string(h.Value)
		}
	}
	return ""
}

// score is a record of a scores topic.
type score struct {
	Model         string
	Version       uint64
	Score         float64
	Class         string
	Probabilities map[string]float64
}

// checkScores fails unless every event of the topic, but those in unscored, has a score with probabilities that sum up
// to 1. It returns how many scores each version gave.
func (p *pipeline) checkScores(unscored map[string]bool) map[uint64]int {
	p.t.Helper()
	versions, seen := map[uint64]int{}, map[string]bool{}
	for _, r := range p.read(p.scores()) {
		var s score
		if err := json.Unmarshal(r.Value, &s); err != nil {
			p.t.Fatalf("score %s: %v", r.Value, err)
		}
		sum := 0.0
		for _, q := range s.Probabilities {
			sum += q
		}
		// Shortest float32 text each: ten classes add up to within ten roundings.
		if math.Abs(sum-1) > 1e-5 || s.Model != p.spec.name || s.Version == 0 || s.Probabilities[s.Class] == 0 {
			p.t.Fatalf("score %s: want model %s, a version, and probabilities that sum up to 1", r.Value, p.spec.name)
		}
		if got := header(r, "millrace-version"); got != strconv.FormatUint(s.Version, 10) {
			p.t.Fatalf("score %s: header millrace-version is %q", r.Value, got)
		}
		versions[s.Version]++
		seen[header(r, "millrace-source")] = true
	}
	missing := 0
	for partition, end := range p.ends(p.spec.topic) {
		for offset := range end {
			from := sourceOf(&kgo.Record{Topic: p.spec.topic, Partition: partition, Offset: offset})
			if seen[from] == unscored[from] {
				missing++
				if missing <= 3 {
					p.t.Errorf("%s: scored %t, want %t", from, seen[from], !unscored[from])
				}
			}
		}
	}
	if missing > 0 {
		p.t.Errorf("%d events are scored that should not be, or not scored that should", missing)
	}
	return versions
}

// waitScored waits until the scorer's group has committed all of the topic.
func (p *pipeline) waitScored(s *stage) {
	p.t.Helper()
	want := p.ends(p.spec.topic)
	waitFor(p.t, "all events being scored", func() (bool, string) {
		s.alive()
		committed, err := p.kafka.FetchOffsets(p.t.Context(), p.spec.name+".scorer")
		if err != nil {
			return false, err.Error()
		}
		at := map[int32]int64{}
		committed.Each(func(o kadm.OffsetResponse) { at[o.Partition] = o.At })
		return maps.Equal(at, want), fmt.Sprintf("committed %v of %v", at, want)
	})
}

// production is a running produce.
type production struct {
	*harness.Run
	t *testing.T
}

// producing starts writing a data file to the events topic.
func (p *pipeline) producing(data string, args ...string) production {
	p.t.Helper()
	args = append([]string{"produce", "-c", p.file, data, "--output", "json"}, args...)
	return production{harness.Start(p.t, args...), p.t}
}

// end waits for the file's end and returns how many events were written.
func (r production) end() uint64 {
	r.t.Helper()
	code, err := r.WaitExit(patience)
	if err != nil || code != 0 {
		r.t.Fatalf("producing: exit code %d, %v\n%s", code, err, r.Stderr())
	}
	return decoded[struct{ Events uint64 }](r.t, ended{stdout: r.Stdout()}).Events
}

// stop ends an endless production and returns how many events were written.
func (r production) stop() uint64 {
	r.t.Helper()
	if err := r.Signal(syscall.SIGTERM); err != nil {
		r.t.Fatal(err)
	}
	return r.end()
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
