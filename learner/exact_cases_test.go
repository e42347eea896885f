package learner

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"millrace"
	"millrace/join"
	"millrace/model"
)

// TestKilledWithAnySettingEqualsUninterrupted is for what waits, gives way, is held and is forgotten elsewhere than in
// an ordinary pipeline.
func TestKilledWithAnySettingEqualsUninterrupted(t *testing.T) {
	for _, c := range []struct {
		name       string
		partitions int
		set        func(l *lives)
		least      map[join.Name]uint64
	}{
		{"labels that wait longer than events", 1, func(l *lives) {
			l.spec.Wait, l.spec.Early, l.span = 300*time.Millisecond, 3*time.Second, time.Second
			l.ahead = 4 * time.Second
		}, map[join.Name]uint64{join.NameLabelEarly: 100}},
		{"memory is full", 1, func(l *lives) { l.spec.Memory = 24 << 10 }, map[join.Name]uint64{join.NameCrowded: 100}},
		{"memory is full of what is dropped", 1, func(l *lives) {
			l.spec.Memory, l.spec.Missing = 24<<10, millrace.Target{}
		}, map[join.Name]uint64{join.NameCrowded: 100}},
		{"most of what waits is on disk", 1, func(l *lives) { l.spec.Memory, l.spec.Disk = 12<<10, 1<<20 },
			map[join.Name]uint64{join.NameJoined: 1000, join.NameExpiredLearned: 300}},
		{"disk is full while expiries are held", 1, func(l *lives) {
			l.spec.Memory, l.spec.Disk, l.spec.Hold = 12<<10, 10<<10, 60*time.Millisecond
		}, map[join.Name]uint64{join.NameCrowded: 100}},
		{"expiries are held", 1, func(l *lives) { l.spec.Hold = 60 * time.Millisecond }, nil},
		{"memory is full while expiries are held", 1, func(l *lives) { l.spec.Memory, l.spec.Hold = 24<<10, 60*time.Millisecond },
			map[join.Name]uint64{join.NameCrowded: 100}},
		{"windows are longer than waits", 1, func(l *lives) { l.spec.Wait, l.span = 200*time.Millisecond, 3*time.Second }, nil},
		{"several partitions whose record times are out of order", 3, func(l *lives) { l.ends, l.jitter = true, 500*time.Millisecond }, nil},
		{"delivery times, which are as long as may be until they are known", 1, func(l *lives) {
			l.numbers, l.spec.Missing = true, millrace.Target{Known: true, Value: 120}
			l.model = model.Spec{Type: "linear", Optimizer: model.OptimizerSpec{Type: "adagrad", Rate: 0.1}}
		}, map[join.Name]uint64{join.NameJoined: 1000, join.NameExpiredLearned: 300, join.NameLabelEarly: 100}},
		{"delivery times, most of what waits for which is on disk", 1, func(l *lives) {
			l.numbers, l.model, l.spec.Missing = true, model.Spec{Type: "mlp", Hidden: []int{8}, Batch: 3}, millrace.Target{}
			l.spec.Memory, l.spec.Disk = 12<<10, 1<<20
		}, map[join.Name]uint64{join.NameJoined: 1000, join.NameExpired: 300}},
		{"several partitions", 3, func(l *lives) { l.ends = true }, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLives(7)
			c.set(l)
			l.fill(2500, c.partitions)
			_, want := l.survive(t, 40)
			for name, least := range c.least {
				if n := want.Manifest.Names[string(name)]; n < least {
					t.Errorf("only %d were %s", n, name)
				}
			}
		})
	}
}

// TestLabelsDeadLettersComeBeforeVersions: a version holds positions behind labels that could not be used, so these are
// written down first.
func TestLabelsDeadLettersComeBeforeVersions(t *testing.T) {
	l := newLives(3)
	l.fill(500, 1)
	f := l.begin(t, nil, 50, 0)
	letters := &stuckLetters{}
	f.learner.o.Labels.DeadLetters, f.learner.o.ShutdownTimeout = letters, 10*time.Millisecond
	if err := f.learner.Run(t.Context()); err == nil {
		t.Error("the last version was published")
	}
	if len(f.store.heads) > 0 || len(letters.rejected) == 0 {
		t.Errorf("%d versions, %d dead letters of labels that nobody has acknowledged", len(f.store.heads), len(letters.rejected))
	}
}

// stuckLetters are never acknowledged.
type stuckLetters struct{ fakeDeadLetters }

func (*stuckLetters) Flush(context.Context) error { return errors.New("nobody answers") }

// TestPartitionsAddedLaterHoldNoTimeUpAgain: while state is made again a partition that came later does not hold up the
// watermark, which had gone on before it came. So an event that was late is remembered for as long as it was.
func TestPartitionsAddedLaterHoldNoTimeUpAgain(t *testing.T) {
	l := newLives(1)
	l.spec.Wait, l.span = 500*time.Millisecond, time.Second
	l.labels.add(0, 0, "-")
	var all []millrace.Record // in their order
	add := func(partition int, at, time int64, id string) {
		l.events.add(partition, at, fmt.Sprintf("%s 1 %d - c", id, time))
		records := l.events.partitions[partition]
		all = append(all, records[len(records)-1])
	}
	for now := int64(0); now < 4000; now += 10 {
		add(0, now, now, fmt.Sprint("e", now))
		switch now {
		case 3000:
			add(0, now, 2700, "late")
		case 3100, 3440:
			add(1, now, now, fmt.Sprint("f", now))
		case 3450:
			add(0, now, now, "late")
		}
	}
	s, _ := l.stream(t)
	s.Begin([]millrace.Position{{Topic: l.events.name}})
	n := slices.IndexFunc(all, func(r millrace.Record) bool { return r.Time == 3400 })
	apply(t, s, all[:n])
	positions := []millrace.Position{{Topic: l.events.name, Offset: s.nextOf(join.Events, 0)},
		{Topic: l.events.name, Partition: 1, Offset: s.nextOf(join.Events, 1)}}
	again := l.remade(t, s, positions)
	apply(t, s, all[n:])
	apply(t, again, all[n:])
	if got, want := fates(again.Names()), s.Names(); !maps.Equal(got, want) || want["duplicate"] != 1 {
		t.Errorf("%v, want %v", got, want)
	}
}

// TestPartitionsWithoutEventsHoldTimeUpAgain: a partition that is known and has brought nothing holds the watermark at
// its beginning, also while state is made again, though it is at its end then.
func TestPartitionsWithoutEventsHoldTimeUpAgain(t *testing.T) {
	l := newLives(1)
	l.labels.add(0, 0, "-")
	l.events.partitions = make([][]millrace.Record, 2)
	for i := range int64(200) {
		l.events.add(0, 100*i, fmt.Sprintf("e%d 1 %d - c", i, 100*i))
	}
	l.events.add(0, 20_000, "late 1 1000 - d") // by more than the longest window
	l.events.add(0, 20_000, "seen 1 1000 - d")
	records := l.events.partitions[0]
	s, _ := l.stream(t)
	s.SetIdle(nil, []int32{0, 1})
	last := len(records) - 1
	apply(t, s, records[:last])
	positions := []millrace.Position{{Topic: l.events.name, Offset: int64(last)}, {Topic: l.events.name, Partition: 1}}
	again := l.remade(t, s, positions)
	again.SetIdle(nil, []int32{0, 1})
	want, got := apply(t, s, records[last:]), apply(t, again, records[last:])
	same := func(a, b millrace.Field) bool { return a.Presence == b.Presence && a.Number == b.Number }
	if !slices.EqualFunc(got, want, same) || want[2].Number != 1 {
		t.Errorf("windows %+v, want %+v", got, want)
	}
}

// apply applies events, and returns the fields of the last.
func apply(t *testing.T, s *Stream, records []millrace.Record) []millrace.Field {
	t.Helper()
	e := lateDecoder{}.NewEvent()
	for i := range records {
		if err := (lateDecoder{}).Decode(&records[i], e); err != nil {
			t.Fatal(err)
		}
		if outcome, why := s.Event(e, &records[i]); why != nil {
			t.Fatal(outcome, why)
		}
		for s.Expire() {
		}
	}
	return e.Fields
}

// remade is a stream whose state by key is made again from the logs, up to positions that another one has come to.
func (l *lives) remade(t *testing.T, s *Stream, positions []millrace.Position) *Stream {
	t.Helper()
	m := &millrace.Manifest{Positions: positions, Keyed: s.Keyed(positions), Names: s.Names()}
	again, _ := l.stream(t)
	r := &Rebuilding{Stream: again, Manifest: m, Waiting: s.Join.AppendState(nil), Merger: l.merger(marks(m), positions, nil),
		Decoder: lateDecoder{}, Labels: lateDecoder{label: true}}
	if lost, err := r.Run(t.Context()); lost != 0 || err != nil {
		t.Fatalf("%d lost, %v", lost, err)
	}
	return again
}

// TestLabelsOfAWrongClockHoldNothingUp: a label whose clock is a century ahead is joined, or kept for its event until
// its time comes, and an event of such a clock that cannot be used leaves nothing; where the events' log is read again
// from goes on.
func TestLabelsOfAWrongClockHoldNothingUp(t *testing.T) {
	l := newLives(1)
	const ahead = 4_000_000_000_000
	for i := range int64(3000) {
		l.events.add(0, 10*i, fmt.Sprintf("e%d 1 %d - c", i, 10*i))
	}
	l.labels.add(0, ahead, fmt.Sprintf("e0 x %d 1", int64(ahead)))
	l.labels.add(0, ahead, fmt.Sprintf("e2990 x %d 1", int64(ahead)))
	records := l.events.partitions[0]
	s, _ := l.stream(t)
	apply(t, s, records[:1])
	for i := range l.labels.partitions[0] {
		label := lateDecoder{label: true}.NewEvent()
		if err := (lateDecoder{label: true}).Decode(&l.labels.partitions[0][i], label); err != nil {
			t.Fatal(err)
		}
		if _, why := s.Label(label, &l.labels.partitions[0][i]); why != nil {
			t.Fatal(why)
		}
	}
	l.events.partitions[0][1].Time = ahead
	l.events.partitions[0][1].Value = fmt.Appendf(nil, "e1 -1 %d - c", int64(ahead))
	bad := lateDecoder{}.NewEvent()
	if err := (lateDecoder{}).Decode(&records[1], bad); err != nil {
		t.Fatal(err)
	}
	if _, why := s.Event(bad, &records[1]); why == nil {
		t.Fatal("the event is of use")
	}
	const at = 2000
	apply(t, s, records[2:at])
	positions := []millrace.Position{{Topic: l.events.name, Offset: at}, {Topic: l.labels.name, Offset: 2}}
	reach := (l.spec.Wait + l.span + l.span/12).Milliseconds() / 10
	if k := s.Keyed(positions); k.Rebuild[0].Offset < at-reach-10 || k.Rebuild[0].Offset > at-reach || k.Rebuild[1].Offset > 1 {
		t.Errorf("read again from %+v; what matters are the last %d events, and the second label", k.Rebuild, reach)
	}
	again := l.remade(t, s, positions)
	apply(t, s, records[at:])
	apply(t, again, records[at:])
	if got, want := fates(again.Names()), s.Names(); !maps.Equal(got, want) || want["joined"] != 2 {
		t.Errorf("%v, want %v", got, want)
	}
}
