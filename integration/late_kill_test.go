//go:build integration

package integration

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"millrace"
	"millrace/integration/harness"
	"millrace/join"
	"millrace/snapshot"
	"millrace/store"
)

// lateKills is how often a learner of late labels is killed in each test: MILLRACE_TEST_KILLS, or few enough for every
// run. A hundred are for a full run.
func lateKills(t *testing.T) int {
	t.Helper()
	text := os.Getenv("MILLRACE_TEST_KILLS")
	if text == "" {
		return 8
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("MILLRACE_TEST_KILLS=%s is no number of kills", text)
	}
	return n
}

// newLatePipeline is a pipeline whose labels come later. Fetching pauses so soon that a kill falls into the middle of
// the logs, however fast the machine is. Without an address Kafka is the shared one.
func newLatePipeline(t *testing.T, name, missing, extra, kafka string, partitions int) *pipeline {
	t.Helper()
	return newPipeline(t, pipelineSpec{name: name, kafka: kafka, eventFields: ", id: id, time: time", learns: fmt.Sprintf(late, name, missing),
		partitions: partitions, snapshots: "{every: 50ms, events: 500, keep: 20, unpublished_max: 1500, checkpoints: 100ms}", extra: extra})
}

// waitRead waits until the head has read both topics to their ends.
func (p *pipeline) waitRead(s *stage) millrace.Manifest {
	p.t.Helper()
	events, labels := p.ends(p.spec.topic), p.ends(p.labels())
	var m millrace.Manifest
	waitFor(p.t, "both topics in a snapshot", func() (bool, string) {
		s.alive()
		v, ok := p.head()
		if !ok {
			return false, "there is no version"
		}
		m = v.Manifest
		at := map[string]map[int32]int64{p.spec.topic: {}, p.labels(): {}}
		for _, position := range m.Positions {
			at[position.Topic][position.Partition] = position.Offset
		}
		return maps.Equal(at[p.spec.topic], events) && maps.Equal(at[p.labels()], labels),
			fmt.Sprintf("positions are %v, the logs end at %v and %v", at, events, labels)
	})
	return m
}

// readAll learns both topics to their ends without being disturbed.
func (p *pipeline) readAll(args ...string) millrace.Manifest {
	p.t.Helper()
	s := p.running("learn", args...)
	p.waitRead(s)
	s.terminate()
	v, _ := p.head()
	return v.Manifest
}

// checkNames fails unless every event and every label ended under exactly one name.
func (p *pipeline) checkNames(m millrace.Manifest) {
	p.t.Helper()
	for _, c := range []struct {
		topic string
		names []join.Name
	}{{p.spec.topic, join.EventNames()}, {p.labels(), join.LabelNames()}} {
		sum := uint64(0)
		for _, name := range c.names {
			sum += m.Names[string(name)]
		}
		if want := p.size(c.topic); sum != want {
			p.t.Errorf("%d records of %s have a name, of %d: %v", sum, c.topic, want, m.Names)
		}
	}
}

// learnedState is all of a version's state but the progressive figures: what was predicted of the events that waited
// is lost with a process, so that fewer are measured.
func (p *pipeline) learnedState() map[string][]byte {
	p.t.Helper()
	head, err := p.store.Head(p.t.Context(), p.spec.name)
	if err != nil {
		p.t.Fatal(err)
	}
	s, err := p.store.Load(p.t.Context(), p.spec.name, head, true)
	if err != nil {
		p.t.Fatal(err)
	}
	state := map[string][]byte{}
	for name, blob := range map[string][]byte{"serving": s.Serving, "training": s.Training} {
		file, err := snapshot.Parse(blob)
		if err != nil {
			p.t.Fatal(err)
		}
		for _, tensor := range file.Tensors {
			if !strings.HasPrefix(tensor.Name, "progressive.") {
				state[name+" "+tensor.Name] = tensor.Data
			}
		}
	}
	return state
}

// checkSameLate fails unless both have learned the same, to the last bit.
func checkSameLate(t *testing.T, want, got *pipeline, wantManifest, gotManifest millrace.Manifest) {
	t.Helper()
	names := func(m millrace.Manifest) map[string]uint64 {
		n := maps.Clone(m.Names)
		delete(n, string(join.NameUnmeasured))
		return n
	}
	if !maps.Equal(names(wantManifest), names(gotManifest)) {
		t.Errorf("the names are %v, of a learner never killed %v", gotManifest.Names, wantManifest.Names)
	}
	if wantManifest.Learned != gotManifest.Learned || wantManifest.Rejected != gotManifest.Rejected {
		t.Errorf("learned %d and rejected %d, a learner never killed %d and %d", gotManifest.Learned, gotManifest.Rejected,
			wantManifest.Learned, wantManifest.Rejected)
	}
	wantState, gotState := want.learnedState(), got.learnedState()
	if len(wantState) < 10 {
		t.Errorf("only %d tensors to compare", len(wantState))
	}
	for _, name := range slices.Sorted(maps.Keys(wantState)) {
		if string(wantState[name]) != string(gotState[name]) {
			t.Errorf("%s differs from that of a learner never killed", name)
		}
	}
}

// Both logs are full before a learner starts, which is then killed at random moments: whatever has become of its state
// folder, it ends with the very weights of one that was never killed, and every event and label under the same name.
func TestKilledLateLearnerLearnsTheSame(t *testing.T) {
	for _, c := range []struct{ name, missing, folder string }{
		{"none", "drop", ""}, {"kept", "legit", "kept"}, {"deleted", "legit", "deleted"}, {"older", "drop", "older"},
		{"rolled-back", "legit", "kept"}, {"mixed", "legit", "mixed"},
	} {
		t.Run(c.name, func(t *testing.T) {
			random := seeded(t)
			n := lateKills(t)
			// A life that is killed gets some thousand records further, so that the last kills hit it at work too.
			logs := newLateLogs(random, 4000*n, 1, time.Now().Add(-time.Duration(4000*n)*lateStep*3/2-2*(lateWait+lateEarly)))
			logs.close(1)
			folder, extra := "", ""
			if c.folder != "" {
				folder = filepath.Join(t.TempDir(), "state")
				extra = fmt.Sprintf("state: %q\n", folder)
			}
			p := newLatePipeline(t, "late-one-"+c.name, c.missing, extra, "", 1)
			p.createTopics()
			client := p.writing()
			p.fill(client, p.spec.topic, logs.events)
			p.fill(client, p.labels(), logs.labels)
			p.killOften(random, n, func() {
				switch {
				case c.folder == "mixed":
					p.mixState(random, folder)
				case folder != "":
					stateFolders[c.folder](t, random, folder, folder+".copy")
				}
				if c.name == "rolled-back" && random.IntN(4) == 0 {
					p.rollBack(random)
				}
			})
			p.checkShortcuts(c.folder)
			before, _ := p.head()
			got := p.readAll()
			p.checkNames(got)
			undisturbed := p.elsewhere()
			want := undisturbed.readAll("--fresh")
			checkSameLate(t, undisturbed, p, want, got)
			p.checkLateLetters(logs)
			t.Logf("%d records applied by learners that were killed, of %d: %v", before.Manifest.Applied, got.Applied, got.Names)
		})
	}
}

// rollBack goes back to one of the versions before the head, if there is one: a state folder is then of a branch that
// is no more.
func (p *pipeline) rollBack(random *rand.Rand) {
	p.t.Helper()
	versions, err := p.store.List(p.t.Context(), p.spec.name)
	if err != nil {
		p.t.Fatal(err)
	}
	versions = slices.DeleteFunc(versions, func(v store.Version) bool { return v.IsHead || v.Manifest.Learned == 0 })
	if len(versions) > 0 {
		to := versions[random.IntN(min(len(versions), 5))]
		must(p.t, "snapshots", "rollback", strconv.FormatUint(to.Seq, 10), "-c", p.file)
	}
}

// checkLateLetters fails unless the dead letters of both topics are exactly the bad records.
func (p *pipeline) checkLateLetters(logs *lateLogs) {
	p.t.Helper()
	for _, c := range []struct {
		topic string
		want  int
	}{{p.dead(), logs.bad}, {p.labels() + ".dead", logs.badLabels}} {
		sources := map[string]bool{}
		for _, r := range p.read(c.topic) {
			sources[header(r, "millrace-source")] = true
		}
		if len(sources) != c.want {
			p.t.Errorf("%s has letters of %d records, want %d", c.topic, len(sources), c.want)
		}
	}
}

// Four partitions of events and of labels that fill while a learner is killed at random moments, one of them idle for
// a while: every event and every label ends under exactly one name.
func TestKilledLateLearnerNamesEachEventOnce(t *testing.T) {
	random := seeded(t)
	const partitions = 4
	kafka := harness.NewKafka(t, harness.KafkaOptions{Own: true})
	p := newLatePipeline(t, "late-four", "legit", "", kafka.Addr(), partitions)
	p.createTopics()
	client := p.writing()
	n := lateKills(t)
	logs := newLateLogs(random, 4000*n, partitions, time.Now().Add(-time.Duration(4000*n)*lateStep*3/2-2*(lateWait+lateEarly)))
	done := make(chan error, 1)
	go func() { done <- p.fillSlowly(client, logs) }()
	var frozen sync.WaitGroup
	p.killOften(random, n, func() {
		frozen.Wait()
		if random.IntN(3) == 0 {
			rest, length := time.Duration(random.Int64N(int64(killAfter))), time.Duration(random.Int64N(int64(2*time.Second)))
			frozen.Go(func() { freeze(t, kafka, rest, length) })
		}
	})
	frozen.Wait()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	end := &lateLogs{events: logs.events, labels: logs.labels}
	end.close(partitions)
	p.fill(client, p.spec.topic, end.events[len(end.events)-partitions:])
	got := p.readAll()
	p.checkNames(got)
	p.checkLateLetters(logs)
	if got.Names[string(join.NameJoined)] == 0 || got.Names[string(join.NameExpiredLearned)] == 0 {
		t.Errorf("the names are %v: the test tests little", got.Names)
	}
	t.Logf("%v", got.Names)
}

// freeze lets a broker take requests without a word, for so long, after a rest.
func freeze(t *testing.T, kafka *harness.Kafka, rest, length time.Duration) {
	time.Sleep(rest)
	if err := kafka.Signal(syscall.SIGSTOP); err != nil {
		t.Error(err)
	}
	time.Sleep(length)
	if err := kafka.Signal(syscall.SIGCONT); err != nil {
		t.Error(err)
	}
}

// fillSlowly writes both logs side by side in record time, some thousand records a second; the last partition of
// events gets nothing for the middle third, and all that at once after it.
func (p *pipeline) fillSlowly(client *kgo.Client, logs *lateLogs) error {
	third := len(logs.events) / 3
	idle := int32(p.spec.partitions - 1)
	var held []lateRecord
	label := 0
	for at := 0; at < len(logs.events); at += 50 {
		var due []lateRecord
		chunk := logs.events[at:min(at+50, len(logs.events))]
		for _, r := range chunk {
			if r.partition == idle && at > third && at < 2*third {
				held = append(held, r)
			} else {
				due = append(due, r)
			}
		}
		if at >= 2*third {
			due, held = append(held, due...), nil
		}
		err := write(p.t.Context(), client, p.spec.topic, due)
		until := label
		for until < len(logs.labels) && (logs.labels[until].time <= chunk[len(chunk)-1].time || at+50 >= len(logs.events)) {
			until++
		}
		err = errors.Join(err, write(p.t.Context(), client, p.labels(), logs.labels[label:until]))
		if err != nil {
			return err
		}
		label = until
		time.Sleep(10 * time.Millisecond)
	}
	return nil
}
