package join

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"

	"millrace"
)

func event(id string, at int64, fields ...millrace.Field) *millrace.Event {
	return &millrace.Event{ID: []byte(id), Time: at, Fields: fields}
}

func label(id string, at int64, class int32) *millrace.Event {
	return &millrace.Event{ID: []byte(id), Time: at, Label: millrace.Label{Known: true, Class: class}}
}

func number(v float64) millrace.Field { return millrace.Field{Presence: millrace.Present, Number: v} }

func text(s string) millrace.Field {
	return millrace.Field{Presence: millrace.Present, Text: []byte(s)}
}

func table(changes ...func(*Spec)) *Table {
	spec := Spec{Wait: 10 * time.Second, Early: 2 * time.Second}
	for _, change := range changes {
		change(&spec)
	}
	return New(spec, 2)
}

// arrives lets an event arrive and wait, and says what Arrive did.
func arrives(t *Table, e *millrace.Event, at Place, stream int64) Arrival {
	a := t.Arrive(e, at, stream)
	if a == First {
		t.Wait(e, at, t.Due(stream), []float64{.25, .75})
	}
	return a
}

// TestNumbersWaitWithAllTheirDigits: the prediction of a number is kept as it was made, beyond what float32 holds.
func TestNumbersWaitWithAllTheirDigits(t *testing.T) {
	tab, e := New(Spec{Wait: time.Hour, Early: time.Minute, Memory: 1 << 20}, 1), event("a", 0, number(1))
	const made = 1e8 + 1.0/3
	if a := tab.Arrive(e, Place{0, 1}, 0); a != First {
		t.Fatalf("arrival %d, want First", a)
	}
	tab.Wait(e, Place{0, 1}, tab.Due(0), []float64{made})
	if m := tab.Label(label("a", 10, 0), Place{0, 2}, 10); m != Joined {
		t.Fatalf("match %d, want Joined", m)
	}
	var got millrace.Event
	if w, _ := tab.Take(&got); len(w.Prediction) != 1 || w.Prediction[0] != made {
		t.Errorf("prediction %v, want %v", w.Prediction, made)
	}
}

func TestLabelJoinsWhatTheEventWas(t *testing.T) {
	tab := table()
	e := event("a", 900, number(-3), text("red"), millrace.Field{Presence: millrace.Null}, millrace.Field{}, number(.1),
		millrace.Field{Presence: millrace.Present, First: 1, Count: 2})
	e.Entries = []millrace.Entry{{Key: 9, Value: 9}, {Key: 1 << 63, Value: -.5}, {Key: 3, Value: 1e300}}
	e.Label = millrace.Label{Weighted: true, Weight: 2.5}
	if a := arrives(tab, e, Place{3, 70}, 1000); a != First {
		t.Fatalf("arrival %d, want First", a)
	}
	if m := tab.Label(label("a", 1500, 1), Place{0, 4}, 1500); m != Joined {
		t.Fatalf("match %d, want Joined", m)
	}
	var got millrace.Event
	w, ok := tab.Take(&got)
	if !ok || w.Place != (Place{3, 70}) || w.Cause != ByLabel || w.Arrived != 1000 || w.Due != 11000 {
		t.Errorf("took %+v, %v", w, ok)
	}
	if !slices.Equal(w.Prediction, []float64{.25, .75}) {
		t.Errorf("prediction %v", w.Prediction)
	}
	want := millrace.Label{Known: true, Class: 1, Weighted: true, Weight: 2.5}
	if string(got.ID) != "a" || got.Time != 900 || got.Label != want || len(got.Fields) != 6 {
		t.Errorf("event %+v", got)
	}
	for i := range e.Fields {
		f, g := &e.Fields[i], &got.Fields[i]
		if f.Presence != g.Presence || f.Number != g.Number || string(f.Text) != string(g.Text) ||
			!slices.Equal(e.Bag(f), got.Bag(g)) {
			t.Errorf("field %d is %+v, was %+v", i, g, f)
		}
	}
	if _, ok := tab.Take(&got); ok {
		t.Error("taken twice")
	}
	if m := tab.Label(label("a", 1600, 0), Place{0, 5}, 1600); m != Repeated {
		t.Errorf("a second label: match %d, want Repeated", m)
	}
}

func TestExpiriesComeInOrderOfDuePartitionAndOffset(t *testing.T) {
	tab := table(func(s *Spec) { s.Missing = millrace.Target{Known: true, Class: 1} })
	for i, c := range []struct {
		stream    int64
		partition int32
		offset    int64
	}{{5, 1, 1}, {5, 0, 9}, {7, 0, 1}, {5, 1, 0}, {4, 3, 3}, {20000, 0, 10}} {
		arrives(tab, event(fmt.Sprint(i), c.stream), Place{c.partition, c.offset}, c.stream)
	}
	if tab.Expire(10003) {
		t.Error("expired before anything is due")
	}
	var got []string
	var e millrace.Event
	for tab.Expire(10007) {
		w, _ := tab.Take(&e)
		if w.Cause != ByTime || !e.Label.Known || e.Label.Class != 1 {
			t.Errorf("took %+v with label %+v", w, e.Label)
		}
		got = append(got, string(e.ID))
	}
	if want := []string{"4", "1", "3", "0", "2"}; !slices.Equal(got, want) {
		t.Errorf("expired %v, want %v", got, want)
	}
	if s := tab.Stats(); s.Waiting != 1 || s.IDs != 1 {
		t.Errorf("stats %+v", s)
	}
}

func TestEarlyLabels(t *testing.T) {
	tab := table()
	tab.Expire(1000)
	if m := tab.Label(label("a", 1000, 1), Place{0, 0}, 1000); m != Kept {
		t.Fatalf("match %d, want Kept", m)
	}
	if m := tab.Label(label("a", 1001, 0), Place{0, 1}, 1001); m != Repeated {
		t.Errorf("the second label of an id: %d, want Repeated: the first wins", m)
	}
	tab.Label(label("b", 1000, 1), Place{0, 2}, 1000)
	tab.Expire(2999)
	if a := tab.Arrive(event("a", 2999), Place{0, 0}, 2999); a != Early {
		t.Fatalf("arrival %d, want Early", a)
	}
	if l, at := tab.EarlyLabel(); l.Class != 1 || at != 1000 {
		t.Errorf("label %+v of %d", l, at)
	}
	tab.Expire(3000)
	if s := tab.Stats(); s.LabelsUnmatched != 1 || s.Kept != 0 || s.IDs != 1 {
		t.Errorf("stats %+v", s)
	}
	if a := tab.Arrive(event("b", 3000), Place{0, 1}, 3000); a != First {
		t.Errorf("arrival %d, want First: its label's time is over", a)
	}
	if m := tab.Label(label("a", 3000, 0), Place{0, 3}, 3000); m != Repeated {
		t.Errorf("match %d, want Repeated", m)
	}
}

func TestIDsAreRememberedForAWaitAfterTheirLastEvent(t *testing.T) {
	tab := table()
	arrives(tab, event("a", 0), Place{0, 0}, 0)
	tab.Expire(6000)
	if a := arrives(tab, event("a", 6000), Place{0, 1}, 6000); a != Duplicate {
		t.Fatalf("arrival %d, want Duplicate", a)
	}
	var e millrace.Event
	if !tab.Expire(10000) {
		t.Fatal("the first event did not expire by its own time")
	}
	tab.Take(&e)
	tab.Expire(15999)
	if a := arrives(tab, event("a", 15999), Place{0, 2}, 15999); a != Duplicate {
		t.Errorf("arrival %d, want Duplicate: the duplicate made it remembered", a)
	}
	tab.Expire(25999)
	if a := arrives(tab, event("a", 25999), Place{0, 3}, 25999); a != First {
		t.Errorf("arrival %d, want First: a wait has passed since its last event", a)
	}
}

func TestRebuildBringsBackWhoWaits(t *testing.T) {
	tab := table()
	for i := range 5 {
		arrives(tab, event(fmt.Sprint("e", i), int64(i), number(float64(i))), Place{0, int64(i)}, int64(i))
	}
	tab.Label(label("e1", 5, 1), Place{0, 0}, 5)
	var e millrace.Event
	tab.Take(&e)
	tab.Label(label("x", 5, 1), Place{0, 1}, 5)
	state := tab.AppendState(nil)

	again := table()
	if err := again.BeginRebuild(state, never); err != nil {
		t.Fatal(err)
	}
	for i := range 5 {
		if i == 3 {
			continue // the log has lost it
		}
		again.Rebuild(event(fmt.Sprint("e", i), int64(i), number(float64(i))), Place{0, int64(i)}, int64(i))
	}
	again.RebuildLabel(label("e1", 5, 1), Place{0, 0}, 5)
	again.RebuildLabel(label("x", 5, 1), Place{0, 1}, 5)
	if events, labels := again.EndRebuild(); events != 1 || labels != 0 {
		t.Errorf("lost %d events and %d labels, want 1 and 0", events, labels)
	}
	if m := again.Label(label("e1", 6, 1), Place{0, 2}, 6); m != Repeated {
		t.Errorf("match %d, want Repeated", m)
	}
	if m := again.Label(label("e4", 6, 1), Place{0, 3}, 6); m != Joined {
		t.Errorf("match %d, want Joined", m)
	}
	if w, _ := again.Take(&e); w.Prediction != nil || e.Fields[0].Number != 4 {
		t.Errorf("took %+v, %+v", w, e)
	}
	if a := again.Arrive(event("x", 6), Place{0, 5}, 6); a != Early {
		t.Errorf("arrival %d, want Early", a)
	}
}

// Of several partitions the order read again may be another one than the order that was: a label that is kept stays so,
// though an event of its id, forgotten when the label came, is read after it or before it.
func TestRebuildInAnotherOrderKeepsWhatTheStateNames(t *testing.T) {
	tab := table()
	tab.Label(label("a", 20000, 1), Place{0, 0}, 20000)
	state := tab.AppendState(nil)
	for name, eventFirst := range map[string]bool{"event first": true, "label first": false} {
		again := table()
		if err := again.BeginRebuild(state, never); err != nil {
			t.Fatal(err)
		}
		if eventFirst {
			again.Rebuild(event("a", 0), Place{0, 0}, 0)
		}
		again.RebuildLabel(label("a", 20000, 1), Place{0, 0}, 20000)
		if !eventFirst {
			again.Rebuild(event("a", 0), Place{0, 0}, 0)
		}
		if events, labels := again.EndRebuild(); events+labels != 0 {
			t.Errorf("%s: lost %d and %d", name, events, labels)
		}
		if s := again.Stats(); s.Kept != 1 || s.IDs != 1 || !bytes.Equal(again.AppendState(nil), state) {
			t.Errorf("%s: %+v", name, s)
		}
		if a := again.Arrive(event("a", 20000), Place{0, 9}, 20000); a != Early {
			t.Errorf("%s: arrival %d, want Early", name, a)
		}
	}
}
