package model

import (
	"fmt"
	"math"

	"millrace"
)

// passive is a passive-aggressive update (Crammer, Dekel, Keshet, Shalev-Shwartz and Singer 2006): the
// smallest change of the weights that gives the event the margin it lacks, held back by C. The bias
// is the weight of a column that is always 1. An event's weight multiplies its slack, and so C.
func (m *svm) passive(v *millrace.Vector, sc *svmScratch, class int32, t float64, weight float32) error {
	z, d := sc.z(), sc.d()
	if !m.violations(d, z, class, t) {
		return nil
	}
	norm := m.squares(v) + 1
	c := m.c * float64(weight)
	across := norm
	if m.crosses() {
		across *= 2 // ‖Φ(x, class) − Φ(x, rival)‖², section 8.1
	}
	var most float64
	for i, loss := range d {
		size := math.Abs(float64(loss))
		if m.spec.Update == updatePA2 {
			size /= across + 1/(2*c) // equation 14, PA-II
		} else {
			size = min(c, size/across) // equation 14, PA-I
		}
		d[i] = float32(math.Copysign(size, float64(loss)))
		most = max(most, size)
	}
	return m.move(v, d, most*math.Sqrt(norm))
}

// violations writes into d the loss of each margin, with the sign of its derivative by the margin, and
// reports whether there is any.
func (m *svm) violations(d, z []float32, class int32, t float64) bool {
	switch {
	case m.classes == 0:
		// Section 5: the ε-insensitive loss max(0, |z − t| − ε).
		r := float64(z[0]) - t
		d[0] = float32(math.Copysign(max(0, math.Abs(r)-m.spec.Epsilon), r))
		return d[0] != 0
	case m.crosses():
		rival := violator(z, class)
		clear(d)
		loss := 1 - (z[class] - z[rival])
		if !(loss > 0) {
			return false
		}
		d[class], d[rival] = -loss, loss
		return true
	}
	any := false
	for i, v := range z {
		side := sideOf(i, len(z), class)
		loss := max(0, 1-side*v)
		d[i] = -side * loss
		any = any || loss > 0
	}
	return any
}

// crosses reports that classes are told apart as Crammer and Singer (2001) do: the class's margin must
// exceed the largest other one by 1.
func (m *svm) crosses() bool {
	return len(m.margins.bias.w) > 1 && m.spec.Multiclass == multiclassCrammerSinger
}

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

// squares is the squared norm of an input. The values of a sparse input's repeated indices add up
// before they are squared; they meet in the rows.
func (m *svm) squares(v *millrace.Vector) float64 {
	if m.body.rows == nil {
		return m.k.squares(v.Dense)
	}
	m.body.rows.merge(v)
	return m.k.squares(m.body.rows.value[:m.body.rows.count[0]])
}

// move subtracts v·dᵀ from the weights and d from the biases, unless a weight might pass its limit:
// none changes by more than most. Of a sparse input, it moves the rows that squares has found.
func (m *svm) move(v *millrace.Vector, d []float32, most float64) error {
	if err := m.admit(most); err != nil {
		return err
	}
	m.body.latest = most
	w := m.margins.weight.w
	if r := m.body.rows; r != nil {
		for i, row := range r.index[:r.count[0]] {
			from := int(row) * r.cols
			m.k.sgd(w[from:from+r.cols], r.value[i:i+1], d, &m.step)
		}
	} else if len(d) == 1 {
		m.k.sgd(w, d, v.Dense, &m.step)
	} else {
		m.k.sgd(w, v.Dense, d, &m.step)
	}
	for i, v := range d {
		m.margins.bias.w[i] -= v
	}
	m.body.optimizer.steps[0]++
	return nil
}

// admit refuses an update by which a weight could pass its limit. It keeps an upper bound of the
// largest weight, as guard does.
func (m *svm) admit(most float64) error {
	most *= slack
	if m.bound+most <= weightMax {
		m.bound += most
		return nil
	}
	m.measure()
	if m.bound+most <= weightMax {
		m.bound += most
		return nil
	}
	return fmt.Errorf("a step of %g on weights of up to %g: %w", most, m.bound, millrace.ErrUpdateRefused)
}

func (m *svm) measure() {
	m.bound = max(largest(m.margins.weight.w)*m.margins.scale[0], largest(m.margins.bias.w))
}
