package model

import (
	"fmt"

	"millrace"
)

// average is the mean of the weights after each event, of all so far until there are averageEvents,
// from then on with weights that fall off by the event: a mean of all would take as long to follow a
// drift as the stream has lasted. It is kept as mix·(a + share·w) with the present weights w,
// before their scale, so that an event that changes some rows of w costs those rows only, and one that
// changes none costs nothing (Xu 2011, section 6.1, after Bottou).
type average struct {
	weight, bias parameter
	share        []float64 // [1]
	mix          []float64 // [1]
}

const averageEvents = 10_000

func newAverage(body *network) *average {
	l, none := &body.layers[0], newOptimizer(Spec{Optimizer: OptimizerSpec{Type: RuleSGD}}, body.k)
	return &average{
		weight: *newParameter("average.weight", l.in, l.out, none, false),
		bias:   *newParameter("average.bias", 1, l.out, none, false),
		share:  make([]float64, 1), mix: []float64{1},
	}
}

// forward writes the margins under the average into the scratch, where those under the present weights are, before
// their scale.
func (a *average) forward(m *svm, v *millrace.Vector, sc *svmScratch) {
	m.product(&a.weight, &a.bias, &sc.averaged, v, sc)
	dst := sc.averaged.Data
	for i, present := range sc.z() {
		dst[i] = bounded(float32(a.mix[0] * (float64(dst[i]) + a.share[0]*float64(present))))
	}
}

// count takes the weights after the event that was just counted into the mean.
func (a *average) count(m *svm) {
	n := float64(max(1, min(m.body.optimizer.steps[0], averageEvents)))
	a.mix[0] *= 1 - 1/n
	if a.mix[0] == 0 { // of one event, the mean is its weights
		a.mix[0], a.share[0] = 1, m.scale[0]
		return
	}
	a.share[0] += m.scale[0] / (n * a.mix[0])
	if a.mix[0] < scaleMin {
		a.fold(m.margins)
	}
}

// fold makes the mean a alone, so that neither number can grow without bound.
func (a *average) fold(l *layer) {
	mix, share := float32(a.mix[0]), float32(a.share[0])
	for i, w := range l.weight.w.Data {
		a.weight.w.Data[i] = mix * (a.weight.w.Data[i] + share*w)
	}
	for i, w := range l.bias.w.Data {
		a.bias.w.Data[i] = mix * (a.bias.w.Data[i] + share*w)
	}
	a.mix[0], a.share[0] = 1, 0
}

func (a *average) state(visit func(string, millrace.Tensor, millrace.Role)) {
	a.weight.state(visit)
	a.bias.state(visit)
	visit("average.share", millrace.Tensor{Shape: scalarShape, F64: a.share}, millrace.Serving)
	visit("average.mix", millrace.Tensor{Shape: scalarShape, F64: a.mix}, millrace.Serving)
}

func (a *average) check() error {
	if err := a.weight.check(); err != nil {
		return err
	}
	if err := a.bias.check(); err != nil {
		return err
	}
	if mix := a.mix[0]; !(mix >= scaleMin && mix <= 1) {
		return fmt.Errorf("average.mix is %g", mix)
	}
	// The mean holds the present weights with a share of at most 1.
	if share := a.share[0]; !(share >= 0 && share*a.mix[0] <= slack) {
		return fmt.Errorf("average.share is %g", share)
	}
	return nil
}
