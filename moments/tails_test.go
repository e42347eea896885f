package moments_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"millrace"
	"millrace/moments"
)

// TestTails: what is log-uniform from 1 to a million has the deviation that it has, though its first values know
// little of it, and a sentinel far outside leaves it as it is.
func TestTails(t *testing.T) {
	c := moments.New(1, moments.Options{Clip: 16, Tails: true})
	random := rand.New(rand.NewPCG(4, 2))
	var sum, squares float64
	const n = 40_000
	for i := range n {
		v := math.Pow(10, 6*random.Float64())
		sum, squares = sum+v, squares+v*v
		c.Observe(0, v, 1)
		if i%50 == 7 {
			c.Observe(0, math.MaxInt64, 1)
		}
	}
	want := math.Sqrt(squares/n - sum/n*sum/n)
	if got := c.Deviation(0); math.Abs(got/want-1) > 0.1 || c.Moved(0) > 0 {
		t.Errorf("a deviation of %g, want %g; moved %d times", got, want, c.Moved(0))
	}
	if bound := c.Bound(0); bound != 16 {
		t.Errorf("a bound of %g: tails that always come are no sign of a move", bound)
	}
}

// TestLimitsOfBefore: of a column whose snapshot had no more than moments no limits are known, until there are new
// ones.
func TestLimitsOfBefore(t *testing.T) {
	o := moments.Options{Limits: true, Interleaved: true}
	c := moments.New(1, o)
	c.State("c", 0, func(name string, x millrace.Tensor, _ millrace.Role) {
		if name == "c.moments" {
			copy(x.F64, []float64{1000, 50, 1000 * 25})
		}
	})
	if err := c.Restored(); err != nil {
		t.Fatal(err)
	}
	open := func() bool { low, high := c.Limits(0); return low <= -1e100 && high >= 1e100 }
	if !open() {
		t.Error("limits that nobody knows")
	}
	random := rand.New(rand.NewPCG(1, 3))
	for range 10 {
		c.Observe(0, 50+5*random.NormFloat64(), 1)
	}
	if !open() {
		t.Error("ten values are no limits of a thousand")
	}
	for range 20_000 {
		c.Observe(0, 50+5*random.NormFloat64(), 1)
	}
	if low, high := c.Limits(0); low < 10 || high > 90 {
		t.Errorf("limits of %g and %g of values around 50 ± 5", low, high)
	}
}

// TestFewValues: what few values say of a deviation is worth little far outside, the less the fewer they are. A column
// that was constant has its first change in full.
func TestFewValues(t *testing.T) {
	random := rand.New(rand.NewPCG(4, 3))
	c := moments.New(1, moments.Options{})
	for n := range 4000 {
		if n >= 32 {
			want := min(max(2.5, math.Sqrt(float64(n))/5), 8)
			if z := c.Standard(0, c.Value(0, 20)); math.Abs(z-want) > 1e-9 {
				t.Fatalf("20 deviations after %d values become %v, want %v", n, z, want)
			}
		}
		c.Observe(0, 3+random.Float64(), 1)
	}
	c = moments.New(1, moments.Options{})
	for range 1000 {
		c.Observe(0, .1, 1)
	}
	if z := c.Scales()[0].Standard(.2); z != 8 {
		t.Errorf("the first change of a constant becomes %v, want 8", z)
	}
}
