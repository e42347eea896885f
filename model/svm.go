package model

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/blas/blas32"

	"millrace"
	"millrace/model/kernel"
)

// svm is the family of support-vector machines: margins that are linear in the input, or in random
// features of it, learned from events whose margin is too small, and turned into probabilities by a
// link that is learned beside them.
//
// Without a C of its own it learns with two at once, the rungs, and the link weighs their margins, under
// the present weights and under their average: which is best depends on the noise of a stream and on
// its drift. The margins of all rungs are the columns of one layer, so that one product finds them.
type svm struct {
	spec    Spec // resolved
	classes int  // 0 for numbers
	view    millrace.ViewID
	views   []millrace.ViewID

	k       *kernel.Set
	fourier *fourier // nil with a linear kernel
	// body is the layer of margins. Updates by gradient are the network's own; the others use its
	// weights, its biases and its rows.
	body    *network
	margins *layer
	each    int       // margins of one rung: one for two classes or a number, one a class for more
	c       []float64 // of each rung
	// scale is what the weights and biases are multiplied by, 1 but with Pegasos.
	scale   []float64 // [1]
	average *average  // nil without averaging
	both    bool      // predictions are made from the present weights and the average
	direct  bool      // a gradient's step is made here: see slide
	step    kernel.Coefficients
	bound   float64   // an upper bound of the largest weight, before scale: see admit
	norm    []float64 // [1], Pegasos: the squared norm of all weights and biases
	target  Moments   // numbers
	link    link
}

// svmScratch is an svm's working memory.
type svmScratch struct {
	body       *scratch
	features   millrace.Vector // of the kernel
	margins    []float32       // what predictions are made from, where that is not body's alone
	averaged   blas32.Vector   // those under the average, the last of them
	logits     []float32       // what the link makes of the margins
	prediction []float32
}

// NewSVM makes the support-vector machine that a resolved spec without mistakes describes, as NewNetwork does.
func NewSVM(s Spec, target TargetSpec, views millrace.Views, k *kernel.Set) (Model, error) {
	view, shape, err := ViewOf(views, s.viewKind())
	if err != nil {
		return nil, err
	}
	if bytes := s.svmBytes(target, shape); bytes > StateBytesMax {
		return nil, fmt.Errorf("the model would hold %d MiB of state, more than %d MiB: use fewer hash bits, a c or a smaller batch",
			bytes>>20, StateBytesMax>>20)
	}
	m := &svm{
		spec: s, classes: target.Classes, view: view, views: []millrace.ViewID{view}, k: k, each: s.margins(target),
		scale: []float64{1}, norm: make([]float64, 1), target: NewMoments(), c: s.Rungs(),
	}
	if s.random() {
		if m.fourier, err = newFourier(s, shape); err != nil {
			return nil, err
		}
		shape = millrace.ViewShape{Width: s.Kernel.Features}
	}
	body, outputs := s.body(m.each * len(m.c))
	m.body = newNetwork(body, outputs, view, shape, k)
	m.body.wild = newWilds(target.Classes)
	m.margins = &m.body.layers[0]
	m.direct = s.slides() && outputs.Classes == 2 && body.Type == FamilyLogistic && !shape.Sparse
	m.both = s.C == 0 && !s.Average
	columns := len(m.c)
	if m.both {
		columns *= 2
	}
	m.link = newLink(columns, m.classes)
	if m.both || s.Average {
		m.average = newAverage(m.body)
	}
	return m, nil
}

// SetRate changes C between events, of several rungs in proportion.
func (m *svm) SetRate(c float64) {
	for i, v := range m.spec.Rungs() {
		m.c[i] = c
		if len(m.c) > 1 {
			m.c[i] = c * v
		}
	}
}

func (m *svm) Views() []millrace.ViewID { return m.views }

func (m *svm) Outputs() int { return max(1, m.classes) }

func (m *svm) NewScratch() Scratch {
	sc := &svmScratch{
		body: m.body.NewScratch().(*scratch), logits: make([]float32, m.each), prediction: make([]float32, m.Outputs()),
	}
	if m.fourier != nil {
		sc.features.Dense = make([]float32, m.margins.in)
	}
	if m.average != nil {
		sc.margins = make([]float32, m.each*len(m.link.weights))
		sc.averaged = kernel.Vector(sc.margins[len(sc.margins)-m.margins.out:])
	}
	return sc
}

// z are the margins of the event that was predicted last, d where their derivatives go.
func (sc *svmScratch) z() []float32 { return sc.body.outputs[0].Data }
func (sc *svmScratch) d() []float32 { return sc.body.deltas[0].Data }

// Predict leaves in the scratch all that Learn needs.
func (m *svm) Predict(dst []float32, x millrace.Input, s Scratch) {
	sc := s.(*svmScratch)
	m.forward(x, sc)
	z := m.predicting(sc)
	m.link.combine(sc.logits, z)
	if m.classes > 0 {
		m.link.predict(m.k, sc.prediction, sc.logits)
	} else {
		sc.prediction[0] = sc.logits[0]
	}
	copy(dst, sc.prediction)
}

// Value is a prediction, in standard deviations of the target, in the user's units.
func (m *svm) Value(prediction float32) float64 { return m.target.Value(float64(prediction)) }

// input is what the margins are linear in.
func (m *svm) input(x millrace.Input, sc *svmScratch) *millrace.Vector {
	if m.fourier != nil {
		return &sc.features
	}
	return &x[m.view]
}

// forward fills the scratch's margins.
func (m *svm) forward(x millrace.Input, sc *svmScratch) {
	if m.fourier != nil {
		m.fourier.features(m.k, sc.features.Dense, &x[m.view])
	}
	v := m.input(x, sc)
	if m.spec.Update == updateGradient {
		m.body.forward(v, sc.body)
	} else {
		m.product(&m.margins.weight, &m.margins.bias, &sc.body.outputs[0], v, sc)
	}
	if m.average != nil {
		m.average.forward(m, v, sc)
	}
	if scale := m.scale[0]; scale != 1 {
		for i, z := range sc.z() {
			sc.z()[i] = float32(float64(z) * scale)
		}
	}
	if m.both {
		copy(sc.margins, sc.z())
	}
}

// narrow is the number of margins up to which a loop in place beats a kernel for each row.
const narrow = 8

// product writes into dst the bounded margins of an input under weights and biases.
func (m *svm) product(weight, bias *parameter, dst *blas32.Vector, v *millrace.Vector, sc *svmScratch) {
	copy(dst.Data, bias.w.Data)
	w, z, out := weight.w.Data, dst.Data, dst.N
	switch {
	case m.body.rows == nil:
		m.k.GemvT(&weight.w, sc.body.dense(v), dst)
	case out == 1:
		var sum float32
		for i, row := range v.Index {
			sum += v.Value[i] * w[row]
		}
		z[0] += sum
	case out < narrow:
		for i, row := range v.Index {
			value := v.Value[i]
			for o, u := range w[int(row)*out:][:out] {
				z[o] += value * u
			}
		}
	default:
		row := blas32.Vector{N: out, Inc: 1}
		for i, at := range v.Index {
			row.Data = w[int(at)*out:][:out]
			m.k.Axpy(v.Value[i], &row, dst)
		}
	}
	for o, u := range z {
		z[o] = bounded(u)
	}
}

// predicting are the margins that predictions are made from.
func (m *svm) predicting(sc *svmScratch) []float32 {
	if m.average != nil {
		return sc.margins
	}
	return sc.z()
}

// Learn leaves everything as it is when the target is not known or the weight is zero.
func (m *svm) Learn(x millrace.Input, y millrace.Target, weight float32, s Scratch) error {
	if err := Admissible(m.classes, y, weight); err != nil {
		return err
	}
	if weight == 0 || !y.Known {
		return nil
	}
	var t float64
	whole := float64(weight)
	if m.classes == 0 {
		next, err := m.target.Admit(y.Value, whole)
		if err != nil {
			return err
		}
		var part float64
		t, part = next.Learned(y.Value)
		weight = float32(whole * part)
	}
	sc := s.(*svmScratch)
	wild, standard := x[m.body.view].Wild, 0.0
	if wild {
		standard = m.target.Standard(y.Value)
		if m.wild().leaves() {
			m.wild().note(wild, y.Class, standard)
			if m.classes == 0 {
				m.target.Commit(y.Value, whole)
			}
			return nil
		}
	}
	if err := m.update(m.input(x, sc), sc, y.Class, t, weight); err != nil {
		return err
	}
	// Nothing below can fail: a refused update has left no trace.
	m.wild().note(wild, y.Class, standard)
	if m.classes == 0 {
		m.target.Commit(y.Value, whole)
		m.link.learnNumber(m.predicting(sc), sc.logits, t, weight)
	} else {
		m.link.learnClass(m.predicting(sc), sc.prediction, y.Class, weight)
	}
	return nil
}

// update moves the margins that Predict left in the scratch.
func (m *svm) update(v *millrace.Vector, sc *svmScratch, class int32, t float64, weight float32) error {
	switch m.spec.Update {
	case updateGradient:
		return m.descend(v, sc, class, t, weight)
	case updatePegasos:
		return m.pegasos(v, sc, class, t, weight)
	default:
		return m.passive(v, sc, class, t, weight)
	}
}

func (m *svm) Norms() (weights, gradient float64) {
	weights, gradient = m.body.Norms()
	return weights * m.scale[0], gradient
}

func (m *svm) State(visit func(name string, t millrace.Tensor, role millrace.Role)) {
	m.body.State(visit)
	if m.fourier != nil {
		m.fourier.state(visit)
	}
	if m.spec.Update == updatePegasos {
		visit("scale", millrace.Tensor{Shape: scalarShape, F64: m.scale}, millrace.Serving)
		visit("norm", millrace.Tensor{Shape: scalarShape, F64: m.norm}, millrace.Training)
	}
	if m.average != nil {
		m.average.state(visit)
	}
	if m.classes == 0 {
		m.target.state(visit)
	}
	m.link.state(visit)
}

// wild is what is known of examples with a wild feature.
func (m *svm) wild() *wilds { return &m.body.wild }

func (m *svm) Restored() error {
	if err := m.body.Restored(); err != nil {
		return err
	}
	if s := m.scale[0]; !(s >= scaleMin && s <= 1) {
		return fmt.Errorf("checking restored weights: scale is %g", s)
	}
	if n := m.norm[0]; !(n >= 0) || math.IsInf(n, 1) {
		return fmt.Errorf("checking restored weights: a squared norm of %g", n)
	}
	if m.average != nil {
		if err := m.average.check(); err != nil {
			return fmt.Errorf("checking the restored average: %w", err)
		}
	}
	if err := m.target.Restored(); err != nil {
		return fmt.Errorf("checking the restored target: %w", err)
	}
	if err := m.link.check(); err != nil {
		return fmt.Errorf("checking the restored link: %w", err)
	}
	m.measure()
	if m.fourier != nil {
		m.fourier.restored()
	}
	return nil
}
