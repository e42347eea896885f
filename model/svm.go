package model

import (
	"fmt"
	"math"

	"millrace"
)

// svm is the family of support-vector machines: margins that are linear in the input, or in random
// features of it, learned from events whose margin is too small and turned into probabilities by a
// link that is learned beside them.
type svm struct {
	spec    Spec // resolved
	classes int  // 0 for numbers
	view    millrace.ViewID
	views   []millrace.ViewID

	k *kernels
	// body is the layer of margins: one for two classes or a number, one a class for more. Updates by
	// gradient are the network's own; the others use its weights, its bias and its rows.
	body    *network
	margins *layer
	c       float64
	step    coefficients // of updates that are not by gradient: a rate of 1
	bound   float64      // an upper bound of the largest weight, see admit
	target  moments      // numbers
	link    temperature  // classes
}

// svmScratch is an svm's working memory.
type svmScratch struct {
	body       *scratch
	prediction []float32
}

func newSVM(s Spec, target TargetSpec, views millrace.Views, k *kernels) (Model, error) {
	view, shape, err := viewOf(views, s.viewKind())
	if err != nil {
		return nil, err
	}
	if err := s.checkSize(target, shape); err != nil {
		return nil, err
	}
	body := newNetwork(s.body(), TargetSpec{Classes: max(2, s.margins(target))}, view, shape, k)
	m := &svm{
		spec: s, classes: target.Classes, view: view, views: []millrace.ViewID{view}, k: k, body: body,
		margins: &body.layers[0], step: coefficients{rate: 1, rate64: 1}, target: newMoments(), link: newTemperature(),
	}
	m.setC(s.C)
	return m, nil
}

// setC changes C between events. It is no part of the state.
func (m *svm) setC(c float64) { m.c = c }

func (m *svm) Views() []millrace.ViewID { return m.views }

func (m *svm) Outputs() int { return max(1, m.classes) }

func (m *svm) NewScratch() Scratch {
	return &svmScratch{body: m.body.NewScratch().(*scratch), prediction: make([]float32, m.Outputs())}
}

// input is what the margins are linear in.
func (m *svm) input(x millrace.Input, _ *svmScratch) *millrace.Vector { return &x[m.view] }

func (m *svm) Predict(dst []float32, x millrace.Input, s Scratch) {
	sc := s.(*svmScratch)
	m.body.forward(m.input(x, sc), sc.body)
	m.predict(sc.prediction, sc.z())
	copy(dst, sc.prediction)
}

// z are the margins that the latest Predict found.
func (sc *svmScratch) z() []float32 { return sc.body.outputs[0] }

// d is where the derivative by the margins goes.
func (sc *svmScratch) d() []float32 { return sc.body.deltas[0] }

func (m *svm) predict(dst, z []float32) {
	if m.classes > 0 {
		m.link.predict(dst, z)
		return
	}
	v := m.target.restore(float64(z[0]))
	dst[0] = float32(min(max(v, -math.MaxFloat32), math.MaxFloat32))
}

// Learn leaves everything as it is when the target is not known or the weight is zero.
func (m *svm) Learn(x millrace.Input, y millrace.Target, weight float32, s Scratch) error {
	if err := m.admissible(y, weight); err != nil {
		return err
	}
	if weight == 0 || !y.Known {
		return nil
	}
	var w, mean, squares, t float64
	if m.classes == 0 {
		w, mean, squares = m.target.next(y.Value, float64(weight))
		if math.IsInf(squares, 1) {
			return fmt.Errorf("a label of %g overflows the variance: %w", y.Value, millrace.ErrUpdateRefused)
		}
		t = standard(y.Value, w, mean, squares)
	}
	sc := s.(*svmScratch)
	if err := m.update(m.input(x, sc), sc, y.Class, t, weight); err != nil {
		return err
	}
	// Nothing below can fail: a refused update has left no trace.
	if m.classes == 0 {
		m.target.commit(w, mean, squares)
	} else {
		m.link.learn(sc.z(), sc.prediction, y.Class, weight)
	}
	return nil
}

// admissible refuses what no caller should pass on, rather than let it into the weights.
func (m *svm) admissible(y millrace.Target, weight float32) error {
	switch {
	case !(weight >= 0) || weight > math.MaxFloat32:
		return fmt.Errorf("a weight of %g: %w", weight, millrace.ErrUpdateRefused)
	case m.classes > 0 && (y.Class < 0 || int(y.Class) >= m.classes):
		return fmt.Errorf("class %d of %d: %w", y.Class, m.classes, millrace.ErrUpdateRefused)
	case m.classes == 0 && !(math.Abs(y.Value) <= targetMax):
		return fmt.Errorf("a label of %g: %w", y.Value, millrace.ErrUpdateRefused)
	}
	return nil
}

// update moves the margins that Predict left in the scratch.
func (m *svm) update(v *millrace.Vector, sc *svmScratch, class int32, t float64, weight float32) error {
	switch m.spec.Update {
	case updateGradient:
		m.derive(sc.d(), sc.z(), class, t)
		for i, d := range sc.d() {
			sc.d()[i] = flush(d*weight, momentTiny)
		}
		return m.body.take(v, sc.body)
	default:
		return m.passive(v, sc, class, t, weight)
	}
}

func (m *svm) Norms() (weights, gradient float64) { return m.body.Norms() }

func (m *svm) State(visit func(name string, t millrace.Tensor, role millrace.Role)) {
	m.body.State(visit)
	if m.classes == 0 {
		m.target.state(visit)
	} else {
		m.link.state(visit)
	}
}

func (m *svm) Restored() error {
	if err := m.body.Restored(); err != nil {
		return err
	}
	if err := m.target.check(); err != nil {
		return fmt.Errorf("checking the restored target: %w", err)
	}
	if err := m.link.check(); err != nil {
		return fmt.Errorf("checking the restored temperature: %w", err)
	}
	m.target.refresh()
	m.link.refresh()
	m.measure()
	return nil
}
