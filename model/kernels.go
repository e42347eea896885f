package model

import "math"

// kernels is one implementation of the inner loops. Matrices are row-major [len(x), len(d)]: a row an
// input, a column an output, so that a sparse input gathers contiguous rows. Every step function
// takes the gradient as the outer product x·dᵀ, which it never stores: at batch 1 the gradient of a
// dense layer is exactly that, and a gradient that is stored is the outer product of [scale] with it.
type kernels struct {
	name    string
	network networkKernels
	// forward adds to z[o] the sum over j of x[j]·w[j,o].
	forward func(z, w, x []float32)
	// gather adds to z[o] the sum over i of x[i]·w[index[i],o], and panics at a row beyond w.
	gather func(z, w []float32, index []uint32, x []float32)
	// fetch32 and fetch64 ask for the rows of a matrix of cols columns, which are about to be changed.
	fetch32 func(w []float32, index []uint32, cols int)
	fetch64 func(w []float64, index []uint32, cols int)
	// backward sets dx[j] to the sum over o of w[j,o]·d[o].
	backward func(dx, w, d []float32)
	// squares is the sum of squares in float64, which no finite float32 can overflow.
	squares func(x []float32) float64
	// softmax sets dst to the softmax of factor·z, with factor ≥ 0; logs sets it to the natural logarithms
	// of p, which are positive: below 2⁻¹²⁶ to the logarithm of that. dst may be z or p.
	softmax func(dst, z []float32, factor float32)
	logs    func(dst, p []float32)

	sgd      func(w, x, d []float32, c *coefficients)
	momentum func(w, b, x, d []float32, c *coefficients)
	adagrad  func(w []float32, s []float64, x, d []float32, c *coefficients)
	rmsprop  func(w, v, x, d []float32, c *coefficients)
	adam     func(w, m, v, x, d []float32, c *coefficients)
	amsgrad  func(w, m, v, most, x, d []float32, c *coefficients)
	adadelta func(w, v, u, x, d []float32, c *coefficients)
	ftrl     func(w []float32, z, s []float64, x, d []float32, c *coefficients)
	cocob    func(w, most []float32, sums, thetas, rewards []float64, origin, x, d []float32, c *coefficients)
}

// coefficients are an update's scalars, computed once an update in float64 and rounded once. The
// assembly reads them by field.
type coefficients struct {
	rate   float32 // learning rate; for Adam divided by 1 − β₁ᵗ
	decay  float32 // L2 penalty
	mix1   float32 // SGD: momentum μ; Adam: 1 − β₁
	keep2  float32 // RMSprop, Adadelta: ρ; Adam: β₂
	mix2   float32 // 1 − keep2
	root   float32 // Adam: 1 / √(1 − β₂ᵗ)
	eps    float32
	direct float32 // momentum: share of the gradient itself in the step (Nesterov: 1)
	buffer float32 // momentum: share of the buffer in the step (Nesterov: μ)
	tiny   float32 // moments below it become zero
	most   float32 // Adadelta: bound of the average of squared steps
	// FTRL: 1/α, β and the penalties.
	inverse float64
	beta    float64
	l1      float64
	l2      float64
	// COCOB: α and the bound of its winnings.
	alpha  float64
	wealth float64
}

// momentTiny is where moments become exactly zero. Decaying moments of units that no longer learn
// would otherwise stay denormal for ever, and denormal arithmetic is up to a hundred times slower.
// A moment this small moves a weight by less than 1e-15 of the rate.
const momentTiny = 1e-30

// genericKernels are the fallback, in plain Go.
func genericKernels() *kernels {
	return &kernels{
		name:     "generic",
		network:  genericNetworkKernels(),
		forward:  forwardGeneric,
		backward: backwardGeneric,
		squares:  squaresGeneric,
		gather:   gatherGeneric,
		fetch32:  func([]float32, []uint32, int) {},
		fetch64:  func([]float64, []uint32, int) {},
		softmax:  softmaxGeneric,
		logs:     logsGeneric,
		sgd:      sgdGeneric,
		momentum: momentumGeneric,
		adagrad:  adagradGeneric,
		rmsprop:  rmspropGeneric,
		adam:     adamGeneric,
		amsgrad:  amsgradGeneric,
		adadelta: adadeltaGeneric,
		ftrl:     ftrlGeneric,
		cocob:    cocobGeneric,
	}
}

// forwardGeneric and backwardGeneric are no calls of blas32.Gemv: gonum's dot product peels off entries
// until its argument is aligned to 16 bytes, so the order of its sum, and with it the last bit,
// depends on where the allocator put a slice, and a restored model would not equal the one it was
// copied from. Here the order is fixed.
func forwardGeneric(z, w, x []float32) {
	n := len(z)
	for _, xj := range x {
		row := w[:n]
		w = w[n:]
		for o, v := range row {
			z[o] += xj * v
		}
	}
}

func gatherGeneric(z, w []float32, index []uint32, x []float32) {
	n := len(z)
	for i, row := range index {
		from := int(row) * n
		for o, v := range w[from : from+n] {
			z[o] += x[i] * v
		}
	}
}

func backwardGeneric(dx, w, d []float32) {
	n := len(d)
	for j := range dx {
		row := w[:n]
		w = w[n:]
		var sum float32
		for o, v := range row {
			sum += v * d[o]
		}
		dx[j] = sum
	}
}

func squaresGeneric(x []float32) float64 {
	var sum float64
	for _, v := range x {
		sum += float64(v) * float64(v)
	}
	return sum
}

// sgdGeneric: w ← w − η(g + λw).
func sgdGeneric(w, x, d []float32, c *coefficients) {
	for _, xj := range x {
		row := w[:len(d)]
		w = w[len(d):]
		for o, do := range d {
			row[o] -= c.rate * (xj*do + c.decay*row[o])
		}
	}
}

// momentumGeneric: g ← g + λw, b ← μb + g, w ← w − η(direct·g + buffer·b), as torch.optim.SGD;
// Nesterov's form is Sutskever et al. 2013 as rewritten there.
func momentumGeneric(w, b, x, d []float32, c *coefficients) {
	for _, xj := range x {
		row, buf := w[:len(d)], b[:len(d)]
		w, b = w[len(d):], b[len(d):]
		for o, do := range d {
			g := xj*do + c.decay*row[o]
			v := flush(c.mix1*buf[o]+g, c.tiny)
			buf[o] = v
			row[o] -= c.rate * (c.direct*g + c.buffer*v)
		}
	}
}

// adagradGeneric: s ← s + g², w ← w − ηg/(√s + ε); Duchi, Hazan, Singer 2011, diagonal form. Squares
// add up in float64, where they do not get lost; the root and the quotient need no more than what a
// float32 weight keeps of them.
func adagradGeneric(w []float32, s []float64, x, d []float32, c *coefficients) {
	for _, xj := range x {
		row, acc := w[:len(d)], s[:len(d)]
		w, s = w[len(d):], s[len(d):]
		for o, do := range d {
			g := xj*do + c.decay*row[o]
			acc[o] += float64(g) * float64(g)
			row[o] -= c.rate * (g / (sqrt32(float32(min(acc[o], math.MaxFloat32))) + c.eps))
		}
	}
}

// rmspropGeneric: v ← ρv + (1−ρ)g², w ← w − ηg/(√v + ε); Tieleman, Hinton 2012, lecture 6.5.
func rmspropGeneric(w, v, x, d []float32, c *coefficients) {
	for _, xj := range x {
		row, acc := w[:len(d)], v[:len(d)]
		w, v = w[len(d):], v[len(d):]
		for o, do := range d {
			g := xj*do + c.decay*row[o]
			a := flush(c.keep2*acc[o]+c.mix2*(g*g), c.tiny)
			acc[o] = a
			row[o] -= c.rate * (g / (sqrt32(a) + c.eps))
		}
	}
}

// adamGeneric: m ← m + (1−β₁)(g − m), v ← β₂v + (1−β₂)g², w ← w − η·m̂/(√v̂ + ε); Kingma, Ba 2015,
// Algorithm 1, with the bias corrections folded into rate and root as torch.optim.Adam does.
func adamGeneric(w, m, v, x, d []float32, c *coefficients) {
	n := len(d)
	for _, xj := range x {
		row, first, second := w[:n], m[:n], v[:n]
		w, m, v = w[n:], m[n:], v[n:]
		for o, do := range d {
			g := xj*do + c.decay*row[o]
			f := flush(first[o]+c.mix1*(g-first[o]), c.tiny)
			a := flush(c.keep2*second[o]+c.mix2*(g*g), c.tiny)
			first[o], second[o] = f, a
			row[o] -= c.rate * (f / (sqrt32(a)*c.root + c.eps))
		}
	}
}

func flush(v, tiny float32) float32 {
	if v < tiny && v > -tiny {
		return 0
	}
	return v
}

func sqrt32(v float32) float32 { return float32(math.Sqrt(float64(v))) }
