package moments_test

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"testing"

	"millrace"
	"millrace/moments"
)

// TestWild: wild values, wherever they stand and however many they are, leave a column what it is.
func TestWild(t *testing.T) {
	columns := map[string]stream{
		"12 ± 8":     func(r *rand.Rand, _ int) float64 { return 12 + 8*r.NormFloat64() },
		"durations":  func(r *rand.Rand, _ int) float64 { return r.ExpFloat64() },
		"two values": func(r *rand.Rand, _ int) float64 { return float64(r.IntN(2)) },
	}
	wild := map[string]struct {
		next func(r *rand.Rand, i int) (v float64, is bool)
		most float64 // times the deviation of the column without
	}{
		"the first":             {func(_ *rand.Rand, i int) (float64, bool) { return 1e30, i == 0 }, 1.1},
		"the first ten":         {func(_ *rand.Rand, i int) (float64, bool) { return -1e30, i < 10 }, 1.3},
		"ten of the first 32":   {func(_ *rand.Rand, i int) (float64, bool) { return 1e30, i < 32 && i%3 == 1 }, 1.5},
		"one":                   {func(_ *rand.Rand, i int) (float64, bool) { return -math.MaxInt32, i == 500 }, 1.05},
		"twenty in a row":       {func(_ *rand.Rand, i int) (float64, bool) { return math.MaxInt32, i >= 500 && i < 520 }, 1.1},
		"fifty in a row":        {func(_ *rand.Rand, i int) (float64, bool) { return math.MaxInt32, i >= 500 && i < 550 }, 1.1},
		"a hundredth":           {func(r *rand.Rand, _ int) (float64, bool) { return -999, r.IntN(100) == 0 }, 1.3},
		"a tenth":               {func(r *rand.Rand, _ int) (float64, bool) { return -999, r.IntN(10) == 0 }, 2},
		"a tenth of both signs": {func(r *rand.Rand, _ int) (float64, bool) { return 1e30 * r.NormFloat64(), r.IntN(10) == 0 }, 2.5},
		"a fifth":               {func(r *rand.Rand, _ int) (float64, bool) { return 1e100, r.IntN(5) == 0 }, 3.5},
	}
	for kind, w := range wild {
		for name, next := range columns {
			for seed := range uint64(5) {
				random := rand.New(rand.NewPCG(5, seed))
				clean, c := moments.New(1, moments.Options{}), moments.New(1, moments.Options{})
				for i := range 2000 {
					v := next(random, i)
					clean.Observe(0, v, 1)
					if x, is := w.next(random, i); is {
						v = x
					}
					c.Observe(0, v, 1)
				}
				deviation := clean.Deviation(0)
				if math.Abs(c.Centre(0)-clean.Centre(0)) > w.most*deviation || !(c.Deviation(0) <= w.most*deviation) || c.Deviation(0) < deviation/1.2 {
					t.Errorf("%s, %s wild, seed %d: %v ± %v, want %v ± %v", name, kind, seed, c.Centre(0), c.Deviation(0), clean.Centre(0), deviation)
				}
			}
		}
	}
}

// TestWildInAnyOrder: wild values of any size, in any order and anywhere among the others, leave a column what it is.
func TestWildInAnyOrder(t *testing.T) {
	for seed := range uint64(300) {
		random := rand.New(rand.NewPCG(7, seed))
		values := make([]float64, 3000)
		for i := range values {
			values[i] = 12 + 8*random.NormFloat64()
		}
		for range 30 {
			size := math.Pow(10, 5+130*random.Float64())
			values[random.IntN(len(values))] = math.Copysign(size, random.Float64()-.5)
		}
		for range 6 {
			values[random.IntN(32)] = math.Pow(10, 5+130*random.Float64())
		}
		c := moments.New(1, moments.Options{})
		for _, v := range values {
			c.Observe(0, v, 1)
		}
		if d := c.Deviation(0); c.Moved(0) > 0 || math.Abs(c.Centre(0)-12) > 1 || d < 8/1.1 || d > 8*1.4 {
			t.Errorf("seed %d: %v ± %v, want 12 ± 8; moved %d times", seed, c.Centre(0), d, c.Moved(0))
		}
	}
}

// tensors are all of a column's state, in one.
func tensors(c *moments.Columns) []byte {
	var b bytes.Buffer
	c.State("x", millrace.Serving, func(name string, t millrace.Tensor, _ millrace.Role) {
		b.WriteString(name)
		if err := binary.Write(&b, binary.LittleEndian, t.F64); err != nil {
			panic(err)
		}
		if err := binary.Write(&b, binary.LittleEndian, t.U64); err != nil {
			panic(err)
		}
	})
	return b.Bytes()
}

// copyOf is a column with the state of another, restored.
func copyOf(t testing.TB, c *moments.Columns, o moments.Options) *moments.Columns {
	t.Helper()
	to := moments.New(c.Len(), o)
	var all []millrace.Tensor
	c.State("x", millrace.Serving, func(_ string, t millrace.Tensor, _ millrace.Role) { all = append(all, t) })
	to.State("x", millrace.Serving, func(_ string, t millrace.Tensor, _ millrace.Role) {
		t.Set(all[0])
		all = all[1:]
	})
	if err := to.Restored(); err != nil {
		t.Fatal(err)
	}
	return to
}

// eventful is a stream with all that can happen to a column: first values, a mode, wild ones, moves, narrowing.
func eventful(r *rand.Rand, i int) float64 {
	v := 3 + r.NormFloat64()
	switch {
	case i < 100 && i%3 > 0, i%1000 > 900:
		return 0
	case r.IntN(50) == 0:
		return 1e30
	case i > 1500 && i < 3000:
		return v * 1000
	case i > 3000 && i < 4500:
		return v / 1000
	}
	return v
}

// TestRestoredGoesOn: to the last bit, from any moment on.
func TestRestoredGoesOn(t *testing.T) {
	for _, o := range []moments.Options{{}, {Limits: true, Interleaved: true}, {Tails: true, Clip: 16}} {
		random := rand.New(rand.NewPCG(6, 6))
		whole := moments.New(1, o)
		again := moments.New(1, o)
		for i := range 6000 {
			if i < 200 || i%7 == 0 {
				again = copyOf(t, again, o)
			}
			v := eventful(random, i)
			whole.Observe(0, v, 1)
			again.Observe(0, v, 1)
			if !bytes.Equal(tensors(whole), tensors(again)) || whole.Standard(0, v) != again.Standard(0, v) || raw(whole, v) != raw(again, v) {
				t.Fatalf("value %d: another state", i)
			}
		}
		if whole.Moved(0) < 2 {
			t.Errorf("moved %d times: the stream is not eventful", whole.Moved(0))
		}
	}
}

// TestUnitsAndPlacesAreEqual: x and a·x + b are standardised alike to the last bit, a being a power of two and b such
// that nothing is rounded.
func TestUnitsAndPlacesAreEqual(t *testing.T) {
	for _, to := range []struct{ a, b float64 }{{1024, 0}, {1. / 4096, 0}, {math.Ldexp(1, 200), 0}, {1, 1 << 20}, {8, -4096}, {.125, 1 << 30}} {
		random := rand.New(rand.NewPCG(6, 7))
		x, y := moments.New(1, moments.Options{}), moments.New(1, moments.Options{})
		for i := range 20_000 {
			v := eventful(random, i)
			if v == 1e30 {
				v = 1 << 20
			}
			v = math.Round(v*1024) / 1024
			a, b := x.Standard(0, v), y.Standard(0, v*to.a+to.b)
			if a != b {
				t.Fatalf("%v: value %d is %v and %v", to, i, a, b)
			}
			if a, b := raw(x, v), raw(y, v*to.a+to.b); to.b == 0 && b == b && sameUnits(x, y) && a*to.a != b {
				t.Fatalf("%v: trees see %v and %v of value %d", to, a, b, i)
			}
			x.Observe(0, v, 1)
			y.Observe(0, v*to.a+to.b, 1)
		}
	}
}

// sameUnits reports whether trees see both columns in their own units.
func sameUnits(x, y *moments.Columns) bool {
	a, b := x.Frozen(0)
	c, d := y.Frozen(0)
	return a == 0 && b == 1 && c == 0 && d == 1
}

// TestOldSnapshots: of a snapshot that has no more than moments a column goes on with them, and trees see what they
// saw.
func TestOldSnapshots(t *testing.T) {
	c := moments.New(1, moments.Options{Interleaved: true})
	c.State("x", millrace.Serving, func(_ string, t millrace.Tensor, _ millrace.Role) {
		if !t.Added {
			copy(t.F64, []float64{10_000, 12, 64 * 10_000})
		}
	})
	if err := c.Restored(); err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(6, 8))
	for range 5000 {
		if z := c.Standard(0, 20); math.Abs(z-1) > .1 {
			t.Fatalf("20 is %v deviations from 12 ± 8", z)
		}
		if v := raw(c, 20); v != 20 {
			t.Fatalf("trees see %v of 20", v)
		}
		c.Observe(0, 12+8*random.NormFloat64(), 1)
	}
	for range 5000 {
		c.Observe(0, 285.15+8*random.NormFloat64(), 1)
	}
	if v := raw(c, 293.15); c.Moved(0) != 1 || math.Abs(v-20) > 1 {
		t.Errorf("moved %d times: trees see %v of 293.15", c.Moved(0), v)
	}
}

// FuzzObserve: whatever comes, what is told is finite and the state is one that restores.
func FuzzObserve(f *testing.F) {
	f.Add(uint64(1), 1., 1e30, uint16(5))
	f.Add(uint64(2), -1e300, 5e-324, uint16(400))
	f.Add(uint64(3), math.MaxFloat64, -math.MaxFloat64, uint16(1000))
	f.Add(uint64(4), 0., math.Copysign(0, -1), uint16(100))
	f.Fuzz(func(t *testing.T, seed uint64, a, b float64, n uint16) {
		random := rand.New(rand.NewPCG(seed, 1))
		o := moments.Options{Limits: seed%2 == 0, Interleaved: seed%3 == 0, Tails: seed%5 < 2}
		c := moments.New(1, o)
		values := []float64{a, b, a + b, a * b, 0, 1, 1e140, -1e140, 5e-324, math.NaN(), math.Inf(1)}
		for range n % 2000 {
			v := values[random.IntN(len(values))]
			if random.IntN(3) == 0 {
				v = a + b*random.NormFloat64()
			}
			c.Next(0, v, 1)
			c.Observe(0, v, float64(random.IntN(3))/2)
			centre, deviation := c.Frozen(0)
			for _, x := range []float64{c.Centre(0), c.Deviation(0), c.Standard(0, v), c.Standard(0, 1), centre, deviation} {
				if x != x || math.IsInf(x, 0) {
					t.Fatalf("%v after %v", x, v)
				}
			}
			if raw := raw(c, 1); math.IsInf(raw, 0) || raw != raw && deviation != 0 {
				t.Fatalf("trees see %v after %v", raw, v)
			}
			if z := c.Standard(0, v); math.Abs(z) > 8 {
				t.Fatalf("%v is %v deviations away", v, z)
			}
		}
		copyOf(t, c, o)
	})
}
