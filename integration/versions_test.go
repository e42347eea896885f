//go:build integration

package integration

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"

	"millrace"
	"millrace/integration/harness"
	"millrace/store"
)

// A pipeline whose features or layers differ from the snapshot's is refused with what differs and the way out. --fresh
// starts anew, goes on counting versions and keeps the old ones; a scorer of the old pipeline goes on with those.
func TestChangedPipelines(t *testing.T) {
	learns := example(t, "elec-mlp")
	old := newPipeline(t, pipelineSpec{name: "changed", learns: learns})
	data := elec(t)
	old.produce(data, "--events", "3000")
	old.learnAll()
	before := old.versions()
	scorer := old.running("score")
	old.waitScored(scorer)

	running := old.running("learn")
	changes := []struct{ name, from, to, says string }{
		{"a feature gone", "  transfer: number\n", "", "transfer"},
		{"a feature of another type", "  day: number\n", "  day: category\n", "day"},
		{"another layer", "hidden: [64]", "hidden: [32]", "64"},
		{"another rate", "rate: 0.03", "rate: 0.01", "0.03"},
	}
	var changed *pipeline
	for _, c := range changes {
		text := strings.Replace(learns, c.from, c.to, 1)
		if text == learns {
			t.Fatalf("%s: the example has no %q", c.name, c.from)
		}
		changed = newPipeline(t, pipelineSpec{name: "changed", learns: text})
		e := verb(t, "learn", "-c", changed.file, "--admin", "127.0.0.1:0")
		for _, want := range []string{fmt.Sprintf("version %d", before[0].Seq), c.says, "--fresh"} {
			if e.code != 1 || !strings.Contains(e.stderr, want) {
				t.Errorf("%s: exit code %d, want 1 and %q in\n%s", c.name, e.code, want, e.stderr)
			}
		}
	}
	// The refused learners left nothing behind, and did not take the model from the one that runs.
	if after := old.versions(); len(after) != len(before) || after[0].Head != before[0].Head {
		t.Errorf("%d versions, the newest %+v; before %d and %+v", len(after), after[0].Head, len(before), before[0].Head)
	}
	old.produce(data, "--events", "10")
	old.waitApplied(running)
	running.terminate()
	before = old.versions()
	old.waitScored(scorer)

	// Another layer: the scorer of the old pipeline cannot use it.
	changed = newPipeline(t, pipelineSpec{name: "changed", learns: strings.Replace(learns, "hidden: [64]", "hidden: [32]", 1)})
	s := changed.running("learn", "--fresh")
	changed.waitApplied(s)
	s.terminate()
	changed.checkExact(0)
	after := changed.versions()
	for _, v := range before {
		if !slices.ContainsFunc(after, func(w store.Version) bool { return w.Head == v.Head && w.Fault == "" }) {
			t.Errorf("version %d is gone", v.Seq)
		}
	}
	if v := after[len(after)-1-len(before)]; v.Seq != before[0].Seq+1 || v.Epoch <= before[0].Epoch || v.Manifest.Learned != 0 {
		t.Errorf("the first fresh version is %d of epoch %d with %d events, want %d, a later epoch and none", v.Seq, v.Epoch,
			v.Manifest.Learned, before[0].Seq+1)
	}

	scorer.waitMetric(1, "millrace_snapshots_refused_total", `reason="incompatible"`)
	old.produce(data, "--events", "10")
	old.waitScored(scorer)
	scorer.terminate()
	for version := range old.checkScores(nil) {
		if version > before[0].Seq {
			t.Errorf("scores come from version %d, learned by another network", version)
		}
	}
}

// versions is what snapshots list tells, newest first.
func (p *pipeline) versions() []store.Version {
	p.t.Helper()
	return decoded[[]store.Version](p.t, must(p.t, "snapshots", "list", "-c", p.file, "--output", "json"))
}

// A snapshot that was damaged in Redis is refused and counted, the last good one is served, and a rollback gets the
// learner going again.
func TestDamagedSnapshots(t *testing.T) {
	redis := harness.NewRedis(t, harness.RedisOptions{})
	tests := []struct {
		name   string
		damage []string // a script on one key
	}{
		{"altered", []string{"EVAL", `redis.call('SETRANGE', KEYS[1], redis.call('STRLEN', KEYS[1]) - 3, 'x'); return redis.status_reply('OK')`}},
		{"truncated", []string{"EVAL", `return redis.call('SET', KEYS[1], string.sub(redis.call('GET', KEYS[1]), 1, -2))`}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p := newPipeline(t, pipelineSpec{name: "damaged-" + test.name, learns: example(t, "elec")})
			data := elec(t)
			p.produce(data, "--events", "1000")
			p.learnAll()
			good, _ := p.head()
			scorer := p.running("score")
			p.waitScored(scorer)

			// The scorer sees the next version only after it was damaged.
			if err := scorer.Signal(syscall.SIGSTOP); err != nil {
				t.Fatal(err)
			}
			p.produce(data, "--events", "1000")
			p.learnAll()
			bad, _ := p.head()
			key := fmt.Sprintf("millrace:{%s}:c:%s:serving", p.spec.name, bad.Candidate)
			answer, err := redis.Command(t.Context(), append(test.damage, "1", key)...)
			if err != nil || answer != "+OK" {
				t.Fatalf("damaging %s: %q, %v", key, answer, err)
			}
			if err := scorer.Signal(syscall.SIGCONT); err != nil {
				t.Fatal(err)
			}
			scorer.waitMetric(1, "millrace_snapshots_refused_total", `reason="corrupt"`)
			p.waitScored(scorer)

			seq := strconv.FormatUint(bad.Seq, 10)
			for _, args := range [][]string{
				{"snapshots", "show", seq, "-c", p.file},
				{"snapshots", "rollback", seq, "-c", p.file},
				{"learn", "-c", p.file, "--admin", "127.0.0.1:0"},
			} {
				if e := verb(t, args...); e.code != 1 || !strings.Contains(e.stderr, millrace.ErrCorrupt.Error()) {
					t.Errorf("%s: exit code %d, want 1 and %q in\n%s", args[0], e.code, millrace.ErrCorrupt, e.stderr)
				}
			}
			p.recoverFrom(scorer, good)
			versions := p.checkScores(nil)
			if versions[bad.Seq] != 0 || versions[good.Seq] < 2000 {
				t.Errorf("scores by version: %v, want none of %d, and all of the outage from %d", versions, bad.Seq, good.Seq)
			}
		})
	}
}

// recoverFrom goes back to a good version, learns on from it, and waits until the scorer serves what was learned.
func (p *pipeline) recoverFrom(scorer *stage, good store.Version) {
	p.t.Helper()
	must(p.t, "snapshots", "rollback", strconv.FormatUint(good.Seq, 10), "-c", p.file)
	p.learnAll()
	p.checkExact(0)
	v, _ := p.head()
	scorer.waitMetric(1, "millrace_model_info", fmt.Sprintf(`version="%d"`, v.Seq))
	scorer.terminate()
}

// Events that the log lost before they were read are no small thing: learner and scorer refuse to go on and say which
// range is left, until a person tells them to.
func TestLostEvents(t *testing.T) {
	p := newPipeline(t, pipelineSpec{name: "lost", learns: example(t, "elec")})
	data := elec(t)
	p.produce(data, "--events", "1000")
	s := p.running("run")
	p.waitApplied(s)
	p.waitScored(s)
	s.terminate()
	p.produce(data, "--events", "1000")
	lost := kadm.Offsets{}
	lost.AddOffset(p.spec.topic, 0, 1500, -1)
	if _, err := p.kafka.DeleteRecords(t.Context(), lost); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"learn", "score"} {
		s := p.start(name)
		code, err := s.WaitExit(patience)
		if last := lastLine(s.Stderr()); err != nil || code != 1 ||
			!strings.Contains(last, "lost.events/0: position 1000 is outside the log, which holds offsets 1500 to 2000") ||
			!strings.Contains(last, "--allow-gaps") {
			t.Errorf("%s ends with %q, exit code %d, %v, want 1, the range and the way on", name, last, code, err)
		}
	}
	learner, scorer := p.running("learn", "--allow-gaps"), p.running("score", "--allow-gaps")
	waitFor(t, "what is left of the events being learned", func() (bool, string) {
		learner.alive()
		v, _ := p.head()
		return v.Manifest.Learned == 1500, fmt.Sprintf("%d are", v.Manifest.Learned)
	})
	p.waitScored(scorer)
	learner.terminate()
	scorer.terminate()
	if v, _ := p.head(); v.Manifest.Positions[0].Offset != 2000 {
		t.Errorf("positions are %v, want the log's end, 2000", v.Manifest.Positions)
	}
}
