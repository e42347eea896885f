package model

import (
	"fmt"
	"math"

	"millrace"
)

// numberMixer mixes predictions of a number, in standard deviations of the target: the same two levels
// as for classes with squared loss, for which Vovk's aggregating algorithm predicts by the weighted
// mean (Vovk 2001, "Competitive on-line statistics", section 2). Its pools are linear regressions on the
// experts' predictions (Wolpert 1992; Breiman 1996) by AdaGrad, whose last weight is the bias.
type numberMixer struct {
	aggregators
	target moments
	// error is the fading squared error of the mixture: losses enter the shares in its units, so that
	// η follows the noise of the stream.
	error []float64 // [1]
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
	for _, r := range stackers {
		m.pools = append(m.pools, newPool(r, experts, 1))
	}
	m.begin(experts, shares)
	return m
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
	for a := range m.pools {
		q := m.pools[a].predictNumber(sc, active)
		sc.guess[len(m.shares)+a] = q
		mixed += m.top.weight[len(m.shares)+a] * q
	}
	sc.blend = mixed
	v := m.target.restore(mixed)
	dst[0] = float32(min(max(v, -math.MaxFloat32), math.MaxFloat32))
}

func (s *pool) predictNumber(sc *mixing, active []int) float64 {
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

func (m *numberMixer) losses(dst []float64, sc *mixing, y millrace.Target) {
	z := m.standard(y)
	for i := range dst {
		dst[i] = excess(sc.z[i] - z)
	}
}

// excess is the squared error that an error counts as.
func excess(e float64) float64 { return min(e*e, excessMax) }

func (m *numberMixer) learn(sc *mixing, y millrace.Target, weight, relative float64, active []int) {
	w, mean, squares := m.target.next(y.Value, weight)
	z := m.standard(y)
	eta := relative * shareEta / (2*m.error[0] + 1e-6)
	for a := range m.all {
		sc.losses[a] = excess(sc.guess[a] - z)
	}
	likelihoods(sc.shares, sc.losses, m.all, eta)
	m.top.learn(sc.shares, m.all)
	for a := range m.pools {
		m.pools[a].learnNumber(sc, (sc.guess[len(m.shares)+a]-z)*relative, active)
	}
	for _, i := range active {
		sc.losses[i] = excess(sc.z[i] - z)
	}
	likelihoods(sc.shares, sc.losses, active, eta)
	for a := range m.shares {
		m.shares[a].learn(sc.shares, active)
	}
	m.error[0] += max(errorRate, weight/(w+1)) * (excess(sc.blend-z) - m.error[0])
	m.target.commit(w, mean, squares)
}

// learnNumber takes one step on ½(q − z)²; g is the derivative by q.
func (s *pool) learnNumber(sc *mixing, g float64, active []int) {
	for _, i := range active {
		s.step(i, g*sc.z[i])
	}
	s.step(len(s.v)-1, g)
}

func (s *pool) step(i int, g float64) {
	s.square[i] += g * g
	s.v[i] -= s.rate * g / math.Sqrt(s.square[i]+1e-6)
	s.v[i] = min(max(s.v[i], -stackerMax), stackerMax)
}

func (m *numberMixer) state(name string, role millrace.Role, visit visitor) {
	visit.vector(name+".target", m.target.v, role)
	m.aggregators.state(name, role, visit)
	visit.vector(name+".error", m.error, millrace.Training)
}

func (m *numberMixer) check(active []int) error {
	if err := m.target.check(); err != nil {
		return err
	}
	m.target.refresh()
	if e := m.error[0]; !(e >= 0 && e <= excessMax) {
		return fmt.Errorf("error is %g, outside [0, %d]", e, excessMax)
	}
	return m.aggregators.check(active)
}
