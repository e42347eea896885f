package model

import (
	"fmt"
	"math"
	"strconv"

	"millrace"
)

// Rates of the aggregators. They span what streams need, from none to abrupt drift and from short to
// long memory; the level above finds the ones that serve.
var (
	shareRates   = [...]float64{1e-2, 1e-3, 1e-4, 1e-5}
	stackerRates = [...]stackerRate{{0.0003, false}, {0.001, false}, {0.003, false}, {0.01, true}, {0.03, true}}
)

type stackerRate struct {
	rate     float64
	adaptive bool // AdaGrad, else SGD
}

const (
	topRate = 1e-3 // fixed share over the aggregators

	// Floors of probabilities: for shares, so that one sure mistake cannot silence an expert for
	// good; for stackers higher, as they take logarithms of all classes as inputs.
	shareFloor   = 1e-9
	stackerFloor = 1e-4

	biasRate   = 0.002 // of a stacker's class biases
	stackerMax = 100   // bounds its weights; they are of the order of 1
)

// classMixer mixes probabilities of classes.
type classMixer struct {
	classes  int
	shares   []share
	stackers []stacker
	top      share
	all      []int // the aggregators
}

// stacker is a log-linear pool with learned weights: softmax(b + Σ v_i·log p_i), which is stacking
// (Wolpert 1992) by multinomial regression on the experts' log-probabilities, the mixing of PAQ
// (Mattern 2013, "Linear and geometric mixtures", section 2) for any number of classes. The logs are centred over
// the classes, which leaves the pool as it is and its gradient well scaled.
type stacker struct {
	stackerRate
	v      []float64 // [experts]
	square []float64 // [experts] AdaGrad's sums; SGD has none
	bias   []float64 // [classes]
}

func newClassMixer(experts, classes int) *classMixer {
	m := &classMixer{classes: classes}
	for _, r := range shareRates {
		m.shares = append(m.shares, newShare(experts, r))
	}
	for _, r := range stackerRates {
		s := stacker{stackerRate: r, v: make([]float64, experts), bias: make([]float64, classes)}
		if r.adaptive {
			s.square = make([]float64, experts)
		}
		for i := range s.v {
			s.v[i] = 1 / float64(experts)
		}
		m.stackers = append(m.stackers, s)
	}
	m.all = upTo(len(m.shares) + len(m.stackers))
	m.top = newShare(len(m.all), topRate)
	return m
}

func (m *classMixer) prepare(sc *mixing, i int, prediction []float32) {
	p, l := sc.of(sc.p, i), sc.of(sc.logs, i)
	var mean float64
	for c, v := range prediction {
		p[c] = max(float64(v), shareFloor)
		l[c] = math.Log(max(float64(v), stackerFloor))
		mean += l[c]
	}
	mean /= float64(len(l))
	for c := range l {
		l[c] -= mean
	}
}

func (m *classMixer) predict(dst []float32, sc *mixing, active []int) {
	for a := range m.shares {
		q := sc.of(sc.q, a)
		clear(q)
		for _, i := range active {
			w := m.shares[a].weight[i]
			for c, p := range sc.of(sc.p, i) {
				q[c] += w * p
			}
		}
	}
	for a := range m.stackers {
		m.stackers[a].predict(sc.of(sc.q, len(m.shares)+a), sc, active)
	}
	clear(sc.mixed)
	var sum float64
	for a, w := range m.top.weight {
		for c, q := range sc.of(sc.q, a) {
			sc.mixed[c] += w * q
			sum += w * q
		}
	}
	for c, v := range sc.mixed {
		dst[c] = float32(v / sum)
	}
}

func (s *stacker) predict(q []float64, sc *mixing, active []int) {
	copy(q, s.bias)
	for _, i := range active {
		v := s.v[i]
		for c, l := range sc.of(sc.logs, i) {
			q[c] += v * l
		}
	}
	most := q[0]
	for _, z := range q[1:] {
		most = max(most, z)
	}
	var sum float64
	for c, z := range q {
		q[c] = math.Exp(z - most)
		sum += q[c]
	}
	for c := range q {
		q[c] /= sum
	}
}

func (m *classMixer) loss(sc *mixing, i int, y millrace.Target) float64 {
	return -math.Log(sc.of(sc.p, i)[y.Class])
}

func (m *classMixer) learn(sc *mixing, y millrace.Target, weight float64, active []int) {
	for a := range m.all {
		sc.losses[a] = -math.Log(max(sc.of(sc.q, a)[y.Class], shareFloor))
	}
	likelihoods(sc.factors, sc.losses, m.all, weight)
	m.top.learn(sc.factors, m.all)
	for a := range m.stackers {
		m.stackers[a].learn(sc, sc.of(sc.q, len(m.shares)+a), y.Class, weight, active)
	}
	if weight == 1 {
		// The usual case needs neither logarithm nor exponential.
		var most float64
		for _, i := range active {
			sc.factors[i] = sc.of(sc.p, i)[y.Class]
			most = max(most, sc.factors[i])
		}
		for _, i := range active {
			sc.factors[i] /= most
		}
	} else {
		for _, i := range active {
			sc.losses[i] = m.loss(sc, i, y)
		}
		likelihoods(sc.factors, sc.losses, active, weight)
	}
	for a := range m.shares {
		m.shares[a].learn(sc.factors, active)
	}
}

// learn takes one step on the log-loss: ∂/∂v_i = Σ_c (q_c − [c = y])·l_ic.
func (s *stacker) learn(sc *mixing, q []float64, class int32, weight float64, active []int) {
	e := sc.gradient
	for c, v := range q {
		e[c] = v * weight
	}
	e[class] -= weight
	for _, i := range active {
		var g float64
		for c, l := range sc.of(sc.logs, i) {
			g += e[c] * l
		}
		step := s.rate * g
		if s.adaptive {
			s.square[i] += g * g
			step /= math.Sqrt(s.square[i] + 1e-8)
		}
		s.v[i] = min(max(s.v[i]-step, -stackerMax), stackerMax)
	}
	for c, v := range e {
		s.bias[c] = min(max(s.bias[c]-biasRate*v, -stackerMax), stackerMax)
	}
}

// weights follows the top level down. A stacker's inputs count by the size of their weights.
func (m *classMixer) weights(dst []float64, active []int) {
	for a := range m.shares {
		addScaled(dst, m.shares[a].weight, m.top.weight[a], active)
	}
	for a := range m.stackers {
		addScaled(dst, m.stackers[a].v, m.top.weight[len(m.shares)+a], active)
	}
}

// addScaled adds the active entries' absolute values to dst, so that together they add total.
func addScaled(dst, w []float64, total float64, active []int) {
	var sum float64
	for _, i := range active {
		sum += math.Abs(w[i])
	}
	if sum == 0 {
		return
	}
	for _, i := range active {
		dst[i] += total * math.Abs(w[i]) / sum
	}
}

func (m *classMixer) restrict(active []int, inside []bool) {
	for a := range m.shares {
		m.shares[a].restrict(active, inside)
	}
	for a := range m.stackers {
		m.stackers[a].restrict(inside)
	}
}

// restrict forgets the weights of experts outside; whoever comes in begins at 0, which changes nothing.
func (s *stacker) restrict(inside []bool) {
	for i, in := range inside {
		if in {
			continue
		}
		s.v[i] = 0
		if s.adaptive {
			s.square[i] = 0
		}
	}
}

func (m *classMixer) split(parent, child int) {
	for a := range m.shares {
		m.shares[a].split(parent, child)
	}
	for a := range m.stackers {
		m.stackers[a].split(parent, child)
	}
}

func (s *stacker) split(parent, child int) {
	s.v[parent] /= 2
	s.v[child] = s.v[parent]
	if s.adaptive {
		s.square[child] = s.square[parent]
	}
}

func (m *classMixer) state(visit visitor) {
	for a := range m.shares {
		visit.vector("mixture.share."+strconv.Itoa(a), m.shares[a].weight, millrace.Serving)
	}
	for a := range m.stackers {
		m.stackers[a].state("mixture.stacker."+strconv.Itoa(a), visit)
	}
	visit.vector("mixture.top", m.top.weight, millrace.Serving)
}

func (s *stacker) state(name string, visit visitor) {
	visit.vector(name+".weight", s.v, millrace.Serving)
	visit.vector(name+".bias", s.bias, millrace.Serving)
	if s.adaptive {
		visit.vector(name+".square", s.square, millrace.Training)
	}
}

func (m *classMixer) check() error {
	for a := range m.shares {
		if err := checkShare("mixture.share", m.shares[a].weight); err != nil {
			return err
		}
	}
	for a := range m.stackers {
		if err := m.stackers[a].check("mixture.stacker"); err != nil {
			return err
		}
	}
	return checkShare("mixture.top", m.top.weight)
}

func (s *stacker) check(name string) error {
	for _, values := range [][]float64{s.v, s.bias} {
		for i, v := range values {
			if !(math.Abs(v) <= stackerMax) {
				return fmt.Errorf("%s[%d] is %g, outside ±%d", name, i, v, stackerMax)
			}
		}
	}
	return checkSquares(name, s.square)
}

func checkSquares(name string, square []float64) error {
	for i, v := range square {
		if !(v >= 0) || math.IsInf(v, 1) {
			return fmt.Errorf("%s.square[%d] is %g, no sum of squares", name, i, v)
		}
	}
	return nil
}
