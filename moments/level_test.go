package moments_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"millrace/moments"
)

// labels are columns as labels are kept.
func labels() *moments.Columns {
	return moments.New(1, moments.Options{Clip: 16, Tails: true, Limits: true, Interleaved: true})
}

// sums are of values and of their squares.
type sums struct{ n, values, squares float64 }

func (s *sums) add(v float64) { s.n, s.values, s.squares = s.n+1, s.values+v, s.squares+v*v }

func (s *sums) deviation() float64 { return math.Sqrt(s.squares/s.n - s.values/s.n*s.values/s.n) }

// TestLevels: several like values in a row are a level, wherever it lies and whenever it comes. They count in full, up
// to as far as tails reach.
func TestLevels(t *testing.T) {
	for _, size := range []float64{-600, -200, -77, -20, 20, 77, 200, 600} {
		for _, length := range []int{3, 5, 12, 25} {
			for _, place := range []int{40, 300, 5000} {
				for _, unit := range []float64{1e-6, 1, 1e6} {
					random := rand.New(rand.NewPCG(8, uint64(place)))
					c := labels()
					var least, most sums // of what tails reach, and of all
					for i := range place + length {
						v := random.NormFloat64()
						if i >= place {
							v = size * (1 + .01*v)
						}
						least.add(min(max(v, -100), 100))
						most.add(v)
						c.Observe(0, unit*(7+v), 1)
					}
					if got := c.Deviation(0) / unit; got < .7*least.deviation() || got > 1.1*most.deviation() {
						t.Errorf("%d values %v away at %d: %v, want %v to %v", length, size, place, got, least.deviation(), most.deviation())
					}
					if low, high := c.Limits(0); max(high/unit-7, 7-low/unit) < min(math.Abs(size), 100)/1.5 {
						t.Errorf("%d values %v deviations away at %d: limits of %v and %v", length, size, place, low/unit, high/unit)
					}
				}
			}
		}
	}
}

// TestLevelsThatStay are moves, however few values were known: they are not taken for a part of what is usual.
func TestLevelsThatStay(t *testing.T) {
	for _, size := range []float64{-900, -270, -77, -30, 30, 77, 270, 900} {
		for _, place := range []int{45, 100, 150, 500, 5000} {
			for _, spread := range []float64{.2, 1, -5} {
				random := rand.New(rand.NewPCG(8, 3))
				c := labels()
				for i := range place + 100 {
					v := random.NormFloat64()
					if i >= place {
						v = size + spread*v
					}
					c.Observe(0, v, 1)
				}
				if d := math.Abs(spread); c.Moved(0) != 1 || math.Abs(c.Centre(0)-size) > d || math.Abs(c.Deviation(0)/d-1) > .3 {
					t.Errorf("to %v ± %v at %d: moved %d times, %v ± %v", size, d, place, c.Moved(0), c.Centre(0), c.Deviation(0))
				}
			}
		}
	}
}

// TestOneAtATimeIsNoLevel: what comes one by one leaves a column of labels what it is, near or far, and what is farther
// than anything does in a row as well. Only the first value that tails may reach is believed.
func TestOneAtATimeIsNoLevel(t *testing.T) {
	for _, size := range []float64{60, 95, 126, 1000, 1e6, 1e9, 1e100} {
		for name, is := range map[string]func(r *rand.Rand, i int) bool{
			"one":           func(_ *rand.Rand, i int) bool { return i == 500 },
			"one soon":      func(_ *rand.Rand, i int) bool { return i == 33 },
			"a thousandth":  func(r *rand.Rand, _ int) bool { return r.IntN(1000) == 0 },
			"a hundredth":   func(r *rand.Rand, i int) bool { return i > 1000 && r.IntN(100) == 0 },
			"every 40th":    func(_ *rand.Rand, i int) bool { return i > 1000 && i%40 == 0 },
			"20 in a row":   func(_ *rand.Rand, i int) bool { return size > 1000 && i >= 500 && i < 520 },
			"two in a row":  func(_ *rand.Rand, i int) bool { return i > 1000 && i%300 < 2 },
			"two and apart": func(_ *rand.Rand, i int) bool { return i > 1000 && (i%300 < 2 || i%300 == 3) },
		} {
			if size < 126 && name != "one" && name != "one soon" && name != "a thousandth" {
				continue // as many are a tail, which is within the clip before long
			}
			for _, same := range []bool{true, false} {
				random := rand.New(rand.NewPCG(8, 1))
				c := labels()
				for i := range 8000 {
					v := random.NormFloat64()
					if is(random, i) {
						if v = size; !same {
							v = math.Copysign(size*math.Exp(v/3), random.Float64()-.5)
						}
					}
					c.Observe(0, v, 1)
				}
				most := 1.5
				if size <= 126 {
					most = 2 // one of them counted
				}
				if d := c.Deviation(0); d > most || d < .9 || c.Moved(0) > 0 {
					t.Errorf("%s of %v deviations, same %v: a deviation of %v; moved %d times", name, size, same, d, c.Moved(0))
				}
			}
		}
	}
}

// TestLevelsGoOn: what was held before a level, and what a level then makes of the next, is state.
func TestLevelsGoOn(t *testing.T) {
	random := rand.New(rand.NewPCG(8, 2))
	o := moments.Options{Clip: 16, Tails: true, Limits: true, Interleaved: true}
	whole, again := moments.New(1, o), moments.New(1, o)
	levels := 0
	for i := range 4000 {
		v := random.NormFloat64()
		if i > 300 && i%500 < random.IntN(8) {
			v = -300 + 5*v
			levels++
		}
		again = copyOf(t, again, o)
		before := whole.Deviation(0)
		next := again.Next(0, v, 1)
		whole.Observe(0, v, 1)
		again.Observe(0, v, 1)
		if whole.Deviation(0) != again.Deviation(0) || whole.Centre(0) != again.Centre(0) || next.Deviation != whole.Deviation(0) {
			t.Fatalf("value %d: %v, before %v, restored %v, said to be %v", i, whole.Deviation(0), before, again.Deviation(0), next.Deviation)
		}
	}
	if levels < 10 || whole.Deviation(0) < 2 {
		t.Errorf("%d values of levels, a deviation of %v: there was nothing to restore", levels, whole.Deviation(0))
	}
}
