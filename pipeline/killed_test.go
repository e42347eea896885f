package pipeline

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"millrace"
	"millrace/config"
)

const killedConfig = `
name: loop
events: {topic: loop.events, id: id, time: time, partitions: PARTITIONS}
features:
  amount: {type: number, missing: indicator}
  card: {type: category, cap: 64}
  n_20s: {type: window, key: card, over: 20s, stat: count}
  spent_20s: {type: window, key: card, of: amount, over: 20s, stat: [sum, max], keys: 24}
label: {path: outcome, classes: [legit, fraud], topic: loop.labels, wait: WAIT, early: 10s, MISSING}
model: MODEL
snapshots: {keep: 1000, events: 500, every: 1h}
admin: 127.0.0.1:0
`

// killedPipeline is one of those that are killed.
func killedPipeline(t *testing.T, rng *rand.Rand) *config.Pipeline {
	t.Helper()
	one := func(of ...string) string { return of[rng.IntN(len(of))] }
	text := strings.NewReplacer("PARTITIONS", one("1", "1", "3"), "WAIT", one("60s", "30s", "8s"),
		"MISSING", one("missing: drop", "missing: legit", "missing: {class: legit, hold: 2s}", "assume: legit"),
		"MODEL", one("{type: mlp, hidden: [8], optimizer: adam, batch: 3}", "{type: mlp, hidden: [8], optimizer: adam, batch: 3}", "logistic",
			"logistic", "logistic", "auto")).Replace(killedConfig)
	p, err := config.Parse("loop.yaml", []byte(text), os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	switch rng.IntN(4) {
	case 0:
		p.Join.Memory = 24 << 10
	case 1:
		p.Join.Memory, p.Join.Disk = 12<<10, 1<<20
	case 2:
		p.Join.Memory, p.Join.Disk = 12<<10, 10<<10
	}
	p.Snapshots.Every, p.Snapshots.Checkpoints, p.Snapshots.CheckpointBytesMax = 0, time.Nanosecond, 1<<20
	p.Snapshots.Events = uint64(30 + rng.IntN(100))
	p.Snapshots.UnpublishedMax = p.Snapshots.Events + 1
	return p
}

// unmeasured are the events whose prediction a life does not have, of those that waited when it began: partition by
// partition, from one offset to another.
type unmeasured struct {
	partition int32
	from, to  int64
}

// written is a checkpoint that somebody wrote.
type written struct {
	version millrace.Manifest
	lost    []unmeasured
}

// segment says from when on what was lost, in the lineage of a version.
type segment struct {
	applied uint64
	lost    []unmeasured
}

// lives are those of one learner over one seed.
type lives struct {
	t        *testing.T
	rng      *rand.Rand
	rig      *rig // for its store
	pipeline *config.Pipeline
	logs     *memoryLogs
	begins   millrace.Manifest // where a model that is begun anew begins
	state    string
	told     *lines
	tale     []string // what happened, for people
	used     []string // what state by key was made from, life by life
	kinds    map[string]int

	saved     []map[string][]byte  // checkpoints of some time
	left      []map[string][]byte  // … of branches and lineages that were left
	heads     []string             // records of the store, the newest last, that it may be set back to
	segments  map[string][]segment // by a version's digest
	good      map[string]bool      // digests of versions that may be gone on from
	written   map[[32]byte]written // checkpoints by their contents
	mu        sync.Mutex
	letters   map[string]bool
	published int // versions
}

func (l *lives) tell(format string, args ...any) {
	l.tale = append(l.tale, fmt.Sprintf(format, args...))
}

// dies is how the next life ends.
func (l *lives) dies() *death {
	most := map[string]int{byReading: 500, byFlip: 5, byReply: 5, byWriting: 10, byKeeping: 4}
	of := []string{byReading, byReading, byFlip, byReply, byWriting, byKeeping}[l.rng.IntN(6)]
	return &death{of: of, n: 1 + l.rng.IntN(most[of])}
}

// dieAgain lets so many lives begin and die. It reports whether one came to the end before.
func (l *lives) dieAgain(lives int) {
	l.t.Helper()
	for range lives {
		d := l.dies()
		l.tell("dies %s, %d", d.of, d.n)
		f := l.begin(d, false)
		if f.run() {
			l.tell("  came to the end")
		} else {
			l.kinds[d.of]++
		}
		f.close()
		l.damage()
	}
}

// fresh says where a new model begins.
func (l *lives) beginsAt(share float64) {
	positions := l.logs.positions(share)
	marks := marksAt(positions)
	for i := range marks {
		if marks[i].Topic == killedTopics[0] {
			marks[i].Offset = max(0, marks[i].Offset-100) // windows know of some of what was before
		}
	}
	l.begins = millrace.Manifest{Positions: positions, Keyed: &millrace.Keyed{Watermark: math.MinInt64, Now: math.MinInt64, Rebuild: marks}}
}

// TestKilledAndDamaged: a learner is killed at any moment, its state folder is damaged in any way while it is dead,
// people go back to older versions or begin anew, the store loses its data, a log loses its tail and gets another; in
// the end everything is as if nothing of that had been. MILLRACE_TEST_SEEDS is how many such stories are told,
// MILLRACE_TEST_SEED which one alone. The seeds of every
// run are some in which checkpoints are used, of what waits on disk, too, and one of a branch would do harm.
func TestKilledAndDamaged(t *testing.T) {
	seeds := []uint64{8, 9, 11, 16}
	if n, ok := number(t, "MILLRACE_TEST_SEEDS"); ok {
		seeds = seeds[:0]
		for seed := range n {
			seeds = append(seeds, 1+seed)
		}
	} else if seed, ok := number(t, "MILLRACE_TEST_SEED"); ok {
		seeds = []uint64{seed}
	}
	kinds := map[string]int{}
	for _, seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { killAndDamage(t, seed, kinds) })
	}
	t.Logf("%v", kinds)
}

// number is what an environment variable says; ok is false where it is not set.
func number(t *testing.T, variable string) (n uint64, ok bool) {
	t.Helper()
	text, ok := os.LookupEnv(variable)
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		t.Fatalf("%s: %v", variable, err)
	}
	return n, true
}

func killAndDamage(t *testing.T, seed uint64, kinds map[string]int) {
	rng := rand.New(rand.NewPCG(seed, 77))
	l := &lives{t: t, rng: rng, rig: newRig(t, 1), pipeline: killedPipeline(t, rng), state: filepath.Join(t.TempDir(), "state"), told: &lines{}, kinds: kinds,
		segments: map[string][]segment{}, good: map[string]bool{}, written: map[[32]byte]written{}, letters: map[string]bool{}}
	p := l.pipeline
	former, logs := storiesOf(rng, 250+rng.IntN(300), p.Events.Partitions)
	l.logs = &logs
	l.beginsAt(0)
	if rng.IntN(2) == 0 { // of another log, whose tail is lost
		l.logs = &former
		l.dieAgain(2 + rng.IntN(3))
		l.leave()
		l.loseTail(&logs)
	}
	// Of several partitions what windows begin with is in another order than the log's.
	if rng.IntN(4) == 0 && p.Events.Partitions == 1 { // of another lineage
		l.dieAgain(1 + rng.IntN(3))
		l.leave()
		l.beginsAt(0.3 + 0.3*rng.Float64())
		l.tell("begins anew at %v", l.begins.Positions)
		l.forget()
		f := l.begin(&death{of: byReading, n: 1 + rng.IntN(200)}, true)
		f.run()
		f.close()
		l.damage()
		kinds["lineages"]++
	}
	l.dieAgain(2 + rng.IntN(5))
	end := l.begin(nil, false)
	defer end.close()
	if !end.run() {
		t.Fatal("the last life did not come to the end")
	}
	kinds["versions"] += l.published
	l.compare(end)
	t.Logf("%d versions, state by key: %v", l.published, l.used)
	if t.Failed() {
		t.Logf("%+v, %+v\n%s", p.Join, p.Label, strings.Join(l.tale, "\n"))
	}
}
