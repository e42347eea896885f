package learner

import (
	"context"
	crand "crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"millrace"
	"millrace/features"
	"millrace/join"
	waiting "millrace/join/disk"
	"millrace/keyed"
	"millrace/merge"
	"millrace/model"
	"millrace/model/family"
	"millrace/snapshot"
)

// lives is a topic of events and one of labels, and what each life of a learner over them is made of.
type lives struct {
	events, labels *topicLog
	spec           join.Spec
	span           time.Duration // of the windows
	jitter         time.Duration // by how much a record may be older than those before it
	ends           bool          // partitions end, see reading
	ahead          time.Duration // how long before its event a label may come; 0 is half of what it may wait
	rng            *rand.Rand
	assume         millrace.Label
	numbers        bool  // labels are delivery times in minutes, not classes
	disk           *disk // keeps checkpoints; nil without
	back           bool  // a life may go on from a version before the last, as after a rollback
	model          model.Spec
	files          func() waiting.Files // of what has no room in memory; nil is a folder
}

// life is one learner, from a version on.
type life struct {
	learner *Learner
	stream  *Stream
	layout  *snapshot.Layout
	store   *mortalStore
	metrics *prometheus.Registry
}

// mortalStore refuses everything once it is told to: what was published before is all that a crash leaves.
type mortalStore struct {
	fakeStore
	dead atomic.Bool
}

func (s *mortalStore) Publish(ctx context.Context, snap *millrace.Snapshot, cause millrace.Cause) (millrace.Head, error) {
	if s.dead.Load() {
		return millrace.Head{}, fmt.Errorf("killed: %w", millrace.ErrFenced)
	}
	h, err := s.fakeStore.Publish(ctx, snap, cause)
	h.Digest = crand.Text()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.heads[len(s.heads)-1].Manifest.Signature = h.Digest // so that whoever has the version knows its digest
	return h, err
}

// columns are a number, whose it is, and what was of the same card, and of all, lately.
func (l *lives) columns() features.Columns {
	columns := features.Columns{features.DefaultColumn("a", features.Number), features.DefaultColumn("card", features.Category),
		features.DefaultColumn("card_lately", features.Window), features.DefaultColumn("lately", features.Window),
		features.DefaultColumn("beside", features.Ratio)}
	columns[0].Missing = "reject"
	for i, stat := range [][]string{{"count", "sum", "since"}, {"mean", "max"}} {
		c := &columns[2+i]
		c.Of, c.Over, c.Stat = []string{"a"}, l.span, stat
	}
	columns[4].Of = []string{"a", "lately.mean"}
	columns[2].Key, columns[2].Keys = "card", 8 // some give way
	for i := range columns {
		columns[i].Resolve()
	}
	return columns.Expand()
}

func (l *lives) classes() []string {
	if l.numbers {
		return nil
	}
	return []string{"0", "1"}
}

// outcome is what a label of a class says, of an event with a value.
func (l *lives) outcome(class int, value string) string {
	if !l.numbers {
		return fmt.Sprint(class)
	}
	v, _ := strconv.ParseFloat(value, 64) // of some events it is none
	return fmt.Sprintf("%.3f", 30+4*v+10*float64(class)+l.rng.NormFloat64())
}

// stream is an untrained one with its layout.
func (l *lives) stream(tb testing.TB) (*Stream, *snapshot.Layout) {
	tb.Helper()
	x, err := features.New(features.Spec{Columns: l.columns()})
	if err != nil {
		tb.Fatal(err)
	}
	m, err := family.New(l.model, model.TargetSpec{Classes: len(l.classes()), Delayed: l.assume.Known}, x)
	if err != nil {
		tb.Fatal(err)
	}
	windows, err := keyed.New(l.columns(), 1)
	if err != nil {
		tb.Fatal(err)
	}
	trainer, table := NewTrainer(x, m, len(l.classes())), join.New(l.spec, m.Outputs())
	if l.spec.Disk > 0 {
		table.Overflow(l.store(tb))
	}
	s := NewStream(StreamOptions{Trainer: trainer, Windows: windows, Assume: l.assume, Join: table, Clock: keyed.NewClock(),
		Topics: [2]string{l.events.name, l.labels.name}})
	layout, err := snapshot.NewTailedLayout(nil, "join.waiting", snapshot.Part{Prefix: "features", State: x},
		snapshot.Part{Prefix: "model", State: m}, snapshot.Part{Prefix: "progressive", State: trainer.Progressive})
	if err != nil {
		tb.Fatal(err)
	}
	return s, layout
}

// merger reads both topics between two sets of positions; nil is from the beginning, or to the end.
func (l *lives) merger(from, to []millrace.Position, kill func(int) bool) *merge.Merger {
	var sources []merge.Source
	for _, log := range []*topicLog{l.events, l.labels} {
		r := &reading{log: log, rng: rand.New(rand.NewPCG(l.rng.Uint64(), 2)), kill: kill, ends: l.ends}
		for p, records := range log.partitions {
			r.from, r.to = append(r.from, 0), append(r.to, int64(len(records)))
			for _, at := range from {
				if at.Topic == log.name && int(at.Partition) == p {
					r.from[p] = at.Offset
				}
			}
			for _, at := range to {
				if at.Topic == log.name && int(at.Partition) == p {
					r.to[p] = at.Offset
				}
			}
		}
		sources = append(sources, r)
	}
	return merge.New(merge.Options{Sources: sources, Now: time.Now})
}

// begin builds a learner that goes on from a version; nil begins anew. It dies after so many records; 0 is never.
func (l *lives) begin(tb testing.TB, from *millrace.Snapshot, every uint64, dies int) *life {
	tb.Helper()
	s, layout := l.stream(tb)
	store := &mortalStore{}
	o := Options{Name: "test", Classes: l.classes(), Stream: s, Layout: layout, Snapshots: SnapshotsSpec{Events: every},
		Decoder: lateDecoder{}, DeadLetters: &fakeDeadLetters{}, Labels: Labels{Decoder: lateDecoder{label: true}, DeadLetters: &fakeDeadLetters{}},
		Publisher: store, Registerer: prometheus.NewRegistry(), Log: slog.New(slog.DiscardHandler), Now: time.Now, ShutdownTimeout: time.Minute}
	if dies > 0 { // the last version waits for a store that answers no more
		o.ShutdownTimeout = 10 * time.Millisecond
	}
	if from != nil {
		if err := layout.Restore(from.Serving, from.Training); err != nil {
			tb.Fatal(err)
		}
		o.Manifest, o.Positions = from.Manifest, from.Manifest.Positions
		done := false
		if l.disk != nil {
			k := *o.Manifest.Keyed
			o.Manifest.Keyed = &k
			s, layout, done = l.restore(tb, s, layout, &o.Manifest)
			o.Stream, o.Layout = s, layout
		}
		if !done {
			l.rebuild(tb, s, layout, &o.Manifest)
		}
	}
	if l.disk != nil {
		o.Checkpoints, o.Snapshots.Checkpoints, o.Snapshots.CheckpointBytesMax = l.disk, 1, 1<<20
	}
	var kill func(int) bool
	if left := new(atomic.Int64); dies > 0 {
		left.Store(int64(dies))
		kill = func(records int) bool {
			die := left.Add(-int64(records)) <= 0
			if die {
				store.dead.Store(true)
			}
			return die
		}
	}
	o.Merger = l.merger(o.Positions, nil, kill)
	return &life{New(o), s, layout, store, o.Registerer.(*prometheus.Registry)}
}

func (l *lives) rebuild(tb testing.TB, s *Stream, layout *snapshot.Layout, m *millrace.Manifest) {
	tb.Helper()
	r := &Rebuilding{Stream: s, Manifest: m, Waiting: layout.Tail(), Merger: l.merger(marks(m), m.Positions, nil),
		Decoder: lateDecoder{}, Labels: lateDecoder{label: true}}
	lost, err := r.Run(tb.Context())
	if err != nil || lost != 0 {
		tb.Fatalf("rebuilding: %d lost, %v (%d events, %d labels)", lost, err, s.Count(Lost), s.Count(LabelLost))
	}
	if done, total := r.Progress(); done != total {
		tb.Fatalf("%d of %d offsets were read again", done, total)
	}
}

// marks are where a version's state by key is made again from.
func marks(m *millrace.Manifest) (all []millrace.Position) {
	for _, mark := range m.Keyed.Rebuild {
		all = append(all, millrace.Position{Topic: mark.Topic, Partition: mark.Partition, Offset: mark.Offset})
	}
	return all
}

// fill writes n events, with all that can be wrong about them, and their labels.
func (l *lives) fill(n, partitions int) {
	type label struct {
		at   int64
		text string
	}
	var labels []label
	now := int64(1_700_000_000_000)
	wait := l.spec.Wait.Milliseconds()
	for i := range n {
		now += l.rng.Int64N(20)
		id, value, at, class, inline := fmt.Sprint("e", i), fmt.Sprintf("%.4f", 10*l.rng.Float64()), now-l.rng.Int64N(300), l.rng.IntN(2), "-"
		labelled := l.rng.IntN(10) < 7
		switch l.rng.IntN(40) {
		case 0:
			id = "-"
		case 1:
			id = fmt.Sprint("e", max(0, i-1-l.rng.IntN(100)))
		case 2, 3:
			inline = l.outcome(class, value)
		case 4:
			inline = "?"
		case 5:
			value = "-1" // does not extract
		case 6:
			value = "none" // does not decode
		case 7:
			at = now + 1_000_000 // the producer's clock is ahead
		case 8:
			at = now - 5*l.span.Milliseconds()
		case 9:
			now += l.rng.Int64N(wait) // a pause
		case 10:
			labels = append(labels, label{now, fmt.Sprintf("nobody%d x %d 1", i, now)}, label{now, "bad"}, label{now, fmt.Sprintf("%s x %d ?", id, now)})
		}
		l.events.add(l.rng.IntN(partitions), now-l.late(), fmt.Sprintf("%s %s %d %s c%d", id, value, at, inline, l.rng.IntN(12)))
		if labelled && id != "-" {
			known := now + l.rng.Int64N(wait*5/4) - l.spec.Early.Milliseconds()/2
			if l.ahead > 0 {
				known = now + wait/4 - l.rng.Int64N(l.ahead.Milliseconds())
			}
			labels = append(labels, label{known, fmt.Sprintf("%s x %d %s", id, known, l.outcome(class, value))})
			if l.rng.IntN(20) == 0 {
				labels = append(labels, label{known + 5, fmt.Sprintf("%s x %d %s", id, known, l.outcome(1-class, value))})
			}
		}
	}
	for len(labels) > 0 { // by time, as a log is written
		first := 0
		for i := range labels {
			if labels[i].at < labels[first].at {
				first = i
			}
		}
		l.labels.add(l.rng.IntN(partitions), labels[first].at-l.late(), labels[first].text)
		labels = append(labels[:first], labels[first+1:]...)
	}
}

func (l *lives) late() int64 {
	if l.jitter == 0 {
		return 0
	}
	return l.rng.Int64N(l.jitter.Milliseconds())
}

// run lets a life end, by itself or by being killed.
func (f *life) run(tb testing.TB) (killed bool) {
	tb.Helper()
	err := f.learner.Run(tb.Context())
	switch {
	case err == nil:
		return false
	case errors.Is(err, errKilled) || errors.Is(err, millrace.ErrFenced):
		return true
	}
	tb.Fatal(err)
	return false
}

// stopAt lets a life end cleanly once it has learned so many records.
func (f *life) stopAt(tb testing.TB, records uint64) {
	tb.Helper()
	ctx, stop := context.WithCancel(tb.Context())
	defer stop()
	merger := f.learner.o.Merger
	f.learner.o.Merger = stopping{merger, func(n uint64) bool { return n >= records }, stop, new(uint64)}
	if err := f.learner.Run(ctx); err != nil {
		tb.Fatal(err)
	}
}

// stopping is a merger that says when enough is delivered.
type stopping struct {
	Merger
	enough func(records uint64) bool
	stop   func()
	n      *uint64
}

func (m stopping) Next(ctx context.Context) (merge.Stretch, error) {
	s, err := m.Merger.Next(ctx)
	if *m.n += uint64(s.To - s.From); m.enough(*m.n) {
		m.stop()
	}
	return s, err
}

func newLives(seed uint64) *lives {
	return &lives{events: &topicLog{name: "events"}, labels: &topicLog{name: "labels"}, span: 2 * time.Second, rng: rand.New(rand.NewPCG(seed, 1)),
		model: model.Spec{Type: "logistic", Optimizer: model.OptimizerSpec{Type: "adagrad", Rate: 0.1}},
		spec:  join.Spec{Wait: 3 * time.Second, Early: 400 * time.Millisecond, Missing: millrace.Target{Known: true, Class: 0}}}
}

// learned are the tensors that learning changed: all but the figures.
func learned(tb testing.TB, s *millrace.Snapshot) map[string]string {
	tb.Helper()
	all := map[string]string{}
	for _, blob := range [][]byte{s.Serving, s.Training} {
		file, err := snapshot.Parse(blob)
		if err != nil {
			tb.Fatal(err)
		}
		for _, tensor := range file.Tensors {
			if !strings.HasPrefix(tensor.Name, "progressive.") {
				all[tensor.Name] = string(tensor.Data)
			}
		}
	}
	return all
}

// fewer are the kills of a short run, as under the race detector, where each life takes ten times as long.
func fewer(kills int) int {
	if testing.Short() {
		return kills / 5
	}
	return kills
}

// dying lives again and again, killed so many times within so many records each, and each time goes on from what it has
// published. It returns what it has published last, the life that came to the end, and how often it died.
func (l *lives) dying(t *testing.T, kills, within int) (last *millrace.Snapshot, end *life, died int) {
	t.Helper()
	for ; ; died++ {
		dies := 0
		if died < kills {
			dies = 1 + l.rng.IntN(within)
		}
		end = l.begin(t, last, 1+l.rng.Uint64N(30), dies)
		killed := end.run(t)
		if n := len(end.store.heads); n > 0 {
			last = &end.store.heads[n-1]
			if killed && l.back && l.rng.IntN(5) == 0 {
				last = &end.store.heads[l.rng.IntN(n)]
			}
		}
		if !killed {
			return last, end, died
		}
	}
}

// survive kills the learner so many times, wherever it happens to be, and each time goes on from what it has published,
// with its state by key made again from the log. In the end weights, features, counts and who waits are those of a
// learner that was never killed, bit for bit; that one, and its last version, are returned.
func (l *lives) survive(t *testing.T, kills int) (whole *life, want millrace.Snapshot) {
	t.Helper()
	kills = fewer(kills)
	whole = l.begin(t, nil, 0, 0)
	whole.run(t)
	want = whole.store.last(t)
	within := max(2, 3*(l.events.records()+l.labels.records())/(2*kills)) // half of the kills come in what was learned before
	from, end, died := l.dying(t, kills, within)
	if died != kills {
		t.Fatalf("killed %d times, want %d", died, kills)
	}
	if got := learned(t, from); !maps.Equal(got, learned(t, &want)) {
		for name, data := range learned(t, &want) {
			if got[name] != data {
				t.Errorf("%s differs", name)
			}
		}
	}
	got, names := fates(from.Manifest.Names), maps.Clone(want.Manifest.Names)
	if !maps.Equal(got, names) || from.Manifest.Learned != want.Manifest.Learned || from.Manifest.Applied != want.Manifest.Applied {
		t.Errorf("counts are\n%v, %d learned, %d applied; want\n%v, %d, %d", got, from.Manifest.Learned, from.Manifest.Applied,
			names, want.Manifest.Learned, want.Manifest.Applied)
	}
	checkSums(t, l, names, whole.stream.Join.Stats())
	for _, f := range []*life{whole, end} {
		checkFigures(t, f)
	}
	return whole, want
}

// TestKilledAtAnyRecordEqualsUninterrupted kills the learner 200 times.
func TestKilledAtAnyRecordEqualsUninterrupted(t *testing.T) {
	l := newLives(1)
	l.fill(9000, 1)
	_, want := l.survive(t, 200)
	for _, name := range join.EventNames() {
		switch name {
		case join.NameUnlabelled, join.NameExpired, join.NameCrowded, join.NameLost:
			continue // not in this pipeline
		}
		if n := want.Manifest.Names[string(name)]; n < 20 {
			t.Errorf("only %d events were %s", n, name)
		}
	}
}

// fates are what became of events and labels, without what a restart leaves out of figures: predictions are not in the
// log.
func fates(names map[string]uint64) map[string]uint64 {
	names = maps.Clone(names)
	delete(names, string(join.NameUnmeasured))
	return names
}

// checkSums: every event that was produced ended under one name, or waits; and so did every label.
func checkSums(t *testing.T, l *lives, names map[string]uint64, held join.Stats) {
	t.Helper()
	for _, c := range []struct {
		log   *topicLog
		names []join.Name
		wait  int
	}{{l.events, join.EventNames(), held.Waiting}, {l.labels, join.LabelNames(), held.Kept}} {
		sum := uint64(c.wait)
		for _, name := range c.names {
			sum += names[string(name)]
		}
		if sum != uint64(c.log.records()) {
			t.Errorf("%d of %d records of %s have a name: %v, %d wait", sum, c.log.records(), c.log.name, names, c.wait)
		}
	}
}

// checkFigures: every event whose label is known by now, or taken for known, is in the figures or counts as
// unmeasured.
func checkFigures(t *testing.T, f *life) {
	t.Helper()
	names := f.store.last(t).Manifest.Names
	known := names[string(join.NameLabelled)] + names[string(join.NameJoined)] + names[string(join.NameExpiredLearned)]
	if expired := names[string(join.NameExpired)]; f.stream.Assume.Known || expired == 0 { // else crowded ones are dropped, too
		known += expired + names[string(join.NameCrowded)]
	}
	unmeasured := names[string(join.NameUnmeasured)]
	if measured := f.stream.Trainer.Progressive.Events(); measured+unmeasured != known {
		t.Errorf("%d events are in the figures and %d unmeasured, of %d: %v", measured, unmeasured, known, names)
	}
}
