package keyed_test

import (
	"math/rand/v2"
	"testing"

	"millrace/keyed"
)

// TestTheIndexLiesBeforeAllThatMatters: before the vector that an index answers with, no record has a stream time of
// the horizon or later; and it lies not much further back than it has to.
func TestTheIndexLiesBeforeAllThatMatters(t *testing.T) {
	for _, c := range []struct {
		name          string
		horizon, step int64
		every         int // records from question to question
		most          int64
	}{
		{"often asked", 100_000, 50, 500, 100_000 / 128},
		{"hardly asked: coarser, by the span since", 1000, 500, 20_000, 20_000 * 500 / 64},
		{"a horizon of nothing", 0, 1, 100, 200},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 2))
			x := keyed.NewIndex(c.horizon)
			if _, ok := x.Before(5); ok {
				t.Error("an index without a record answers")
			}
			source, now, largest, made := keyed.Source{Topic: "e", Partition: 3}, int64(-40_000), int64(-1<<62), 0
			var times []int64
			for i := range 60_000 {
				now += r.Int64N(2 * c.step)
				stream := now
				if r.IntN(50) == 0 {
					stream += r.Int64N(20 * c.step)
				}
				x.Note(largest, func() keyed.Vector {
					made++
					return keyed.Vector{Offsets: map[keyed.Source]int64{source: int64(i)}, Watermarks: map[keyed.Source]int64{source: largest}, Topic: largest}
				})
				largest = max(largest, stream)
				times = append(times, stream)
				if i%c.every != c.every-1 {
					continue
				}
				limit := now - c.horizon
				v, ok := x.Before(limit)
				from := v.Offsets[source]
				if !ok || v.Watermarks[source] != v.Topic {
					t.Fatalf("%v %v", v, ok)
				}
				for k, at := range times[:from] {
					if at >= limit {
						t.Fatalf("record %d of %d lies before the vector at %d; the limit is %d", k, at, from, limit)
					}
				}
				if from == 0 && i > 50_000 && c.horizon < 1_000_000 || from > 0 && limit-times[from] > c.most+40*c.step {
					t.Fatalf("record %d: the vector at %d lies %d before the limit", i, from, limit-times[from])
				}
			}
			if made > 20_000 && c.horizon > 0 {
				t.Errorf("%d vectors were made", made)
			}
		})
	}
}
