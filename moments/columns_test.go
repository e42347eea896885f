package moments_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"millrace/moments"
)

// TestPlain: of values without anything odd the moments are mean and standard deviation.
func TestPlain(t *testing.T) {
	for _, interleaved := range []bool{false, true} {
		c := moments.New(2, moments.Options{Interleaved: interleaved})
		random := rand.New(rand.NewPCG(1, 1))
		for range 100_000 {
			c.Observe(1, 12+8*random.NormFloat64(), 1)
		}
		if centre, deviation := c.Centre(1), c.Deviation(1); math.Abs(centre-12) > .2 || math.Abs(deviation-8) > .2 {
			t.Errorf("interleaved %v: %v ± %v, want 12 ± 8", interleaved, centre, deviation)
		}
		if c.Count(0) != 0 || c.Deviation(0) != 0 {
			t.Errorf("interleaved %v: a column changed that had no value", interleaved)
		}
	}
}

// TestNextChangesNothing: and says what Observe then does.
func TestNextChangesNothing(t *testing.T) {
	c := moments.New(1, moments.Options{Limits: true})
	random := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		v := random.NormFloat64()
		before := c.Standard(0, .5)
		next := c.Next(0, v, 1)
		if after := c.Standard(0, .5); after != before {
			t.Fatalf("%v after Next, %v before", after, before)
		}
		c.Observe(0, v, 1)
		if c.Centre(0) != next.Centre || c.Deviation(0) != next.Deviation || c.Bound(0) != next.Bound {
			t.Fatalf("%v after %v", next, v)
		}
	}
}
