package kernel

import "golang.org/x/sys/cpu"

// Best picks the fastest set that this processor runs.
func Best() *Set {
	if !cpu.X86.HasAVX2 || !cpu.X86.HasFMA || !cpu.X86.HasBMI1 {
		return Generic()
	}
	gemm := bestGemm()
	return withBLAS(&Set{
		Name: "avx2-fma",
		products: products{
			gemv: gemvAVX2, gemvT: gemvTAVX2, dot: dotAVX2, dots: dotsAVX2, axpy: axpyAVX2, ger: gerAVX2,
			active: activeAVX2, gated: gatedAVX2, gemm: gemm, gemvTs: gemvTsAVX2(gemm), actives: activesAVX2(gemm), transpose: transposeAVX2,
		},
		ReLU:     reluAVX2,
		Gate:     gateAVX2,
		Tanh:     tanhAVX2,
		Slope:    slopeAVX2,
		Squares:  squaresAVX2,
		Gather:   gatherRows,
		Fetch32:  prefetch32AVX2,
		Fetch64:  prefetch64AVX2,
		Softmax:  softmaxAVX2,
		Logs:     logsAVX2,
		SGD:      sgdAVX2,
		Momentum: momentumAVX2,
		AdaGrad:  adagradAVX2,
		RMSprop:  rmspropAVX2,
		Adam:     adamAVX2,
		AMSGrad:  amsgradAVX2,
		Adadelta: adadeltaAVX2,
		FTRL:     ftrlAVX2,
		COCOB:    cocobAVX2,
	})
}

// The assembly trusts its lengths: every matrix holds len(x)·len(d) values.

//go:noescape
func squaresAVX2(x []float32) float64

// gatherRows panics, as an index beyond a slice does, if a row lies beyond the matrix.
func gatherRows(z, w []float32, index []uint32, x []float32) {
	if !gatherAVX2(z, w, index, x) {
		panic("kernel: a sparse index is beyond the width of its view")
	}
}

//go:noescape
func gatherAVX2(z, w []float32, index []uint32, x []float32) (ok bool)

//go:noescape
func prefetch32AVX2(w []float32, index []uint32, cols int)

//go:noescape
func prefetch64AVX2(w []float64, index []uint32, cols int)

//go:noescape
func softmaxAVX2(dst, z []float32, factor float32)

//go:noescape
func logsAVX2(dst, p []float32)

//go:noescape
func sgdAVX2(w, x, d []float32, c *Coefficients)

//go:noescape
func momentumAVX2(w, b, x, d []float32, c *Coefficients)

//go:noescape
func adagradAVX2(w []float32, s []float64, x, d []float32, c *Coefficients)

//go:noescape
func rmspropAVX2(w, v, x, d []float32, c *Coefficients)

//go:noescape
func adamAVX2(w, m, v, x, d []float32, c *Coefficients)

//go:noescape
func amsgradAVX2(w, m, v, most, x, d []float32, c *Coefficients)

//go:noescape
func adadeltaAVX2(w, v, u, x, d []float32, c *Coefficients)

//go:noescape
func ftrlAVX2(w []float32, z, s []float64, x, d []float32, c *Coefficients)

//go:noescape
func cocobAVX2(w, most []float32, sums, thetas, rewards []float64, origin, x, d []float32, c *Coefficients)

//go:noescape
func reluAVX2(z []float32, limit float32)

//go:noescape
func gateAVX2(d, out []float32)

//go:noescape
func tanhAVX2(z []float32)

//go:noescape
func slopeAVX2(d, out []float32)
