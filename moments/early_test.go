package moments_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"millrace/moments"
)

// TestFirstValuesInAnotherUnit: when the first values were in a larger unit the column begins again within sixteen
// times as many, or some hundred where they were few, without one value outside.
func TestFirstValuesInAnotherUnit(t *testing.T) {
	for _, unit := range []float64{-1e6, -60, 45, 60, 1000, 1e9, 1e30} {
		for _, first := range []int{40, 60, 90, 200, 400} {
			for name, next := range map[string]stream{
				"12 ± 8":    func(r *rand.Rand, _ int) float64 { return 12 + 8*r.NormFloat64() },
				"durations": func(r *rand.Rand, _ int) float64 { return r.ExpFloat64() },
				"1e-9 ± 1":  func(r *rand.Rand, _ int) float64 { return 1e-9 + r.NormFloat64() },
				"seldom": func(r *rand.Rand, _ int) float64 {
					return float64(r.IntN(3)/2) * (3 + r.NormFloat64())
				},
			} {
				random := rand.New(rand.NewPCG(9, uint64(first)))
				c := moments.New(1, moments.Options{})
				var usual sums
				n := max(1200, 16*first)
				if name == "seldom" {
					n *= 3 // as many beside the mode
				}
				for i := range n {
					v := next(random, i)
					usual.add(v)
					if i < first {
						v *= unit
					}
					c.Observe(0, v, 1)
				}
				want := usual.deviation()
				if d := c.Deviation(0); math.Abs(d/want-1) > .3 || math.Abs(c.Centre(0)-usual.values/usual.n) > .3*want {
					t.Errorf("%s, the first %d times %v: %v ± %v, want %v ± %v; moved %d times",
						name, first, unit, c.Centre(0), d, usual.values/usual.n, want, c.Moved(0))
				}
			}
		}
	}
}

// TestConstantAtFirst: a constant says nothing of the scale. What comes after it is the scale from 32 values on,
// however far it is and however long the constant was.
func TestConstantAtFirst(t *testing.T) {
	for _, length := range []int{50, 300, 3000, 200_000} {
		for _, to := range []float64{-1e9, -50, 0, 5, 1000} {
			for _, scale := range []float64{1e-3, 1, 1e4} {
				random := rand.New(rand.NewPCG(9, 2))
				c := moments.New(1, moments.Options{})
				for range length {
					c.Observe(0, 7, 1)
				}
				for range 200 {
					c.Observe(0, 7+scale*(to+random.NormFloat64()), 1)
				}
				centre := 7 + scale*to
				if math.Abs(c.Centre(0)-centre) > .3*scale || math.Abs(c.Deviation(0)/scale-1) > .3 {
					t.Errorf("%d times 7, then %v ± %v: %v ± %v", length, centre, scale, c.Centre(0), c.Deviation(0))
				}
			}
		}
	}
}

// TestConstantAfterConstant: two constants, one after the other, are two values of a column, as a year is.
func TestConstantAfterConstant(t *testing.T) {
	c := moments.New(1, moments.Options{})
	for i := range 4000 {
		c.Observe(0, float64(i/3000), 1)
	}
	if math.Abs(c.Centre(0)-.25) > .01 || math.Abs(c.Deviation(0)-math.Sqrt(.25*.75)) > .01 {
		t.Errorf("%v ± %v of a quarter of ones", c.Centre(0), c.Deviation(0))
	}
}

// TestModeAfterConstant: a column that is mostly zero keeps its mode, with the share that it has once others come.
func TestModeAfterConstant(t *testing.T) {
	for _, share := range []int{5, 20, 100} {
		random := rand.New(rand.NewPCG(9, 3))
		c := moments.New(1, moments.Options{})
		var usual sums
		for i := range 3000 + 2000*share {
			v := 0.
			if i >= 3000 {
				if random.IntN(share) == 0 {
					v = 3 + random.NormFloat64()
				}
				usual.add(v)
			}
			c.Observe(0, v, 1)
		}
		want := usual.deviation()
		if d := c.Deviation(0); math.Abs(d/want-1) > .1 || math.Abs(c.Centre(0)-usual.values/usual.n) > .1*want || c.Moved(0) > 0 {
			t.Errorf("one in %d: %v ± %v, want %v ± %v", share, c.Centre(0), d, usual.values/usual.n, want)
		}
	}
}
