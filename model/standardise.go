package model

import (
	"fmt"
	"math"

	"millrace"
)

// moments are the running mean and variance of a numeric target (West 1979: Welford's recurrence
// with weights), by which models learn it in standard deviations and predict it in the user's units.
type moments struct {
	// weight, mean and sum of squared deviations.
	v []float64 // [3]
	// deviation follows from them: 0 until two different values were seen.
	deviation float64
}

// targetMax bounds numeric targets: the square of a deviation must not overflow a float64, nor its sum.
const targetMax = 1e140

func newMoments() moments { return moments{v: make([]float64, 3)} }

// next returns the moments with y taken in, without changing m. Its value has no slice of its own,
// so that a refused update leaves nothing behind.
func (m *moments) next(y, weight float64) (w, mean, squares float64) {
	w = m.v[0] + weight
	d := y - m.v[1]
	mean = m.v[1] + d*(weight/w)
	// The increment is never negative but for rounding, which a weight other than 1 brings; a sum of squares that falls
	// below zero would not be restored.
	return w, mean, m.v[2] + max(weight*d*(y-mean), 0)
}

// admit is next for a target that is to be learned: it refuses one that would overflow the variance.
func (m *moments) admit(y, weight float64) (w, mean, squares float64, err error) {
	w, mean, squares = m.next(y, weight)
	if math.IsInf(squares, 1) {
		err = fmt.Errorf("a label of %g overflows the variance: %w", y, millrace.ErrUpdateRefused)
	}
	return w, mean, squares, err
}

// commit makes the moments those that next returned.
func (m *moments) commit(w, mean, squares float64) {
	m.v[0], m.v[1], m.v[2] = w, mean, squares
	m.refresh()
}

func (m *moments) refresh() { m.deviation = deviationOf(m.v[0], m.v[2]) }

func deviationOf(w, squares float64) float64 {
	if w <= 0 || squares <= 0 {
		return 0
	}
	return math.Sqrt(squares / w)
}

// standard is y in standard deviations from the mean. Because y itself is among what the moments
// were taken from, |standard| ≤ √(w / weight of y): one wild label cannot throw the weights far.
func standard(y, w, mean, squares float64) float64 {
	deviation := deviationOf(w, squares)
	if deviation == 0 {
		return 0
	}
	return (y - mean) / deviation
}

// restore is the inverse of standard under the moments as they are.
func (m *moments) restore(z float64) float64 { return m.v[1] + z*m.deviation }

func (m *moments) state(visit func(string, millrace.Tensor, millrace.Role)) {
	visit("target.moments", millrace.Tensor{Shape: momentsShape, F64: m.v}, millrace.Serving)
}

func (m *moments) check() error {
	w, mean, squares := m.v[0], m.v[1], m.v[2]
	if !(w >= 0) || math.IsInf(w, 1) || !(math.Abs(mean) <= targetMax) || !(squares >= 0) || math.IsInf(squares, 1) ||
		math.IsInf(deviationOf(w, squares), 1) {
		return fmt.Errorf("target.moments are %g, %g, %g: no weight, mean and sum of squares", w, mean, squares)
	}
	return nil
}
