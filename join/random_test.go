package join

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"millrace"
	"millrace/join/disk"
)

// story is one run of random records: through the naive table, a table that goes on for ever, one that does so with
// little memory and a store, and one that is lost and rebuilt at random moments. All must say the same at each step.
type story struct {
	t         *testing.T
	choose    func(n int) int // in [0, n)
	spec      Spec
	naive     *naive
	steady    *Table
	spilling  *Table // with a store, where the spec has a disk
	fragile   *Table
	log       []logged
	offsets   [kinds][3]int64
	watermark int64
	stored    map[Place]bool // events whose prediction the fragile table has
	rebuilt   int
	grain     int64      // of all times, so that many are equal
	collide   bool       // every id has one hash
	files     memory     // of the spilling table
	spilled   int        // how often something was in a store
	saved     checkpoint // of the fragile table, of any moment before; without blocks there is none
	restored  int
	colds     int // checkpoints with what was in a store
}

// checkpoint is what a table held when so much of the log was read.
type checkpoint struct {
	blocks  [][]byte
	cold    *Cold // not written yet
	log     int
	offsets [kinds][3]int64
	stored  map[Place]bool
}

type logged struct {
	kind   Kind
	event  *millrace.Event
	at     Place
	stream int64
}

const storyOutputs = 2

func newStory(t *testing.T, choose func(n int) int) *story {
	spec := Spec{Wait: 1000 * time.Millisecond, Early: time.Duration(choose(4)) * 150 * time.Millisecond}
	if choose(3) == 0 {
		spec.Wait = time.Duration(1+choose(5)) * time.Millisecond
	}
	if choose(2) == 0 {
		spec.Hold = time.Duration(1+choose(500)) * time.Millisecond
	}
	if choose(2) == 0 {
		spec.Memory = millrace.Bytes(12000 + choose(40000))
		if choose(2) == 0 {
			spec.Disk = millrace.Bytes(choose(60000))
		}
	} else {
		spec.Memory = MemoryDefault
	}
	if choose(2) == 0 {
		spec.Missing = millrace.Target{Known: true, Class: 1}
	}
	s := &story{t: t, choose: choose, spec: spec, naive: newNaive(spec, storyOutputs), steady: New(spec, storyOutputs),
		watermark: never, stored: map[Place]bool{}, collide: choose(4) == 0, grain: []int64{1, 1, 40}[choose(3)]}
	s.steady.room += int64(spec.Disk) // as memory
	s.spilling, s.fragile = s.newTable(&s.files), s.newTable(&memory{})
	for _, tab := range s.tables() {
		if s.collide {
			tab.index.mask = 0
		}
	}
	return s
}

// newTable is one with a store, where the spec has a disk.
func (s *story) newTable(files *memory) *Table {
	tab := New(s.spec, storyOutputs)
	if s.spec.Disk == 0 {
		return tab
	}
	store := disk.New(files, disk.Limits{Room: int64(s.spec.Disk), SegmentBytes: int64(500 + s.choose(5000)),
		Segments: 1 + s.choose(6), OneHash: s.collide})
	s.t.Cleanup(func() {
		if err := store.Close(); err != nil && !files.fails {
			s.t.Error(err)
		}
	})
	tab.Overflow(store)
	return tab
}

func (s *story) tables() []*Table {
	if s.spilling.Err() != nil {
		return []*Table{s.steady, s.fragile}
	}
	return []*Table{s.steady, s.spilling, s.fragile}
}

// failed says whether a table's store has failed just now, where the story has it fail. What it says is nothing then.
func (s *story) failed(tab *Table) bool {
	return s.files.fails && tab == s.spilling && tab.Err() != nil
}

// lose has the topic of events be no more.
func (s *story) lose() {
	want := s.naive.lose()
	for _, tab := range s.tables() {
		if got := tab.Lose(Events); !s.failed(tab) && got != want {
			s.t.Fatalf("%d are lost, want %d", got, want)
		}
	}
	s.log = slices.DeleteFunc(s.log, func(r logged) bool { return r.kind == Events })
	s.saved = checkpoint{} // of a topic that is no more
}

// place is the next of a partition; sometimes the log has a hole.
func (s *story) place(k Kind) Place {
	p := int32(s.choose(3))
	at := s.offsets[k][p]
	s.offsets[k][p]++
	if s.choose(20) == 0 {
		s.offsets[k][p] += int64(s.choose(3)) << (s.choose(20))
	}
	return Place{p, at}
}

func (s *story) id() []byte {
	id := fmt.Sprint(s.choose(60))
	if s.choose(10) == 0 {
		id += strings.Repeat("x", s.choose(1024))
	}
	return []byte(id)
}

func (s *story) event() *millrace.Event {
	e := &millrace.Event{ID: s.id(), Time: s.time(), Fields: make([]millrace.Field, s.choose(6))}
	for i := range e.Fields {
		f := &e.Fields[i]
		f.Presence = millrace.Presence(s.choose(3))
		if f.Presence != millrace.Present {
			continue
		}
		switch s.choose(4) {
		case 0:
			f.Number = []float64{0, math.Copysign(0, -1), 1, -128, 300, 1 << 20, .5, .1, math.MaxFloat64}[s.choose(9)]
		case 1:
			f.Text = bytes.Repeat([]byte{'t'}, s.choose(300))
		case 2:
			f.First, f.Count = uint32(len(e.Entries)), uint16(s.choose(4))
			for range f.Count {
				e.Entries = append(e.Entries, millrace.Entry{Key: uint64(s.choose(9)), Value: float64(s.choose(9))})
			}
		default:
			f.Number, f.Text = float64(s.choose(9)), []byte("both")
		}
	}
	if s.choose(4) == 0 {
		e.Label = millrace.Label{Weighted: true, Weight: float32(s.choose(5))}
	}
	return e
}

// time is near the watermark, before or after it, and seldom far ahead.
func (s *story) time() int64 {
	w := max(s.watermark, 0)
	if s.choose(50) == 0 {
		return (w + int64(s.choose(1<<20))) / s.grain * s.grain
	}
	return (w + int64(s.choose(300)) - 100) / s.grain * s.grain
}

func (s *story) step() {
	switch s.choose(10) {
	case 0, 1, 2, 3:
		s.arrive()
	case 4, 5, 6:
		s.label()
	case 7:
		switch s.choose(30) {
		case 0:
			s.lose()
		case 1, 2, 3, 4, 5, 6, 7, 8:
			s.save()
		default:
			s.rebuild()
		}
	default:
		if s.choose(10) == 0 {
			s.watermark = (max(s.watermark, 0) + int64(s.choose(3000))) / s.grain * s.grain
		} else {
			s.watermark = (max(s.watermark, 0) + int64(s.choose(60))) / s.grain * s.grain
		}
	}
	s.settle()
	s.compare()
}

func (s *story) arrive() {
	e, at, waits := s.event(), s.place(Events), s.choose(5) > 0
	stream := max(e.Time, s.watermark)
	s.log = append(s.log, logged{Events, e, at, stream})
	want, early := s.naive.arrive(e, at, stream, waits)
	for _, tab := range s.tables() {
		got := tab.Arrive(e, at, stream)
		if s.failed(tab) {
			continue
		}
		if got != want {
			s.t.Fatalf("arrival of %.20q: %d, want %d", e.ID, got, want)
		}
		if got == First && waits {
			tab.Wait(e, at, tab.Due(stream), prediction(at))
		}
		if got == Early {
			if l, when := tab.EarlyLabel(); l != early.Label || when != early.Time {
				s.t.Fatalf("early label %+v of %d, want %+v of %d", l, when, early.Label, early.Time)
			}
		}
	}
	s.stored[at] = true
}

func prediction(at Place) []float64 { return []float64{float64(at.Partition), float64(at.Offset)} }

func (s *story) label() {
	l := &millrace.Event{ID: s.id(), Time: s.time(), Label: millrace.Label{Known: true, Class: int32(s.choose(3)),
		Value: float64(s.choose(7))}}
	if s.choose(4) == 0 {
		l.Label.Weighted, l.Label.Weight = true, float32(s.choose(5))
	}
	at := s.place(Labels)
	stream := max(l.Time, s.watermark)
	s.log = append(s.log, logged{Labels, l, at, stream})
	want, event := s.naive.label(l, at, stream)
	for _, tab := range s.tables() {
		got := tab.Label(l, at, stream)
		if s.failed(tab) {
			continue
		}
		if got != want {
			s.t.Fatalf("label of %.20q: %d, want %d", l.ID, got, want)
		}
		if want == Joined {
			joined := l.Label
			if !joined.Weighted {
				joined.Weighted, joined.Weight = event.event.Label.Weighted, event.event.Label.Weight
			}
			s.took(tab, event, ByLabel, joined)
		}
	}
}

// settle expires what is due and makes room. A rebuild may come between any two.
func (s *story) settle() {
	for {
		event := s.naive.expire(s.watermark)
		s.expects(event, ByTime, func(tab *Table) bool { return tab.Expire(s.watermark) })
		if event == nil {
			break
		}
		switch s.choose(16) {
		case 0, 1:
			s.rebuild()
		case 2:
			s.save()
		}
	}
	for {
		event := s.naive.crowded()
		s.expects(event, ByMemory, (*Table).Crowded)
		if event == nil {
			break
		}
	}
}

func (s *story) expects(event *naiveEvent, cause Cause, found func(*Table) bool) {
	for i, tab := range s.tables() {
		got := found(tab)
		if s.failed(tab) {
			continue
		}
		if got != (event != nil) {
			s.t.Fatalf("table %d, cause %d: found %v, want %+v", i, cause, got, event)
		}
		if event != nil {
			s.took(tab, event, cause, missing(s.spec, event.event.Label))
		}
	}
}

func missing(spec Spec, l millrace.Label) millrace.Label {
	l.Known, l.Class, l.Value = spec.Missing.Known, spec.Missing.Class, spec.Missing.Value
	return l
}

func (s *story) took(tab *Table, want *naiveEvent, cause Cause, label millrace.Label) {
	var e millrace.Event
	w, ok := tab.Take(&e)
	if s.failed(tab) {
		return
	}
	arrived := want.due - s.spec.Wait.Milliseconds()
	if !ok || w.Place != want.at || w.Cause != cause || w.Due != want.due || w.Arrived != arrived {
		s.t.Fatalf("took %+v, want %+v", w, want)
	}
	if measured := tab != s.fragile || s.stored[want.at]; measured != (w.Prediction != nil) {
		s.t.Fatalf("prediction %v, want one: %v", w.Prediction, measured)
	}
	if w.Prediction != nil && fmt.Sprint(w.Prediction) != fmt.Sprint(prediction(want.at)) {
		s.t.Fatalf("prediction %v of %+v", w.Prediction, want.at)
	}
	if e.Label != label || !sameEvent(&e, want.event) {
		s.t.Fatalf("took %+v, was %+v with label %+v", e, want.event, label)
	}
}

func sameEvent(e, f *millrace.Event) bool {
	if !bytes.Equal(e.ID, f.ID) || e.Time != f.Time || len(e.Fields) != len(f.Fields) {
		return false
	}
	for i := range e.Fields {
		x, y := &e.Fields[i], &f.Fields[i]
		if x.Presence != y.Presence || math.Float64bits(x.Number) != math.Float64bits(y.Number) ||
			!bytes.Equal(x.Text, y.Text) || fmt.Sprint(e.Bag(x)) != fmt.Sprint(f.Bag(y)) {
			return false
		}
	}
	return true
}

// rebuild loses the fragile table and makes it anew from the log, read from where it can still matter.
func (s *story) rebuild() {
	state := s.fragile.AppendState(nil)
	if other := s.steady.AppendState(nil); !bytes.Equal(state, other) {
		s.t.Fatalf("the states differ: %x, %x", state, other)
	}
	events, labels := s.fragile.Since(s.watermark), int64(never)
	if s.watermark != never {
		labels = s.watermark - s.spec.Early.Milliseconds()
	}
	mask := s.fragile.index.mask
	s.fragile = s.newTable(&memory{})
	s.fragile.index.mask = mask
	if err := s.fragile.BeginRebuild(state, s.watermark); err != nil {
		s.t.Fatal(err)
	}
	since := [kinds]int64{events, labels}
	log, stored := s.log, map[Place]bool{}
	if s.saved.blocks != nil && s.choose(3) > 0 {
		s.restore()
		log, stored, since = s.log[s.saved.log:], maps.Clone(s.saved.stored), [kinds]int64{never, never}
	}
	var begun [kinds]bool
	for _, r := range log {
		if begun[r.kind] = begun[r.kind] || r.stream >= since[r.kind]; !begun[r.kind] {
			continue
		}
		if r.kind == Events {
			s.fragile.Rebuild(r.event, r.at, r.stream)
		} else {
			s.fragile.RebuildLabel(r.event, r.at, r.stream)
		}
	}
	if events, labels := s.fragile.EndRebuild(); events+labels > 0 {
		s.t.Fatalf("lost %d events and %d labels", events, labels)
	}
	if again := s.fragile.AppendState(nil); !bytes.Equal(state, again) {
		s.t.Fatalf("rebuilt %x from %x", again, state)
	}
	s.stored = stored
	s.rebuilt++
}

// save takes a checkpoint of the fragile table.
func (s *story) save() {
	s.saved = checkpoint{blocks: [][]byte{}, log: len(s.log), offsets: s.offsets, stored: maps.Clone(s.stored)}
	before := s.fragile.Stats()
	write := func(block []byte) error {
		s.saved.blocks = append(s.saved.blocks, bytes.Clone(block))
		return nil
	}
	s.release()
	s.saved.cold = s.fragile.Cold()
	err := s.fragile.Checkpoint(write)
	if len(s.log)%2 == 0 { // at once, else when the table has long gone on
		s.writeCold()
	}
	if after := s.fragile.Stats(); err != nil || after.Waiting != before.Waiting {
		s.t.Fatalf("%v: %+v, before %+v", err, after, before)
	}
}

// writeCold adds to what was saved what the table's store had then.
func (s *story) writeCold() {
	if s.saved.cold == nil {
		return
	}
	s.colds++
	err := s.saved.cold.Checkpoint(func(block []byte) error {
		s.saved.blocks = append(s.saved.blocks, bytes.Clone(block))
		return nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
	s.release()
}

// release gives back what was saved of the table's store.
func (s *story) release() {
	if err := s.saved.cold.Close(); err != nil {
		s.t.Fatal(err)
	}
	s.saved.cold = nil
}

// restore gives the fragile table, which is being rebuilt, what was saved.
func (s *story) restore() {
	s.writeCold()
	for _, block := range s.saved.blocks {
		if err := s.fragile.Restore(block); err != nil {
			s.t.Fatal(err)
		}
	}
	if err := s.fragile.EndRestore(func(k Kind, p int32) int64 { return s.saved.offsets[k][p] }); err != nil {
		s.t.Fatal(err)
	}
	s.restored++
}

func (s *story) compare() {
	charge, _ := s.naive.charge()
	for i, tab := range s.tables() {
		got := tab.Stats()
		if got.Waiting != len(s.naive.waiting()) || got.Kept != s.naive.kept() || got.IDs != len(s.naive.ids) ||
			got.Charge != charge || tab.Err() != nil || got.Holding != s.naive.holding() {
			s.t.Fatalf("table %d: %+v, want %d, %d, %d and %d", i, got, len(s.naive.waiting()), s.naive.kept(),
				len(s.naive.ids), charge)
		}
		if got.Spilled > 0 {
			s.spilled++
		}
	}
	if got := s.steady.Stats().Counts; got != s.naive.counts {
		s.t.Fatalf("counts %+v, want %+v", got, s.naive.counts)
	}
}

func TestRandomStories(t *testing.T) {
	stories, steps := 100, 400
	if testing.Short() {
		stories = 15
	}
	var rebuilt, restored, spilled, colds int
	var counts Counts
	for seed := range stories {
		rng := rand.New(rand.NewPCG(uint64(seed), 7))
		s := newStory(t, rng.IntN)
		for step := range steps {
			s.step()
			if t.Failed() {
				t.Fatalf("seed %d, step %d", seed, step)
			}
		}
		rebuilt, restored, spilled, colds = rebuilt+s.rebuilt, restored+s.restored, spilled+s.spilled, colds+s.colds
		c := s.steady.Stats().Counts
		counts.LabelsUnmatched += c.LabelsUnmatched
		counts.LabelsCrowded += c.LabelsCrowded
		counts.IDsForgotten += c.IDsForgotten
	}
	if rebuilt == 0 || spilled == 0 || colds == 0 || restored < rebuilt/5 || counts.LabelsUnmatched == 0 || counts.LabelsCrowded == 0 ||
		counts.IDsForgotten == 0 {
		t.Errorf("the stories do not tell of everything: %d rebuilt, %d of them from a checkpoint, %d spilled, %d checkpoints of that, %+v", rebuilt, restored, spilled, colds, counts)
	}
}

// TestStoriesOfAFailingStore: until a table says that its store has failed, it has said nothing wrong; and it says so
// whatever failed, wherever it was.
func TestStoriesOfAFailingStore(t *testing.T) {
	failed := 0
	for seed := range 80 {
		rng := rand.New(rand.NewPCG(uint64(seed), 8))
		s := newStory(t, rng.IntN)
		if s.spec.Disk == 0 {
			continue
		}
		s.files.fails, s.files.after = true, rng.IntN(20)
		s.files.flips = rng.IntN(2) == 0
		for step := range 400 {
			s.step()
			if t.Failed() {
				t.Fatalf("seed %d, step %d", seed, step)
			}
			err := s.spilling.Err()
			if (err != nil) != (s.files.after < 0) {
				t.Fatalf("seed %d, step %d: the store has failed: %v; the table says %v", seed, step, s.files.after < 0, err)
			}
			if err == nil {
				continue
			}
			failed++
			if want := map[bool]error{true: millrace.ErrCorrupt, false: errFull}[s.files.flips]; !errors.Is(err, want) {
				t.Errorf("seed %d: %v", seed, err)
			}
			break
		}
	}
	if failed < 5 {
		t.Errorf("only %d stores have failed", failed)
	}
}

func FuzzTable(f *testing.F) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 8 {
		b := make([]byte, 4000)
		for i := range b {
			b[i] = byte(rng.IntN(256))
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		draw := func(n int) int {
			v := 0
			for size := 1; size < n && len(b) > 0; size *= 256 {
				v = v<<8 | int(b[0])
				b = b[1:]
			}
			return v % n
		}
		s := newStory(t, draw)
		for len(b) > 0 {
			s.step()
		}
	})
}
