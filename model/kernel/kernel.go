// Package kernel is the vector arithmetic of the model families: products of matrices and vectors, what networks
// apply to a layer's outputs, and the update rules of the optimizers. A Set is one implementation of all of them; BLAS
// puts its products behind gonum's interface, and On puts another implementation of that interface under models.
//
// Every sum is made in one order wherever its slices stand in memory, so that a restored model equals the one it was
// copied from bit for bit. Names follow BLAS and the papers; equations stand at the plain Go of each function, and the
// assembly of a processor does the same to rounding. Nothing here allocates or starts goroutines.
package kernel

import (
	"runtime"

	"gonum.org/v1/gonum/blas"
)

// Set is one implementation of the inner loops. Matrices are row-major [len(x), len(d)]: a row an
// input, a column an output, so that a sparse input gathers contiguous rows. Every step function
// takes the gradient as the outer product x·dᵀ, which it never stores: at batch 1 the gradient of a
// dense layer is exactly that, and a gradient that is stored is the outer product of [scale] with it.
type Set struct {
	// Name is that of the instructions, as in "avx2-fma".
	Name string
	products
	blas blas.Float32 // on the products, or another implementation

	// ReLU replaces z by max(z, 0), at most limit; a NaN becomes 0.
	ReLU func(z []float32, limit float32)
	// Gate sets d to zero where out is not above zero: the derivative of relu.
	Gate func(d, out []float32)
	// Tanh replaces z by its tanh; a NaN becomes 0.
	Tanh func(z []float32)
	// Slope multiplies d by 1 − out², the derivative of tanh.
	Slope func(d, out []float32)
	// Gather adds to z[o] the sum over i of x[i]·w[index[i],o], and panics at a row beyond w.
	Gather func(z, w []float32, index []uint32, x []float32)
	// Fetch32 and Fetch64 ask for the rows of a matrix of cols columns, which are about to be changed.
	Fetch32 func(w []float32, index []uint32, cols int)
	Fetch64 func(w []float64, index []uint32, cols int)
	// Squares is the sum of squares in float64, which no finite float32 can overflow.
	Squares func(x []float32) float64
	// Softmax sets dst to the softmax of factor·z, with factor ≥ 0; Logs sets it to the natural logarithms
	// of p, which are positive: below 2⁻¹²⁶ to the logarithm of that. dst may be z or p.
	Softmax func(dst, z []float32, factor float32)
	Logs    func(dst, p []float32)

	// The rules of optimizers, each a step of w against x·dᵀ with what it remembers beside w: equations and papers
	// stand at the plain Go of each.

	SGD      func(w, x, d []float32, c *Coefficients)
	Momentum func(w, b, x, d []float32, c *Coefficients)
	AdaGrad  func(w []float32, s []float64, x, d []float32, c *Coefficients)
	RMSprop  func(w, v, x, d []float32, c *Coefficients)
	Adam     func(w, m, v, x, d []float32, c *Coefficients)
	AMSGrad  func(w, m, v, most, x, d []float32, c *Coefficients)
	Adadelta func(w, v, u, x, d []float32, c *Coefficients)
	FTRL     func(w []float32, z, s []float64, x, d []float32, c *Coefficients)
	COCOB    func(w, most []float32, sums, thetas, rewards []float64, origin, x, d []float32, c *Coefficients)
}

// Coefficients are an update's scalars, computed once an update in float64 and rounded once. The
// assembly reads them by field.
type Coefficients struct {
	Rate   float32 // learning rate; for Adam divided by 1 − β₁ᵗ
	Decay  float32 // L2 penalty
	Mix1   float32 // SGD: momentum μ; Adam: 1 − β₁
	Keep2  float32 // RMSprop, Adadelta: ρ; Adam: β₂
	Mix2   float32 // 1 − Keep2
	Root   float32 // Adam: 1 / √(1 − β₂ᵗ)
	Eps    float32
	Direct float32 // momentum: share of the gradient itself in the step (Nesterov: 1)
	Buffer float32 // momentum: share of the buffer in the step (Nesterov: μ)
	// Tiny is where moments become exactly zero. Decaying moments of units that no longer learn would otherwise stay
	// denormal for ever, and denormal arithmetic is up to a hundred times slower.
	Tiny float32
	Most float32 // Adadelta: bound of the average of squared steps
	// FTRL: 1/α, β and the penalties.
	Inverse float64
	Beta    float64
	L1      float64
	L2      float64
	// COCOB: α and the bound of its winnings.
	Alpha  float64
	Wealth float64
}

// Profile names what the bits of a result depend on besides the binary: the architecture, the level
// it was compiled for when that is above the lowest, and the kernels that this processor runs, as in
// "amd64-avx2-fma".
func Profile() string { return runtime.GOARCH + compiledLevel + "-" + Best().Name }

// Generic is the fallback, in plain Go, which runs on every processor.
func Generic() *Set {
	return withBLAS(&Set{
		Name:     "generic",
		products: genericProducts(),
		ReLU:     reluGeneric,
		Gate:     gateGeneric,
		Tanh:     tanhGeneric,
		Slope:    slopeGeneric,
		Squares:  squaresGeneric,
		Gather:   gatherGeneric,
		Fetch32:  func([]float32, []uint32, int) {},
		Fetch64:  func([]float64, []uint32, int) {},
		Softmax:  softmaxGeneric,
		Logs:     logsGeneric,
		SGD:      sgdGeneric,
		Momentum: momentumGeneric,
		AdaGrad:  adagradGeneric,
		RMSprop:  rmspropGeneric,
		Adam:     adamGeneric,
		AMSGrad:  amsgradGeneric,
		Adadelta: adadeltaGeneric,
		FTRL:     ftrlGeneric,
		COCOB:    cocobGeneric,
	})
}

// withBLAS puts the set's products behind gonum's interface.
func withBLAS(s *Set) *Set {
	s.blas = BLAS{set: s}
	return s
}
