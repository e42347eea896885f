package moments_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"millrace/moments"
)

// TestComesHome: a column whose unit was another for a while is what it was within 24 values (a block,
// when it was for long), to trees to the last bit.
func TestComesHome(t *testing.T) {
	for name, change := range map[string]func(v float64) float64{
		"times 10":  func(v float64) float64 { return 10 * v },
		"a tenth":   func(v float64) float64 { return v / 10 },
		"×1000":     func(v float64) float64 { return 1000 * v },
		"kelvin":    func(v float64) float64 { return v + 273.15 },
		"8 more":    func(v float64) float64 { return v + 8 },
		"°F":        func(v float64) float64 { return 1.8*v + 32 },
		"30 higher": func(v float64) float64 { return v + 30 },
	} {
		for _, long := range []int{400, 1500, 6000} {
			for seed := range uint64(5) {
				random := rand.New(rand.NewPCG(seed, 31))
				c := moments.New(1, moments.Options{})
				for range 5000 {
					c.Observe(0, random.NormFloat64(), 1)
				}
				for range long {
					c.Observe(0, change(random.NormFloat64()), 1)
				}
				if raw(c, change(1)) < .7 || raw(c, change(1)) > 1.4 {
					t.Errorf("%s for %d: what was 1 is %v", name, long, raw(c, change(1)))
				}
				back := 24
				if long > 4096 {
					back = 80
				}
				for range back {
					c.Observe(0, random.NormFloat64(), 1)
				}
				if centre, deviation := c.Centre(0), c.Deviation(0); raw(c, 1) != 1 || math.Abs(centre) > .1 || math.Abs(deviation-1) > .1 {
					t.Errorf("%s for %d: 1 is %v, of %v ± %v", name, long, raw(c, 1), centre, deviation)
				}
			}
		}
	}
}

// TestStaysAway: a column that is in another place stays there, whatever its values are, wild ones and constant ones
// too.
func TestStaysAway(t *testing.T) {
	for name, next := range map[string]func(r *rand.Rand, i int) float64{
		"times 1000": func(r *rand.Rand, _ int) float64 { return 1000 * r.NormFloat64() },
		"twice":      func(r *rand.Rand, _ int) float64 { return 7 + 2*r.NormFloat64() },
		"kelvin":     func(r *rand.Rand, _ int) float64 { return 273 + r.NormFloat64() },
		"heavy":      func(r *rand.Rand, _ int) float64 { return 300 + 10*r.NormFloat64()/r.Float64() },
		"sometimes as before": func(r *rand.Rand, i int) float64 {
			if i%4 == 0 {
				return r.NormFloat64()
			}
			return 100 + r.NormFloat64()
		},
		"often nothing": func(r *rand.Rand, i int) float64 {
			if i/100%4 == 3 {
				return 0
			}
			return 1000 * (.2 + r.NormFloat64())
		},
	} {
		random := rand.New(rand.NewPCG(3, 32))
		c := moments.New(1, moments.Options{})
		for range 5000 {
			c.Observe(0, random.NormFloat64(), 1)
		}
		for i := range 100_000 {
			c.Observe(0, next(random, i), 1)
		}
		if c.Moved(0) != 1 {
			t.Errorf("%s: moved %d times", name, c.Moved(0))
		}
	}
}

// TestSentinels: what stands for no value in a hundredth to a tenth of a column's values is wild, wherever it is, and
// the column is what it is without.
func TestSentinels(t *testing.T) {
	for _, sentinel := range []float64{-99, -999, 9999, -999999, 2147483647} {
		for _, one := range []int{100, 20, 10} {
			t.Run(fmt.Sprint(sentinel, " one in ", one), func(t *testing.T) {
				random := rand.New(rand.NewPCG(4, 33))
				c := moments.New(1, moments.Options{})
				wild, all := 0, 0
				for i := range 4000 {
					v := .1 + random.NormFloat64()
					if random.IntN(one) == 0 {
						v = sentinel
						if i >= 64 {
							all++
							if _, is := c.Raw(0, v); is {
								wild++
							}
						}
					}
					c.Observe(0, v, 1)
				}
				if wild < all-3 || c.Deviation(0) > 1.3 || math.Abs(c.Centre(0)-.1) > .3 {
					t.Errorf("%d of %d are wild, of %v ± %v", wild, all, c.Centre(0), c.Deviation(0))
				}
			})
		}
	}
}

// TestFarMoveIsWildAtOnce: of a column that moves far, trees see no value before they see it in its new place.
func TestFarMoveIsWildAtOnce(t *testing.T) {
	for name, change := range map[string]func(v float64) float64{
		"°F": func(v float64) float64 { return 1.8*v + 32 }, "40 higher": func(v float64) float64 { return v + 40 },
		"kelvin": func(v float64) float64 { return v + 273.15 },
	} {
		for seed := range uint64(8) {
			random := rand.New(rand.NewPCG(seed, 34))
			c := moments.New(1, moments.Options{})
			for range 5000 {
				c.Observe(0, random.NormFloat64(), 1)
			}
			for c.Moved(0) == 0 {
				v := change(random.NormFloat64())
				if _, wild := c.Raw(0, v); !wild {
					t.Errorf("%s: %v is not wild", name, v)
				}
				c.Observe(0, v, 1)
			}
		}
	}
}
