package model

import (
	"math"
	"math/rand/v2"

	"gonum.org/v1/gonum/blas/blas32"

	"millrace"
	"millrace/model/kernel"
)

// activation is a function applied to every output of a layer.
type activation uint8

const (
	identity activation = iota
	relu
	tanh
	sigmoid
)

func activationOf(name string) activation {
	switch name {
	case ActivationReLU:
		return relu
	case ActivationTanh:
		return tanh
	case activationSigmoid:
		return sigmoid
	default:
		return identity
	}
}

// apply replaces z by its activation, bounded by activationMax; a NaN, which only inputs near the
// end of float32 can cause, becomes a bound too. So whatever comes in, the next layer's sums are
// finite.
func (a activation) apply(k *kernel.Set, z []float32) {
	switch a {
	case relu:
		k.ReLU(z, activationMax)
	case tanh:
		k.Tanh(z)
	case sigmoid:
		for i, v := range z {
			_, z[i] = logistic(bounded(v))
		}
	default:
		for i, v := range z {
			z[i] = bounded(v)
		}
	}
}

// derive multiplies d, the gradient at the activation's output, by the derivative, which is a
// function of the output out.
func (a activation) derive(k *kernel.Set, d, out []float32) {
	switch a {
	case relu:
		k.Gate(d, out)
	case tanh:
		k.Slope(d, out)
	case sigmoid:
		for i, v := range out {
			d[i] *= v * (1 - v)
		}
	}
}

// bounded clamps v to ±activationMax; NaN becomes 0.
func bounded(v float32) float32 {
	if v >= -activationMax && v <= activationMax { // nobody waits for that to be known
		return v
	}
	if v != v {
		return 0
	}
	return min(max(v, -activationMax), activationMax)
}

// logistic returns 1−σ(z) and σ(z), each to full relative precision also where it is tiny.
func logistic(z float32) (no, yes float32) {
	const sign = 1 << 31
	bits := math.Float32bits(z)
	e := kernel.Exp(math.Float32frombits(bits | sign))
	likely := 1 / (1 + e)
	// Which of the two is likely is what nobody can predict, the processor neither: without a branch. A zero of either
	// sign makes both a half.
	a, b := math.Float32bits(e*likely), math.Float32bits(likely)
	other := (a ^ b) & -(bits >> 31)
	return math.Float32frombits(a ^ other), math.Float32frombits(b ^ other)
}

// layer computes activation(scale·Wᵀx + b), or, with layer norm, activation(norm(scale·Wᵀx)).
type layer struct {
	in, out    int
	activation activation
	weight     parameter  // [in, out]
	bias       parameter  // [1, out]
	gain       *parameter // [1, out], of layer norm, whose bias is the layer's; nil without
	// scale is 1 but where L2 by SGD on a sparse input is kept out of the rows: see rows.
	scale []float64
	// transposed is Wᵀ where backward multiplies by it, no matrix elsewhere: see network.transpose.
	transposed blas32.General // [out, in]
	scaleName  string
	scaled     bool
}

// initialise draws the weights: uniform is U(±1/√in) for weights and biases (PyTorch's nn.Linear);
// he is N(0, 2/in) (He et al. 2015, equation 10) and glorot U(±√(6/(in+out))) (Glorot and Bengio
// 2010, equation 16), both with biases of zero. Layers without a name start at zero.
func (l *layer) initialise(name string, random *rand.Rand) {
	if l.gain != nil {
		for i := range l.gain.w.Data {
			l.gain.w.Data[i] = 1
		}
	}
	uniform := func(w []float32, bound float64) {
		for i := range w {
			w[i] = float32((2*random.Float64() - 1) * bound)
		}
	}
	switch name {
	case initUniform:
		bound := 1 / math.Sqrt(float64(l.in))
		uniform(l.weight.w.Data, bound)
		uniform(l.bias.w.Data, bound)
	case initHe:
		deviation := math.Sqrt(2 / float64(l.in))
		for i := range l.weight.w.Data {
			l.weight.w.Data[i] = float32(random.NormFloat64() * deviation)
		}
	case initGlorot:
		uniform(l.weight.w.Data, math.Sqrt(6/float64(l.in+l.out)))
	}
}

// bounds are those of uniform distributions with the variance of initialise, for weights and biases.
func (l *layer) bounds(name string) (weights, biases float64) {
	in, out := float64(l.in), float64(l.out)
	switch name {
	case initUniform:
		return 1 / math.Sqrt(in), 1 / math.Sqrt(in)
	case initHe:
		return math.Sqrt(6 / in), 0
	default:
		return math.Sqrt(6 / (in + out)), 0
	}
}

// parameters are the layer's weights, biases and gains; nil where it has none.
func (l *layer) parameters() [3]*parameter { return [...]*parameter{&l.weight, &l.bias, l.gain} }

// forward writes the layer's sums for a dense input into z, before norm and activation. active says that many
// values of x are zero.
func (l *layer) forward(k *kernel.Set, z, x *blas32.Vector, active bool) {
	switch {
	case l.gain != nil:
		clear(z.Data)
	case l.out == 1:
		z.Data[0] = l.bias.w.Data[0] + k.Column(&l.weight.w, x)
		return
	default:
		copy(z.Data, l.bias.w.Data)
	}
	if l.out > 1 && (active || l.out < 8) {
		k.GemvTActive(&l.weight.w, x, z)
	} else {
		k.GemvT(&l.weight.w, x, z)
	}
}

// forwardAll is forward of as many inputs as x has rows, with the bits of each alone, for a layer without norm.
func (l *layer) forwardAll(k *kernel.Set, z, x *blas32.General, active bool) {
	if l.out == 1 {
		for i := range z.Data {
			row := kernel.Vector(rowOf(x, i))
			z.Data[i] = l.bias.w.Data[0] + k.Column(&l.weight.w, &row)
		}
		return
	}
	for i := range z.Rows {
		copy(rowOf(z, i), l.bias.w.Data)
	}
	if active || l.out < 8 {
		k.GemvTsActive(&l.weight.w, x, z)
	} else {
		k.GemvTs(&l.weight.w, x, z)
	}
}

// backward writes into d the loss's derivatives by the sums of the layer before, whose activation is a and whose
// outputs are out, from this layer's own.
func (l *layer) backward(k *kernel.Set, d, own, out *blas32.Vector, a activation) {
	if l.transposed.Data != nil {
		clear(d.Data)
		k.GemvTActive(&l.transposed, own, d)
		a.derive(k, d.Data, out.Data)
		return
	}
	if a == relu {
		k.GemvGated(&l.weight.w, own, d, out)
		return
	}
	k.Gemv(&l.weight.w, own, d)
	a.derive(k, d.Data, out.Data)
}

// backwardAll is backward for each row, of a layer with a transposed matrix.
func (l *layer) backwardAll(k *kernel.Set, d, own, out *blas32.General, a activation) {
	clear(d.Data)
	k.GemvTsActive(&l.transposed, own, d)
	a.derive(k, d.Data, out.Data)
}

// gather is forward for a sparse input: it reads only the rows that the input names.
func (l *layer) gather(k *kernel.Set, z []float32, x *millrace.Vector) {
	clear(z)
	if l.out == 1 {
		z[0] = kernel.SparseDot(l.weight.w.Data, x.Index, x.Value)
	} else {
		k.Gather(z, l.weight.w.Data, x.Index, x.Value)
	}
	scale := float32(l.scale[0])
	if l.gain != nil {
		for o := range z {
			z[o] *= scale
		}
		return
	}
	for o, b := range l.bias.w.Data {
		z[o] = scale*z[o] + b
	}
}
