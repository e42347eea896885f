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

// BenchmarkWindow fills and observes a window of 12 panes with count and sum, at 100,000 keys that come by chance.
func BenchmarkWindow(b *testing.B) {
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
	w, err := keyed.New(columns, 1)
	if err != nil {
		b.Fatal(err)
	}
	columns = columns.Expand()
	r := rand.New(rand.NewPCG(1, 2))
	const n, perHour = 1 << 18, 1_000_000
	texts := make([]byte, 0, 16*n)
	for range n {
		texts = fmt.Appendf(texts, "4000-1234-%06d", r.IntN(keys))
	}
	first := moment{key: "k", merchant: "m"}
	e := first.event(columns)
	at, i := int64(1_700_000_000_000), int64(0)
	next := func() {
		k := int(i%n) * 16
		e.Fields[fieldCard].Text, e.Fields[fieldMerchant].Text = texts[k:k+16], texts[k+14:k+16]
		e.Fields[fieldAmount].Number = float64(i % 1000)
		e.Time = at + i*3_600_000/perHour
		i++
	}
	for range perHour {
		next()
		w.Observe(e, e.Time)
	}
	b.ReportAllocs()
	for b.Loop() {
		next()
		w.Fill(e, e.Time)
		w.Observe(e, e.Time)
	}
	b.ReportMetric(float64(w.Stats().Keys), "keys")
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
