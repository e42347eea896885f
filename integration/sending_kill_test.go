//go:build integration

package integration

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"millrace/integration/harness"
)

const (
	sentRows = 9000
	// sentBad of the rows are of a class that the pipeline file does not know at first.
	sentBad = 6000
	// sentLearns is what the pipeline file learns before it is mended.
	sentLearns = "features: {amount: number}\nlabel: {path: outcome, classes: [legit, fraud]}\nmodel: logistic\n"
)

// sendingRows are the rows, one in three of a class that is known.
func sendingRows() string {
	var b strings.Builder
	b.WriteString("id,amount,outcome\n")
	for i := range sentRows {
		fmt.Fprintf(&b, "%d,%d.5,%s\n", i, i%9, []string{"stolen", "legit", "stolen"}[i%3])
	}
	return b.String()
}

// killedSending kills a process once a topic has so many records, which it may have come to its end before.
func (p *pipeline) killedSending(r *harness.Run, topic string, records uint64) (killed bool) {
	p.t.Helper()
	for deadline := time.Now().Add(patience); p.size(topic) < records; time.Sleep(time.Millisecond) {
		select {
		case <-r.Exited():
			return false
		default:
		}
		if time.Now().After(deadline) {
			p.t.Fatalf("%s has %d records, want %d\n%s", topic, p.size(topic), records, r.Stderr())
		}
	}
	if err := r.Kill(); err != nil {
		p.t.Fatal(err)
	}
	return true
}

// checkSent fails unless the events' topic has each row of the file once, and so many rejected ones sent again once.
func (p *pipeline) checkSent(rejected int) {
	p.t.Helper()
	rows, again := map[string]int{}, map[string]int{}
	for _, r := range p.read(p.spec.topic) {
		if source := header(r, "millrace-replayed-source"); source != "" {
			again[source]++
		} else {
			rows[string(r.Key)]++
		}
	}
	for what, times := range map[string]map[string]int{"row": rows, "the letter of": again} {
		for name, n := range times {
			if n != 1 {
				p.t.Fatalf("%s %s was sent %d times", what, name, n)
			}
		}
	}
	if len(rows) != sentRows || len(again) != rejected {
		p.t.Fatalf("%d rows were sent, want %d; %d of them again, want %d", len(rows), sentRows, len(again), rejected)
	}
}

// replayKilled replays dead letters and kills that with -9, some times, before one comes to its end.
func (p *pipeline) replayKilled(file string) {
	p.t.Helper()
	kills := 0
	for i := range 4 {
		args := []string{"dead", "replay", "-c", file, "--in-log"}
		if p.killedSending(harness.Start(p.t, args...), p.spec.topic, uint64(sentRows+700+1300*i)) {
			kills++
		}
	}
	e := must(p.t, "dead", "replay", "-c", file, "--in-log", "--output", "json")
	said := decoded[[]struct{ Sent, Copies int }](p.t, e)
	if kills == 0 || len(said) != 1 || said[0].Sent == 0 {
		p.t.Fatalf("%d replays were killed; the last one says %s", kills, e.stdout)
	}
	p.t.Logf("%d replays were killed, the last one sent %d letters and passed over %d copies", kills, said[0].Sent, said[0].Copies)
}

// mended is the pipeline file with the class that it did not know.
func (p *pipeline) mended() string {
	p.t.Helper()
	text, err := os.ReadFile(p.file)
	if err != nil {
		p.t.Fatal(err)
	}
	return writeFile(p.t, "mended.yaml", strings.Replace(string(text), "[legit, fraud]", "[legit, stolen]", 1))
}

// TestKilledSending: run --from is killed with -9 while it sends, and dead replay while it sends again, each some
// times. Every row is in the topic once, learned or rejected once, and every dead letter is sent again once.
func TestKilledSending(t *testing.T) {
	p := newPipeline(t, pipelineSpec{name: "sending", learns: sentLearns, partitions: 3, eventFields: ", id: id"})
	data := writeFile(t, "data.csv", sendingRows())
	args := []string{"run", "-c", p.file, "--from", data, "--rate"}
	for _, upTo := range []uint64{1000, 4000} {
		p.killedSending(harness.Start(t, append(args, "8000")...), p.spec.topic, upTo)
	}
	last := harness.Start(t, append(args, "0")...)
	if err := last.WaitOutput("all rows are sent", patience); err != nil {
		t.Fatal(err)
	}
	if err := last.Kill(); err != nil { // its scorer would wait for those that were killed
		t.Fatal(err)
	}
	p.checkSent(0)
	p.learnAll()
	if m := p.checkExact(sentBad); m.Learned != sentRows-sentBad {
		t.Errorf("learned %d of %d rows", m.Learned, sentRows-sentBad)
	}
	p.replayKilled(p.mended())
	p.checkSent(sentBad)
}

// TestKilledSendingEmbedded: the same where the run embeds the servers, which die with it, once while letters are sent
// again.
func TestKilledSendingEmbedded(t *testing.T) {
	t.Setenv("MILLRACE_RUNTIME_DIR", t.TempDir())
	text := "name: sending\nevents: {topic: sending.events, id: id, partitions: 3, unknown_topic: create}\nadmin: 127.0.0.1:0\nsnapshots: 100ms\n" + sentLearns
	p := &pipeline{t: t, spec: pipelineSpec{name: "sending", topic: "sending.events"}, file: writeFile(t, "sending.yaml", text)}
	data := writeFile(t, "data.csv", sendingRows())
	dir := t.TempDir()
	args := []string{"run", "-c", p.file, "--data-dir", dir, "--from", data}
	for _, upTo := range []uint64{1000, 4000} {
		r := p.embedding(append(args, "--rate", "8000")...)
		p.killedSending(r, p.spec.topic, upTo)
	}
	told := decoded[struct{ Learned, Rejected uint64 }](t, must(t, append(args, "--until-done", "--output", "json")...))
	if told.Learned+told.Rejected > sentRows || told.Learned == 0 {
		t.Errorf("it learned %d and rejected %d of %d", told.Learned, told.Rejected, sentRows)
	}
	mended := p.mended()
	r := p.embedding("run", "-c", mended, "--data-dir", dir, "--fresh")
	p.checkSent(0)
	replay := harness.Start(t, "dead", "replay", "-c", mended, "--in-log")
	p.killedSending(r, p.spec.topic, sentRows+1500) // the broker goes, and then who sends to it
	if err := replay.Kill(); err != nil {
		t.Fatal(err)
	}
	r = p.embedding("run", "-c", mended, "--data-dir", dir)
	p.replayKilled(mended)
	p.checkSent(sentBad)
	if err := r.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code, err := r.WaitExit(patience); err != nil || code != 0 {
		t.Errorf("the run ended with %d, %v", code, err)
	}
}

// embedding starts a run with servers of its own, and looks at its broker from then on.
func (p *pipeline) embedding(args ...string) *harness.Run {
	p.t.Helper()
	r := harness.Start(p.t, args...)
	if err := r.WaitOutput("msg=running", patience); err != nil {
		p.t.Fatal(err)
	}
	found := regexp.MustCompile(`embedded Kafka listens" address=(\S+)`).FindStringSubmatch(r.Stderr())
	if found == nil {
		p.t.Fatalf("no address of a broker in\n%s", r.Stderr())
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(found[1]))
	if err != nil {
		p.t.Fatal(err)
	}
	p.spec.kafka, p.kafka = found[1], kadm.NewClient(client)
	p.t.Cleanup(p.kafka.Close)
	return r
}
