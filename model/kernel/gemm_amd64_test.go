package kernel

import (
	"math/rand/v2"
	"slices"
	"testing"

	"golang.org/x/sys/cpu"
)

// TestGemmOfAnyWidth: registers of 512 bits make the bits of those of 256, whatever the shape and wherever A lies, and
// write nothing beside C.
func TestGemmOfAnyWidth(t *testing.T) {
	if !cpu.X86.HasAVX512F {
		t.Skip("the processor has no registers of 512 bits")
	}
	r := rand.New(rand.NewPCG(9, 10))
	draw := func(n int) []float32 {
		s := make([]float32, n)
		for i := range s {
			s[i] = float32(r.NormFloat64())
		}
		return s
	}
	for _, m := range []int{1, 3, 4, 7, 8, 11, 12, 13, 16, 20, 64, 100} {
		for n := 1; n <= 70; n++ {
			for _, k := range []int{1, 2, 5, 16, 33} {
				const gap = 3
				a, b, c := draw(m*k+m+k), draw(k*(n+gap)), draw(m*(n+gap))
				for name, f := range map[string]factors{
					"plain":      {row: k, column: 1},
					"transposed": {row: 1, column: m, transposed: true},
				} {
					f.m, f.n, f.k, f.a, f.b, f.strideB, f.strideC = m, n, k, a, b, n+gap, n+gap
					f.c = slices.Clone(c)
					gemmAVX2(f)
					want := f.c
					f.c = slices.Clone(c)
					gemmAVX512(f)
					if !slices.Equal(f.c, want) {
						t.Fatalf("%d×%d by %d×%d, %s: other sums", m, k, k, n, name)
					}
				}
			}
		}
	}
}
