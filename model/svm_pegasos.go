package model

import (
	"math"

	"millrace"
)

// pegasos is a step of Shalev-Shwartz, Singer, Srebro and Cotter (2011), figure 1, on one event: with
// the penalty λ and the step η = 1/(λt), w ← (1 − ηλ)w − η∇, then w is brought back into the ball of
// radius 1/√λ (equation 6). The bias is the weight of a column that is always 1 and is penalised too.
//
// The factor of w is kept apart from it, in scale, so that a step costs what its event has columns,
// and next to nothing without a violation; the norm of w follows from the margins.
//
// 1/(λt) is made for a sample that stands still: after 10⁸ events it follows nothing any more. So η
// never falls below the optimizer's rate, and from there on the weights forget at the rate η·λ.
func (m *svm) pegasos(v *millrace.Vector, sc *svmScratch, class int32, t float64, weight float32) error {
	z, d := sc.z(), sc.d()
	lambda := m.spec.L2
	eta := max(1/(lambda*float64(m.body.optimizer.steps[0]+1)), m.spec.Optimizer.Rate)
	keep := max(0, 1-eta*lambda)
	m.derive(d, z, class, t)
	var along, squares float64 // ⟨w, ∇⟩, and ‖∇‖² but for the input's norm
	for i, g := range d {
		d[i] = g * weight
		along += float64(d[i]) * float64(z[i])
		squares += float64(d[i]) * float64(d[i])
	}
	if squares > 0 {
		squares *= m.squares(v) + 1
	}
	norm := max(0, keep*keep*m.norm[0]-2*keep*eta*along+eta*eta*squares)
	project := 1.0
	if norm*lambda > 1 {
		project = 1 / math.Sqrt(norm*lambda)
		norm = 1 / lambda
	}
	step := eta * project
	if err := m.admit(keep*project, step*math.Sqrt(squares)); err != nil {
		return err
	}
	m.norm[0] = norm
	m.rescale(keep * project)
	if squares > 0 {
		for i, g := range d {
			d[i] = float32(step * float64(g) / m.scale[0])
		}
		m.move(v, d)
	}
	m.count()
	return nil
}

// rescale multiplies all weights by a factor, through scale.
func (m *svm) rescale(factor float64) {
	least := float64(scaleMin)
	if m.average != nil {
		// The average is a difference of two numbers that are larger than it as much as scale has
		// shrunk, and float32 holds seven digits.
		least = 0.5
	}
	if m.scale[0]*factor >= least {
		m.scale[0] *= factor
		return
	}
	if m.average != nil {
		m.average.fold(m.margins)
	}
	m.scale[0] *= factor
	scale := float32(m.scale[0])
	for _, w := range [][]float32{m.margins.weight.w.Data, m.margins.bias.w.Data} {
		for i := range w {
			w[i] *= scale
		}
	}
	m.scale[0] = 1
}
