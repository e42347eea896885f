package modeltest

import (
	"math"
	"testing"

	"millrace"
	"millrace/model"
)

// The gradient is checked at gradientExamples examples or more, until gradientNonZero entries that are
// not zero were compared, at gradientEntries entries of each tensor at most: enough to visit every
// layer and every kind of target, few enough to be quick.
const (
	gradientExamples = 6
	gradientNonZero  = 10
	gradientEntries  = 25
)

// gradientStep balances the rounding of float32 weights, about 1e-7 / step, against curvature.
const gradientStep = 0x1p-10

// checkGradient compares the gradient with central differences of the loss, for models that have one.
// Where the slopes to the left and right differ by more than the tolerance there is a kink (relu,
// hinge, Huber) and nothing to compare with: a kink misleads the central difference by at most half
// of what the slopes differ by.
func checkGradient(t *testing.T, build func() Case) {
	c := build()
	d, ok := model.As[Differentiable](c.Model)
	if !ok {
		t.Skip("the model has no gradient")
	}
	newLearner(c.Model).mustLearn(t, c.Examples[:100])
	weights := map[string][]float32{}
	c.Model.State(func(name string, x millrace.Tensor, role millrace.Role) {
		if role == millrace.Serving && x.F32 != nil {
			weights[name] = x.F32
		}
	})
	var seen tally
	for i, e := range c.Examples[100:] {
		if i >= gradientExamples && seen.nonZero >= gradientNonZero {
			break
		}
		gradients := map[string][]float32{}
		d.LossGradient(e.Input, e.Target, func(name string, g []float32) { gradients[name] = g })
		for name, g := range gradients {
			if len(weights[name]) != len(g) {
				t.Fatalf("%s has %d entries, its gradient %d", name, len(weights[name]), len(g))
			}
			seen.compare(t, d, e, name, weights[name], g)
		}
	}
	if seen.kinks > seen.compared/4 || seen.nonZero < gradientNonZero {
		t.Errorf("compared, not zero, at a kink: %+v", seen)
	}
}

// tally counts what was compared.
type tally struct{ compared, nonZero, kinks int }

func (seen *tally) compare(t *testing.T, d Differentiable, e Example, name string, w, g []float32) {
	t.Helper()
	for i := 0; i < len(w); i += 1 + len(w)/gradientEntries {
		left, right := slopes(d, e, w, i)
		central, got := (left+right)/2, float64(g[i])
		tolerance := 2e-3 + 2e-2*math.Max(math.Abs(central), math.Abs(got))
		if math.Abs(right-left) > tolerance {
			seen.kinks++
			continue
		}
		seen.compared++
		if got != 0 {
			seen.nonZero++
		}
		if math.Abs(central-got) > tolerance {
			t.Errorf("%s[%d]: gradient %g, difference quotient %g", name, i, got, central)
		}
	}
}

// slopes are the loss's difference quotients to the left and right of w[i].
func slopes(d Differentiable, e Example, w []float32, i int) (left, right float64) {
	old := w[i]
	here := d.LossGradient(e.Input, e.Target, nil)
	at := func(v float32) float64 {
		w[i] = v
		return (d.LossGradient(e.Input, e.Target, nil) - here) / (float64(v) - float64(old))
	}
	left, right = at(old-gradientStep), at(old+gradientStep)
	w[i] = old
	return left, right
}
