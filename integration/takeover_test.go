//go:build integration

package integration

import (
	"strconv"
	"strings"
	"syscall"
	"testing"

	"millrace"
	"millrace/store"
)

// A second learner of a model takes it over: the first stops with an error that says so, and each event still counts
// once.
func TestSecondLearnerTakesOver(t *testing.T) {
	p := newPipeline(t, pipelineSpec{name: "takeover", learns: example(t, "elec"), partitions: 2})
	older := p.running("learn")
	producing := p.producing(elec(t), "--rate", "2000", "--loop")
	p.waitSnapshot(older, 1000)
	newer := p.running("learn")
	code, err := older.WaitExit(patience)
	if err != nil || code != 1 {
		t.Fatalf("the older learner: exit code %d, %v, want 1", code, err)
	}
	last := lastLine(older.Stderr())
	for _, want := range []string{"takeover", "fenced", "another writer owns the model", strconv.Itoa(newer.Pid())} {
		if !strings.Contains(last, want) {
			t.Errorf("the older learner ends with %q, want %q in it", last, want)
		}
	}
	v, _ := p.head()
	p.waitSnapshot(newer, v.Manifest.Learned+1000)
	rows := producing.stop()
	p.waitApplied(newer)
	newer.terminate()
	if m := p.checkExact(0); m.Learned != rows {
		t.Errorf("learned %d of %d rows", m.Learned, rows)
	}
}

// A learner takes the model over from a process that scores as well: that one stops learning, says so, and scores on,
// with what the other learner publishes.
func TestTakeoverLeavesScoring(t *testing.T) {
	p := newPipeline(t, pipelineSpec{name: "takeover-run", learns: example(t, "elec"), partitions: 2})
	older := p.running("run")
	producing := p.producing(elec(t), "--rate", "2000", "--loop")
	p.waitSnapshot(older, 1000)
	newer := p.running("learn")
	if err := older.WaitOutput("another learner owns the model", patience); err != nil {
		t.Fatal(err)
	}
	v, _ := p.head()
	p.waitSnapshot(newer, v.Manifest.Learned+2000)
	scored := older.metric("millrace_scored_events_total")
	older.waitMetric(scored+2000, "millrace_scored_events_total")
	if status := older.get("/readyz"); status != 200 {
		t.Errorf("/readyz answers %d while scoring goes on", status)
	}
	if up := older.metric("millrace_learner_up"); up != 0 {
		t.Errorf("millrace_learner_up is %v in the process whose learner has ended", up)
	}
	rows := producing.stop()
	p.waitApplied(newer)
	p.waitScored(older)
	newer.terminate()
	older.terminate()
	if m := p.checkExact(0); m.Learned != rows {
		t.Errorf("learned %d of %d rows", m.Learned, rows)
	}
	if versions := p.checkScores(nil); len(versions) < 3 {
		t.Errorf("scores come from versions %v, want those of the newer learner, too", versions)
	}
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}

// A person goes back to an older version while events come: scorers serve it under a new number, the learner reloads it
// and reads on from its positions, and ends where a learner ends that was never rolled back.
func TestRollbackWhileLearning(t *testing.T) {
	p := newPipeline(t, pipelineSpec{name: "rollback", learns: example(t, "elec"), snapshots: "{every: 1s, keep: 100}"})
	s := p.running("run")
	producing := p.producing(elec(t), "--rate", "2000", "--loop")
	p.waitSnapshot(s, 1)
	target, _ := p.head()
	p.waitSnapshot(s, target.Manifest.Learned+2000)

	flipped := decoded[millrace.Head](t, must(t, "snapshots", "rollback", strconv.FormatUint(target.Seq, 10), "-c", p.file, "--output", "json"))
	if flipped.Seq <= target.Seq || flipped.Candidate != target.Candidate || flipped.Cause != "rollback" {
		t.Errorf("rolled back to %+v, want version %d's candidate %s under a new number", flipped, target.Seq, target.Candidate)
	}
	if err := s.WaitOutput("reloading", patience); err != nil {
		t.Fatal(err)
	}
	p.waitSnapshot(s, target.Manifest.Learned+4000)
	producing.stop()
	p.waitApplied(s)
	p.waitScored(s)
	s.terminate()

	got := p.checkExact(0)
	checkSameLearning(t, "a learner never rolled back", p.elsewhere().learnAll("--fresh"), got)
	versions := p.checkScores(nil)
	if versions[flipped.Seq] == 0 {
		t.Errorf("no score comes from version %d, the rollback; scores by version: %v", flipped.Seq, versions)
	}
	p.checkHistory(flipped, target)
}

// checkHistory fails unless the list of versions tells of the rollback, and of versions learned before and after it.
func (p *pipeline) checkHistory(flipped millrace.Head, target store.Version) {
	p.t.Helper()
	listed := decoded[[]store.Version](p.t, must(p.t, "snapshots", "list", "-c", p.file, "--output", "json"))
	causes := map[millrace.Cause]int{}
	for _, v := range listed {
		causes[v.Cause]++
		if v.Seq == flipped.Seq && v.Manifest.Learned != target.Manifest.Learned {
			p.t.Errorf("version %d holds %d events, the one it goes back to %d", v.Seq, v.Manifest.Learned, target.Manifest.Learned)
		}
	}
	if causes[millrace.CauseFirst] != 1 || causes[millrace.CauseRollback] != 1 || causes[millrace.CauseLearned] < 4 {
		p.t.Errorf("versions by cause: %v, want the first, a rollback and several learned", causes)
	}
}

// After a rollback a second learner takes the model over before the first one has noticed. The first gives way all the
// same: that a person flipped the model is no reason to take it back from who came later.
func TestTakeoverAfterRollback(t *testing.T) {
	p := newPipeline(t, pipelineSpec{name: "takeover-after", learns: example(t, "elec"), snapshots: "{every: 1h, events: 1000}"})
	data := elec(t)
	older := p.running("learn")
	p.produce(data, "--events", "1000")
	p.waitApplied(older)
	v, _ := p.head()
	must(t, "snapshots", "rollback", strconv.FormatUint(v.Seq, 10), "-c", p.file)
	newer := p.running("learn")
	// Frozen, so that it is surely the older one that publishes next.
	if err := newer.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	p.produce(data, "--events", "1000")
	code, err := older.WaitExit(patience)
	if last := lastLine(older.Stderr()); err != nil || code != 1 || !strings.Contains(last, strconv.Itoa(newer.Pid())) {
		t.Errorf("the older learner ends with %q, exit code %d, %v, want 1 and the name of process %d", last, code, err, newer.Pid())
	}
	if err := newer.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	p.waitApplied(newer)
	newer.terminate()
	p.checkExact(0)
}
