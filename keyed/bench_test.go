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

func BenchmarkWindowAll(b *testing.B) {
	benchmark(b, append(given(), window("w", "card", "amount", 24*time.Hour, 12, "count", "sum", "mean", "min", "max", "std", "last", "first", "since")), 100_000)
}

func BenchmarkWindowDistinct(b *testing.B) {
	benchmark(b, append(given(), window("w", "card", "merchant", 24*time.Hour, 12, "distinct")), 100_000)
}

func BenchmarkWindowOfTheTopic(b *testing.B) {
	benchmark(b, append(given(), window("w", "", "amount", time.Minute, 60, "count", "mean")), 1)
}

func benchmark(b *testing.B, columns features.Columns, keys int) {
	w, err := keyed.New(columns, 1)
	if err != nil {
		b.Fatal(err)
	}
	columns = columns.Expand()
	r := rand.New(rand.NewPCG(1, 2))
	const n = 1 << 20
	all := make([]moment, 1<<16)
	events := make([]*millrace.Event, len(all))
	for i := range all {
		all[i] = moment{key: fmt.Sprint("4000-", r.IntN(keys)), merchant: fmt.Sprint("shop ", r.IntN(40)), amount: r.Float64() * 100}
		events[i] = all[i].event(columns)
	}
	// A million events an hour.
	at := int64(1_700_000_000_000)
	for i := range n {
		e := events[i%len(events)]
		e.Time = at + int64(i)*3600/1000
		w.Observe(e, e.Time)
	}
	at += n * 3600 / 1000
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		e := events[i%len(events)]
		e.Time = at + int64(i)*3600/1000
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
