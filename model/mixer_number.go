package model

import (
	"fmt"
	"math"
	"strconv"

	"millrace"
)

// numberMixer mixes predictions of a number, in standard deviations of the target: the same two levels
// as for classes with squared loss, for which Vovk's aggregating algorithm predicts by the weighted
// mean (Vovk 2001, "Competitive on-line statistics", section 2).
type numberMixer struct {
	target   moments
	shares   []share
	stackers []regression
	top      share
	all      []int
	// error is the fading squared error of the mixture: losses enter the shares in its units, so that
	// η follows the noise of the stream.
	error []float64 // [1]
}

// regression is stacking by linear regression on the experts' predictions (Wolpert 1992; Breiman
// 1996), learned by AdaGrad.
type regression struct {
	rate   float64
	v      []float64 // [experts], and last the bias
	square []float64 // of the same length
}

var (
	numberShareRates   = []float64{1e-2, 1e-3, 1e-4}
	numberStackerRates = []float64{0.003, 0.01, 0.03}
	judgeRates         = []float64{0.01} // of the mixer that judges
)

const (
	// standardMax bounds what an expert may say, in standard deviations, and excessMax its squared
	// error, so that one outlier decides nothing.
	standardMax = 20
	excessMax   = 9
	errorRate   = 1e-3
	// shareEta is the share of η = 1/(2σ²), the rate of a Gaussian likelihood, that is used: errors of
	// neighbouring events are not independent.
	shareEta = 0.2
)

func newNumberMixer(experts int, shares, stackers []float64) *numberMixer {
	m := &numberMixer{target: newMoments(), error: []float64{1}}
	for _, r := range shares {
		m.shares = append(m.shares, newShare(experts, r))
	}
	for _, r := range stackers {
		s := regression{rate: r, v: make([]float64, experts+1), square: make([]float64, experts+1)}
		for i := range experts {
			s.v[i] = 1 / float64(experts)
		}
		m.stackers = append(m.stackers, s)
	}
	m.all = upTo(len(m.shares) + len(m.stackers))
	m.top = newShare(len(m.all), topRate)
	return m
}

// fits refuses a target that would overflow the moments.
func (m *numberMixer) fits(y, weight float64) error {
	if _, _, squares := m.target.next(y, weight); math.IsInf(squares, 1) {
		return fmt.Errorf("a label of %g overflows the variance: %w", y, millrace.ErrUpdateRefused)
	}
	return nil
}

func (m *numberMixer) prepare(sc *mixing, i int, prediction []float32) {
	sc.z[i] = 0
	if m.target.deviation > 0 {
		z := (float64(prediction[0]) - m.target.v[1]) / m.target.deviation
		sc.z[i] = min(max(z, -standardMax), standardMax)
	}
}

func (m *numberMixer) predict(dst []float32, sc *mixing, active []int) {
	var mixed float64
	for a := range m.shares {
		q := 0.0
		for _, i := range active {
			q += m.shares[a].weight[i] * sc.z[i]
		}
		sc.guess[a] = q
		mixed += m.top.weight[a] * q
	}
	for a := range m.stackers {
		q := m.stackers[a].predict(sc, active)
		sc.guess[len(m.shares)+a] = q
		mixed += m.top.weight[len(m.shares)+a] * q
	}
	sc.blend = mixed
	v := m.target.restore(mixed)
	dst[0] = float32(min(max(v, -math.MaxFloat32), math.MaxFloat32))
}

func (s *regression) predict(sc *mixing, active []int) float64 {
	q := s.v[len(s.v)-1]
	for _, i := range active {
		q += s.v[i] * sc.z[i]
	}
	return min(max(q, -standardMax), standardMax)
}

// standard is the target in standard deviations, the event's own value taken in.
func (m *numberMixer) standard(y millrace.Target) float64 {
	w, mean, squares := m.target.next(y.Value, 1)
	z := standard(y.Value, w, mean, squares)
	return min(max(z, -standardMax), standardMax)
}

func (m *numberMixer) loss(sc *mixing, i int, y millrace.Target) float64 {
	e := sc.z[i] - m.standard(y)
	return min(e*e, excessMax)
}

func (m *numberMixer) learn(sc *mixing, y millrace.Target, weight, relative float64, active []int) {
	w, mean, squares := m.target.next(y.Value, weight)
	z := m.standard(y)
	eta := relative * shareEta / (2*m.error[0] + 1e-6)
	for a := range m.all {
		e := sc.guess[a] - z
		sc.losses[a] = min(e*e, excessMax)
	}
	likelihoods(sc.shares, sc.losses, m.all, eta)
	m.top.learn(sc.shares, m.all)
	for a := range m.stackers {
		m.stackers[a].learn(sc, (sc.guess[len(m.shares)+a]-z)*relative, active)
	}
	for _, i := range active {
		e := sc.z[i] - z
		sc.losses[i] = min(e*e, excessMax)
	}
	likelihoods(sc.shares, sc.losses, active, eta)
	for a := range m.shares {
		m.shares[a].learn(sc.shares, active)
	}
	e := sc.blend - z
	m.error[0] += max(errorRate, weight/(w+1)) * (min(e*e, excessMax) - m.error[0])
	m.target.commit(w, mean, squares)
}

// learn takes one step on ½(q − z)²; g is the derivative by q.
func (s *regression) learn(sc *mixing, g float64, active []int) {
	for _, i := range active {
		s.step(i, g*sc.z[i])
	}
	s.step(len(s.v)-1, g)
}

func (s *regression) step(i int, g float64) {
	s.square[i] += g * g
	s.v[i] -= s.rate * g / math.Sqrt(s.square[i]+1e-6)
	s.v[i] = min(max(s.v[i], -stackerMax), stackerMax)
}

func (m *numberMixer) weights(dst []float64, active []int) {
	for a := range m.shares {
		addScaled(dst, m.shares[a].weight, m.top.weight[a], active)
	}
	for a := range m.stackers {
		addScaled(dst, m.stackers[a].v, m.top.weight[len(m.shares)+a], active)
	}
}

func (m *numberMixer) place(i int) (share, stack float64) {
	return m.shares[0].weight[i], m.stackers[0].v[i]
}

func (m *numberMixer) restrict(active []int, inside []bool, from mixer) {
	for a := range m.shares {
		m.shares[a].restrict(active, inside, from)
	}
	for a := range m.stackers {
		s := &m.stackers[a]
		for i, in := range inside {
			switch {
			case !in:
				s.v[i], s.square[i] = 0, 0
			case s.v[i] == 0:
				_, s.v[i] = from.place(i)
			}
		}
	}
}

func (m *numberMixer) split(parent, child int) {
	for a := range m.shares {
		m.shares[a].split(parent, child)
	}
	for a := range m.stackers {
		s := &m.stackers[a]
		s.v[parent] /= 2
		s.v[child], s.square[child] = s.v[parent], s.square[parent]
	}
}

func (m *numberMixer) state(name string, role millrace.Role, visit visitor) {
	visit.vector(name+".target", m.target.v, role)
	for a := range m.shares {
		visit.vector(name+".share."+strconv.Itoa(a), m.shares[a].weight, role)
	}
	for a := range m.stackers {
		each := name + ".stacker." + strconv.Itoa(a)
		visit.vector(each+".weight", m.stackers[a].v, role)
		visit.vector(each+".square", m.stackers[a].square, millrace.Training)
	}
	visit.vector(name+".top", m.top.weight, role)
	visit.vector(name+".error", m.error, millrace.Training)
}

func (m *numberMixer) check(active []int) error {
	if err := m.target.check(); err != nil {
		return err
	}
	m.target.refresh()
	for a := range m.shares {
		if err := checkShare("share", m.shares[a].weight, active); err != nil {
			return err
		}
	}
	for a := range m.stackers {
		v := m.stackers[a].v
		if err := checkOutside("stacker", v[:len(v)-1], active); err != nil {
			return err
		}
		for i, v := range v {
			if !(math.Abs(v) <= stackerMax) {
				return fmt.Errorf("stacker[%d] is %g, outside ±%d", i, v, stackerMax)
			}
		}
		if err := checkSquares("stacker", m.stackers[a].square); err != nil {
			return err
		}
	}
	if e := m.error[0]; !(e >= 0 && e <= excessMax) {
		return fmt.Errorf("error is %g, outside [0, %d]", e, excessMax)
	}
	return checkShare("top", m.top.weight, m.all)
}
