package main

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"millrace/pipeline"
)

// fromConfig embeds its servers.
const fromConfig = `
name: from
events: {topic: from.events, id: id}
features: {amount: number, card: category}
label: {path: outcome, classes: [legit, fraud]}
model: logistic
snapshots: 50ms
admin: 127.0.0.1:0
`

// fromRows are n rows of a CSV file, whose cards say mostly what they are.
func fromRows(n int) string {
	var b strings.Builder
	b.WriteString("id,amount,card,outcome\n")
	for i := range n {
		outcome := "legit"
		if i%5 == 0 {
			outcome = "fraud"
		}
		fmt.Fprintf(&b, "%d,%d.5,%c,%s\n", i, i%9, "abbbb"[i%5], outcome)
	}
	return b.String()
}

// TestRunFrom: the rows of files are scored and learned, every one, also with servers of a person's own, and what
// became of them is said. Without a topic to be there before, and with one more row that cannot be used.
func TestRunFrom(t *testing.T) {
	embeds := written(t, "from.yaml", fromConfig)
	r := newRig(t)
	external := written(t, "external.yaml", fromConfig+fmt.Sprintf("kafka: {brokers: [%q]}\nredis: {url: \"redis://%s/0\"}\n", r.kafka, r.redis))
	first, second := written(t, "1.csv", fromRows(700)), written(t, "2.csv", "id,amount,card,outcome\n700,many,b,legit\n701,2,b,legit\n")
	for _, file := range []string{embeds, external} {
		s := decoded[feedSummary](t, "run", "-c", file, "--from", first, "--from", second, "--until-done", "--log-level", "error")
		if s.Events != 702 || s.Learned != 701 || s.Rejected != 1 || s.Scores != 701 || s.Snapshots == 0 || s.Accuracy == nil || *s.Accuracy < 0.8 {
			t.Errorf("%s: %+v", file, s)
		}
	}
	if got := r.topic("from.events", 702); string(got[0].Key) != "0" || string(got[0].Value) != `{"id":0,"amount":0.5,"card":"a","outcome":"fraud"}` {
		t.Errorf("the first event is %s with key %s", got[0].Value, got[0].Key)
	}
	p, err := pipeline.Load(external)
	if err != nil {
		t.Fatal(err)
	}
	if p.Scores.Topic == "" || len(r.topic(p.Scores.Topic, 701)) != 701 {
		t.Error("scores are missing")
	}
}

// TestRunFromAgainSays: a second run says which counts are of it, why rows were rejected in it, and of how many events
// the figures are; the first one's are all its own.
func TestRunFromAgainSays(t *testing.T) {
	file, dir := written(t, "from.yaml", fromConfig), t.TempDir()
	run := func(data string) string {
		return ok(t, "run", "-c", file, "--from", data, "--data-dir", dir, "--until-done", "--log-level", "error")
	}
	bad := "900,many,b,legit\n901,1,b,\n902,2,b,legit\n903,some,b,legit\n"
	data := written(t, "data.csv", fromRows(20)+"899,x,b,legit\n")
	if out := run(data); !strings.Contains(out, "from: 21 events, 20 learned, 1 rejected") || strings.Contains(out, "earlier runs") {
		t.Errorf("the first run: %s", out)
	}
	out := run(written(t, "more.csv", "id,amount,card,outcome\n"+bad))
	for _, want := range []string{"from: 4 events, 1 learned, 2 rejected, 1 without a label", "rejected: wrong_type 2; millrace dead show",
		"of all 21 events that were learned so far, by earlier runs as well\n\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("the second run does not say %q: %s", want, out)
		}
	}
	s := decoded[feedSummary](t, "run", "-c", file, "--from", written(t, "more.csv", "id,amount,card,outcome\n"+bad), "--data-dir", dir, "--until-done", "--log-level", "error")
	if s.Events != 0 || s.Learned != 0 || s.LearnedInAll != 21 || len(s.Reasons) != 0 {
		t.Errorf("a run that has nothing to send: %+v", s)
	}
}

// TestRunFromGoesOn: once all rows are sent the pipeline runs on until a signal, and then says how it went.
func TestRunFromGoesOn(t *testing.T) {
	file, data := written(t, "from.yaml", fromConfig), written(t, "data.csv", fromRows(20))
	ctx, stop := context.WithCancel(t.Context())
	var out, errOut lockedBuffer
	ended := make(chan error, 1)
	root := newRoot(&app{in: strings.NewReader(""), out: &out, err: &errOut})
	root.SetArgs([]string{"run", "-c", file, "--from", data})
	go func() { ended <- root.ExecuteContext(ctx) }()
	for deadline := time.Now().Add(time.Minute); !strings.Contains(errOut.String(), "all rows are sent") || !strings.Contains(errOut.String(), "learned=20"); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not all is sent: %s", errOut.String())
		}
	}
	select {
	case err := <-ended:
		t.Fatalf("it ended by itself: %v", err)
	default:
	}
	stop()
	if err := <-ended; err != nil || !strings.Contains(out.String(), "from: 20 events, 20 learned, 0 rejected") {
		t.Errorf("%v: %s", err, out.String())
	}
}

// TestRunFromUsage: what cannot be is said before anything starts.
func TestRunFromUsage(t *testing.T) {
	file, data := written(t, "from.yaml", fromConfig), written(t, "data.csv", fromRows(2))
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"--rate", "3"}, "--rate is for rows of files: name some with --from FILE"},
		{[]string{"--until-done"}, "--until-done is for rows of files"},
		{[]string{"--delimiter", ";"}, "--delimiter is for rows of files"},
		{[]string{"--from", data, "--loop", "--until-done"}, "there is no end of rows"},
		{[]string{"--from", data, "--rate", "-1"}, "is no rate"},
		{[]string{"--from", "none.csv"}, "none.csv"},
		{[]string{"--from", data, "--labels", data}, "label: {topic: TOPIC}"},
	} {
		if code, _, errOut := verb(t, append([]string{"run", "-c", file}, test.args...)...); code != exitUsage || !strings.Contains(errOut, test.want) {
			t.Errorf("%v: exit code %d, %q; want %q", test.args, code, errOut, test.want)
		}
	}
}

// lockedBuffer is written to while it is read.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
