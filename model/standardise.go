package model

import (
	"fmt"
	"math"

	"millrace"
)

// Moments are the running mean and variance of a numeric target (West 1979: Welford's recurrence
// with weights), by which models learn it in standard deviations and predict it in the user's units.
type Moments struct {
	// weight, mean and sum of squared deviations.
	v []float64 // [3]
	// deviation follows from them: 0 until two different values were seen.
	deviation float64
}

// NextMoments are moments with one more value taken in.
type NextMoments struct {
	Weight        float64 // of all values
	mean, squares float64
}

// targetMax bounds numeric targets: the square of a deviation must not overflow a float64, nor its sum.
const targetMax = 1e140

// NewMoments returns moments of no values.
func NewMoments() Moments { return Moments{v: make([]float64, 3)} }

// Next returns the moments with y taken in, without changing m, so that a refused update leaves nothing behind.
func (m *Moments) Next(y, weight float64) NextMoments {
	w := m.v[0] + weight
	d := y - m.v[1]
	mean := m.v[1] + d*(weight/w)
	// The increment is never negative but for rounding, which a weight other than 1 brings; a sum of squares that falls
	// below zero would not be restored.
	return NextMoments{w, mean, m.v[2] + max(weight*d*(y-mean), 0)}
}

// Admit is Next for a target that is to be learned: it refuses one that would overflow the variance.
func (m *Moments) Admit(y, weight float64) (NextMoments, error) {
	next := m.Next(y, weight)
	if math.IsInf(next.squares, 1) {
		return next, fmt.Errorf("a label of %g overflows the variance: %w", y, millrace.ErrUpdateRefused)
	}
	return next, nil
}

// Commit makes the moments those that Next returned.
func (m *Moments) Commit(next NextMoments) {
	m.v[0], m.v[1], m.v[2] = next.Weight, next.mean, next.squares
	m.refresh()
}

func (m *Moments) refresh() { m.deviation = deviationOf(m.v[0], m.v[2]) }

func deviationOf(w, squares float64) float64 {
	if w <= 0 || squares <= 0 {
		return 0
	}
	return math.Sqrt(squares / w)
}

// Standard is y in standard deviations from the mean. Because y itself is among what the moments
// were taken from, |standard| ≤ √(w / weight of y): one wild label cannot throw the weights far.
func (n NextMoments) Standard(y float64) float64 {
	deviation := deviationOf(n.Weight, n.squares)
	if deviation == 0 {
		return 0
	}
	return (y - n.mean) / deviation
}

// Standard is y in standard deviations from the mean under the moments as they are, 0 until two different values were
// seen.
func (m *Moments) Standard(y float64) float64 {
	if m.deviation > 0 {
		return (y - m.v[1]) / m.deviation
	}
	return 0
}

// Value is the value that is z standard deviations from the mean under the moments as they are.
func (m *Moments) Value(z float64) float64 { return m.v[1] + z*m.deviation }

// present are the moments as they are.
func (m *Moments) present() NextMoments { return NextMoments{m.v[0], m.v[1], m.v[2]} }

// Tensor is the moments' state: the weight, the mean and the sum of squared deviations.
func (m *Moments) Tensor() millrace.Tensor { return millrace.Tensor{Shape: momentsShape, F64: m.v} }

func (m *Moments) state(visit func(string, millrace.Tensor, millrace.Role)) {
	visit("target.moments", m.Tensor(), millrace.Serving)
}

// Restored follows a change of the tensor, or reports that it holds no moments.
func (m *Moments) Restored() error {
	w, mean, squares := m.v[0], m.v[1], m.v[2]
	if !(w >= 0) || math.IsInf(w, 1) || !(math.Abs(mean) <= targetMax) || !(squares >= 0) || math.IsInf(squares, 1) ||
		math.IsInf(deviationOf(w, squares), 1) {
		return fmt.Errorf("target.moments are %g, %g, %g: no weight, mean and sum of squares", w, mean, squares)
	}
	m.refresh()
	return nil
}
