package mixture

import (
	"math"

	"millrace/model/kernel"
)

// Rates of the aggregators. They span what streams need, from none to abrupt drift and from short to
// long memory; the level above finds the ones that serve.
var (
	shareRates   = []float64{1e-2, 1e-3, 1e-4, 1e-5}
	stackerRates = []stackerRate{{0.0003, false}, {0.001, false}, {0.003, false}, {0.01, true}, {0.03, true}}
	// Of the mixer that judges.
	judgeShares   = []float64{1e-3}
	judgeStackers = []stackerRate{{0.01, true}, {0.003, false}}
)

type stackerRate struct {
	rate     float64
	adaptive bool // AdaGrad, else SGD
}

const (
	topRate = 1e-4 // fixed share over the aggregators
	// servedMin is the weight below which an aggregator has no part in predictions.
	servedMin = 0.02

	// Floors of probabilities: for shares, so that one sure mistake cannot silence an expert for
	// good; for stackers higher, as they take logarithms of all classes as inputs.
	shareFloor   = 1e-9
	stackerFloor = 1e-4

	biasRate   = 0.002 // of a stacker's class biases
	stackerMax = 100   // bounds its weights; they are of the order of 1
)

// classMixer mixes probabilities of classes. Its pools are log-linear with learned weights:
// softmax(b + Σ v_i·log p_i), which is stacking (Wolpert 1992) by multinomial regression on the experts'
// log-probabilities, the mixing of PAQ (Mattern 2013, "Linear and geometric mixtures", section 2) for any
// number of classes.
type classMixer struct {
	aggregators
	k *kernel.Set
}

func newClassMixer(experts, classes int, k *kernel.Set, shares []float64, stackers []stackerRate) *classMixer {
	m := &classMixer{k: k}
	for _, r := range stackers {
		p := newPool(r.rate, experts, 0)
		p.bias = alone[float64](classes)
		if !r.adaptive {
			p.square = nil
		}
		m.pools = append(m.pools, p)
	}
	m.begin(experts, shares)
	return m
}

func (m *classMixer) prepare(sc *mixing, i int, prediction []float32, _ float64) {
	p, f := sc.of(sc.p, i), sc.of(sc.floored, i)
	for c, v := range prediction {
		p[c], f[c] = max(v, shareFloor), max(v, stackerFloor)
	}
	if sc.outputs >= vectorFloats {
		m.k.Logs(sc.of(sc.logs, i), f)
	}
}

// vectorFloats is how many float32 the kernels take at a time: fewer classes than that are worth taking
// the logarithms of all experts in one piece.
const vectorFloats = 8

// serves reports whether aggregator a has a part in predictions: most have so little weight that
// leaving them out is no loss, and a prediction costs a fraction.
func (m *classMixer) serves(a int) bool { return m.top.weight[a] >= servedMin }

func (m *classMixer) predict(dst []float32, sc *mixing, _ []int) {
	if sc.outputs < vectorFloats {
		m.k.Logs(sc.logs, sc.floored)
	}
	clear(sc.mixed)
	var sum float64 // in float32, what a thousand classes sum to would be off by more than a prediction may be
	for a := range m.all {
		if !m.serves(a) {
			continue
		}
		w := float32(m.top.weight[a])
		for c, q := range m.aggregate(sc, a) {
			sc.mixed[c] += w * q
		}
	}
	for _, v := range sc.mixed {
		sum += float64(v)
	}
	whole := float32(sum)
	for c, v := range sc.mixed {
		dst[c] = v / whole
	}
}

// aggregate computes what aggregator a predicts. Experts outside the active set have weight 0 everywhere.
func (m *classMixer) aggregate(sc *mixing, a int) []float32 {
	q := sc.of(sc.q, a)
	if a < len(m.shares) {
		clear(q)
		sc.sums.Data = q
		m.k.GemvT(&sc.pRows, sc.single(m.shares[a].weight), &sc.sums)
		return q
	}
	s := &m.pools[a-len(m.shares)]
	for c, b := range s.bias {
		sc.delta[c] = float32(b)
	}
	sc.sums.Data = sc.delta
	m.k.GemvT(&sc.logRows, sc.single(s.v), &sc.sums)
	m.k.Softmax(q, sc.delta, 1)
	return q
}

func (m *classMixer) losses(dst []float64, sc *mixing, y outcome) {
	for i := range dst {
		dst[i] = -math.Log(float64(sc.of(sc.p, i)[y.class]))
	}
}

func (m *classMixer) learn(sc *mixing, y outcome, active []int) {
	weight := y.relative
	for a := range m.all {
		if !m.serves(a) {
			m.aggregate(sc, a)
		}
		sc.losses[a] = -math.Log(max(float64(sc.of(sc.q, a)[y.class]), shareFloor))
	}
	likelihoods(sc.shares, sc.losses, m.all, weight)
	m.top.learn(sc.shares, m.all)
	for a := range m.pools {
		m.pools[a].learnClass(m.k, sc, sc.of(sc.q, len(m.shares)+a), y.class, weight, active)
	}
	if weight == 1 {
		// The usual case needs neither logarithm nor exponential.
		var most float64
		for _, i := range active {
			sc.shares[i] = float64(sc.of(sc.p, i)[y.class])
			most = max(most, sc.shares[i])
		}
		for _, i := range active {
			sc.shares[i] /= most
		}
	} else {
		m.losses(sc.losses[:len(sc.factor)], sc, y)
		likelihoods(sc.shares, sc.losses, active, weight)
	}
	for a := range m.shares {
		m.shares[a].learn(sc.shares, active)
	}
}

// learnClass takes one step on the log-loss: ∂/∂v_i = Σ_c (q_c − [c = y])·l_ic.
func (s *pool) learnClass(k *kernel.Set, sc *mixing, q []float32, class int32, weight float64, active []int) {
	e, factor := sc.delta, float32(weight)
	for c, v := range q {
		e[c] = v * factor
	}
	e[class] -= factor
	sc.sums.Data = e
	k.Dots(&sc.logRows, &sc.sums, &sc.weights)
	for _, i := range active {
		g := float64(sc.factor[i])
		step := s.rate * g
		if s.square != nil {
			s.square[i] += g * g
			step /= math.Sqrt(s.square[i] + 1e-8)
		}
		s.v[i] = min(max(s.v[i]-step, -stackerMax), stackerMax)
	}
	for c, v := range e {
		s.bias[c] = min(max(s.bias[c]-biasRate*float64(v), -stackerMax), stackerMax)
	}
}
