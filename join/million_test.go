package join

import (
	"testing"
	"time"

	"millrace"
)

// TestAMillionEventsOfOneID: the first waits, all others are duplicates of it, and neither they nor a million labels of
// that id take memory. The id is forgotten a wait after the last of them.
func TestAMillionEventsOfOneID(t *testing.T) {
	const n = 1_000_000
	tab := New(Spec{Wait: time.Hour, Early: time.Minute, Memory: 1 << 20}, 1)
	e := millrace.Event{ID: []byte("one"), Fields: []millrace.Field{number(1)}}
	if got := tab.Arrive(&e, Place{0, 0}, 0); got != First {
		t.Fatalf("the first is %v", got)
	}
	tab.Wait(&e, Place{0, 0}, tab.Due(0), []float64{1})
	var before Stats
	for i := int64(1); i < n; i++ {
		if got := tab.Arrive(&e, Place{0, i}, i/1000); got != Duplicate {
			t.Fatalf("event %d is %v", i, got)
		}
		if i == 100 {
			before = tab.Stats()
		}
	}
	if s := tab.Stats(); s.Waiting != 1 || s.Bytes != before.Bytes || tab.Crowded() {
		t.Errorf("%+v, after a hundred %+v", s, before)
	}
	l := millrace.Event{ID: []byte("one"), Label: millrace.Label{Known: true, Class: 1}}
	for i := range int64(n) {
		want := Repeated
		if i == 0 {
			want = Joined
		}
		if got := tab.Label(&l, Place{0, i}, n/1000); got != want {
			t.Fatalf("label %d is %v", i, got)
		} else if got == Joined {
			var d millrace.Event
			if w, ok := tab.Take(&d); !ok || w.Offset != 0 {
				t.Fatalf("took %+v", w)
			}
		}
	}
	hour := time.Hour.Milliseconds()
	for _, c := range []struct {
		watermark int64
		want      Arrival
	}{{(n-1)/1000 + hour - 1, Duplicate}, {(n-1)/1000 + 2*hour + 1, First}} {
		for tab.Expire(c.watermark) {
			t.Fatal("something expired")
		}
		if got := tab.Arrive(&e, Place{0, n}, c.watermark); got != c.want {
			t.Errorf("at %d it is %v, want %v", c.watermark, got, c.want)
		}
	}
}
