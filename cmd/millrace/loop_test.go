package main

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"millrace/embedded"
	"millrace/payments"
	"millrace/pipeline"
	"millrace/pipeline/status"
	"millrace/store"
)

// loopConfig is a small pipeline of payments.
const loopConfig = `
name: NAME
events: {topic: loop.events, id: id, unknown_topic: create}
features:
  amount: {type: number, missing: indicator}
  FEATURE: number
label: {path: outcome, classes: [legit, fraud]}
model: {type: logistic, optimizer: {type: sgd, rate: 0.05}}
snapshots: {every: 50ms, events: 500, keep: 5}
scores: {topic: loop.scores}
admin: 127.0.0.1:0
`

// rig is a broker and a store that outlive the pipelines that run on them, as a user's do.
type rig struct {
	t            *testing.T
	kafka, redis string
}

func newRig(t *testing.T) *rig {
	t.Helper()
	k, err := embedded.StartKafka(embedded.KafkaOptions{Addr: "127.0.0.1:0", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	s, err := embedded.StartRedis(embedded.RedisOptions{Addr: "127.0.0.1:0", Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if err := k.Close(); err != nil {
			t.Error(err)
		}
	})
	return &rig{t: t, kafka: k.Addr(), redis: s.Addr()}
}

// file writes a pipeline file: its features differ by one, so that settings may differ.
func (r *rig) file(name, feature string) string {
	r.t.Helper()
	text := strings.NewReplacer("NAME", name, "FEATURE", feature).Replace(loopConfig)
	return written(r.t, name+".yaml", text+fmt.Sprintf("kafka: {brokers: [%q]}\nredis: {url: \"redis://%s/0\"}\n", r.kafka, r.redis))
}

// produce writes payments to the events topic.
func (r *rig) produce(file string, n int) {
	r.t.Helper()
	ok(r.t, "produce", "-c", file, "--generate", "payments", "--events", fmt.Sprint(n))
}

// learn learns and scores until done says so, then ends as a signal does.
func (r *rig) learn(file string, done func(status.Status) bool, challengers ...string) {
	r.t.Helper()
	ctx, stop := context.WithTimeout(r.t.Context(), 2*time.Minute)
	defer stop()
	p, err := pipeline.Load(file)
	if err != nil {
		r.t.Fatal(err)
	}
	running, err := pipeline.Open(ctx, pipeline.Options{Config: p, File: file, Learn: true, Score: true, Challengers: challengers,
		Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		r.t.Fatal(err)
	}
	defer running.Close()
	ended := make(chan error, 1)
	go func() { ended <- running.Run(ctx) }()
	for !done(running.Status()) {
		select {
		case err := <-ended:
			r.t.Fatalf("it ended early: %v", err)
		case <-ctx.Done():
			r.t.Fatalf("not done in time: %+v", running.Status())
		case <-time.After(5 * time.Millisecond):
		}
	}
	stop()
	if err := <-ended; err != nil {
		r.t.Fatal(err)
	}
}

// learned waits until pipeline and challengers have applied n events.
func learned(n uint64) func(status.Status) bool {
	return func(s status.Status) bool {
		for _, l := range append(s.Challengers, s.Learning) {
			if l.Learned+l.Rejected < n {
				return false
			}
		}
		return true
	}
}

// TestPromoteAndRollBack: a challenger is promoted with its own settings only, and the verbs say what they did.
func TestPromoteAndRollBack(t *testing.T) {
	r := newRig(t)
	former, rival, later := r.file("loop", "distance_km"), r.file("rival", "attempts_last_hour"), r.file("loop", "attempts_last_hour")
	r.produce(former, 600)
	r.learn(former, learned(600), rival)

	if code, _, errOut := verb(t, "snapshots", "promote", "rival", "-c", former); code != exitFailed ||
		!strings.Contains(errOut, "other settings") || !strings.Contains(errOut, "distance_km") {
		t.Errorf("with the champion's former settings: %d, %s", code, errOut)
	}
	if code, _, errOut := verb(t, "snapshots", "promote", "nobody", "-c", former); code != exitFailed ||
		!strings.Contains(errOut, "no version of nobody: name a challenger") {
		t.Errorf("promoting nobody: %d, %s", code, errOut)
	}
	type head struct {
		Cause   string
		Seq     uint64
		Version uint64
		Before  map[string]float64
	}
	before := decoded[[]store.Version](t, "snapshots", "list", "-c", former)[0].Head
	done := decoded[head](t, "snapshots", "promote", "rival", "-c", later)
	if done.Cause != "promoted" || done.Seq <= before.Seq || done.Version == 0 || done.Before == nil {
		t.Errorf("promoting: %+v after %+v", done, before)
	}
	if out := ok(t, "snapshots", "promote", "rival", "-c", later); !strings.Contains(out, "loop now serves version") || !strings.Contains(out, "of rival") ||
		!strings.Contains(out, "started again with this one") {
		t.Errorf("promoting again: %s", out)
	}

	version := fmt.Sprint(before.Seq)
	if code, _, errOut := verb(t, "snapshots", "rollback", version, "-c", later); code != exitFailed ||
		!strings.Contains(errOut, "the file that it was learned with") {
		t.Errorf("going back with the promoted settings: %d, %s", code, errOut)
	}
	if code, _, errOut := verb(t, "snapshots", "rollback", "99", "-c", later); code != exitFailed ||
		strings.Count(errOut, "rolling") != 1 || !strings.Contains(errOut, "the history holds") {
		t.Errorf("to a version that is not there: %d, %s", code, errOut)
	}
	if code, _, errOut := verb(t, "snapshots", "rollback", "first", "-c", later); code != exitUsage || !strings.Contains(errOut, "no version") {
		t.Errorf("to no number: %d, %s", code, errOut)
	}
	if out := ok(t, "snapshots", "rollback", version, "-c", former); !strings.Contains(out, "loop now serves version "+version+" again") ||
		!strings.Contains(out, "until the next version") || !strings.Contains(out, "stop the learner") {
		t.Errorf("going back with the former settings: %s", out)
	}
}

// TestUsageOfStages: what the file and the flags say together and cannot have is a usage error.
func TestUsageOfStages(t *testing.T) {
	external := newRig(t).file("loop", "distance_km")
	embeds := written(t, "embeds.yaml", "name: e\nevents: e\nfeatures: {a: number}\nlabel: {path: \"y\", classes: [\"no\", \"yes\"]}\nmodel: logistic\n")
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"learn", "-c", embeds}, "use run"},
		{[]string{"score", "-c", embeds}, "use run"},
		{[]string{"run", "-c", external, "--data-dir", "d"}, "names real ones"},
		{[]string{"run", "-c", external, "--challenger", external}, "a challenger needs its own"},
		{[]string{"run", "-c", "none.yaml"}, "none.yaml"},
		{[]string{"run"}, "no pipeline file"},
		{[]string{"produce", "-c", embeds, "data.csv"}, "--brokers"},
		{[]string{"snapshots", "list", "-c", embeds}, "--redis"},
	} {
		if code, _, errOut := verb(t, test.args...); code != exitUsage || !strings.Contains(errOut, test.want) {
			t.Errorf("%v: exit code %d, %q; want %q", test.args, code, errOut, test.want)
		}
	}
}

// paymentRows are payments, a row each.
func paymentRows(n int) []byte {
	g := payments.New(7)
	var out []byte
	for range n {
		out = append(g.Next(out), '\n')
	}
	return out
}

// TestDemoGoesOn: a second demo with the same data directory goes on from the first, and its figures are its own.
// Labels come later: what waited when the first ended is learned in the second.
func TestDemoGoesOn(t *testing.T) {
	dir := t.TempDir()
	var waited uint64
	for run := range 2 {
		s := decoded[feedSummary](t, "demo", "--events", "700", "--rate", "0", "--data-dir", dir, "--log-level", "error")
		if s.Events != 700 || s.Learned < 500 || s.Rejected != 0 || s.Scores < 700 || s.LogLoss == nil || s.ROCAUC == nil || s.Waiting == nil {
			t.Fatalf("%+v", s)
		}
		names := s.Names
		if names["duplicate"] != 0 || names["lost"] != 0 || s.Labels == 0 || *s.Waiting < 20 ||
			names["joined"]+names["expired_learned"] != s.Learned || s.Learned+*s.Waiting != 700+waited {
			t.Errorf("run %d: %d learned, %d wait, %d waited before, %v", run, s.Learned, *s.Waiting, waited, names)
		}
		waited = *s.Waiting
	}
}
