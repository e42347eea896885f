//go:build integration

package integration

import (
	"bytes"
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
)

func TestBrokenPipelineFiles(t *testing.T) {
	learns := example(t, "elec")
	tests := []struct {
		name, text, place, says string
	}{
		{"no YAML", "name: a\nevents: {topic: b\nmodel: {\n", ":2:10:", "bracket"},
		{"a misspelt field", "name: a\nevents: {topic: b}\nsnapshot: 5s\n" + learns, ":3:1:", "snapshots"},
		{"a field twice", "name: a\nevents: {topic: b}\nname: c\n" + learns, ":3:1:", "name"},
		{"an impossible value", "name: a\nevents: {topic: b, partitions: many}\n" + learns, ":2:32:", "many"},
		{"a misspelt word", "name: a\nevents: {topic: b, start: erliest}\n" + learns, ":2:27:", "earliest"},
		{"nothing", "", ":1:1:", "name"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			file := writeFile(t, "broken.yaml", test.text)
			for _, verbName := range []string{"check", "run", "learn"} {
				e := verb(t, verbName, "-c", file)
				if e.code != 2 || !strings.Contains(e.stderr, file+test.place) || !strings.Contains(e.stderr, test.says) {
					t.Errorf("%s: exit code %d, want 2, %s%s and %q in\n%s", verbName, e.code, file, test.place, test.says, e.stderr)
				}
			}
		})
	}
}

// silent is an address that takes connections and never answers.
func silent(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l.Addr().String()
}

// closed is an address that nobody listens on.
func closed(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// Servers that are not there are waited for as long as the file says. The first line of the log and the last one name
// the server, its address and for how long it is tried. check --connect tries once.
func TestUnreachableServers(t *testing.T) {
	tests := []struct {
		name string
		spec func(address string) pipelineSpec
		at   func(*testing.T) string
		what string
	}{
		{"Kafka refuses", func(a string) pipelineSpec { return pipelineSpec{kafka: a} }, closed, "Kafka"},
		{"Kafka is silent", func(a string) pipelineSpec { return pipelineSpec{kafka: a} }, silent, "Kafka"},
		{"Redis refuses", func(a string) pipelineSpec { return pipelineSpec{redis: "redis://user:secret@" + a + "/0"} }, closed, "Redis"},
		{"Redis is silent", func(a string) pipelineSpec { return pipelineSpec{redis: "redis://user:secret@" + a + "/0"} }, silent, "Redis"},
	}
	for i, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			address := test.at(t)
			spec := test.spec(address)
			spec.name, spec.learns, spec.waits = fmt.Sprintf("unreachable-%d", i), example(t, "elec"), "timeout: 500ms, retry: 1s"
			p := newPipeline(t, spec)
			run := verb(t, "run", "-c", p.file)
			lines := strings.Split(strings.TrimSpace(run.stderr), "\n")
			for _, line := range []string{lines[0], lines[len(lines)-1]} {
				for _, want := range []string{test.what, address, "1s"} {
					if !strings.Contains(line, want) {
						t.Errorf("run says %q, want %q in it", line, want)
					}
				}
			}
			if run.code != 1 || len(lines) < 2 || !strings.Contains(lines[0], "level=WARN") {
				t.Errorf("run: exit code %d, want 1 after a warning\n%s", run.code, run.stderr)
			}
			check := verb(t, "check", "-c", p.file, "--connect")
			if check.code != 1 || !strings.Contains(check.stderr, address) || !strings.Contains(check.stderr, test.what) {
				t.Errorf("check --connect: exit code %d, want 1 and %s at %s in\n%s", check.code, test.what, address, check.stderr)
			}
			if strings.Contains(run.stderr+check.stderr, "secret") {
				t.Error("a message shows the password")
			}
		})
	}
}

// strict is a pipeline with all that an event can get wrong.
const strict = `features:
  amount: {type: number, missing: reject}
  huge: {type: number, scale: none}
  country: category
  present: boolean
label: {path: outcome, classes: [legit, fraud], unlabelled: reject}
model: {type: logistic, optimizer: {type: sgd, rate: 10}}
limits: {event: 2MiB, depth: 4, text: 20B}
`

// wrongEvents has one event for each reason that a record's value can give.
func wrongEvents() []badEvent {
	return []badEvent{
		{"empty", ""},
		{"too_large", `{"amount": 1, "pad": "` + strings.Repeat("x", 10<<20) + `", "outcome": "legit"}`},
		{"too_deep", `{"amount": 1, "a": {"b": {"c": {"d": {}}}}, "outcome": "legit"}`},
		{"malformed_json", `{"amount": NaN, "outcome": "legit"}`},
		{"malformed_json", `{"amount": 1, "outcome": "legit"} {}`},
		{"not_an_object", `"legit"`},
		{"duplicate_key", `{"amount": 1, "amount": 2, "outcome": "legit"}`},
		{"wrong_type", `{"amount": "many", "outcome": "legit"}`},
		{"wrong_type", `{"amount": 1, "present": 1, "outcome": "legit"}`},
		{"not_finite", `{"amount": -1e400, "outcome": "legit"}`},
		{"missing_feature", `{"outcome": "legit"}`},
		{"missing_feature", `{"amount": "NaN", "outcome": "legit"}`},
		{"text_too_long", `{"amount": 1, "country": "a country with a long name", "outcome": "legit"}`},
		{"bad_id", `{"id": 1.5, "amount": 1, "outcome": "legit"}`},
		{"bad_time", `{"time": "noon", "amount": 1, "outcome": "legit"}`},
		{"missing_label", `{"amount": 1}`},
		{"missing_label", `{"amount": 1, "outcome": null}`},
		{"bad_label", `{"amount": 1, "outcome": ["legit"]}`},
		{"unknown_class", `{"amount": 1, "outcome": "fruad"}`},
		{"update_overflow", `{"amount": 1, "huge": 3e38, "outcome": "fraud"}`},
	}
}

func TestWrongEventsBecomeDeadLetters(t *testing.T) {
	p := newPipeline(t, pipelineSpec{name: "wrong", learns: strict, snapshots: "{every: 100ms, keep: 10}"})
	p.rewriteEvents("{topic: wrong.events, id: id, time: time}")
	large := "12582912"
	configs := map[string]*string{"max.message.bytes": &large, "segment.bytes": &large}
	if _, err := p.kafka.CreateTopic(t.Context(), 1, 1, configs, p.spec.topic); err != nil {
		t.Fatal(err)
	}
	s := p.running("run")
	client, err := kgo.NewClient(kgo.SeedBrokers(p.spec.kafka), kgo.DefaultProduceTopic(p.spec.topic),
		kgo.ProducerBatchMaxBytes(12<<20), kgo.ProducerBatchCompression(kgo.NoCompression()))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	want, byReason := map[string]*kgo.Record{}, map[string]float64{}
	reasons := letters{}
	good := 0
	for i, b := range wrongEvents() {
		// A good event before each, so that learning is seen to go on.
		fine := fmt.Sprintf(`{"id": %d, "time": %d, "amount": %d, "country": "NO", "present": true, "outcome": "legit"}`, i, 1_700_000_000+i, i)
		bad := &kgo.Record{Key: []byte("key-" + strconv.Itoa(i)), Headers: []kgo.RecordHeader{{Key: "trace", Value: []byte{byte(i)}}}}
		if b.value != "" {
			bad.Value = []byte(b.value)
		}
		if err := client.ProduceSync(t.Context(), kgo.StringRecord(fine), bad).FirstErr(); err != nil {
			t.Fatalf("%s: %v", b.reason, err)
		}
		good++
		want[sourceOf(bad)], reasons[sourceOf(bad)] = bad, b.reason
		byReason[b.reason]++
	}
	p.waitApplied(s)
	p.waitScored(s)
	for reason, n := range byReason {
		if got := s.metric("millrace_rejected_events_total", `reason="`+reason+`"`); got != n {
			t.Errorf("rejected for %s: %g, want %g", reason, got, n)
		}
	}
	s.terminate()
	if m := p.checkExact(uint64(len(want))); m.Learned != uint64(good) {
		t.Errorf("learned %d of %d good events", m.Learned, good)
	}
	p.checkLetters(reasons)
	p.checkOriginals(want)
	// What fails only when it is learned, or only by its label, can be scored.
	unscored := reasons.unscored()
	for from, reason := range reasons {
		if reason == "update_overflow" {
			delete(unscored, from)
		}
	}
	p.checkScores(unscored)
}

// checkOriginals fails unless each dead letter has its record's key, headers and value; one that is cut says so.
func (p *pipeline) checkOriginals(want map[string]*kgo.Record) {
	p.t.Helper()
	for _, letter := range p.read(p.dead()) {
		original := want[header(letter, "millrace-source")]
		if original == nil {
			continue
		}
		if !bytes.Equal(letter.Key, original.Key) || header(letter, "trace") != header(original, "trace") {
			p.t.Errorf("the dead letter of %s has key %q and trace %q", sourceOf(original), letter.Key, header(letter, "trace"))
		}
		if cut := header(letter, "millrace-truncated"); cut != "" {
			if n := "value=" + strconv.Itoa(len(original.Value)); cut != n || !bytes.HasPrefix(original.Value, letter.Value) {
				p.t.Errorf("the dead letter of %s is cut: %q, want %q", sourceOf(original), cut, n)
			}
			continue
		}
		if !bytes.Equal(letter.Value, original.Value) || (letter.Value == nil) != (original.Value == nil) {
			p.t.Errorf("the dead letter of %s has another value", sourceOf(original))
		}
	}
}
