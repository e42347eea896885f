package features

import (
	"math"
	"testing"

	"millrace"
)

// TestStrayValuesLeaveLevels: a wild value among small integers does not take their levels away.
func TestStrayValuesLeaveLevels(t *testing.T) {
	for _, at := range []int{0, 500} {
		x := newExtractor(t, DefaultColumn("hour", Number))
		id, _ := compileView(t, x, millrace.ViewLevels)
		for i := range 1000 {
			v := float64(i % 24)
			if i == at {
				v = 1e30
			}
			if i == 700 {
				v = 1e6 + .5
			}
			x.Observe(event(v))
		}
		in := x.NewInput()
		if err := x.Extract(in, event(7.0)); err != nil {
			t.Fatal(err)
		}
		if n := len(in[id].Index); n != 2 || in[id].Value[1] != 1 {
			t.Errorf("wild at %d: %+v, want a level of 7", at, in[id])
		}
	}
}

// TestStrayEntriesLeaveBags: one entry of 1e30 does not make all others of its column zero.
func TestStrayEntriesLeaveBags(t *testing.T) {
	c := DefaultColumn("b", Bag)
	c.Indices = 3
	x := newExtractor(t, c)
	id, _ := compileView(t, x, millrace.ViewStandard)
	bag := func(v float64) *millrace.Event {
		return &millrace.Event{Fields: []millrace.Field{{Presence: millrace.Present, Count: 1}}, Entries: []millrace.Entry{{Key: 1, Value: v}}}
	}
	in := x.NewInput()
	for i := range 1000 {
		v := 2 + math.Sin(float64(i))
		if i == 0 || i == 400 {
			v = 1e30
		}
		x.Observe(bag(v))
	}
	if err := x.Extract(in, bag(2)); err != nil {
		t.Fatal(err)
	}
	if z := in[id].Value[0]; z < 1./20 || z > 1 {
		t.Errorf("2 is %v of the largest, which is about 3", z)
	}
}
