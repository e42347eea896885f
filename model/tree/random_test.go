package tree

import (
	"math"
	"testing"

	"gonum.org/v1/gonum/mathext/prng"
	"gonum.org/v1/gonum/stat/distuv"
)

// TestGenerator holds the generator to another implementation, from the beginning and from any word on.
func TestGenerator(t *testing.T) {
	for _, word := range []uint64{0, 1, 1 << 63, math.MaxUint64} {
		want := prng.NewSplitMix64(word)
		g := generator{word}
		for i := range 1000 {
			if got, w := g.next(), want.Uint64(); got != w {
				t.Fatalf("draw %d from %d: %d, want %d", i, word, got, w)
			}
		}
	}
}

// TestPoissonTable: the distribution is gonum's, but for the last bits.
func TestPoissonTable(t *testing.T) {
	for _, lambda := range []float64{0.1, 1, 6, 30} {
		table := poissonTable(lambda)
		of := distuv.Poisson{Lambda: lambda}
		for k, got := range table {
			if want := of.CDF(float64(k)); math.Abs(got-want) > 1e-13 {
				t.Errorf("P(X <= %d) at %g is %g, want %g", k, lambda, got, want)
			}
		}
		if rest := of.Survival(float64(len(table) - 1)); rest > 1e-13 {
			t.Errorf("the table for %g leaves out %g", lambda, rest)
		}
	}
}
