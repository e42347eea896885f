package join

import (
	"fmt"
	"testing"
	"time"
)

// TestLose: a topic is no more. Of events nobody waits and no id is known, held or not; labels that wait for their
// events are left, and go with their own topic. Nothing is left behind but what the structures keep.
func TestLose(t *testing.T) {
	tab := table(func(s *Spec) { s.Hold, s.Early = 3*time.Second, 10*time.Second })
	for i := range 100 {
		at := int64(1000 + i*100)
		tab.Expire(at)
		id := fmt.Sprintf("a rather long id of an event %d", i)
		if a := arrives(tab, event(id, at, number(1)), Place{0, int64(i)}, at); a != First {
			t.Fatalf("event %d: arrival %d", i, a)
		}
		if i%3 == 0 {
			tab.Label(label(fmt.Sprint("early", i), at, 1), Place{1, int64(i)}, at)
		}
	}
	tab.Label(label("a rather long id of an event 99", 11_000, 1), Place{1, 100}, 11_000)
	tab.Take(event("", 0))
	for tab.Expire(14_000) { // the first are due, and held
		t.Fatal("expired while expiries are held")
	}
	before := tab.Stats()
	if !before.Holding || before.Waiting != 99 || before.Kept == 0 {
		t.Fatalf("before: %+v", before)
	}
	if n := tab.Lose(Events); n != 99 {
		t.Errorf("%d events are lost of 99", n)
	}
	if s := tab.Stats(); s.Waiting != 0 || s.Kept != before.Kept || s.IDs != s.Kept {
		t.Errorf("after events are lost: %+v", s)
	}
	if a := arrives(tab, event("a rather long id of an event 7", 14_000), Place{0, 0}, 14_000); a != First {
		t.Errorf("an id of the former topic: arrival %d, want First", a)
	}
	if n := tab.Lose(Labels); n != uint64(before.Kept) {
		t.Errorf("%d labels are lost of %d", n, before.Kept)
	}
	if n := tab.Lose(Events) + tab.Lose(Labels); n != 1 {
		t.Errorf("%d are lost again, want the one that came since", n)
	}
	if s := tab.Stats(); s.Charge != 0 || s.IDs != 0 || s.Waiting != 0 || s.Kept != 0 {
		t.Errorf("in the end: %+v", s)
	}
}
