package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"
	"gonum.org/v1/gonum/blas/gonum"
)

// fusedCase holds a layer of a network at one event: x are its inputs, half of them zero as relu leaves them, d the
// derivatives at its outputs.
type fusedCase struct {
	w, m, v, gradient blas32.General
	x, d, z, dx       blas32.Vector
	one               blas32.Vector
	index             []uint32
	c                 *Coefficients
}

func newFusedCase(rows, cols int) *fusedCase {
	r := rand.New(rand.NewPCG(1, 2))
	draw := func(n int) []float32 {
		s := make([]float32, n)
		for i := range s {
			s[i] = float32(r.NormFloat64())
		}
		return s
	}
	f := &fusedCase{
		w: Matrix(rows, cols, draw(rows*cols)), m: Matrix(rows, cols, nil), v: Matrix(rows, cols, nil),
		gradient: Matrix(rows, cols, nil), x: Vector(draw(rows)), d: Vector(draw(cols)), z: Vector(draw(cols)),
		dx: Vector(draw(rows)), one: Vector([]float32{1}), c: testCoefficients(),
	}
	f.c.Rate = 1e-6 // weights stay as they are, however often this runs
	reluGeneric(f.x.Data, outputMax)
	for range rows {
		f.index = append(f.index, uint32(r.IntN(rows)))
	}
	return f
}

// gradientThen writes the gradient out, as who has BLAS alone must, and walks it as one row.
func (f *fusedCase) gradientThen(k *Set, step func(x, d []float32)) {
	clear(f.gradient.Data)
	k.Ger(1, &f.x, &f.d, &f.gradient)
	step(f.one.Data, f.gradient.Data)
}

// BenchmarkFused holds what is fused against the calls of BLAS that do the same.
func BenchmarkFused(b *testing.B) {
	k := Best()
	for _, shape := range [][2]int{{64, 64}, {64, 10}, {64, 2}} {
		f := newFusedCase(shape[0], shape[1])
		adam := func(x, d []float32) { k.Adam(f.w.Data, f.m.Data, f.v.Data, x, d, f.c) }
		rmsprop := func(x, d []float32) { k.RMSprop(f.w.Data, f.v.Data, x, d, f.c) }
		sgd := func(x, d []float32) { k.SGD(f.w.Data, x, d, f.c) }
		for _, pair := range []struct {
			name        string
			fused, blas func()
		}{
			{"forward", func() { k.GemvTActive(&f.w, &f.x, &f.z) }, func() { k.GemvT(&f.w, &f.x, &f.z) }},
			{"backward", func() { k.GemvGated(&f.w, &f.d, &f.dx, &f.x) }, func() {
				k.Gemv(&f.w, &f.d, &f.dx)
				k.Gate(f.dx.Data, f.x.Data)
			}},
			{"sgd", func() { sgd(f.x.Data, f.d.Data) }, func() { f.gradientThen(k, sgd) }},
			{"rmsprop", func() { rmsprop(f.x.Data, f.d.Data) }, func() { f.gradientThen(k, rmsprop) }},
			{"adam", func() { adam(f.x.Data, f.d.Data) }, func() { f.gradientThen(k, adam) }},
			{"gather", func() { k.Gather(f.z.Data, f.w.Data, f.index, f.x.Data) }, func() {
				row := blas32.Vector{N: f.w.Cols, Inc: 1}
				for i, at := range f.index {
					row.Data = f.w.Data[int(at)*f.w.Cols:][:f.w.Cols]
					k.Axpy(f.x.Data[i], &row, &f.z)
				}
			}},
		} {
			for kind, run := range map[string]func(){"fused": pair.fused, "blas": pair.blas} {
				b.Run(fmt.Sprintf("%s/%dx%d/%s", pair.name, shape[0], shape[1], kind), func(b *testing.B) {
					for b.Loop() {
						run()
					}
				})
			}
		}
	}
}

// BenchmarkBLAS holds our products against gonum's, behind its interface.
func BenchmarkBLAS(b *testing.B) {
	for _, n := range []int{8, 64, 256} {
		a, m, c := make([]float32, n*n), make([]float32, n*n), make([]float32, n*n)
		x, y := make([]float32, n), make([]float32, n)
		for _, values := range [][]float32{a, m, x, y} {
			for i := range values {
				values[i] = 1 // no zeros to pass over
			}
		}
		for kind, impl := range map[string]blas.Float32{"ours": Best().BLAS(), "gonum": gonum.Implementation{}} {
			for name, run := range map[string]func(){
				"dot":   func() { impl.Sdot(n, x, 1, y, 1) },
				"axpy":  func() { impl.Saxpy(n, 1e-9, x, 1, y, 1) },
				"gemv":  func() { impl.Sgemv(blas.NoTrans, n, n, 1, a, n, x, 1, 0, y, 1) },
				"gemvT": func() { impl.Sgemv(blas.Trans, n, n, 1, a, n, x, 1, 1, y, 1) },
				"ger":   func() { impl.Sger(n, n, 1e-9, x, 1, y, 1, c, n) },
				"gemm":  func() { impl.Sgemm(blas.NoTrans, blas.NoTrans, n, n, n, 1, a, n, m, n, 0, c, n) },
			} {
				b.Run(fmt.Sprintf("%s/%d/%s", name, n, kind), func(b *testing.B) {
					for b.Loop() {
						run()
					}
				})
			}
		}
	}
}

// TestColumn: a product with one column is that of GemvT, to the last bit.
func TestColumn(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 9))
	for name, k := range map[string]*Set{"best": Best(), "generic": Generic(), "gonum": On("gonum", gonum.Implementation{})} {
		for n := 1; n <= 70; n++ {
			a, x := Matrix(n, 1, nil), Vector(make([]float32, n))
			for i := range n {
				a.Data[i], x.Data[i] = float32(r.NormFloat64()), float32(r.NormFloat64())
			}
			want := Vector([]float32{0.5})
			k.GemvT(&a, &x, &want)
			if got := 0.5 + k.Column(&a, &x); got != want.Data[0] && (name != "gonum" || math.Abs(float64(got-want.Data[0])) > 1e-5) {
				t.Errorf("%s, %d rows: %v in place of %v", name, n, got, want.Data[0])
			}
		}
	}
}
