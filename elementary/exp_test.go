package elementary

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestExp: it is as good as math.Exp over its whole range.
func TestExp(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	try := func(x float64) {
		got, want := Exp(x), math.Exp(x)
		ulp := math.Nextafter(want, math.Inf(1)) - want
		if off := math.Abs(got-want) / ulp; !(off <= 2) {
			t.Fatalf("Exp(%v) = %v, want %v: %g units in the last place", x, got, want, off)
		}
	}
	for range 400_000 {
		try(1416*random.Float64() - 708)
		try(40*random.Float64() - 20)                           // log-odds
		try(math.Ldexp(random.Float64()-0.5, -random.IntN(60))) // near 0
	}
	for n := range 2 * expSteps {
		try((float64(n) - expSteps + 0.5) * math.Ln2 / expSteps) // where the point of the table changes
	}
	for _, x := range []float64{0, math.Copysign(0, -1), -707.999, 707.999, 708, -708, -745, -1000, 709.7} {
		if x > -708 && x < 708 {
			try(x)
		} else if got, want := Exp(x), math.Exp(x); got != want {
			t.Errorf("Exp(%v) = %v, want %v", x, got, want)
		}
	}
	if got := Exp(0); got != 1 {
		t.Errorf("Exp(0) = %v", got)
	}
	if got := Exp(math.NaN()); !math.IsNaN(got) {
		t.Errorf("Exp(NaN) = %v", got)
	}
	if got := [2]float64{Exp(math.Inf(1)), Exp(math.Inf(-1))}; got != [2]float64{math.Inf(1), 0} {
		t.Errorf("of the infinities it is %v", got)
	}
}

func BenchmarkExp(b *testing.B) {
	x, sum := 0.3, 0.0
	for b.Loop() {
		sum += Exp(x)
		x += 1e-9
	}
	if sum == 0 {
		b.Fatal("nothing was summed")
	}
}
