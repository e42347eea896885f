package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// guarded returns n values at an offset into a larger slice of a value that must survive, and a
// function that reports whether it did.
func guarded(n, offset int) ([]float32, func() bool) {
	const canary = -12345
	all := slices.Repeat([]float32{canary}, offset+n+9)
	return all[offset : offset+n : offset+n], func() bool {
		for i, v := range all {
			if (i < offset || i >= offset+n) && v != canary {
				return false
			}
		}
		return true
	}
}

func fill32(s []float32, draw func() float64) {
	for i := range s {
		s[i] = float32(draw())
	}
}

// TestSoftmax: every length at every alignment, outputs from alike to far apart, against float64.
func TestSoftmax(t *testing.T) {
	for _, k := range []*Set{Best(), Generic()} {
		random := rand.New(rand.NewPCG(1, 2))
		for n := 1; n <= 70; n++ {
			for _, spread := range []float64{0, 1e-3, 1, 30, 1e15} {
				z := make([]float32, n)
				fill32(z, func() float64 { return random.NormFloat64() * spread })
				factor := []float32{1, 0.02, 54}[n%3]
				var first []float32
				for offset := range 8 {
					dst, intact := guarded(n, offset)
					in, _ := guarded(n, 7-offset)
					copy(in, z)
					k.Softmax(dst, in, factor)
					if !intact() {
						t.Fatalf("%s, %d outputs: wrote past its slice", k.Name, n)
					}
					if offset == 0 {
						first = slices.Clone(dst)
					}
					if !slices.Equal(first, dst) {
						t.Fatalf("%s, %d outputs: depends on an offset of %d", k.Name, n, offset)
					}
				}
				if err := checkSoftmax(first, z, factor); err != nil {
					t.Fatalf("%s, %d outputs of ±%g: %v", k.Name, n, spread, err)
				}
				k.Softmax(z, z, factor)
				if !slices.Equal(first, z) {
					t.Fatalf("%s, %d outputs: differs in place", k.Name, n)
				}
			}
		}
	}
}

func checkSoftmax(p, z []float32, factor float32) error {
	most := slices.Max(z)
	exps, sum := make([]float64, len(z)), 0.0
	for i, v := range z {
		exps[i] = math.Exp(float64(factor) * (float64(v) - float64(most)))
		sum += exps[i]
	}
	var total float64
	for i, v := range p {
		total += float64(v)
		want := exps[i] / sum
		// The exponent is rounded to a float32, so its error grows with its size.
		limit := 4e-7 + 2e-7*math.Abs(float64(factor)*(float64(z[i])-float64(most)))
		if want < 1e-37 {
			if !(v >= 0 && v <= 2e-37) {
				return fmt.Errorf("%g where %g is next to nothing", v, want)
			}
		} else if !(math.Abs(float64(v)-want) <= limit*want) {
			return fmt.Errorf("%g, want %g", v, want)
		}
	}
	if math.Abs(total-1) > 1e-6 {
		return fmt.Errorf("probabilities sum to %.9g", total)
	}
	return nil
}

// TestExponentials: Exp to 1.5e-7 over its range, 1 at 0, tiny and positive below.
func TestExponentials(t *testing.T) {
	for x := float32(0); x > -87; x -= 0.00173 {
		want := math.Exp(float64(x))
		if got := float64(Exp(x)); math.Abs(got-want) > 1.5e-7*want {
			t.Fatalf("e^%g: %g, want %g", x, got, want)
		}
	}
	if got := Exp(0); got != 1 {
		t.Errorf("e^0 is %g", got)
	}
	for _, x := range []float32{-88, -1e3, -1e30, -math.MaxFloat32, float32(math.Inf(-1)), float32(math.NaN())} {
		if got := Exp(x); !(got > 0 && got < 2e-38) {
			t.Errorf("e^%g: %g", x, got)
		}
	}
}

// TestLogs: every length at every alignment, against float64 to 2e-7 of the logarithm.
func TestLogs(t *testing.T) {
	for _, k := range []*Set{Best(), Generic()} {
		random := rand.New(rand.NewPCG(3, 4))
		for n := 1; n <= 70; n++ {
			for _, draw := range []func() float64{
				random.Float64,
				func() float64 { return 1 - random.Float64()*1e-3 },
				func() float64 { return math.Pow(10, -37*random.Float64()) },
				func() float64 { return math.Pow(10, 38*random.Float64()) },
				func() float64 { return 1 },
			} {
				p := make([]float32, n)
				fill32(p, draw)
				var first []float32
				for offset := range 8 {
					dst, intact := guarded(n, offset)
					in, _ := guarded(n, 7-offset)
					copy(in, p)
					k.Logs(dst, in)
					if !intact() {
						t.Fatalf("%s, %d values: wrote past its slice", k.Name, n)
					}
					if offset == 0 {
						first = slices.Clone(dst)
					}
					if !slices.Equal(first, dst) {
						t.Fatalf("%s, %d values: depends on an offset of %d", k.Name, n, offset)
					}
				}
				for i, got := range first {
					want := math.Log(max(float64(p[i]), logMin))
					if !(math.Abs(float64(got)-want) <= 2e-7*math.Abs(want)) {
						t.Fatalf("%s: ln %g is %g, want %g", k.Name, p[i], got, want)
					}
				}
			}
		}
	}
}

// TestLogsOfNothing: what is no positive normal number has the smallest one's logarithm.
func TestLogsOfNothing(t *testing.T) {
	for _, k := range []*Set{Best(), Generic()} {
		p := []float32{0, -1, 1e-45, 1e-40, float32(math.NaN()), float32(math.Inf(-1)), 0, 1e-39, 0}
		k.Logs(p, p)
		for i, got := range p {
			if want := -126 * math.Ln2; math.Abs(float64(got)-want) > 1e-5 {
				t.Errorf("%s: logarithm %d is %g, want %g", k.Name, i, got, want)
			}
		}
	}
}

func BenchmarkSoftmax(b *testing.B) {
	for _, k := range []*Set{Best(), Generic()} {
		for _, n := range []int{2, 10, 26} {
			z, dst := make([]float32, n), make([]float32, n)
			for i := range z {
				z[i] = float32(i) / 3
			}
			b.Run(fmt.Sprintf("softmax/%d/%s", n, k.Name), func(b *testing.B) {
				for b.Loop() {
					k.Softmax(dst, z, 1)
				}
			})
			b.Run(fmt.Sprintf("logs/%d/%s", n, k.Name), func(b *testing.B) {
				for b.Loop() {
					k.Logs(dst, dst)
					copy(dst, z)
				}
			})
		}
	}
}
