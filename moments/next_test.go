package moments_test

import (
	"bytes"
	"math"
	"math/rand/v2"
	"testing"

	"millrace/moments"
)

// TestNextIsObserve to the last bit: a column that is asked what a value would make of it, and then takes that one in,
// or another, is the column that was never asked.
func TestNextIsObserve(t *testing.T) {
	var random *rand.Rand
	streams := map[string]func(i int) float64{
		"normal": func(int) float64 { return random.NormFloat64() },
		"mostly zero": func(int) float64 {
			return math.Copysign(float64(random.IntN(9)/7)*random.ExpFloat64(), random.NormFloat64())
		},
		"wild":              func(int) float64 { return random.NormFloat64() + 1e30*float64(random.IntN(50)/49) },
		"heavy tails":       func(int) float64 { return math.Exp(2 * random.NormFloat64()) },
		"moves":             func(i int) float64 { return random.NormFloat64() + 300*float64(i/700%2) },
		"constant for long": func(i int) float64 { return 3 + float64(i/900)*random.Float64() },
		"small integers":    func(int) float64 { return float64(random.IntN(4)) },
	}
	for _, o := range []moments.Options{{Clip: 16, Tails: true, Limits: true, Interleaved: true}, {Interleaved: true}, {Clip: 8, Tails: true}} {
		for name, value := range streams {
			for seed := range uint64(6) {
				random = rand.New(rand.NewPCG(15, seed))
				nextIsObserve(t, o, name, value)
			}
		}
	}
}

func nextIsObserve(t *testing.T, o moments.Options, name string, value func(i int) float64) {
	t.Helper()
	asked, never := moments.New(1, o), moments.New(1, o)
	for i := range 4000 {
		v, weight := value(i), float64(1+i%3/2)
		before := tensors(asked)
		next := asked.Next(0, v, weight)
		if !bytes.Equal(tensors(asked), before) {
			t.Fatalf("%s, %+v: Next changed the column at value %d, %v", name, o, i, v)
		}
		switch i % 8 {
		case 5: // refused: another follows, or the same with another weight
			asked.Observe(0, v, 3)
			never.Observe(0, v, 3)
			continue
		case 6:
			asked.Observe(0, -v, weight)
			never.Observe(0, -v, weight)
			continue
		case 7: // and what was told once holds no longer
			asked.Observe(0, v, weight)
			never.Observe(0, v, weight)
		}
		asked.Observe(0, v, weight)
		never.Observe(0, v, weight)
		if !bytes.Equal(tensors(asked), tensors(never)) || asked.Standard(0, v/2) != never.Standard(0, v/2) ||
			asked.Value(0, .7) != never.Centre(0)+.7*never.Deviation(0) {
			t.Fatalf("%s, %+v: value %d, %v, has another effect when Next was asked before", name, o, i, v)
		}
		if c := asked; i%8 != 7 && (c.Centre(0) != next.Centre || c.Deviation(0) != next.Deviation || c.Bound(0) != next.Bound) {
			t.Fatalf("%s, %+v: %v became of value %d, %v, not %v", name, o, c.Centre(0), i, v, next)
		}
	}
}
