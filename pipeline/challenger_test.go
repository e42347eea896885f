package pipeline

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"millrace"
	"millrace/config"
	"millrace/pipeline/status"
)

// rivalConfig reads other features of the same events, refuses some that the champion learns, and has another model.
const rivalConfig = `
name: NAME
events: {topic: loop.events, id: id, partitions: PARTITIONS}
features:
  amount: {type: number, missing: indicator}
  distance_km: {type: number, missing: reject}
  attempts_last_hour: number
label: {path: outcome, classes: [legit, fraud]}
model: {type: logistic, optimizer: {type: sgd, rate: 0.05}}
snapshots: {every: 50ms, events: 500, keep: 5}
scores: {topic: loop.scores, start: earliest}
admin: 127.0.0.1:0
`

// rivalFile writes the rival's pipeline file under a name, with the rig's connections.
func (r *rig) rivalFile(name string, partitions int) string {
	r.t.Helper()
	text := strings.NewReplacer("NAME", name, "PARTITIONS", fmt.Sprint(partitions)).Replace(rivalConfig)
	text += fmt.Sprintf("kafka: {brokers: [%q]}\nredis: {url: %q}\n", r.pipeline.Kafka.Brokers[0], r.pipeline.Redis.URL)
	path := filepath.Join(r.t.TempDir(), name+".yaml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
	return path
}

// challenged is a rig whose champion has the rival as its challenger.
func challenged(t *testing.T, partitions int) *rig {
	t.Helper()
	r := newRig(t, partitions)
	var err error
	if r.challengers, err = loadChallengers(r.pipeline, []string{r.rivalFile("rival", partitions)}); err != nil {
		t.Fatal(err)
	}
	return r
}

// bothLearned waits until champion and challengers have applied n events.
func bothLearned(n int) func(*Pipeline) bool {
	return func(s *Pipeline) bool {
		for _, c := range s.env.challengers {
			l := c.learner.Load()
			if l == nil || l.Status().Learned+l.Status().Rejected < uint64(n) {
				return false
			}
		}
		return learnedAll(n)(s)
	}
}

// metricsOf are the samples of a metric in the process, by pipeline and champion.
func metricsOf(t *testing.T, e *environment, name string) map[string]int {
	t.Helper()
	families, err := e.Gather()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]int{}
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			pipeline, champion := "", ""
			for _, l := range m.GetLabel() {
				switch l.GetName() {
				case "pipeline":
					pipeline = l.GetValue()
				case "champion":
					champion = l.GetValue()
				}
			}
			found[pipeline+" "+champion]++
		}
	}
	return found
}

// TestChallengerLearnsAndIsNeverServed: a challenger learns every event once over restarts, as it would alone, has its
// own dead letters, positions and metrics, and its champion is what it would be without it.
func TestChallengerLearnsAndIsNeverServed(t *testing.T) {
	const n = 3000
	data := rows(n, true)
	alone := newRig(t, 1)
	alone.produce(data)
	alone.run(false, learnedAll(n))

	r := challenged(t, 1)
	r.produce(data[:n/2])
	r.run(true, func(s *Pipeline) bool {
		if !bothLearned(n/2)(s) || s.scoring.loop.Finished() < n/2 {
			return false
		}
		for _, name := range []string{"millrace_progressive_log_loss", "millrace_progressive_roc_auc"} {
			if got := fmt.Sprint(metricsOf(t, s.env, name)); got != "map[loop :2 rival loop:2]" {
				t.Errorf("%s of %s, want one a window of champion and challenger", name, got)
			}
		}
		return true
	})
	r.produce(data[n/2:])
	r.run(false, bothLearned(n))

	if got, want := r.head(), alone.head(); !bytes.Equal(got.Serving, want.Serving) || !bytes.Equal(got.Training, want.Training) {
		t.Error("the champion differs from one without a challenger")
	}
	rival := r.headOf("rival")
	m := rival.Manifest
	missing := len(r.read("rival.dead"))
	if m.Learned+m.Rejected != n || m.Rejected <= n/10 || missing != int(m.Rejected) || len(m.Positions) != 1 || m.Positions[0].Offset != n {
		t.Errorf("learned %d, rejected %d, %d dead letters, positions %v", m.Learned, m.Rejected, missing, m.Positions)
	}
	if dead := len(r.read(r.pipeline.Events.DeadLetters)); dead != n/10 {
		t.Errorf("%d dead letters of the champion, want its own %d", dead, n/10)
	}
	if h, err := r.servers.store.Served(t.Context(), "rival"); !errors.Is(err, millrace.ErrNoSnapshot) {
		t.Errorf("the challenger is served: %+v, %v", h, err)
	}
	// Without Kafka the same pipeline learns the same.
	offline, err := Build(r.challengers[0])
	if err != nil {
		t.Fatal(err)
	}
	learnRows(offline, data)
	if s := offline.Snapshot(m); !bytes.Equal(s.Serving, rival.Serving) || !bytes.Equal(s.Training, rival.Training) {
		t.Error("the challenger differs from what its pipeline learns alone")
	}
	for _, rec := range r.read(r.pipeline.Scores.Topic) {
		if !bytes.Contains(rec.Value, []byte(`"model":"loop"`)) {
			t.Fatalf("score %s", rec.Value)
		}
	}
}

// TestBrokenChallengerEndsAlone: what a challenger was learned with before does not fit; its champion learns on.
func TestBrokenChallengerEndsAlone(t *testing.T) {
	const n = 600
	r := challenged(t, 1)
	r.produce(rows(n, false))
	r.run(false, bothLearned(n))
	before := r.headOf("rival").Manifest

	r.challengers[0].Model.Optimizer.Rate = 0.5
	r.produce(rows(n, false))
	r.run(false, learnedAll(2*n))
	if m := r.headOf("rival").Manifest; m.Seq != before.Seq || r.head().Manifest.Learned != 2*n {
		t.Errorf("the challenger moved to %+v; its champion learned %d", m, r.head().Manifest.Learned)
	}
}

// TestFencedChallengerEndsAlone: another learner takes the challenger over. Its metrics end here, its champion does
// not.
func TestFencedChallengerEndsAlone(t *testing.T) {
	const n = 600
	r := challenged(t, 1)
	r.produce(rows(n, false))
	step := 0
	r.run(false, func(s *Pipeline) bool {
		c := s.env.challengers[0]
		switch {
		case step == 0 && bothLearned(n)(s):
			if _, _, err := r.servers.store.Acquire(t.Context(), "rival", "another"); err != nil {
				t.Error(err)
			}
			r.produce(rows(n, false))
			step++
		case step == 1 && c.status().State == status.Fenced:
			if got := fmt.Sprint(metricsOf(t, s.env, "millrace_learned_events_total")); got != "map[loop :1]" {
				t.Errorf("metrics of %s, want the champion's alone", got)
			}
			r.produce(rows(n, false))
			step++
		}
		return step == 2 && learnedAll(3*n)(s)
	})
	if m := r.head().Manifest; m.Learned != 3*n {
		t.Errorf("the champion learned %d of %d", m.Learned, 3*n)
	}
}

// TestPromoteWhileRunning: where the settings are the same, a running learner takes the promoted version up, and a
// running scorer serves it.
func TestPromoteWhileRunning(t *testing.T) {
	const n = 1000
	r := newRig(t, 1)
	twin := *r.pipeline
	twin.Name = "twin"
	r.produce(rows(n, false))
	r.run(false, learnedAll(n/2))
	// Of the same settings, and so fit for the champion's file as it is.
	lone := *r
	lone.pipeline = &twin
	lone.run(false, learnedAll(n))
	learned := r.headOf("twin")
	var learners atomic.Int32
	r.onLearning = func(*learning) { learners.Add(1) }
	promoted := false
	r.run(true, func(s *Pipeline) bool {
		if !promoted && learnedAll(n)(s) {
			promoted = true
			if done, err := r.promote("twin", r.pipeline); err != nil || done.Cause != "promoted" || done.Version != learned.Manifest.Seq {
				t.Errorf("promoting: %+v, %v", done, err)
			}
			r.produce(rows(n, false)[:100])
		}
		v := s.scoring.scorer.Current()
		return promoted && learners.Load() == 2 && v != nil && v.Head.Epoch > 3 && s.learner.Load().Status().Learned == n+100
	})
	if m := r.head().Manifest; m.Learned != n+100 {
		t.Errorf("learned %d", m.Learned)
	}
}

// TestPromote: a challenger is promoted only with its own settings; then the champion's scorers serve it, and its
// learner goes on from the challenger's weights and positions, as the challenger itself would have.
func TestPromote(t *testing.T) {
	const n = 2000
	data := rows(n, false)
	r := challenged(t, 1)
	r.produce(data[:n/2])
	r.run(false, bothLearned(n/2))
	before, rival := r.head(), r.headOf("rival")

	former := r.pipeline
	_, err := r.promote("rival", former)
	if !errors.Is(err, millrace.ErrIncompatible) || !strings.Contains(err.Error(), "other settings") || !strings.Contains(err.Error(), "distance_km") {
		t.Fatalf("with the champion's former settings: %v", err)
	}
	if got := r.head(); got.Manifest.Seq != before.Manifest.Seq {
		t.Fatalf("the head moved to %+v", got.Manifest)
	}
	p := r.load(r.rivalFile("loop", 1))
	if done, err := r.promote("rival", p); err != nil || done.Learned != rival.Manifest.Learned || done.Before == nil {
		t.Fatalf("promoting: %+v, %v", done, err)
	}
	got := r.head()
	if !bytes.Equal(got.Serving, rival.Serving) || !bytes.Equal(got.Training, rival.Training) || got.Manifest.Epoch <= before.Manifest.Epoch {
		t.Errorf("promoted %+v", got.Manifest)
	}

	// The former file's learner says what it was, and does not take the model.
	_, err = openLearning(t.Context(), r.open(), Options{})
	if !errors.Is(err, millrace.ErrIncompatible) || !strings.Contains(err.Error(), "was promoted by") {
		t.Errorf("the former settings: %v", err)
	}
	// With the new file, learner and scorer go on as if it had always been theirs. The challenger goes on, too.
	r.pipeline = p
	r.produce(data[n/2:])
	r.run(true, func(s *Pipeline) bool { return bothLearned(n)(s) && s.scoring.loop.Finished() >= n/2 })
	champion, challenger := r.head(), r.headOf("rival")
	if !bytes.Equal(champion.Training, challengerAs(t, r, challenger)) || champion.Manifest.Learned != challenger.Manifest.Learned {
		t.Errorf("the champion learned %d, the challenger %d, and their states differ", champion.Manifest.Learned, challenger.Manifest.Learned)
	}
	versions, err := r.servers.store.List(t.Context(), "loop")
	if err != nil {
		t.Fatal(err)
	}
	promoted := 0
	for _, v := range versions {
		if v.Cause == "promoted" && strings.Contains(v.By, "of rival") {
			promoted++
		}
	}
	if promoted != 1 {
		t.Errorf("the history says so %d times", promoted)
	}
}

// TestRollbackAfterPromote: going back behind a promotion is refused with the new file, whose learner it would end, and
// done with the former one.
func TestRollbackAfterPromote(t *testing.T) {
	const n = 500
	r := challenged(t, 1)
	r.produce(rows(n, false))
	r.run(false, bothLearned(n))
	before := r.head().Manifest
	p, former := r.load(r.rivalFile("loop", 1)), r.pipeline
	if _, err := r.promote("rival", p); err != nil {
		t.Fatal(err)
	}
	promoted := r.head().Manifest.Seq

	_, err := r.rollback(before.Seq, p)
	if !errors.Is(err, millrace.ErrIncompatible) || !strings.Contains(err.Error(), "other settings") ||
		!strings.Contains(err.Error(), "distance_km") || !strings.Contains(err.Error(), "the file that it was learned with") {
		t.Errorf("with the promoted settings: %v", err)
	}
	if m := r.head().Manifest; m.Seq != promoted {
		t.Fatalf("the head moved to %+v", m)
	}
	_, err = r.rollback(99, p)
	if err == nil || strings.Count(err.Error(), "rolling") != 1 || !strings.Contains(err.Error(), "the history holds") {
		t.Errorf("to a version that is not there: %v", err)
	}
	if h, err := r.rollback(before.Seq, former); err != nil || h.Cause != "rollback" {
		t.Errorf("with the former settings: %+v, %v", h, err)
	}
	if m := r.head().Manifest; m.Learned != before.Learned {
		t.Errorf("went back to %+v", m)
	}
	// The new file's learner says how it comes that the head is of other settings, and not to throw it away.
	r.pipeline = p
	_, err = openLearning(t.Context(), r.open(), Options{})
	if !errors.Is(err, millrace.ErrIncompatible) || !strings.Contains(err.Error(), "rolled back") || strings.Contains(err.Error(), "--fresh") {
		t.Errorf("the promoted settings: %v", err)
	}
}

// load reads a pipeline file.
func (r *rig) load(file string) *config.Pipeline {
	r.t.Helper()
	p, err := Load(file)
	if err != nil {
		r.t.Fatal(err)
	}
	return p
}

// promote promotes a challenger's newest version to the pipeline.
func (r *rig) promote(challenger string, p *config.Pipeline) (Promotion, error) {
	r.t.Helper()
	h, err := r.servers.store.Head(r.t.Context(), challenger)
	if err != nil {
		r.t.Fatal(err)
	}
	return Promote(r.t.Context(), r.servers.store.Store, p, challenger, h, Flip{By: "tester"})
}

func (r *rig) rollback(seq uint64, p *config.Pipeline) (millrace.Head, error) {
	return Rollback(r.t.Context(), r.servers.store.Store, p, seq, Flip{By: "tester"})
}

// open is an environment on the rig's servers.
func (r *rig) open() *environment {
	r.t.Helper()
	e, err := openEnvironment(r.t.Context(), Options{Config: r.pipeline, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(e.Close)
	return e
}

// challengerAs is a challenger's training blob as its champion, of the same settings, would write it: only the name in
// the blob's metadata differs.
func challengerAs(t *testing.T, r *rig, s millrace.Snapshot) []byte {
	t.Helper()
	l, err := Build(r.pipeline)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Layout.Restore(s.Serving, s.Training); err != nil {
		t.Fatal(err)
	}
	return l.Snapshot(s.Manifest).Training
}

// TestLoadChallengers refuses what could not be told apart or compared.
func TestLoadChallengers(t *testing.T) {
	r := newRig(t, 1)
	good := r.rivalFile("rival", 1)
	other := filepath.Join(t.TempDir(), "other.yaml")
	text, err := os.ReadFile(good)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(other, []byte(strings.ReplaceAll(strings.Replace(string(text), "name: rival", "name: third", 1), "loop.events", "elsewhere")), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		files []string
		want  string
	}{
		{[]string{r.rivalFile("loop", 1)}, "is that of the champion"},
		{[]string{good, good}, "a challenger needs its own"},
		{[]string{other}, "topic loop.events, not elsewhere"},
		{[]string{"none.yaml"}, "none.yaml"},
	} {
		var usage config.UsageError
		if _, err := loadChallengers(r.pipeline, c.files); !errors.As(err, &usage) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: %v, want %s", c.files, err, c.want)
		}
	}
	nested := *r.pipeline
	nested.Challengers = []string{"a.yaml", "/b.yaml"}
	if got := fmt.Sprint(challengerFiles(&nested, "dir/p.yaml", []string{"c.yaml"})); got != "[dir/a.yaml /b.yaml c.yaml]" {
		t.Errorf("files are %s", got)
	}
	loaded, err := loadChallengers(r.pipeline, []string{good})
	if err != nil || loaded[0].Events.DeadLetters != "rival.dead" || loaded[0].Redis != r.pipeline.Redis {
		t.Errorf("%+v, %v", loaded, err)
	}
}
