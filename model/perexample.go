package model

import (
	"fmt"
	"math"

	"millrace"
	"millrace/model/kernel"
)

// example is what rules that are defined for one example of a linear model at a time read of it.
type example struct {
	raw    *millrace.Vector // the input as it came
	class  int32
	t      float64 // the target of a number
	weight float64
}

// condition replaces the derivatives of an example's loss by the outputs of a linear model by what the SGD
// kernel turns into the rule's step. It returns a factor of at most 1 by which the gradient became smaller.
//
// Normalized: the step is rate·g/(1 + ‖x‖²) (normalised LMS, Nagumo and Noda 1967, with the 1 of the bias
// to keep the divisor from zero), so that a rate of 1 moves the outputs by the loss's derivative whatever
// the scale and number of the features.
//
// Importance aware: the step is what ever smaller steps, ever more of them, tend to, in closed form.
func (n *network) condition(sc *scratch) float64 {
	d := sc.deltas[0].Data
	factor := 1.0
	switch n.optimizer.spec.Type {
	case RuleNormalized:
		factor = n.weighted(sc.example.weight) / sc.square
		for i, v := range d {
			d[i] = kernel.Flush(float32(float64(v)*factor), momentTiny)
		}
	case ruleImportanceAware:
		for i := range d {
			d[i] = kernel.Flush(n.implicit(sc, i), momentTiny)
		}
	}
	return factor
}

// weighted holds back a normalised step of importance h: h steps of a quadratic loss whose curvature is the
// loss's largest move the output by 1 − (1 − r)ʰ of the way that one alone would at r = 1, and so never past the
// minimum, where h times one step would. The result is that share of h steps; 1 at h = 1.
func (n *network) weighted(h float64) float64 {
	if h == 1 || h == 0 {
		return 1
	}
	curvature := 1.0
	switch n.head {
	case headLogistic:
		curvature = 0.25
	case headSoftmax:
		curvature = 0.5
	}
	const most = 0.9 // beyond it the first step would be all, whatever its weight
	r := min(n.optimizer.rate*curvature, most)
	return -math.Expm1(h*math.Log1p(-r)) / (r * h)
}

// implicit is s(h)/η of Karampatziakis and Langford 2011, Table 1, for output i: the multiple of the input
// that the importance h of the example and the rate η take from the weights, over η. It never passes the
// loss's minimum, however large h and η are.
func (n *network) implicit(sc *scratch, i int) float32 {
	e := &sc.example
	z, h := float64(sc.outputs[0].Data[i]), e.weight
	reach := n.optimizer.rate * sc.square // η·xᵀx: what a unit of s/η moves the output by
	switch n.head {
	case headLogistic:
		side := 1.0
		if e.class != 1 {
			side = -1
		}
		return float32(-side * advance(side*z, h*reach) / reach)
	case headQuantile:
		tau := n.spec.Quantile
		if e.t >= z {
			return float32(-min(tau*h, (e.t-z)/reach))
		}
		return float32(min((1-tau)*h, (z-e.t)/reach))
	default: // squared
		return float32((e.t - z) * math.Expm1(-h*reach) / reach)
	}
}

// advance is by how much the margin m of a logistic loss grows when its gradient is followed for a time a:
// the solution δ of δ + eᵐ(e^δ − 1) = a. The paper writes it as W(e^(a + m + eᵐ)) − eᵐ with Lambert's W,
// where the exponential overflows; here the difference itself is found, by Newton's method from above,
// where the convex left side makes every iterate a better bound.
func advance(m, a float64) float64 {
	const (
		certain    = 36 // eᵐ is beyond 2⁵², so that δ alone adds nothing to the left side
		iterations = 50 // two or three are enough; a bound, so that it ends
		near       = 1e-5
	)
	if m > certain {
		return math.Log1p(a * math.Exp(-m))
	}
	em := math.Exp(m)
	// The left side is above its tangent at 0, and above its second term.
	delta := a / (1 + em)
	if delta > 0.5 {
		bound := math.Log1p(a / em)
		if m < -certain {
			bound = math.Log(a+em) - m
		}
		delta = min(delta, bound)
	}
	for range iterations {
		var slope, over float64
		if delta < 1 {
			growth := math.Expm1(delta) // without cancellation
			slope, over = em+em*growth, delta+em*growth-a
		} else {
			slope = math.Exp(m + delta)
			over = delta + slope - em - a
		}
		step := over / (1 + slope)
		delta -= step
		if !(step > near*delta) {
			break // the error left is of the order of the step's square
		}
	}
	return max(delta, 0)
}

// implied is the largest absolute value of the weights that FTRL's sums stand for, which a restored state
// need not agree with; 0 for other rules.
func (o *optimizer) implied(p *parameter) float64 {
	if o.spec.Type != ruleFTRL {
		return 0
	}
	c := &o.biases
	if p.penalised {
		c = &o.weights
	}
	var most float64
	for i, z := range p.sum {
		most = max(most, math.Abs(kernel.FTRLWeight(z, math.Sqrt(p.square[i]), c)))
	}
	return most
}

// perExample reports that a rule is defined for one example of a linear model at a time.
func (s OptimizerSpec) perExample() bool {
	return s.Type == RuleNormalized || s.Type == ruleNormalizedAdaptive || s.Type == ruleImportanceAware
}

// The normalised adaptive gradient of Ross, Mineiro and Langford 2013, Algorithm 2, is AdaGrad on inputs
// in units of the largest value s that each has had, at a rate of η·√(t/N): the weights that are kept are
// s·w of the paper, so that its rescaling of w when s grows is no change to them; and the sums of squared
// gradients are kept in those units too, so they shrink when s grows.

// scale writes x in units of the largest values, itself included, into sc.scaled.
func (n *network) scale(x *millrace.Vector, sc *scratch) *millrace.Vector {
	to := &sc.scaled
	if n.shape.Sparse {
		to.Index, to.Value = x.Index, append(to.Value[:0], x.Value...)
		for i, v := range x.Value {
			to.Value[i] = within(v, n.inputs[x.Index[i]])
		}
		return to
	}
	to.Dense = append(to.Dense[:0], x.Dense...)
	for i, v := range x.Dense {
		to.Dense[i] = within(v, n.inputs[i])
	}
	return to
}

// within is v over the larger of most and |v|.
func within(v, most float32) float32 {
	if v == 0 {
		return 0
	}
	return v / max(most, v, -v)
}

// observe takes the input of an admitted update into the largest values and into N, and sets the rate.
func (n *network) observe(sc *scratch) {
	x, o := sc.example.raw, n.optimizer
	if n.shape.Sparse {
		for i, row := range x.Index {
			n.grow(int(row), x.Value[i])
		}
	} else {
		for i, v := range x.Dense {
			n.grow(i, v)
		}
	}
	o.norms[0] += sc.square
	o.adapt()
}

// grow makes input i's largest value at least |v|.
func (n *network) grow(i int, v float32) {
	old := n.inputs[i]
	size := max(v, -v)
	if size <= old {
		return
	}
	n.inputs[i] = size
	ratio := float64(old) / float64(size)
	w := &n.layers[0].weight
	for o := i * w.cols; o < (i+1)*w.cols; o++ {
		w.square[o] *= ratio * ratio
	}
}

// adapt sets the rate to η·√(t/N). Every example adds 1 for the bias to N, so it is at most η.
func (o *optimizer) adapt() {
	rate := o.rate * math.Sqrt(min(1, float64(o.steps[0]+1)/max(o.norms[0], 1)))
	o.weights.Rate, o.biases.Rate = float32(rate), float32(rate)
}

// checkInputs reports largest values and a sum of squares that cannot be.
func (n *network) checkInputs() error {
	for i, v := range n.inputs {
		if !(v >= 0 && v <= math.MaxFloat32) {
			return fmt.Errorf("layers.0.input.largest[%d] is %g", i, v)
		}
	}
	if norms := n.optimizer.norms; norms != nil && !(norms[0] >= 0 && norms[0] <= math.MaxFloat64) {
		return fmt.Errorf("optimizer.norms is %g", norms[0])
	}
	return nil
}
