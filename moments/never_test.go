package moments_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"millrace/moments"
)

// stream is the i-th value of a stream of values that is made with r.
type stream func(r *rand.Rand, i int) float64

// usualStreams are streams whose unit never changes, whatever else they do.
func usualStreams() map[string]stream {
	at := func(f func(x float64) float64) stream {
		return func(r *rand.Rand, _ int) float64 { return f(r.NormFloat64()) }
	}
	some := func(share float64, f stream) stream {
		return func(r *rand.Rand, i int) float64 {
			if r.Float64() >= share {
				return 0
			}
			return f(r, i)
		}
	}
	exponential := func(r *rand.Rand, _ int) float64 { return r.ExpFloat64() }
	all := map[string]stream{
		"normal":                       at(func(x float64) float64 { return x }),
		"log-normal 1":                 at(math.Exp),
		"log-normal 2":                 at(func(x float64) float64 { return math.Exp(2 * x) }),
		"log-normal 3":                 at(func(x float64) float64 { return math.Exp(3 * x) }),
		"Pareto 1.5":                   func(r *rand.Rand, _ int) float64 { return math.Pow(r.Float64(), -1/1.5) },
		"Pareto 1":                     func(r *rand.Rand, _ int) float64 { return 1 / r.Float64() },
		"Cauchy":                       func(r *rand.Rand, _ int) float64 { return math.Tan(math.Pi * (r.Float64() - .5)) },
		"exponential":                  exponential,
		"sparse, 5 %":                  some(.05, func(r *rand.Rand, _ int) float64 { return 3 + r.NormFloat64() }),
		"sparse, 0.5 %":                some(.005, exponential),
		"sparse, 40 %":                 some(.4, exponential),
		"two values":                   func(r *rand.Rand, _ int) float64 { return float64(r.IntN(2)) },
		"two values, one rare":         some(.05, func(*rand.Rand, int) float64 { return 2 }),
		"constant":                     func(*rand.Rand, int) float64 { return .1 },
		"ramp":                         func(_ *rand.Rand, i int) float64 { return float64(i) },
		"square of a ramp":             func(_ *rand.Rand, i int) float64 { return float64(i) * float64(i) },
		"trend":                        func(r *rand.Rand, i int) float64 { return float64(i)/1e5 + r.NormFloat64() },
		"steps":                        func(_ *rand.Rand, i int) float64 { return math.Floor(float64(i) / 1000) },
		"sorted by two classes":        func(r *rand.Rand, i int) float64 { return 2*float64(i/500_000) + r.NormFloat64() },
		"sorted by ten classes":        func(r *rand.Rand, i int) float64 { return float64(i/100_000) + .5*r.NormFloat64() },
		"sorted by classes of spreads": func(r *rand.Rand, i int) float64 { return (3 - 2*float64(i/500_000)) * r.NormFloat64() },
	}
	for _, period := range []float64{24, 100, 1000, 10_000, 100_000, 1_000_000} {
		phase := func(i int) float64 { return float64(i) / period * 2 * math.Pi }
		all[fmt.Sprint("sine of ", period)] = func(_ *rand.Rand, i int) float64 { return math.Sin(phase(i)) }
		all[fmt.Sprint("noisy cosine of ", period)] = func(r *rand.Rand, i int) float64 { return math.Cos(phase(i)) + .1*r.NormFloat64() }
		all[fmt.Sprint("hours of ", period)] = func(_ *rand.Rand, i int) float64 {
			return math.Floor(float64(i)/period*24) - 24*math.Floor(float64(i)/period)
		}
		all[fmt.Sprint("saw of ", period)] = func(_ *rand.Rand, i int) float64 { return float64(i)/period - math.Floor(float64(i)/period) }
		all[fmt.Sprint("days and nights of ", period)] = func(_ *rand.Rand, i int) float64 { return max(0, math.Sin(phase(i))) }
	}
	return all
}

// TestUsualNeverMoves: a million values of each, and the moments are theirs.
func TestUsualNeverMoves(t *testing.T) {
	for name, next := range usualStreams() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(1, 2))
			c := moments.New(1, moments.Options{})
			for i := range 1_000_000 {
				c.Observe(0, next(random, i), 1)
				if c.Moved(0) > 0 {
					t.Fatalf("moved at value %d", i)
				}
			}
			if err := c.Restored(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestTwoPlaces: what is in two places by turns moves some times, and then is what it is over both.
func TestTwoPlaces(t *testing.T) {
	for _, turn := range []int{1000, 10_000, 100_000} {
		random := rand.New(rand.NewPCG(1, 2))
		c := moments.New(1, moments.Options{})
		for i := range 1_000_000 {
			c.Observe(0, float64(i/turn%2)+.05*random.NormFloat64(), 1)
		}
		if c.Moved(0) > 8 || math.Abs(c.Centre(0)-.5) > .1 || math.Abs(c.Deviation(0)-.5) > .05 {
			t.Errorf("turns of %d: moved %d times, %v ± %v", turn, c.Moved(0), c.Centre(0), c.Deviation(0))
		}
	}
}
