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
				if k.Name != "generic" && out < 8 && in%8 != 0 {
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

// TestGemvTs: products with many vectors at once have the bits of one with each, of any width.
func TestGemvTs(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	const rows = 21
	for _, k := range []*Set{Best(), Generic()} {
		for _, in := range []int{1, 3, 8, 10, 64, 70} {
			for out := 1; out <= 140; out++ {
				x, a := Matrix(rows, in, nil), Matrix(in, out, nil)
				for i := range x.Data {
					x.Data[i] = max(0, float32(r.NormFloat64()))
				}
				for i := range a.Data {
					a.Data[i] = float32(r.NormFloat64())
				}
				for name, c := range map[string]struct {
					all func(a, x, y *blas32.General)
					one func(a *blas32.General, x, y *blas32.Vector)
				}{"GemvT": {k.GemvTs, k.GemvT}, "GemvTActive": {k.GemvTsActive, k.GemvTActive}} {
					got := Matrix(rows, out, slices.Repeat([]float32{0.5}, rows*out))
					want := Matrix(rows, out, slices.Clone(got.Data))
					c.all(&a, &x, &got)
					for i := range rows {
						xi, yi := Vector(x.Data[i*in:][:in]), Vector(want.Data[i*out:][:out])
						c.one(&a, &xi, &yi)
					}
					if !slices.Equal(got.Data, want.Data) {
						t.Fatalf("%s: %s of %d×%d has other bits with many vectors", k.Name, name, in, out)
					}
				}
			}
		}
	}
}

// TestTranspose: every entry goes to its place, of matrices of any shape, and nothing beside them is written.
func TestTranspose(t *testing.T) {
	for _, k := range []*Set{Best(), Generic()} {
		for rows := 1; rows <= 26; rows++ {
			for cols := 1; cols <= 26; cols++ {
				a, data := Matrix(rows, cols, nil), make([]float32, rows*cols+8)
				for i := range a.Data {
					a.Data[i] = float32(i + 1)
				}
				b := Matrix(cols, rows, data[:rows*cols])
				k.Transpose(&b, &a)
				for i := range rows {
					for j := range cols {
						if got, want := b.Data[j*rows+i], a.Data[i*cols+j]; got != want {
							t.Fatalf("%s, %d×%d: entry %d, %d is %g, want %g", k.Name, rows, cols, i, j, got, want)
						}
					}
				}
				if slices.Max(data[rows*cols:]) != 0 {
					t.Fatalf("%s, %d×%d: something beside the matrix is written", k.Name, rows, cols)
				}
			}
		}
	}
}
