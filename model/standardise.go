package model

import (
	"fmt"
	"math"
	"strings"

	"millrace"
	"millrace/moments"
)

// Moments are what a numeric label usually is, by which models learn it in standard deviations and predict it in the
// user's units. What is wild among labels and what has moved is package moments' business; here is what a model makes
// of it.
type Moments struct {
	columns *moments.Columns
	tensors []targetTensor
}

type targetTensor struct {
	name   string
	tensor millrace.Tensor
	role   millrace.Role
}

// NextMoments are moments with one more value taken in.
type NextMoments struct{ moments.Next }

const (
	// targetMax bounds numeric targets.
	targetMax = moments.ValueMax
	// targetClip is how many standard deviations a label counts for at most. It is beyond the tails of what is sold,
	// paid or waited for, whose largest values are most of what errors are made of.
	targetClip = 16
	// weightSure times the square of how far apart two labels are is a float64, whatever they are.
	weightSure = 1e20
	// partMin is the least part of its weight that a wild label is learned with: one of weight 0 would be none.
	partMin = 1e-12
)

// bytes is about what the moments of a numeric target take.
func (t TargetSpec) bytes() int64 {
	if t.Classes > 0 {
		return 0
	}
	return 448
}

// NewMoments returns moments of no values.
func NewMoments() Moments {
	m := Moments{columns: moments.New(1, moments.Options{Clip: targetClip, Tails: true, Limits: true, Interleaved: true})}
	// Collected once, as visiting the state allocates nothing.
	m.columns.State("target", millrace.Serving, func(name string, t millrace.Tensor, role millrace.Role) {
		m.tensors = append(m.tensors, targetTensor{name, t, role})
	})
	return m
}

// Next returns the moments with y taken in, without changing m, so that a refused update leaves nothing behind.
func (m *Moments) Next(y, weight float64) NextMoments {
	return NextMoments{m.columns.Next(0, y, weight)}
}

// Admit is Next for a target that is to be learned: it refuses one that might overflow the variance by its weight.
func (m *Moments) Admit(y, weight float64) (NextMoments, error) {
	if weight <= weightSure {
		return m.Next(y, weight), nil
	}
	if d := math.Abs(y) + math.Abs(m.columns.Centre(0)); math.IsInf(weight*d*d, 1) {
		return NextMoments{}, fmt.Errorf("a label of %g of weight %g overflows the variance: %w", y, weight, millrace.ErrUpdateRefused)
	}
	return m.Next(y, weight), nil
}

// Commit takes y in, as Next said.
func (m *Moments) Commit(y, weight float64) { m.columns.Observe(0, y, weight) }

// Weight is the weight of the values by which the moments go.
func (m *Moments) Weight() float64 { return m.columns.Count(0) }

// Learned is y as models learn it: in standard deviations from the centre and held within the bound of what a value may
// count for, and the part of its weight that it is learned with. A label beyond the bound says the less the farther out
// it lies: one of 2147483647 among tens is no label at all, and if it were learned as the bound, each of many would
// pull on the predictions. The part, 1/r² at r bounds, takes the pull back to zero as the biweight and others that
// redescend do (Huber, Robust Statistics, 1981, section 4.8).
func (n NextMoments) Learned(y float64) (z, part float64) {
	if n.Deviation == 0 {
		return 0, 1
	}
	z = (y - n.Centre) / n.Deviation
	if apart := math.Abs(z); apart > n.Bound {
		if r := apart / n.Bound; r > 1 {
			return math.Copysign(n.Bound, z), max(1/(r*r), partMin)
		}
	}
	return z, 1
}

// Standard is y in standard deviations from the mean under the moments as they are, 0 until two different values were
// seen.
func (m *Moments) Standard(y float64) float64 {
	if d := m.columns.Deviation(0); d > 0 {
		return (y - m.columns.Centre(0)) / d
	}
	return 0
}

// Value is what is predicted as z standard deviations from the centre, held within what recent labels allow.
func (m *Moments) Value(z float64) float64 { return m.Held(m.columns.Value(0, z)) }

// Held is a prediction held within recent labels, wild ones counted as the bound, widened by half of what they span; it
// is not negative while no label was.
func (m *Moments) Held(v float64) float64 { return m.HeldWith(v, math.Inf(1), math.Inf(-1)) }

// HeldWith is Held where values from least to most, none when most is less, are known to be no wild ones.
func (m *Moments) HeldWith(v, least, most float64) float64 {
	if m.columns.Among(0, v) {
		return v
	}
	low, high := m.columns.Limits(0)
	if m.columns.Count(0) == 0 {
		return v
	}
	low, high = min(low, least), max(high, most)
	half := high/2 - low/2
	least, most = low-half, high+half
	if low >= 0 {
		least = max(least, 0)
	}
	return min(max(v, least), most)
}

// Visit visits the tensors by another name: the moments, which snapshots always had, as that, and those that came later
// beneath it.
func (m *Moments) Visit(name string, visit func(string, millrace.Tensor, millrace.Role)) {
	for _, t := range m.tensors {
		visit(name+strings.TrimSuffix(strings.TrimPrefix(t.name, "target"), ".moments"), t.tensor, t.role)
	}
}

// Tensor is the moments alone: weight, mean and sum of squared deviations.
func (m *Moments) Tensor() millrace.Tensor { return m.tensors[0].tensor }

func (m *Moments) state(visit func(string, millrace.Tensor, millrace.Role)) {
	for i := range m.tensors {
		visit(m.tensors[i].name, m.tensors[i].tensor, m.tensors[i].role)
	}
}

// Restored follows a change of the tensors, or reports that they hold no moments.
func (m *Moments) Restored() error {
	if err := m.columns.Restored(); err != nil {
		return fmt.Errorf("target.moments: %w", err)
	}
	return nil
}
