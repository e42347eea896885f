package kernel

import (
	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/gonum"
)

// BLAS is gonum's interface on the kernels of a Set. Ours are the dot products, Saxpy, Sgemv, Sger and Sgemm of vectors
// and rows without gaps: they are what models spend their time in, they sum in one order wherever operands stand
// in memory, and they neither allocate nor start goroutines at any size. gonum's Sdot, and by it Sgemv and Sgemm, peel
// off entries until an operand is aligned to 16 bytes; its Sgemm goes parallel from four blocks of 64 on.
//
// The rest is gonum's: sums of strided vectors, scaling, norms, and what solves or is triangular, banded or symmetric,
// of which only Snrm2, Sasum and what works entry by entry have one order. So are mistakes in arguments, which its
// panics name.
//
// Like the reference implementation, Sger passes over zeros of x, and Sgemm with an alpha of 0 over A and B, whatever
// they would multiply.
//
// The zero BLAS is the plain Go of Generic.
type BLAS struct {
	gonum.Implementation
	set *Set
}

var _ blas.Float32 = BLAS{}

// BLAS returns the set's products behind gonum's interface.
func (s *Set) BLAS() blas.Float32 { return s.blas }

// kernels are those that b computes with.
func (b BLAS) kernels() products {
	if b.set == nil {
		return genericProducts()
	}
	return b.set.products
}

// fits reports that data holds a matrix with something in it.
func fits(rows, cols, stride int, data []float32) bool {
	return rows > 0 && cols > 0 && stride >= cols && len(data) >= stride*(rows-1)+cols
}

func transposes(t blas.Transpose) (yes, valid bool) {
	return t != blas.NoTrans, t == blas.NoTrans || t == blas.Trans || t == blas.ConjTrans
}

// Sdot returns the sum of x[i]·y[i].
func (b BLAS) Sdot(n int, x []float32, incX int, y []float32, incY int) float32 {
	if incX != 1 || incY != 1 || n < 1 || len(x) < n || len(y) < n {
		return b.Implementation.Sdot(n, x, incX, y, incY)
	}
	return b.kernels().dot(x[:n], y[:n])
}

// Dsdot returns the sum of x[i]·y[i], in float64.
func (b BLAS) Dsdot(n int, x []float32, incX int, y []float32, incY int) float64 {
	if incX != 1 || incY != 1 || n < 1 || len(x) < n || len(y) < n {
		return b.Implementation.Dsdot(n, x, incX, y, incY)
	}
	var sum float64
	y = y[:n]
	for i, v := range x[:n] {
		sum += float64(v) * float64(y[i])
	}
	return sum
}

// Sdsdot returns alpha plus the sum of x[i]·y[i], which is made in float64.
func (b BLAS) Sdsdot(n int, alpha float32, x []float32, incX int, y []float32, incY int) float32 {
	if n < 1 {
		return b.Implementation.Sdsdot(n, alpha, x, incX, y, incY)
	}
	return alpha + float32(b.Dsdot(n, x, incX, y, incY))
}

// Saxpy adds alpha·x to y.
func (b BLAS) Saxpy(n int, alpha float32, x []float32, incX int, y []float32, incY int) {
	if incX != 1 || incY != 1 || alpha == 0 || n < 1 || len(x) < n || len(y) < n {
		b.Implementation.Saxpy(n, alpha, x, incX, y, incY)
		return
	}
	b.kernels().axpy(alpha, x[:n], y[:n])
}

// Sgemv sets y to alpha·A·x + beta·y, or to alpha·Aᵀ·x + beta·y; with a beta of 0, y may hold anything before.
func (b BLAS) Sgemv(t blas.Transpose, m, n int, alpha float32, a []float32, lda int, x []float32, incX int, beta float32, y []float32, incY int) {
	trans, valid := transposes(t)
	lenX, lenY := n, m
	if trans {
		lenX, lenY = m, n
	}
	if !valid || incX != 1 || incY != 1 || alpha == 0 || !fits(m, n, lda, a) || len(x) < lenX || len(y) < lenY {
		b.Implementation.Sgemv(t, m, n, alpha, a, lda, x, incX, beta, y, incY)
		return
	}
	k := b.kernels()
	x, y = x[:lenX], y[:lenY]
	whole := lda == n && alpha == 1
	switch {
	case trans && whole:
		scale(beta, y)
		k.gemvT(y, a[:m*n], x)
	case trans:
		scale(beta, y)
		for i, v := range x {
			k.axpy(alpha*v, a[i*lda:][:n], y)
		}
	case whole && beta == 0:
		k.gemv(y, a[:m*n], x)
	default:
		for i, v := range y {
			sum := alpha * k.dot(a[i*lda:][:n], x)
			if beta != 0 {
				sum += beta * v
			}
			y[i] = sum
		}
	}
}

// Sger adds alpha·x·yᵀ to A. Strided vectors are ours too: gonum's assembly for amd64 (v0.17.0) starts at a wrong place
// where a stride is negative, and reads beyond its operands.
func (b BLAS) Sger(m, n int, alpha float32, x []float32, incX int, y []float32, incY int, a []float32, lda int) {
	if alpha == 0 || !fits(m, n, lda, a) || !strides(m, incX, x) || !strides(n, incY, y) {
		b.Implementation.Sger(m, n, alpha, x, incX, y, incY, a, lda) // nothing to add, or a mistake
		return
	}
	k := b.kernels()
	if incX == 1 && incY == 1 && lda == n {
		k.ger(a[:m*n], x[:m], y[:n], alpha)
		return
	}
	ix, iy := first(m, incX), first(n, incY)
	for i := range m {
		row, from := a[i*lda:][:n], x[ix+i*incX:]
		switch {
		case from[0] == 0:
		case incY == 1:
			k.ger(row, from[:1], y[:n], alpha)
		default:
			for j := range row {
				row[j] += from[0] * (alpha * y[iy+j*incY])
			}
		}
	}
}

// strides reports that x holds n values, inc apart.
func strides(n, inc int, x []float32) bool {
	return inc != 0 && len(x) > (n-1)*max(inc, -inc)
}

// first is where a vector of n values begins: with a negative stride at its end.
func first(n, inc int) int { return max(0, (1-n)*inc) }

// Sgemm sets C to alpha·A·B + beta·C, with A or B, or both, transposed as asked; with a beta of 0, C may hold anything
// before. It walks C row by row: fast for matrices that a cache holds, as those of layers are.
func (b BLAS) Sgemm(tA, tB blas.Transpose, m, n, k int, alpha float32, a []float32, lda int, bm []float32, ldb int, beta float32, c []float32, ldc int) {
	aTrans, aValid := transposes(tA)
	bTrans, bValid := transposes(tB)
	aRows, aCols, bRows, bCols := m, k, k, n
	if aTrans {
		aRows, aCols = k, m
	}
	if bTrans {
		bRows, bCols = n, k
	}
	if !aValid || !bValid || !fits(aRows, aCols, lda, a) || !fits(bRows, bCols, ldb, bm) || !fits(m, n, ldc, c) {
		// Nothing to multiply, at most C to scale, or a mistake.
		b.Implementation.Sgemm(tA, tB, m, n, k, alpha, a, lda, bm, ldb, beta, c, ldc)
		return
	}
	s := b.kernels()
	for i := range m {
		row := c[i*ldc:][:n]
		scale(beta, row)
		switch {
		case alpha == 0 || alpha == 1 && !bTrans:
		case !bTrans:
			for l := range k {
				at := i*lda + l
				if aTrans {
					at = l*lda + i
				}
				s.axpy(alpha*a[at], bm[l*ldb:][:n], row)
			}
		case !aTrans:
			for j := range row {
				row[j] += alpha * s.dot(a[i*lda:][:k], bm[j*ldb:][:k])
			}
		default:
			for l := range k {
				v := alpha * a[l*lda+i]
				for j := range row {
					row[j] += v * bm[j*ldb+l]
				}
			}
		}
	}
	if alpha == 1 && !bTrans {
		f := factors{m: m, n: n, k: k, a: a, row: lda, column: 1, b: bm, strideB: ldb, c: c, strideC: ldc}
		if aTrans {
			f.row, f.column, f.transposed = 1, lda, true
		}
		s.gemm(f)
	}
}

// scale multiplies y by beta; by 0 it clears y, whatever it held.
func scale(beta float32, y []float32) {
	switch beta {
	case 1:
	case 0:
		clear(y)
	default:
		for i := range y {
			y[i] *= beta
		}
	}
}
