package moments_test

import (
	"math/rand/v2"
	"testing"
)

// TestAmongIsWithinLimits: whatever came, wild or moved, what Among reports lies within Limits, and of usual values it
// reports most.
func TestAmongIsWithinLimits(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	c := labels()
	among, usual := 0, 0
	for i := range 20000 {
		v := 100 + 10*random.NormFloat64()
		switch {
		case i%977 == 3:
			v = -1e9
		case i > 12000:
			v += 5000
		}
		for _, asked := range []float64{v, 0, -v, v + 40*random.NormFloat64()} {
			low, high := c.Limits(0)
			if c.Among(0, asked) && !(low <= asked && asked <= high) {
				t.Fatalf("after %d values %g is among them, beyond the limits %g and %g", i, asked, low, high)
			}
		}
		if v > 0 && i > 100 {
			usual++
			if c.Among(0, v) {
				among++
			}
		}
		c.Observe(0, v, 1)
	}
	if among < usual*8/10 {
		t.Errorf("of %d usual values %d are among the others", usual, among)
	}
}
