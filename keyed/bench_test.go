package keyed_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"millrace"
	"millrace/features"
	"millrace/keyed"
)

// BenchmarkWindow fills and observes a window of 12 panes with count and sum, at 100,000 keys that come by chance, as a
// learner and a scorer do it, which tell of events before their turn.
func BenchmarkWindow(b *testing.B) {
	columns := append(given(), window("w", "card", "amount", time.Hour, 12, "count", "sum")).Expand()
	l := newLoad(b, columns, 100_000)
	events := make([]*millrace.Event, 256)
	for i := range events {
		first := moment{key: "k", merchant: "m"}
		events[i] = first.event(columns)
	}
	b.ReportAllocs()
	told := 0
	for i := 0; b.Loop(); i++ {
		if i%len(events) == 0 {
			told = 0
			for _, e := range events {
				l.next(e)
			}
		}
		if i%len(events) == told {
			told += l.w.Ahead(events[told:])
		}
		e := events[i%len(events)]
		l.w.Fill(e, e.Time)
		l.w.Observe(e, e.Time)
	}
	b.ReportMetric(float64(l.w.Stats().Keys), "keys")
}

// BenchmarkWindowUnannounced is BenchmarkWindow without being told of events before their turn.
func BenchmarkWindowUnannounced(b *testing.B) {
	benchmark(b, append(given(), window("w", "card", "amount", time.Hour, 12, "count", "sum")), 100_000)
}

// BenchmarkWindowOfFewKeys is the same in the nearest cache.
func BenchmarkWindowOfFewKeys(b *testing.B) {
	benchmark(b, append(given(), window("w", "card", "amount", time.Hour, 12, "count", "sum")), 100)
}

func BenchmarkWindowAll(b *testing.B) {
	benchmark(b, append(given(), window("w", "card", "amount", 24*time.Hour, 12, "count", "sum", "mean", "min", "max", "std", "last", "first", "since")), 100_000)
}

func BenchmarkWindowDistinct(b *testing.B) {
	benchmark(b, append(given(), window("w", "card", "merchant", 24*time.Hour, 12, "distinct")), 100_000)
}

func BenchmarkWindowOfTheTopic(b *testing.B) {
	benchmark(b, append(given(), window("w", "", "amount", time.Minute, 60, "count", "mean")), 1)
}

// benchmark measures what windows take of an event that is at hand: one event whose key and values change, in the order
// of memory.
func benchmark(b *testing.B, columns features.Columns, keys int) {
	l := newLoad(b, columns.Expand(), keys)
	first := moment{key: "k", merchant: "m"}
	e := first.event(columns.Expand())
	b.ReportAllocs()
	for b.Loop() {
		l.next(e)
		l.w.Fill(e, e.Time)
		l.w.Observe(e, e.Time)
	}
	b.ReportMetric(float64(l.w.Stats().Keys), "keys")
}

// load are tables that have seen an hour's million of events, and the events that follow.
type load struct {
	w     *keyed.Windows
	texts []byte
	i     int64
}

func newLoad(b testing.TB, columns features.Columns, keys int) *load {
	w, err := keyed.New(columns, 1)
	if err != nil {
		b.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	l := &load{w: w, texts: make([]byte, 0, 16*loadKeys)}
	for range loadKeys {
		l.texts = fmt.Appendf(l.texts, "4000-1234-%06d", r.IntN(keys))
	}
	first := moment{key: "k", merchant: "m"}
	e := first.event(columns)
	for range loadPerHour {
		l.next(e)
		w.Observe(e, e.Time)
	}
	return l
}

const loadKeys, loadPerHour = 1 << 18, 1_000_000

// next makes e the next event.
func (l *load) next(e *millrace.Event) {
	k := int(l.i%loadKeys) * 16
	e.Fields[fieldCard].Text, e.Fields[fieldMerchant].Text = l.texts[k:k+16], l.texts[k+14:k+16]
	e.Fields[fieldAmount].Number = float64(l.i % 1000)
	e.Time = 1_700_000_000_000 + l.i*3_600_000/loadPerHour
	l.i++
}

func TestFillAndObserveAllocateNothing(t *testing.T) {
	columns := allWindows()
	w := tables(t, columns)
	events := stream(rand.New(rand.NewPCG(1, 2)), 2000, 10)
	made := make([]*millrace.Event, len(events))
	for i := range events {
		made[i] = events[i].event(columns)
		w.Observe(made[i], events[i].water)
	}
	i := 0
	if n := testing.AllocsPerRun(len(made)-1, func() {
		w.Fill(made[i], events[i].water)
		w.Observe(made[i], events[i].water)
		i++
	}); n != 0 {
		t.Errorf("%v allocations an event", n)
	}
}
