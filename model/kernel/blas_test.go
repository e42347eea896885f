package kernel

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/gonum"
)

// implementations are ours; each is compared with gonum's.
func implementations() map[string]blas.Float32 {
	return map[string]blas.Float32{"best": Best().BLAS(), "generic": Generic().BLAS(), "zero": BLAS{}}
}

// blasCase is a drawn set of arguments for any routine: shapes, gaps, factors and operands.
type blasCase struct {
	m, n, k          int
	incX, incY       int
	gapA, gapB, gapC int
	tA, tB           blas.Transpose
	alpha, beta      float32
	a, b, c, x, y    []float32
}

func drawCase(r *rand.Rand, wild bool) blasCase {
	size := func() int { return []int{1, 2, 3, 7, 8, 9, 16, 17, 31, 64, 65, 70}[r.IntN(12)] }
	inc := func() int { return []int{1, 1, 1, 2, 3, -1, -2}[r.IntN(7)] }
	gap := func() int { return []int{0, 0, 1, 5}[r.IntN(4)] }
	factor := func() float32 { return []float32{1, 1, 0, -1, 0.3}[r.IntN(5)] }
	transpose := func() blas.Transpose { return []blas.Transpose{blas.NoTrans, blas.Trans, blas.ConjTrans}[r.IntN(3)] }
	c := blasCase{
		m: size(), n: size(), k: size(), incX: inc(), incY: inc(), gapA: gap(), gapB: gap(), gapC: gap(),
		tA: transpose(), tB: transpose(), alpha: factor(), beta: factor(),
	}
	values := func(n int) []float32 {
		s := make([]float32, n)
		for i := range s {
			s[i] = float32(r.NormFloat64())
			if wild && r.IntN(40) == 0 {
				s[i] = []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1))}[r.IntN(3)]
			}
		}
		return s
	}
	const most = 70 + 5
	c.a, c.b, c.c = values(most*most), values(most*most), values(most*most)
	c.x, c.y = values(3*most), values(3*most)
	return c
}

// at is the case with every operand at an offset into memory of its own.
func (c blasCase) at(offset int) blasCase {
	for _, s := range []*[]float32{&c.a, &c.b, &c.c, &c.x, &c.y} {
		*s = append(make([]float32, offset, offset+len(*s)), *s...)[offset:]
	}
	return c
}

// stride is that of a matrix which is rows×cols after the transposition.
func stride(t blas.Transpose, rows, cols, gap int) int {
	if t != blas.NoTrans {
		cols = rows
	}
	return cols + gap
}

// routines run one of what is ours, and return a number where that is the result.
func routines() map[string]func(b blas.Float32, c *blasCase) float64 {
	// gonum's Sgemv clears all of y, not its n entries alone, when beta is 0: y ends where it must.
	end := func(s []float32, n, inc int) []float32 { return s[:1+(n-1)*max(inc, -inc)] }
	return map[string]func(b blas.Float32, c *blasCase) float64{
		"dot":   func(b blas.Float32, c *blasCase) float64 { return float64(b.Sdot(c.m, c.x, c.incX, c.y, c.incY)) },
		"dsdot": func(b blas.Float32, c *blasCase) float64 { return b.Dsdot(c.m, c.x, c.incX, c.y, c.incY) },
		"sdsdot": func(b blas.Float32, c *blasCase) float64 {
			return float64(b.Sdsdot(c.m, c.alpha, c.x, c.incX, c.y, c.incY))
		},
		"axpy": func(b blas.Float32, c *blasCase) float64 {
			b.Saxpy(c.m, c.alpha, c.x, c.incX, c.y, c.incY)
			return 0
		},
		"gemv": func(b blas.Float32, c *blasCase) float64 {
			ly := c.m
			if c.tA != blas.NoTrans {
				ly = c.n
			}
			b.Sgemv(c.tA, c.m, c.n, c.alpha, c.a, c.n+c.gapA, c.x, c.incX, c.beta, end(c.y, ly, c.incY), c.incY)
			return 0
		},
		"ger": func(b blas.Float32, c *blasCase) float64 {
			b.Sger(c.m, c.n, c.alpha, c.x, c.incX, c.y, c.incY, c.a, c.n+c.gapA)
			return 0
		},
		"gemm": func(b blas.Float32, c *blasCase) float64 {
			b.Sgemm(c.tA, c.tB, c.m, c.n, c.k, c.alpha, c.a, stride(c.tA, c.m, c.k, c.gapA), c.b, stride(c.tB, c.k, c.n, c.gapB),
				c.beta, c.c, c.n+c.gapC)
			return 0
		},
	}
}

// reference is gonum's implementation, but for Sger: its assembly reads beyond vectors with a negative stride.
type reference struct{ gonum.Implementation }

func (r reference) Sger(m, n int, alpha float32, x []float32, incX int, y []float32, incY int, a []float32, lda int) {
	for i := range m {
		if alpha == 0 {
			return
		}
		r.Saxpy(n, alpha*x[first(m, incX)+i*incX], y, incY, a[i*lda:], 1)
	}
}

// TestAsGonum: ours and gonum's differ by rounding only, at any shape, gap, stride, factor and transposition, and write
// nothing that they should not.
func TestAsGonum(t *testing.T) {
	for name, run := range routines() {
		for kind, ours := range implementations() {
			r := rand.New(rand.NewPCG(1, 2))
			for i := range 300 {
				c := drawCase(r, false)
				got, want := c.at(i%8), c.at(0)
				a, b := run(ours, &got), run(reference{}, &want)
				if !(math.Abs(a-b) <= 2e-5*(1+math.Abs(b))) {
					t.Fatalf("%s %s, case %d: %g, gonum's %g", kind, name, i, a, b)
				}
				for _, pair := range [][2][]float32{{got.a, want.a}, {got.c, want.c}, {got.x, want.x}, {got.y, want.y}} {
					for j, w := range pair[1] {
						if g := pair[0][j]; !(math.Abs(float64(g-w)) <= 5e-5*(1+math.Abs(float64(w)))) {
							t.Fatalf("%s %s, case %d of %d×%d×%d: value %d is %g, gonum's %g", kind, name, i, c.m, c.n, c.k, j, g, w)
						}
					}
				}
			}
		}
	}
}

// TestAsGonumOfNoNumbers: what is NaN or infinite comes out where it does with gonum. There are no zeros, which Sger
// passes over.
func TestAsGonumOfNoNumbers(t *testing.T) {
	for name, run := range routines() {
		for kind, ours := range implementations() {
			r := rand.New(rand.NewPCG(3, 4))
			for i := range 200 {
				c := drawCase(r, true)
				if name == "gemm" && c.alpha == 0 {
					c.alpha = 1 // gonum multiplies by it, see TestGemmOfNothing
				}
				got, want := c.at(i%8), c.at(0)
				a, b := run(ours, &got), run(reference{}, &want)
				if !alike(float32(a), float32(b)) {
					t.Fatalf("%s %s, case %d: %g, gonum's %g", kind, name, i, a, b)
				}
				for _, pair := range [][2][]float32{{got.a, want.a}, {got.c, want.c}, {got.y, want.y}} {
					for j, w := range pair[1] {
						if g := pair[0][j]; !alike(g, w) {
							t.Fatalf("%s %s, case %d of %d×%d×%d: value %d is %g, gonum's %g", kind, name, i, c.m, c.n, c.k, j, g, w)
						}
					}
				}
			}
		}
	}
}

// alike reports that both are finite, NaN or the same infinity.
func alike(a, b float32) bool {
	x, y := float64(a), float64(b)
	return math.IsNaN(x) == math.IsNaN(y) && math.IsInf(x, 1) == math.IsInf(y, 1) && math.IsInf(x, -1) == math.IsInf(y, -1)
}

// TestGerOfZeros: as in the reference implementation, what a zero of x would multiply is not looked at.
func TestGerOfZeros(t *testing.T) {
	for kind, ours := range implementations() {
		for _, n := range []int{9, 16, 70} {
			y := slices.Repeat([]float32{float32(math.NaN())}, n)
			a := make([]float32, 2*n)
			ours.Sger(2, n, 1, []float32{0, 0}, 1, y, 1, a, n)
			if i := slices.IndexFunc(a, func(v float32) bool { return v != 0 }); i >= 0 {
				t.Errorf("%s, %d columns: value %d is %g", kind, n, i, a[i])
			}
		}
	}
}

// TestGemmOfNothing: as in the reference implementation, an alpha of 0 leaves A and B alone, whatever they hold.
func TestGemmOfNothing(t *testing.T) {
	nan := float32(math.NaN())
	for kind, ours := range implementations() {
		c := []float32{2, nan}
		ours.Sgemm(blas.NoTrans, blas.NoTrans, 1, 2, 1, 0, []float32{nan}, 1, []float32{nan, 1}, 2, 0.5, c, 2)
		if c[0] != 1 || c[1] == c[1] {
			t.Errorf("%s: %v, want half of what there was", kind, c)
		}
		ours.Sgemm(blas.NoTrans, blas.NoTrans, 1, 2, 1, 0, []float32{nan}, 1, []float32{nan, 1}, 2, 0, c, 2)
		if c[0] != 0 || c[1] != 0 {
			t.Errorf("%s: %v, want zeros", kind, c)
		}
	}
}

// TestOneOrder: bit for bit the same wherever operands stand in memory, at every shape, gap and stride.
func TestOneOrder(t *testing.T) {
	for name, run := range routines() {
		for kind, ours := range implementations() {
			r := rand.New(rand.NewPCG(5, 6))
			for i := range 100 {
				c := drawCase(r, false)
				want := c.at(0)
				sum := run(ours, &want)
				for offset := 1; offset < 8; offset++ {
					got := c.at(offset)
					if s := run(ours, &got); s != sum || !slices.Equal(got.a, want.a) || !slices.Equal(got.c, want.c) || !slices.Equal(got.y, want.y) {
						t.Fatalf("%s %s, case %d of %d×%d×%d depends on an offset of %d", kind, name, i, c.m, c.n, c.k, offset)
					}
				}
			}
		}
	}
}

// TestMistakesPanicAsGonum: each mistake in arguments, and nothing else, ends with gonum's own words.
func TestMistakesPanicAsGonum(t *testing.T) {
	words := func(call func()) (said string) {
		defer func() { said = fmt.Sprint(recover()) }()
		call()
		return ""
	}
	s := func(n int) []float32 { return make([]float32, n) }
	for name, call := range map[string]func(b blas.Float32){
		"dot of too few":         func(b blas.Float32) { b.Sdot(5, s(4), 1, s(5), 1) },
		"dot without stride":     func(b blas.Float32) { b.Sdot(5, s(5), 0, s(5), 1) },
		"dot of less than none":  func(b blas.Float32) { b.Sdot(-1, s(5), 1, s(5), 1) },
		"dsdot of too few":       func(b blas.Float32) { b.Dsdot(5, s(5), 1, s(4), 1) },
		"sdsdot of too few":      func(b blas.Float32) { b.Sdsdot(5, 1, s(5), 1, s(4), 1) },
		"axpy of too few":        func(b blas.Float32) { b.Saxpy(5, 1, s(5), 1, s(4), 1) },
		"gemv, short x":          func(b blas.Float32) { b.Sgemv(blas.NoTrans, 2, 3, 1, s(6), 3, s(2), 1, 1, s(2), 1) },
		"gemv, short y":          func(b blas.Float32) { b.Sgemv(blas.Trans, 2, 3, 1, s(6), 3, s(2), 1, 1, s(2), 1) },
		"gemv, short A":          func(b blas.Float32) { b.Sgemv(blas.Trans, 2, 3, 1, s(5), 3, s(2), 1, 1, s(3), 1) },
		"gemv, narrow A":         func(b blas.Float32) { b.Sgemv(blas.Trans, 2, 3, 1, s(6), 2, s(2), 1, 1, s(3), 1) },
		"gemv, no transposition": func(b blas.Float32) { b.Sgemv('x', 2, 3, 1, s(6), 3, s(3), 1, 1, s(3), 1) },
		"gemv of fewer than none": func(b blas.Float32) {
			b.Sgemv(blas.NoTrans, -2, 3, 1, s(6), 3, s(3), 1, 1, s(3), 1)
		},
		"ger, short A":         func(b blas.Float32) { b.Sger(2, 3, 1, s(2), 1, s(3), 1, s(5), 3) },
		"ger, short x":         func(b blas.Float32) { b.Sger(2, 3, 1, s(1), 1, s(3), 1, s(6), 3) },
		"gemm, short B":        func(b blas.Float32) { b.Sgemm(blas.NoTrans, blas.NoTrans, 2, 3, 4, 1, s(8), 4, s(11), 3, 0, s(6), 3) },
		"gemm, short A":        func(b blas.Float32) { b.Sgemm(blas.Trans, blas.NoTrans, 2, 3, 4, 1, s(7), 2, s(12), 3, 0, s(6), 3) },
		"gemm, narrow C":       func(b blas.Float32) { b.Sgemm(blas.NoTrans, blas.Trans, 2, 3, 4, 1, s(8), 4, s(12), 4, 0, s(6), 2) },
		"gemm, transposition":  func(b blas.Float32) { b.Sgemm(blas.NoTrans, 0, 2, 3, 4, 1, s(8), 4, s(12), 4, 0, s(6), 3) },
		"nothing":              func(b blas.Float32) { b.Sgemm(blas.NoTrans, blas.Trans, 0, 3, 4, 1, nil, 4, s(12), 4, 0, nil, 3) },
		"nothing to sum":       func(b blas.Float32) { b.Sdot(0, nil, 1, nil, 1) },
		"nothing to scale":     func(b blas.Float32) { b.Sgemm(blas.NoTrans, blas.Trans, 2, 3, 0, 1, nil, 1, nil, 1, 0, s(6), 3) },
		"a stride, but no sum": func(b blas.Float32) { b.Sdot(2, s(3), 2, s(3), -2) },
	} {
		want := words(func() { call(gonum.Implementation{}) })
		for kind, ours := range implementations() {
			if got := words(func() { call(ours) }); got != want {
				t.Errorf("%s, %s: %q, gonum says %q", kind, name, got, want)
			}
		}
	}
}

// TestProductsStayInPlace: nothing is allocated, at sizes where gonum's product has long gone parallel.
func TestProductsStayInPlace(t *testing.T) {
	const m, n, k = 256, 100, 64
	a, b, c := make([]float32, m*k), make([]float32, k*n), make([]float32, m*n)
	for kind, ours := range implementations() {
		if allocated := testing.AllocsPerRun(5, func() {
			ours.Sgemm(blas.NoTrans, blas.NoTrans, m, n, k, 1, a, k, b, n, 0, c, n)
			ours.Sgemm(blas.Trans, blas.Trans, m, n, k, 0.5, a, m, b, k, 1, c, n)
			ours.Sgemv(blas.Trans, m, k, 1, a, k, c, 1, 0, b, 1)
			ours.Sger(m, k, 1, c, 1, b, 1, a, k)
		}); allocated != 0 {
			t.Errorf("%s: %g allocations", kind, allocated)
		}
	}
}

// TestOn: a set on gonum's own implementation agrees with ours to rounding, product by product.
func TestOn(t *testing.T) {
	ours, theirs := steps(Best()), steps(On("gonum", gonum.Implementation{}))
	for _, shape := range kernelShapes() {
		for name := range ours {
			a, b := newKernelCase(shape[0], shape[1], 0), newKernelCase(shape[0], shape[1], 0)
			ours[name](a)
			theirs[name](b)
			got, want := a.floats(), b.floats()
			for i := range got {
				if !(math.Abs(got[i]-want[i]) <= 1e-5+1e-5*math.Abs(want[i])) {
					t.Fatalf("%s of %v: value %d is %g, on gonum %g", name, shape, i, got[i], want[i])
				}
			}
		}
	}
}
