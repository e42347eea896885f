package moments_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"millrace"
	"millrace/moments"
)

// TestDoubt: after few values of a column that moves it is open whether it has, until it is known; also once restored.
func TestDoubt(t *testing.T) {
	for name, test := range map[string]struct {
		moved func(z float64) float64
		by    int // how many values after the move there is doubt
	}{
		"four up":         {func(z float64) float64 { return z + 4 }, 14},
		"nine down":       {func(z float64) float64 { return z - 9 }, 9},
		"tenfold":         {func(z float64) float64 { return 10*z + 20 }, 12},
		"a sixtieth":      {func(z float64) float64 { return z / 60 }, 32},
		"a hundredth, up": {func(z float64) float64 { return 1 + z/100 }, 32},
		"a thousandth":    {func(z float64) float64 { return z / 1000 }, 32},
	} {
		for seed := range uint64(20) {
			random := rand.New(rand.NewPCG(seed, 61))
			c, again := moments.New(2, moments.Options{}), moments.New(2, moments.Options{})
			next := func(z float64) {
				c.Observe(0, z, 1)
				c.Observe(1, random.NormFloat64(), 1)
			}
			for range 4000 {
				if next(random.NormFloat64()); c.Doubtful() {
					t.Fatalf("%s: in doubt while nothing moves", name)
				}
			}
			in := 0
			for i := 0; c.Moved(0) == 0 && i < 200; i++ {
				next(test.moved(random.NormFloat64()))
				if c.Doubtful() {
					in++
				} else if i >= test.by && c.Moved(0) == 0 {
					t.Fatalf("%s: in no doubt %d values after", name, i)
				}
				copyState(c, again)
				if err := again.Restored(); err != nil || again.Doubtful() != c.Doubtful() {
					t.Fatalf("%s: restored, it says %v: %v", name, again.Doubtful(), err)
				}
			}
			if c.Moved(0) != 1 || in == 0 || c.Doubtful() {
				t.Errorf("%s: moved %d times after %d values in doubt, still so: %v", name, c.Moved(0), in, c.Doubtful())
			}
		}
	}
}

func copyState(from, to *moments.Columns) {
	var all []millrace.Tensor
	from.State("x", millrace.Serving, func(_ string, t millrace.Tensor, _ millrace.Role) { all = append(all, t) })
	to.State("x", millrace.Serving, func(_ string, t millrace.Tensor, _ millrace.Role) {
		copy(t.F64, all[0].F64)
		copy(t.U64, all[0].U64)
		all = slices.Delete(all, 0, 1)
	})
}

// TestDoubtEnds: what comes in bursts is soon in doubt no more, and what never moves hardly ever was.
func TestDoubtEnds(t *testing.T) {
	streams := usualStreams()
	streams["bursts"] = func(r *rand.Rand, i int) float64 {
		if i%200 < 12 && i/200%3 > 0 {
			return 5 + r.NormFloat64()
		}
		return r.NormFloat64()
	}
	for name, next := range streams {
		random := rand.New(rand.NewPCG(1, 62))
		c := moments.New(1, moments.Options{})
		in := 0
		for i := range 50_000 {
			if c.Observe(0, next(random, i), 1); c.Doubtful() {
				in++
			}
		}
		if in > 100 {
			t.Errorf("%s: in doubt at %d of 50,000 values", name, in)
		}
	}
}
