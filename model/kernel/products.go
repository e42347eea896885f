package kernel

import (
	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/blas32"
)

// products are those of matrices and vectors without gaps, as slices: matrices are row-major, and the length of a
// vector says how many rows or columns there are.
type products struct {
	gemv  func(y, a, x []float32)                // y ← A·x
	gemvT func(y, a, x []float32)                // y ← y + Aᵀ·x
	dot   func(x, y []float32) float32           // x·y
	dots  func(y, a, x []float32)                // y ← A·x by dot
	axpy  func(alpha float32, x, y []float32)    // y ← y + αx
	ger   func(a, x, y []float32, alpha float32) // A ← A + αx·yᵀ
	// active is gemvT that passes over rows whose x is zero, gated is gemv where gate is above zero.
	active func(y, a, x []float32)
	gated  func(y, a, x, gate []float32)
	gemm   func(f factors) // C ← C + A·B, see Gemm
	// gemvTs and actives are gemvT and active of each row of x, for the same row of y.
	gemvTs  func(f factors)
	actives func(f factors)
	// transpose sets t to the transpose of a, which is [rows, cols].
	transpose func(t, a []float32, rows, cols int)
}

// The methods below are what models call an event at a time: BLAS in the forms that layers need, compiled into their
// callers. Factors that are not named are 1, but β is 0 in Gemv; vectors and matrices have no gaps (Inc is 1, Stride is
// Cols), and their lengths are the caller's duty. Set.BLAS has every form. Operands are passed by reference, as copying
// three of them costs more than a product of eight columns.

// Gemv sets y to A·x.
func (s *Set) Gemv(a *blas32.General, x, y *blas32.Vector) { s.gemv(y.Data, a.Data, x.Data) }

// GemvT adds Aᵀ·x to y.
func (s *Set) GemvT(a *blas32.General, x, y *blas32.Vector) { s.gemvT(y.Data, a.Data, x.Data) }

// Dot returns x·y.
func (s *Set) Dot(x, y *blas32.Vector) float32 { return s.dot(x.Data, y.Data) }

// Column returns Aᵀ·x for an A of one column, which is a row of its transpose: what GemvT would add, without the way
// there.
func (s *Set) Column(a *blas32.General, x *blas32.Vector) float32 { return s.dot(a.Data, x.Data) }

// Dots is Gemv with the sums of Dot, for matrices with few rows and columns.
func (s *Set) Dots(a *blas32.General, x, y *blas32.Vector) { s.dots(y.Data, a.Data, x.Data) }

// Axpy adds αx to y.
func (s *Set) Axpy(alpha float32, x, y *blas32.Vector) { s.axpy(alpha, x.Data, y.Data) }

// Ger adds αx·yᵀ to A. It passes over rows whose x is zero.
func (s *Set) Ger(alpha float32, x, y *blas32.Vector, a *blas32.General) {
	s.ger(a.Data, x.Data, y.Data, alpha)
}

// GemvTActive is GemvT for an x of which much is zero, as relu leaves it, or an A of fewer than eight columns: it
// passes over rows whose x is zero, which add nothing, and walks narrow rows eight at a time.
func (s *Set) GemvTActive(a *blas32.General, x, y *blas32.Vector) { s.active(y.Data, a.Data, x.Data) }

// GemvGated sets y to A·x where gate is above zero, elsewhere to zero, and passes over the rows of those: the
// gradient at the outputs of a relu layer, which are gate.
func (s *Set) GemvGated(a *blas32.General, x, y, gate *blas32.Vector) {
	s.gated(y.Data, a.Data, x.Data, gate.Data)
}

// GemvTs adds Aᵀ·x to y for each row x of X and the same row y of Y, with the bits of GemvT for each. So it is the
// product X·A of matrices wherever GemvT sums as Gemm does.
func (s *Set) GemvTs(a, x, y *blas32.General) { s.gemvTs(product(y, x, a)) }

// GemvTsActive is GemvTs with the bits of GemvTActive.
func (s *Set) GemvTsActive(a, x, y *blas32.General) { s.actives(product(y, x, a)) }

// eachRow is a product of a matrix and a vector for each row of the first factor.
func eachRow(of func(y, a, x []float32)) func(f factors) {
	return func(f factors) {
		for i := range f.m {
			of(f.c[i*f.strideC:][:f.n], f.b, f.a[i*f.row:][:f.k])
		}
	}
}

// Vector is x as gonum has it.
func Vector(x []float32) blas32.Vector { return blas32.Vector{N: len(x), Inc: 1, Data: x} }

// Matrix is data, row after row, as gonum has it; a nil data makes a matrix of zeros.
func Matrix(rows, cols int, data []float32) blas32.General {
	if data == nil {
		data = make([]float32, rows*cols)
	}
	return blas32.General{Rows: rows, Cols: cols, Stride: max(1, cols), Data: data}
}

// Transpose sets t to the transpose of a.
func (s *Set) Transpose(t, a *blas32.General) { s.transpose(t.Data, a.Data, a.Rows, a.Cols) }

func transposeGeneric(t, a []float32, rows, cols int) { transposeFrom(t, a, rows, cols, 0, 0) }

// transposeFrom transposes what is beyond so many rows, and the rest of those beyond so many columns.
func transposeFrom(t, a []float32, rows, cols, row, col int) {
	for i := range rows {
		from := col
		if i >= row {
			from = 0
		}
		for j, v := range a[i*cols+from : (i+1)*cols] {
			t[(from+j)*rows+i] = v
		}
	}
}

// genericProducts are a function, not a variable, so that nothing can change them.
func genericProducts() products {
	return products{
		gemv: gemvGeneric, gemvT: gemvTGeneric, dot: dotGeneric, dots: gemvGeneric, axpy: axpyGeneric, ger: gerGeneric,
		active: activeGeneric, gated: gatedGeneric, gemm: gemmGeneric,
		gemvTs: eachRow(gemvTGeneric), actives: eachRow(activeGeneric), transpose: transposeGeneric,
	}
}

// On is Generic with the products of another implementation of BLAS, as gonum's own. What models learn is then equal
// to rounding, and repeats itself as far as that implementation does.
func On(name string, b blas.Float32) *Set {
	s := Generic()
	gemv := func(y, a, x []float32) {
		b.Sgemv(blas.NoTrans, len(y), len(x), 1, a, max(1, len(x)), x, 1, 0, y, 1)
	}
	gemvT := func(y, a, x []float32) {
		b.Sgemv(blas.Trans, len(x), len(y), 1, a, max(1, len(y)), x, 1, 1, y, 1)
	}
	s.Name, s.blas = name, b
	s.products = products{
		gemv: gemv, gemvT: gemvT, active: gemvT, dots: gemv, gemvTs: eachRow(gemvT), actives: eachRow(gemvT), transpose: transposeGeneric,
		gated: func(y, a, x, gate []float32) {
			gemv(y, a, x)
			gateGeneric(y, gate)
		},
		dot:  func(x, y []float32) float32 { return b.Sdot(len(x), x, 1, y, 1) },
		axpy: func(alpha float32, x, y []float32) { b.Saxpy(len(x), alpha, x, 1, y, 1) },
		ger: func(a, x, y []float32, alpha float32) {
			b.Sger(len(x), len(y), alpha, x, 1, y, 1, a, max(1, len(y)))
		},
		gemm: func(f factors) {
			trans, stride := blas.NoTrans, f.row
			if f.transposed {
				trans, stride = blas.Trans, f.column
			}
			b.Sgemm(trans, blas.NoTrans, f.m, f.n, f.k, 1, f.a, stride, f.b, f.strideB, 1, f.c, f.strideC)
		},
	}
	return s
}
