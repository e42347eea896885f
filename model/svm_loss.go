package model

import (
	"math"

	"millrace"
	"millrace/model/kernel"
)

// violations writes into d the loss of each margin, with the sign of its derivative by the margin, and
// reports whether there is any: max(0, 1 − s·z) one against the rest, with s the side of the margin;
// max(0, 1 − z_class + z_rival) after Crammer and Singer (2001); and max(0, |z − t| − ε) for numbers.
func (m *svm) violations(d, z []float32, class int32, t float64) bool {
	if m.each > 1 {
		return m.violationsOfMany(d, z, class)
	}
	wrong := false
	if m.classes == 0 {
		for i, v := range z {
			r := float64(v) - t
			d[i] = float32(math.Copysign(max(0, math.Abs(r)-m.spec.Epsilon), r))
			wrong = wrong || d[i] != 0
		}
		return wrong
	}
	side := float32(2*class - 1)
	for i, v := range z {
		d[i] = 0
		if loss := 1 - side*v; loss > 0 {
			d[i] = -side * loss
			wrong = true
		}
	}
	return wrong
}

func (m *svm) violationsOfMany(d, z []float32, class int32) bool {
	wrong := false
	for len(z) > 0 {
		one := d[:m.each]
		if m.crosses() {
			clear(one)
			rival := violator(z[:m.each], class)
			if loss := 1 - (z[class] - z[rival]); loss > 0 {
				one[class], one[rival] = -loss, loss
				wrong = true
			}
		} else {
			for i, v := range z[:m.each] {
				side := float32(-1)
				if int32(i) == class {
					side = 1
				}
				loss := max(0, 1-side*v)
				one[i] = -side * loss
				wrong = wrong || loss > 0
			}
		}
		d, z = d[m.each:], z[m.each:]
	}
	return wrong
}

// crosses reports that an event's loss is that of its class against the largest other margin.
func (m *svm) crosses() bool { return m.each > 1 && m.spec.Multiclass == multiclassCrammerSinger }

// violator is the class with the largest margin but for the event's own.
func violator(z []float32, class int32) int {
	rival := -1
	for i, v := range z {
		if int32(i) != class && (rival < 0 || v > z[rival]) {
			rival = i
		}
	}
	return rival
}

// derive writes into d a subgradient of C times the loss by the margins z. Where a margin is exactly
// enough it takes the side that does not learn.
func (m *svm) derive(d, z []float32, class int32, t float64) {
	m.violations(d, z, class, t)
	for i, loss := range d {
		if loss != 0 {
			d[i] = float32(math.Copysign(m.c[i/m.each], float64(loss)))
		}
	}
}

// loss is what derive is the derivative of.
func (m *svm) loss(d, z []float32, class int32, t float64) float64 {
	m.violations(d, z, class, t)
	var sum float64
	for i, v := range d {
		if m.crosses() {
			v = max(0, v) // of a class and its rival, one counts
		}
		sum += m.c[i/m.each] * math.Abs(float64(v))
	}
	return sum
}

// descend is a step of the optimizer against C times the loss.
//
// The importance-aware step (Karampatziakis and Langford 2011, table 1) follows the gradient until the
// violation is gone and no further: for the losses of an svm it is PA-I with ηC in the place of C.
func (m *svm) descend(v *millrace.Vector, sc *svmScratch, class int32, t float64, weight float32) error {
	d := sc.d()
	if m.direct {
		return m.slide(v, sc, class, t, weight)
	}
	if m.spec.Optimizer.Type == ruleImportanceAware {
		if m.violations(d, sc.z(), class, t) {
			m.limit(d, m.body.optimizer.rate*m.across(v), weight)
		}
	} else {
		m.derive(d, sc.z(), class, t)
		for i, g := range d {
			d[i] = kernel.Flush(g*weight, momentTiny)
		}
	}
	sc.body.example = example{raw: v}
	if m.body.inputs != nil {
		v = &sc.body.scaled // as Predict left it
	}
	return m.body.take(v, sc.body)
}

// slides reports that a step by gradient is one that slide can make.
func (s Spec) slides() bool {
	o := s.Optimizer
	rule := o.Type == ruleImportanceAware || o.Type == RuleSGD && o.Momentum == 0
	return s.Update == updateGradient && rule && s.L1 == 0 && s.Clip == 0 && s.Batch == 1
}

// slide is descend for one margin of a dense input, SGD and the importance-aware step: what take makes
// of any number of layers, rules and limits is most of what an event of a few columns costs.
func (m *svm) slide(v *millrace.Vector, sc *svmScratch, class int32, t float64, weight float32) error {
	d, n, o := sc.d(), m.body, m.body.optimizer
	var norm float64
	if m.violations(d, sc.z(), class, t) {
		square := m.k.Squares(v.Dense) + 1
		if m.spec.Optimizer.Type == ruleImportanceAware {
			m.limit(d, o.rate*square, weight)
		} else {
			d[0] = kernel.Flush(float32(math.Copysign(m.c[0], float64(d[0])))*weight, momentTiny)
		}
		norm = math.Abs(float64(d[0])) * math.Sqrt(square)
	}
	if err := n.guard.admit(n, norm); err != nil {
		return err
	}
	n.latest = norm
	if norm > 0 || o.l2 > 0 {
		m.k.SGD(m.margins.weight.w.Data, d, v.Dense, &o.weights)
		m.margins.bias.w.Data[0] -= o.biases.Rate * d[0]
	}
	n.finish(sc.body)
	return nil
}

// LossGradient returns C times the loss of one example under the present state, of all rungs together,
// without penalties and with weight 1, and calls visit with the gradient of each tensor of weights, by
// its name in State. It allocates: it is there to be checked against finite differences.
func (m *svm) LossGradient(x millrace.Input, y millrace.Target, visit func(name string, gradient []float32)) float64 {
	sc := m.NewScratch().(*svmScratch)
	m.forward(x, sc)
	var t float64
	if m.classes == 0 {
		t = m.target.Standard(y.Value)
	}
	loss := m.loss(sc.d(), sc.z(), y.Class, t)
	if visit == nil {
		return loss
	}
	v := m.input(x, sc)
	if m.body.inputs != nil {
		v = &sc.body.scaled
	}
	input := v.Dense
	if m.body.rows != nil {
		input = make([]float32, m.margins.in)
		for j, row := range v.Index {
			input[row] += v.Value[j]
		}
	}
	m.derive(sc.d(), sc.z(), y.Class, t)
	for i := range sc.d() {
		sc.d()[i] *= float32(m.scale[0])
	}
	g := kernel.Matrix(m.margins.in, m.margins.out, nil)
	in := kernel.Vector(input)
	m.k.Ger(1, &in, &sc.body.deltas[0], &g)
	for j := range g.Data {
		g.Data[j] *= float32(m.margins.scale[0]) // State hands out the weight before its scale
	}
	visit(m.margins.weight.name, g.Data)
	visit(m.margins.bias.name, sc.d())
	return loss
}
