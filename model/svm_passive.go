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
	d := sc.d()
	if !m.violations(d, sc.z(), class, t) {
		m.count()
		return nil
	}
	across := m.across(v)
	most := m.limit(d, across, weight)
	if err := m.admit(1, most*math.Sqrt(across)); err != nil {
		return err
	}
	m.move(v, d)
	m.count()
	return nil
}

// across is the squared norm of what a violation's derivative multiplies: of the input and the bias's 1,
// twice where two classes' weights move, ‖Φ(x, class) − Φ(x, rival)‖² of section 8.
func (m *svm) across(v *millrace.Vector) float64 {
	square := m.squares(v) + 1
	if m.crosses() {
		square *= 2
	}
	return square
}

// limit makes each violation in d the multiple of the input that takes it away, or what C allows of it:
// equation 14. It returns the largest.
func (m *svm) limit(d []float32, across float64, weight float32) float64 {
	var most float64
	for i, loss := range d {
		if loss == 0 {
			continue
		}
		size, c := math.Abs(float64(loss)), m.c[i/m.each]*float64(weight)
		if m.spec.Update == updatePA2 {
			size /= across + 1/(2*c) // PA-II
		} else {
			size = min(c, size/across) // PA-I
		}
		d[i] = float32(math.Copysign(size, float64(loss)))
		most = max(most, size)
	}
	return most
}

// squares is the squared norm of an input. The values of a sparse input's repeated indices add up
// before they are squared; they meet in the rows.
func (m *svm) squares(v *millrace.Vector) float64 {
	if m.body.rows == nil {
		return m.k.Squares(v.Dense)
	}
	m.body.rows.merge(v)
	return m.k.Squares(m.body.rows.value[:m.body.rows.count[0]])
}

// move subtracts v·dᵀ from the weights and d from the biases. Of a sparse input, it moves the rows that
// squares has found.
func (m *svm) move(v *millrace.Vector, d []float32) {
	m.add(&m.margins.weight, &m.margins.bias, v, d, 1)
	if m.average != nil {
		m.add(&m.average.weight, &m.average.bias, v, d, float32(-m.average.share[0]))
	}
}

// add subtracts rate·v·dᵀ from weights and rate·d from biases.
func (m *svm) add(weight, bias *parameter, v *millrace.Vector, d []float32, rate float32) {
	w, out := weight.w.Data, len(d)
	m.step.Rate = rate
	switch r := m.body.rows; {
	case r == nil && out == 1:
		m.k.SGD(w, d, v.Dense, &m.step) // a column is a row of the transpose
	case r == nil:
		m.k.SGD(w, v.Dense, d, &m.step)
	case out < narrow:
		for i, row := range r.index[:r.count[0]] {
			value, to := r.value[i], w[int(row)*out:][:out]
			for o, u := range d {
				to[o] -= rate * (value * u)
			}
		}
	default:
		for i, row := range r.index[:r.count[0]] {
			m.k.SGD(w[int(row)*out:][:out], r.value[i:i+1], d, &m.step)
		}
	}
	for o, u := range d {
		bias.w.Data[o] -= rate * u
	}
}

// count counts an event that was learned.
func (m *svm) count() {
	m.body.optimizer.steps[0]++
	if m.average != nil {
		m.average.count(m)
	}
}

// admit refuses an update that multiplies the weights by keep and then changes none by more than most,
// if one could pass its limit by it. It keeps an upper bound of the largest weight, as guard does, and
// measures it only when the bound passes the limit.
func (m *svm) admit(keep, most float64) error {
	m.body.latest = most
	most *= slack
	if !(keep*m.bound+most <= weightMax) {
		m.measure()
	}
	if !(keep*m.bound+most <= weightMax) {
		return fmt.Errorf("a step of %g on weights of up to %g: %w", most, m.bound, millrace.ErrUpdateRefused)
	}
	m.bound = keep*m.bound + most
	return nil
}

func (m *svm) measure() {
	m.bound = m.scale[0] * max(largest(m.margins.weight.w.Data), largest(m.margins.bias.w.Data))
}
