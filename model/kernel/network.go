package kernel

import (
	"math"

	"gonum.org/v1/gonum/blas/blas32"
)

// Network are the inner loops of hidden layers. Half the units of a relu layer are zero for any one
// event; what a zero multiplies is skipped where that changes nothing: a product of zero adds zero.
type Network struct {
	// ReLU replaces z by max(z, 0), at most limit; a NaN becomes 0.
	ReLU func(z []float32, limit float32)
	// Gate sets d to zero where out is not above zero: the derivative of relu.
	Gate func(d, out []float32)
	// Tanh replaces z by its tanh; a NaN becomes 0.
	Tanh func(z []float32)
	// Slope multiplies d by 1 − out², the derivative of tanh.
	Slope func(d, out []float32)
	// Forward adds to z[o] the sum over j of x[j]·w[j,o], and passes over rows whose x is zero.
	Forward func(z, w, x []float32)
	// Backward sets dx[j] to the sum over o of w[j,o]·d[o] where out[j] is above zero, elsewhere to zero:
	// Set.Backward and Gate in one. Without out it is Set.Backward.
	Backward func(dx, w, d, out []float32)
	// Outer adds x·(scale·d)ᵀ to g, and passes over rows whose x is zero.
	Outer func(g, x, d []float32, scale float32)
}

func genericNetwork() Network {
	return Network{
		ReLU: reluGeneric, Gate: gateGeneric, Tanh: tanhGeneric, Slope: slopeGeneric,
		Forward: forwardActiveGeneric, Backward: backwardGatedGeneric, Outer: outerGeneric,
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
		z[i] = float32(math.Tanh(float64(v)))
		if v != v {
			z[i] = 0
		}
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
