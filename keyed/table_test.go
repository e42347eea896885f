package keyed_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"millrace"
	"millrace/features"
	"millrace/keyed"
)

// TestMemoryFollowsKeys: tables begin small, grow with the keys in use to what Sizes says, and keys that are past their
// horizon make room for others.
func TestMemoryFollowsKeys(t *testing.T) {
	columns := append(given(), window("w", "card", "amount", time.Hour, 12, "count", "sum")).Expand()
	sizes, err := keyed.Sizes(columns)
	if err != nil || len(sizes) != 1 || sizes[0].Key != "card" || sizes[0].Keys != 1<<20 {
		t.Fatal(sizes, err)
	}
	w := tables(t, columns)
	if b := w.Stats().Bytes; b > 1024 {
		t.Errorf("an empty table takes %d bytes", b)
	}
	const n = 60_000
	for i := range n {
		m := moment{key: fmt.Sprint(i), amount: 1, time: 5, water: 5}
		w.Observe(m.event(columns), 5)
	}
	s := w.Stats()
	if per := float64(s.Bytes) / n; s.Keys != n || per > float64(sizes[0].KeyBytes)*1.03 || per < float64(sizes[0].KeyBytes)*0.9 {
		t.Errorf("%+v: %.0f bytes a key, %d are promised", s, per, sizes[0].KeyBytes)
	}
	// Ten times as many keys, of which a tenth is within the horizon at any time.
	for i := range 10 * n {
		at := int64(10_000_000 + i*65)
		m := moment{key: fmt.Sprint("later ", i), amount: 1, time: at, water: at}
		w.Observe(m.event(columns), at)
	}
	if s := w.Stats(); s.Keys > n*5/3 || s.Evicted > 0 {
		t.Errorf("%+v, with at most %d keys within their horizon", s, n+n/12)
	}
}

// TestWhoGivesWay: when a place is full, the key longest without an event.
func TestWhoGivesWay(t *testing.T) {
	column := window("w", "card", "", time.Hour, 12, "count")
	column.Keys = 8 // one place
	columns := append(given(), column).Expand()
	w := tables(t, columns)
	see := func(key string, at int64) {
		m := moment{key: key, time: at, water: at}
		w.Observe(m.event(columns), at)
	}
	for i := range int64(8) {
		see(string(rune('a'+i)), 1000+i)
	}
	see("a", 2000)
	see("new", 2001) // b gives way
	is := func(at int64, want map[string]float64) {
		t.Helper()
		for key, n := range want {
			m := moment{key: key, time: at, water: at}
			e := m.event(columns)
			w.Fill(e, at)
			if got := e.Fields[fieldsGiven].Number; got != n {
				t.Errorf("%s has %v events, want %v", key, got, n)
			}
		}
	}
	is(2002, map[string]float64{"a": 2, "b": 0, "c": 1, "h": 1, "new": 1})
	// Asking makes nobody younger.
	for range 100 {
		is(2003, map[string]float64{"c": 1})
	}
	see("newer", 2004)
	is(2005, map[string]float64{"c": 0, "d": 1, "newer": 1})
	if s := w.Stats(); s.Keys != 8 || s.Evicted != 2 {
		t.Errorf("%+v", s)
	}
	// Past the horizon nobody is counted as giving way.
	const later = 10 * 3600_000
	for i := range int64(8) {
		see(fmt.Sprint("later ", i), later+i)
	}
	if s := w.Stats(); s.Keys != 8 || s.Evicted != 2 {
		t.Errorf("%+v", s)
	}
}

// TestFillsAtOnce is for the race detector: scoring over HTTP fills on many goroutines.
func TestFillsAtOnce(t *testing.T) {
	columns := allWindows()
	w := tables(t, columns)
	events := stream(rand.New(rand.NewPCG(1, 2)), 1000, 10)
	for i := range events {
		w.Observe(events[i].event(columns), events[i].water)
	}
	last := events[len(events)-1]
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for i := range events {
				w.Fill(events[i].event(columns), last.water+int64(i))
			}
		})
	}
	group.Wait()
}

// TestAbsurdTimes: times at the ends of what an int64 holds spoil nothing.
func TestAbsurdTimes(t *testing.T) {
	columns := allWindows()
	w := tables(t, columns)
	times := []int64{0, math.MaxInt64, math.MinInt64, math.MaxInt64 - 1, math.MinInt64 + 1, -1, 1, 1 << 40, -1 << 40}
	for _, water := range append(slices.Clone(times), times...) {
		for _, at := range times {
			m := moment{key: "k", merchant: "m", amount: 1, time: at, water: water}
			e := m.event(columns)
			w.Fill(e, water)
			for i := fieldsGiven; i < len(columns); i++ {
				if f := e.Fields[i]; math.IsNaN(f.Number) || math.IsInf(f.Number, 0) || f.Number < 0 {
					t.Fatalf("at %d, watermark %d: %s is %v", at, water, columns[i].Name, f.Number)
				}
			}
			w.Observe(e, water)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	if w, err := keyed.New(given(), 1); w != nil || err != nil {
		t.Errorf("without windows: %v %v", w, err)
	}
	large := window("w", "card", "amount", time.Hour, 1000, "count", "sum", "mean", "min", "max", "std", "last", "first", "since")
	large.Keys = 1 << 24
	for want, c := range map[string]features.Column{
		"no category":     window("w", "amount", "", time.Hour, 12, "count"),
		"no feature":      window("w", "card", "price", time.Hour, 12, "sum"),
		"over":            window("w", "card", "amount", time.Millisecond, 12, "sum"),
		"a key, up to":    large,
		"none of count, ": window("w", "card", "amount", time.Hour, 12, "median"),
	} {
		if _, err := keyed.New(append(given(), c), 1); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want an error with %q", err, want)
		}
	}
	w := tables(t, append(given(), window("a", "", "", time.Minute, 7, "count"), window("b", "card", "", time.Hour, 12, "count")))
	if got, want := w.Horizon(), int64(3_600_000+300_000); got != want {
		t.Errorf("the horizon is %d, want %d", got, want)
	}
	e := &millrace.Event{Fields: make([]millrace.Field, 5)}
	e.Fields[4] = millrace.Field{Presence: millrace.Present, Number: 9}
	w.Fill(e, 0)
	if e.Fields[3].Presence != millrace.Present || e.Fields[4].Presence != millrace.Absent {
		t.Errorf("an event without a key has %+v", e.Fields)
	}
}
