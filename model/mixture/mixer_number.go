package mixture

import (
	"fmt"
	"math"

	"millrace"
	"millrace/model"
)

// numberMixer mixes predictions of a number, in standard deviations of the target: the same two levels
// as for classes with squared loss, for which Vovk's aggregating algorithm predicts by the weighted
// mean (Vovk 2001, "Competitive on-line statistics", section 2). Its pools are linear regressions on the
// experts' predictions (Wolpert 1992; Breiman 1996) by AdaGrad, whose last weight is the bias.
type numberMixer struct {
	aggregators
	target *model.Moments // the mixture's, which alone changes them
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

func newNumberMixer(experts int, target *model.Moments, shares, stackers []float64) *numberMixer {
	m := &numberMixer{target: target, error: []float64{1}}
	for _, r := range stackers {
		m.pools = append(m.pools, newPool(r, experts, 1))
	}
	m.begin(experts, shares)
	return m
}

func (m *numberMixer) prepare(sc *mixing, i int, _ []float32, value float64) {
	sc.z[i] = bounded(m.target.Standard(value))
}

// bounded keeps a number in standard deviations within standardMax.
func bounded(z float64) float64 { return min(max(z, -standardMax), standardMax) }

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
	dst[0] = float32(mixed)
}

func (s *pool) predictNumber(sc *mixing, active []int) float64 {
	q := s.v[len(s.v)-1]
	for _, i := range active {
		q += s.v[i] * sc.z[i]
	}
	return bounded(q)
}

func (m *numberMixer) losses(dst []float64, sc *mixing, y outcome) {
	for i := range dst {
		dst[i] = excess(sc.z[i] - y.z)
	}
}

// excess is the squared error that an error counts as.
func excess(e float64) float64 { return min(e*e, excessMax) }

func (m *numberMixer) learn(sc *mixing, y outcome, active []int) {
	eta := y.relative * shareEta / (2*m.error[0] + 1e-6)
	for a := range m.all {
		sc.losses[a] = excess(sc.guess[a] - y.z)
	}
	likelihoods(sc.shares, sc.losses, m.all, eta)
	m.top.learn(sc.shares, m.all)
	for a := range m.pools {
		m.pools[a].learnNumber(sc, (sc.guess[len(m.shares)+a]-y.z)*y.relative, active)
	}
	for _, i := range active {
		sc.losses[i] = excess(sc.z[i] - y.z)
	}
	likelihoods(sc.shares, sc.losses, active, eta)
	for a := range m.shares {
		m.shares[a].learn(sc.shares, active)
	}
	m.error[0] += y.counts * max(errorRate, y.part) * (excess(sc.blend-y.z) - m.error[0])
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
	m.aggregators.state(name, role, visit)
	visit.vector(name+".error", m.error, millrace.Training)
}

func (m *numberMixer) check(active []int) error {
	if e := m.error[0]; !(e >= 0 && e <= excessMax) {
		return fmt.Errorf("error is %g, outside [0, %d]", e, excessMax)
	}
	return m.aggregators.check(active)
}
