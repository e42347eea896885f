//go:build integration

package integration

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// hugeEvent is an event of n bytes that compresses to almost nothing.
func hugeEvent(n int) []byte {
	const begin, end = `{"amount": 1, "pad": "`, `", "outcome": "legit"}`
	return []byte(begin + strings.Repeat("all work and no play ", (n-len(begin)-len(end))/21) + end)
}

// A record that is small only while it is compressed stops neither learner nor scorer: a broker with default settings
// takes it, whatever it opens to. Those around it in its batch are learned and scored, and memory stays within its
// bound.
func TestHugeRecordsArePassedOver(t *testing.T) {
	p := newPipeline(t, pipelineSpec{name: "huge", learns: strict, snapshots: "{every: 100ms, keep: 10}"})
	large := "15728640"
	if _, err := p.kafka.CreateTopic(t.Context(), 1, 1, map[string]*string{"max.message.bytes": &large, "segment.bytes": &large}, p.spec.topic); err != nil {
		t.Fatal(err)
	}
	s := p.running("run")
	codecs := []struct {
		name  string
		codec kgo.CompressionCodec
		bytes int
	}{
		{"none", kgo.NoCompression(), 12 << 20},
		{"snappy", kgo.SnappyCompression(), 100 << 20},
		{"gzip", kgo.GzipCompression(), 200 << 20},
		{"lz4", kgo.Lz4Compression(), 200 << 20},
		{"zstd", kgo.ZstdCompression(), 200 << 20},
	}
	reasons, good := letters{}, uint64(0)
	sizes := map[string]int{}
	for i, c := range codecs {
		client, err := kgo.NewClient(kgo.SeedBrokers(p.spec.kafka), kgo.DefaultProduceTopic(p.spec.topic), kgo.ProducerBatchCompression(c.codec),
			kgo.BrokerMaxWriteBytes(512<<20), kgo.ProducerBatchMaxBytes(256<<20), kgo.MaxBufferedBytes(1<<30), kgo.ProducerLinger(100*time.Millisecond))
		if err != nil {
			t.Fatal(err)
		}
		fine := func(k int) *kgo.Record {
			return kgo.StringRecord(fmt.Sprintf(`{"id": %d, "amount": %d, "country": "NO", "present": true, "outcome": "legit"}`, 10*i+k, k))
		}
		huge := &kgo.Record{Key: []byte(c.name), Value: hugeEvent(c.bytes), Headers: []kgo.RecordHeader{{Key: "trace", Value: []byte("1")}}}
		err = client.ProduceSync(t.Context(), fine(0), huge, fine(1)).FirstErr()
		client.Close()
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		good += 2
		reasons[sourceOf(huge)], sizes[sourceOf(huge)] = "too_large", len(huge.Value)
	}
	p.waitApplied(s)
	p.waitScored(s)
	if got := s.metric("millrace_rejected_events_total", `reason="too_large"`); got != float64(len(codecs)) {
		t.Errorf("rejected as too large: %g, want %d", got, len(codecs))
	}
	if got := s.metric("millrace_unscored_events_total", `reason="too_large"`); got != float64(len(codecs)) {
		t.Errorf("not scored as too large: %g, want %d", got, len(codecs))
	}
	t.Logf("resident at most: %d MiB", s.peak()>>20)
	s.terminate()
	if m := p.checkExact(uint64(len(codecs))); m.Learned != good {
		t.Errorf("learned %d of %d good events", m.Learned, good)
	}
	p.checkLetters(reasons)
	for _, letter := range p.read(p.dead()) {
		from := header(letter, "millrace-source")
		if want := fmt.Sprintf("value=%d", sizes[from]); header(letter, "millrace-truncated") != want || header(letter, "trace") != "1" ||
			!bytes.HasPrefix(letter.Value, []byte(`{"amount": 1, "pad": "all work`)) || len(letter.Value) < 1<<10 {
			t.Errorf("dead letter of %s: %d bytes, truncated %q, want %q", letter.Key, len(letter.Value), header(letter, "millrace-truncated"), want)
		}
	}
	p.checkScores(reasons.unscored())
}

// peak is the most memory that the stage's process ever had resident, in bytes.
func (s *stage) peak() int {
	s.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.Pid()))
	if err != nil {
		s.t.Fatal(err)
	}
	var kib int
	_, after, _ := strings.Cut(string(text), "VmHWM:")
	if _, err := fmt.Sscan(after, &kib); err != nil {
		s.t.Fatal(err)
	}
	return kib << 10
}
