package kernel

import "gonum.org/v1/gonum/blas/blas32"

// factors are the operands of C ← C + A·B, as gemm takes them: C is [m, n] with a stride between its rows, B is [k, n],
// and A(i, l) stands at a[i·row + l·column], so that A or its transpose may lie in memory.
type factors struct {
	m, n, k     int
	a           []float32
	row, column int
	transposed  bool // it is the transpose that lies in memory
	b           []float32
	strideB     int
	c           []float32
	strideC     int
}

// Gemm adds A·B to C. Each entry is one chain of sums, over the rows of B from the first to the last, that begins with
// what stands in C: whoever adds the same rows in several calls gets the same bits. As in Ger, no bit depends on
// whether products with zeros are added, but for the sign of a sum of zero.
func (s *Set) Gemm(a, b, c *blas32.General) { s.gemm(product(c, a, b)) }

// product are the factors of C ← C + A·B.
func product(c, a, b *blas32.General) factors {
	return factors{
		m: a.Rows, n: b.Cols, k: a.Cols, a: a.Data, row: a.Stride, column: 1,
		b: b.Data, strideB: b.Stride, c: c.Data, strideC: c.Stride,
	}
}

// GemmT adds Aᵀ·B to C, with the sums of Gemm: the gradient of a layer's weights is Xᵀ·D, of as many events as X and D
// have rows.
func (s *Set) GemmT(a, b, c *blas32.General) {
	s.gemm(factors{
		m: a.Cols, n: b.Cols, k: a.Rows, a: a.Data, row: 1, column: a.Stride, transposed: true,
		b: b.Data, strideB: b.Stride, c: c.Data, strideC: c.Stride,
	})
}

func gemmGeneric(f factors) {
	for i := range f.m {
		row := f.c[i*f.strideC:][:f.n]
		for l := range f.k {
			if v := f.a[i*f.row+l*f.column]; v != 0 {
				axpyGeneric(v, f.b[l*f.strideB:][:f.n], row)
			}
		}
	}
}
