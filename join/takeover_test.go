package join

import (
	"testing"
)

// TestTakeOver: an event that was rejected and sent again has its id from then on; one that waits, one whose id another
// event had since, and one that is sent twice have not.
func TestTakeOver(t *testing.T) {
	for _, rebuilt := range []bool{false, true} {
		tab := table()
		first, again, twice := Place{0, 1}, Place{1, 9}, Place{0, 10}
		e := event("a", 100, number(1))
		if a := tab.Arrive(e, first, 100); a != First {
			t.Fatalf("arrival %d", a)
		}
		if tab.TakeOver(e, Place{0, 2}, again, 200) {
			t.Error("an id is taken over from where it was not")
		}
		if !tab.TakeOver(e, first, again, 200) {
			t.Fatal("it is not taken over")
		}
		tab.Wait(e, again, tab.Due(200), []float64{.25, .75})
		if tab.TakeOver(e, first, twice, 200) || tab.TakeOver(e, again, twice, 200) {
			t.Error("what waits is taken over")
		}
		if a := tab.Arrive(e, twice, 200); a != Duplicate {
			t.Errorf("sent twice it is %d, want a duplicate", a)
		}
		if rebuilt {
			state := tab.AppendState(nil)
			tab = table()
			if err := tab.BeginRebuild(state, 200); err != nil {
				t.Fatal(err)
			}
			tab.Rebuild(e, first, 100)
			tab.TakeOver(e, first, again, 200)
			tab.Rebuild(e, again, 200)
			tab.Rebuild(e, twice, 200)
			if events, labels := tab.EndRebuild(); events+labels > 0 {
				t.Errorf("%d events and %d labels are lost", events, labels)
			}
		}
		if m := tab.Label(label("a", 300, 1), Place{0, 4}, 300); m != Joined {
			t.Fatalf("match %d, want Joined", m)
		}
		var got = *event("", 0)
		if w, ok := tab.Take(&got); !ok || w.Place != again || w.Due != 10_200 {
			t.Errorf("took %+v, %t", w, ok)
		}
	}
	tab := table() // another event had the id since
	e := event("a", 100, number(1))
	tab.Arrive(e, Place{0, 1}, 100)
	tab.Arrive(e, Place{0, 2}, 150)
	if tab.TakeOver(e, Place{0, 1}, Place{0, 3}, 200) {
		t.Error("it is taken over from another event")
	}
}
