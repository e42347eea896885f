package model

import (
	"math"

	"millrace"
)

// derive writes into d a subgradient of C times the loss by the margins z. At a kink it takes the side
// that learns, as scikit-learn does.
func (m *svm) derive(d, z []float32, class int32, t float64) {
	c := float32(m.c)
	switch {
	case m.classes == 0:
		d[0] = 0
		if r := float64(z[0]) - t; math.Abs(r) > m.spec.Epsilon {
			d[0] = float32(math.Copysign(m.c, r))
		}
	case m.crosses():
		clear(d)
		if rival := violator(z, class); z[class]-z[rival] <= 1 {
			d[class], d[rival] = -c, c
		}
	default:
		for i, v := range z {
			d[i] = 0
			if side := sideOf(i, len(z), class); side*v <= 1 {
				d[i] = -c * side
			}
		}
	}
}

// loss is the loss whose derivative derive is.
func (m *svm) loss(z []float32, class int32, t float64) float64 {
	switch {
	case m.classes == 0:
		return m.c * max(0, math.Abs(float64(z[0])-t)-m.spec.Epsilon)
	case m.crosses():
		return m.c * max(0, 1-float64(z[class]-z[violator(z, class)]))
	}
	var sum float64
	for i, v := range z {
		sum += m.c * max(0, 1-float64(sideOf(i, len(z), class)*v))
	}
	return sum
}

// LossGradient is network.LossGradient of an svm: C times its loss, without penalties.
func (m *svm) LossGradient(x millrace.Input, y millrace.Target, visit func(name string, gradient []float32)) float64 {
	sc := m.NewScratch().(*svmScratch)
	v := m.input(x, sc)
	m.body.forward(v, sc.body)
	var t float64
	if m.classes == 0 {
		t = standard(y.Value, m.target.v[0], m.target.v[1], m.target.v[2])
	}
	if visit != nil {
		m.derive(sc.d(), sc.z(), y.Class, t)
		input := v.Dense
		if m.body.rows != nil {
			input = make([]float32, m.margins.in)
			for j, row := range v.Index {
				input[row] += v.Value[j]
			}
		}
		g := make([]float32, m.margins.in*m.margins.out)
		outer(g, input, sc.d())
		for j := range g {
			g[j] *= float32(m.margins.scale[0]) // State hands out the weight before its scale
		}
		visit(m.margins.weight.name, g)
		visit(m.margins.bias.name, sc.d())
	}
	return m.loss(sc.z(), y.Class, t)
}
