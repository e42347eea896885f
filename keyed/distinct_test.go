package keyed_test

import (
	"fmt"
	"math"
	"testing"
	"time"

	"millrace"
)

// TestDistinctValues: few are exact, many are as near as the documentation says, over panes that share values.
func TestDistinctValues(t *testing.T) {
	for _, c := range []struct {
		key   string
		exact int     // up to so many
		error float64 // standard error beyond
	}{{"card", 16, 0.092}, {"", 128, 0.0325}} {
		columns := append(given(), window("w", c.key, "merchant", 12*time.Hour, 12, "distinct")).Expand()
		squares, runs := 0.0, 0
		for run := range 24 {
			w := tables(t, columns)
			n, next := 0, 1
			ask := func(now int64) float64 {
				m := moment{key: "k", time: now, water: now}
				e := m.event(columns)
				w.Fill(e, now)
				return e.Fields[fieldsGiven].Number
			}
			const start = 1_700_000_000_000
			for ; n < 30_000; n++ {
				// Each value comes twice, in two panes.
				for _, at := range []int64{start, start + int64(n%11)*3600_000} {
					m := moment{key: "k", merchant: fmt.Sprintf("run %d shop %d", run, n), time: at, water: start}
					e := m.event(columns)
					w.Observe(e, m.water)
				}
				if n+1 < next {
					continue
				}
				next += 1 + next/3
				got, want := ask(start+11*3600_000), float64(n+1)
				if n < c.exact && got != want {
					t.Fatalf("of %v values it says %v", want, got)
				}
				if n+1 > 1000 {
					squares += (got/want - 1) * (got/want - 1)
					runs++
				}
				if math.Abs(got/want-1) > 5*c.error {
					t.Errorf("of %v values it says %v", want, got)
				}
			}
		}
		if off := math.Sqrt(squares / float64(runs)); off > 1.25*c.error || off < 0.5*c.error {
			t.Errorf("key %q: the error is %.3f over %d windows, want %.3f", c.key, off, runs, c.error)
		}
	}
}

// Equal sets in every pane are one set, however many panes: exact where sixteen are.
func TestDistinctValuesThatComeBack(t *testing.T) {
	columns := append(given(), window("w", "card", "merchant", time.Hour, 60, "distinct")).Expand()
	w := tables(t, columns)
	for i := range int64(60 * 16) {
		m := moment{key: "k", merchant: fmt.Sprint("shop ", i%16), time: i / 16 * 60_000}
		w.Observe(m.event(columns), m.time)
	}
	m := moment{key: "k", time: 59*60_000 + 1, water: 59 * 60_000}
	e := m.event(columns)
	w.Fill(e, m.water)
	if f := e.Fields[fieldsGiven]; f.Presence != millrace.Present || f.Number != 16 {
		t.Errorf("%+v, want 16", f)
	}
}

// All values are finite, and estimates end, when a window has more values than a sketch can tell apart.
func TestDistinctValuesWithoutEnd(t *testing.T) {
	columns := append(given(), window("w", "card", "merchant", time.Hour, 1, "distinct")).Expand()
	w := tables(t, columns)
	var e *millrace.Event
	text := make([]byte, 8)
	for i := range 3_000_000 {
		for k := range text {
			text[k] = byte(i >> (8 * k))
		}
		if e == nil {
			m := moment{key: "k", merchant: "x"}
			e = m.event(columns)
		}
		e.Fields[fieldMerchant].Text = text
		w.Observe(e, 0)
	}
	w.Fill(e, 0)
	if v := e.Fields[fieldsGiven].Number; !(v > 1_000_000 && v <= 1<<22) {
		t.Errorf("of 3,000,000 values it says %v", v)
	}
}
