package model

import (
	"math"

	"gonum.org/v1/gonum/blas/blas32"
)

// networkKernels are the inner loops of hidden layers. Half the units of a relu layer are zero for any one
// event; what a zero multiplies is skipped where that changes nothing: a product of zero adds zero.
type networkKernels struct {
	// relu replaces z by max(z, 0), at most limit; a NaN becomes 0.
	relu func(z []float32, limit float32)
	// gate sets d to zero where out is not above zero: the derivative of relu.
	gate func(d, out []float32)
	// tanh replaces z by its tanh; a NaN becomes 0.
	tanh func(z []float32)
	// slope multiplies d by 1 − out², the derivative of tanh.
	slope func(d, out []float32)
	// forward adds to z[o] the sum over j of x[j]·w[j,o], and passes over rows whose x is zero.
	forward func(z, w, x []float32)
	// backward sets dx[j] to the sum over o of w[j,o]·d[o] where out[j] is above zero, elsewhere to zero:
	// kernels.backward and gate in one. Without out it is kernels.backward.
	backward func(dx, w, d, out []float32)
	// outer adds x·(scale·d)ᵀ to g, and passes over rows whose x is zero.
	outer func(g, x, d []float32, scale float32)
}

func genericNetworkKernels() networkKernels {
	return networkKernels{
		relu: reluGeneric, gate: gateGeneric, tanh: tanhGeneric, slope: slopeGeneric,
		forward: forwardActiveGeneric, backward: backwardGatedGeneric, outer: outerGeneric,
	}
}

func reluGeneric(z []float32, limit float32) {
	for i, v := range z {
		z[i] = min(max(v, 0), limit)
		if v != v {
			z[i] = 0
		}
	}
}

func gateGeneric(d, out []float32) {
	for i, v := range out {
		if v <= 0 {
			d[i] = 0
		}
	}
}

func tanhGeneric(z []float32) {
	for i, v := range z {
		z[i] = float32(math.Tanh(float64(bounded(v))))
	}
}

func slopeGeneric(d, out []float32) {
	for i, v := range out {
		d[i] *= 1 - v*v
	}
}

func forwardActiveGeneric(z, w, x []float32) {
	n := len(z)
	for j, xj := range x {
		if xj == 0 {
			continue
		}
		for o, v := range w[j*n : (j+1)*n] {
			z[o] += xj * v
		}
	}
}

func backwardGatedGeneric(dx, w, d, out []float32) {
	n := len(d)
	for j := range dx {
		var sum float32
		if out == nil || out[j] > 0 {
			for o, v := range w[j*n : (j+1)*n] {
				sum += v * d[o]
			}
		}
		dx[j] = sum
	}
}

// outerGeneric is BLAS's rank-one update, which works entry by entry: no sum whose order could depend on
// alignment, and no goroutines at any size.
func outerGeneric(g, x, d []float32, scale float32) {
	blas32.Ger(scale, blas32.Vector{N: len(x), Inc: 1, Data: x}, blas32.Vector{N: len(d), Inc: 1, Data: d},
		blas32.General{Rows: len(x), Cols: len(d), Stride: len(d), Data: g})
}
