package kernel

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"gonum.org/v1/gonum/blas/blas32"
)

// TestGemmInParts: a sum that is cut in two calls has the bits of one call, wherever it is cut, and of as many calls of
// Ger as there are rows.
func TestGemmInParts(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	draw := func(n int) []float32 {
		s := make([]float32, n)
		for i := range s {
			s[i] = max(0, float32(r.NormFloat64())) // half of them zero
		}
		return s
	}
	rows := func(m *blas32.General, from, to int) blas32.General {
		return Matrix(to-from, m.Cols, m.Data[from*m.Cols:to*m.Cols])
	}
	const events = 19
	for _, k := range []*Set{Best(), Generic()} {
		for _, in := range []int{1, 2, 4, 6, 7, 10, 16, 23, 64, 100} {
			for _, out := range []int{1, 2, 7, 8, 9, 10, 15, 16, 17, 24, 31, 64, 70} {
				x, d, sum := Matrix(events, in, draw(events*in)), Matrix(events, out, draw(events*out)), draw(in*out)
				whole := Matrix(in, out, slices.Clone(sum))
				k.GemmT(&x, &d, &whole)
				for _, cut := range []int{1, 5, 16} {
					parts := Matrix(in, out, slices.Clone(sum))
					for _, at := range [][2]int{{0, cut}, {cut, events}} {
						a, b := rows(&x, at[0], at[1]), rows(&d, at[0], at[1])
						k.GemmT(&a, &b, &parts)
					}
					if !slices.Equal(parts.Data, whole.Data) {
						t.Fatalf("%s, %d×%d cut at %d: other sums", k.Name, in, out, cut)
					}
				}
				if k.Name != "generic" && out <= narrowMax && in%8 != 0 {
					continue // Ger has rows here whose products are rounded
				}
				single := Matrix(in, out, slices.Clone(sum))
				for e := range events {
					xe, de := Vector(x.Data[e*in:][:in]), Vector(d.Data[e*out:][:out])
					k.Ger(1, &xe, &de, &single)
				}
				if !slices.Equal(single.Data, whole.Data) {
					t.Fatalf("%s, %d×%d: other sums than Ger's", k.Name, in, out)
				}
			}
		}
	}
}

// TestGemmWritesItsOwn: nothing beside C is written, whatever its width, and nothing at all where there is no product.
func TestGemmWritesItsOwn(t *testing.T) {
	for _, k := range []*Set{Best(), Generic()} {
		for n := 1; n <= 40; n++ {
			for _, events := range []int{0, 1, 3} {
				const m, gap = 9, 5
				a, b := Matrix(events, m, slices.Repeat([]float32{1}, events*m)), Matrix(events, n, slices.Repeat([]float32{2}, events*n))
				c := blas32.General{Rows: m, Cols: n, Stride: n + gap, Data: make([]float32, m*(n+gap))}
				k.GemmT(&a, &b, &c)
				for i, v := range c.Data {
					want := float32(2 * events)
					if i%(n+gap) >= n {
						want = 0
					}
					if v != want {
						t.Fatalf("%s: value %d of rows of %d is %g, want %g", k.Name, i, n, v, want)
					}
				}
			}
		}
	}
}

// BenchmarkGemmT is the gradient of a layer from events, in time an event, against Ger.
func BenchmarkGemmT(b *testing.B) {
	k := Best()
	for _, shape := range [][2]int{{100, 64}, {64, 64}, {64, 10}, {64, 2}, {8, 64}} {
		in, out := shape[0], shape[1]
		for _, events := range []int{8, 16, 32} {
			x, d, g := Matrix(events, in, nil), Matrix(events, out, nil), Matrix(in, out, nil)
			for i := range x.Data {
				x.Data[i] = float32(i % 2) // half of them zero, as relu leaves them
			}
			one := func(rows *blas32.General, e int) blas32.Vector { return Vector(rows.Data[e*rows.Cols:][:rows.Cols]) }
			for kind, run := range map[string]func(){
				"gemm": func() { k.GemmT(&x, &d, &g) },
				"ger": func() {
					for e := range events {
						xe, de := one(&x, e), one(&d, e)
						k.Ger(1, &xe, &de, &g)
					}
				},
			} {
				b.Run(fmt.Sprintf("%dx%d/%d/%s", in, out, events, kind), func(b *testing.B) {
					for b.Loop() {
						run()
					}
					b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*events), "ns/event")
				})
			}
		}
	}
}
