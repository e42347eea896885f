package moments_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"millrace/moments"
)

// TestMoves: a unit that changes is found within some hundred values, for columns of many kinds.
func TestMoves(t *testing.T) {
	columns := map[string]stream{
		"12 ± 8":     func(r *rand.Rand, _ int) float64 { return 12 + 8*r.NormFloat64() },
		"30 ± 5":     func(r *rand.Rand, _ int) float64 { return 30 + 5*r.NormFloat64() },
		"0 ± 1":      func(r *rand.Rand, _ int) float64 { return r.NormFloat64() },
		"1e9 ± 1":    func(r *rand.Rand, _ int) float64 { return 1e9 + r.NormFloat64() },
		"durations":  func(r *rand.Rand, _ int) float64 { return r.ExpFloat64() },
		"amounts":    func(r *rand.Rand, _ int) float64 { return math.Exp(r.NormFloat64()) },
		"shares":     func(r *rand.Rand, _ int) float64 { return r.Float64() },
		"counts":     func(r *rand.Rand, _ int) float64 { return float64(r.IntN(10)) },
		"two values": func(r *rand.Rand, _ int) float64 { return 1 + float64(r.IntN(2)) },
		"seldom": func(r *rand.Rand, _ int) float64 {
			if r.IntN(10) > 0 {
				return 0
			}
			return 3 + r.NormFloat64()
		},
	}
	for unit, factor := range map[string]float64{"thousandth": .001, "hundredth": .01, "minutes": 1. / 60, "tenth": .1, "tenfold": 10, "seconds": 60,
		"cents": 100, "thousandfold": 1000, "millionfold": 1e6, "kelvin": 0, "fahrenheit": 1.8} {
		for name, next := range columns {
			if name == "two values" && factor > 0 && factor < 1 {
				continue // what is constant half of the time tells of no unit, if it is not far
			}
			if name == "durations" && unit == "tenth" {
				continue // as small are some blocks of what is usual
			}
			random := rand.New(rand.NewPCG(3, 4))
			c := moments.New(1, moments.Options{})
			sum, squares, n := 0., 0., 0.
			for i := range 62_000 {
				v := next(random, i)
				if i >= 60_000 {
					switch unit {
					case "kelvin":
						v += 273.15
					case "fahrenheit":
						v = 32 + 1.8*v
					default:
						v *= factor
					}
				}
				if c.Observe(0, v, 1); i >= 60_500 {
					sum, squares, n = sum+v, squares+v*v, n+1
				}
			}
			mean := sum / n
			deviation := math.Sqrt(squares/n - mean*mean)
			if name == "1e9 ± 1" {
				deviation = map[string]float64{"kelvin": 1, "fahrenheit": 1.8}[unit]
				if deviation == 0 {
					deviation = factor
				}
			}
			if name == "seldom" && factor > 0 && factor < 1 {
				continue // narrow is found after as many values beside the mode
			}
			if math.Abs(c.Centre(0)-mean) > .15*deviation || math.Abs(c.Deviation(0)/deviation-1) > .25 {
				t.Errorf("%s, %s: %v ± %v, want %v ± %v, moved %d times", name, unit, c.Centre(0), c.Deviation(0), mean, deviation, c.Moved(0))
			}
		}
	}
}

// TestMovesBack: and again, and between.
func TestMovesBack(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 5))
	c := moments.New(1, moments.Options{})
	for i := range 40_000 {
		v := 12 + 8*random.NormFloat64()
		switch i / 8000 {
		case 1:
			v += 273.15
		case 3:
			v = 32 + 1.8*v
		}
		c.Observe(0, v, 1)
		if i%8000 == 500 {
			if z := c.Standard(0, v); math.Abs(z) > 5 {
				t.Errorf("value %d is %v deviations away", i, z)
			}
		}
	}
	if c.Moved(0) != 4 {
		t.Errorf("moved %d times, want 4", c.Moved(0))
	}
}

// raw is what trees see of v.
func raw(c *moments.Columns, v float64) float64 {
	x, _ := c.Raw(0, v)
	return x
}

// TestFrozen: trees see values in their own units while a float32 has the digits for them, and else from a place and in
// a unit that stay. A unit that changes keeps what values meant.
func TestFrozen(t *testing.T) {
	for _, b := range []float64{0, 1e9} {
		random := rand.New(rand.NewPCG(3, 6))
		c := moments.New(1, moments.Options{})
		next := func() float64 { return b + 12 + 8*random.NormFloat64() }
		for range 40 {
			c.Observe(0, next(), 1)
		}
		centre, deviation := c.Frozen(0)
		if own := centre == 0 && deviation == 1; own != (b == 0) || !own && (math.Abs(centre-b-12) > 8 || deviation != 8 || math.Mod(centre, 8) != 0) {
			t.Errorf("frozen at %v and %v", centre, deviation)
		}
		for range 10_000 {
			c.Observe(0, next(), 1)
		}
		if again, same := c.Frozen(0); again != centre || same != deviation {
			t.Errorf("%v and %v, then %v and %v", centre, deviation, again, same)
		}
		before := raw(c, b+20)
		for range 5_000 {
			c.Observe(0, 32+1.8*next()-.8*b, 1)
		}
		if after := raw(c, 32+1.8*(b+20)-.8*b); c.Moved(0) != 1 || math.Abs(after-before) > .1*8/deviation {
			t.Errorf("moved %d times: what was %v is %v", c.Moved(0), before, after)
		}
	}
}

// TestDigits: no two values that differ by a fraction of a deviation are one to trees, from the first on: what has not
// the digits yet is missing.
func TestDigits(t *testing.T) {
	for name, next := range map[string]stream{
		"accounts":    func(r *rand.Rand, _ int) float64 { return 100_000_000 + float64(r.IntN(16)) },
		"1e9 ± 1":     func(r *rand.Rand, _ int) float64 { return 1e9 + r.NormFloat64() },
		"pressure":    func(r *rand.Rand, _ int) float64 { return 101_325 + .01*r.NormFloat64() },
		"nanoseconds": func(r *rand.Rand, i int) float64 { return 1.7e18 + 1e6*float64(i) + 1e5*r.Float64() },
		"tiny":        func(r *rand.Rand, _ int) float64 { return 1e-60 * r.NormFloat64() },
		"huge":        func(r *rand.Rand, _ int) float64 { return 1e60 * r.NormFloat64() },
	} {
		random := rand.New(rand.NewPCG(3, 8))
		c := moments.New(1, moments.Options{})
		for i := range 2000 {
			v := next(random, i)
			if d := c.Deviation(0); i > 1 && d > 0 {
				a, b := float32(raw(c, v)), float32(raw(c, v+d/8))
				if a == b || i > 40 && (a != a || b != b) {
					t.Fatalf("%s: value %d, %v, is %v, and an eighth of a deviation farther %v", name, i, v, a, b)
				}
			}
			c.Observe(0, v, 1)
		}
	}
}

// TestOwnUnits: ordinary columns are what they are to trees, to the last bit, with tails, trends and places of all
// kinds.
func TestOwnUnits(t *testing.T) {
	for name, next := range usualStreams() {
		random := rand.New(rand.NewPCG(3, 9))
		c := moments.New(1, moments.Options{})
		n := 0
		for i := range 50_000 {
			v := next(random, i)
			if raw(c, v) != v {
				n++
			}
			c.Observe(0, v, 1)
		}
		if n > 5 {
			t.Errorf("%s: trees see %d values of 50,000 otherwise than they are", name, n)
		}
	}
}

// TestLimits: of recent values, wild ones held within the bound.
func TestLimits(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 7))
	c := moments.New(1, moments.Options{Limits: true})
	for i := range 20_000 {
		v := 10 * random.Float64()
		if i == 3 || i == 15_000 {
			v = math.MaxInt32
		}
		c.Observe(0, v, 1)
		if low, high := c.Limits(0); i > 30 && (low < 0 || high < 8 || high > 5+8*4) {
			t.Fatalf("%v to %v after value %d", low, high, i)
		}
	}
	for range 100 {
		c.Observe(0, 110+10*random.Float64(), 1)
	}
	if low, high := c.Limits(0); low < 110 || high > 120 {
		t.Errorf("%v to %v after a move to 110 to 120", low, high)
	}
}
