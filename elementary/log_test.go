package elementary

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestLog: it is as good as math.Log wherever it is asked, near 1 above all.
func TestLog(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	worst := 0.0
	try := func(x float64) {
		want := math.Log(x)
		ulp := math.Nextafter(math.Abs(want), math.Inf(1)) - math.Abs(want)
		if off := math.Abs(Log(x)-want) / ulp; off > worst {
			worst = off
			if off > 2 {
				t.Fatalf("Log(%v) = %v, want %v: %g units in the last place", x, Log(x), want, off)
			}
		}
	}
	for range 400_000 {
		try(random.Float64())                                   // probabilities
		try(math.Exp(1400*random.Float64() - 700))              // their ratios
		try(1 - math.Ldexp(random.Float64(), -random.IntN(50))) // nearly sure ones
		try(1 + math.Ldexp(random.Float64(), -random.IntN(50))) //
		try(float64(random.IntN(1e6)+1) / float64(1e6+2))       // shares of classes
		try(float64(float32(random.Float64() * math.Exp(-float64(random.IntN(30))))))
	}
	for _, x := range []float64{1, 0.5, 2, 1e-15, math.MaxFloat64, 0x1p-1022, 11. / 16, 11. / 8, math.Nextafter(1, 0), math.Nextafter(1, 2)} {
		try(x)
	}
	if got := Log(1); got != 0 || math.Signbit(got) {
		t.Errorf("Log(1) = %v", got)
	}
	for _, x := range []float64{0, math.Inf(1), 5e-324, 0x1p-1030} {
		if got, want := Log(x), math.Log(x); got != want {
			t.Errorf("Log(%v) = %v, want %v", x, got, want)
		}
	}
	for _, x := range []float64{math.NaN(), -1, math.Inf(-1)} {
		if got := Log(x); !math.IsNaN(got) {
			t.Errorf("Log(%v) = %v", x, got)
		}
	}
}

func BenchmarkLog(b *testing.B) {
	x, sum := 0.3, 0.0
	for b.Loop() {
		sum += Log(x)
		x += 1e-9
	}
	if sum == 0 {
		b.Fatal("nothing was summed")
	}
}
