package mixture

import (
	"math"
)

// due reports whether the experts are to be reviewed after so many events: soon at first, then every
// selectEvery.
func due(steps uint64) bool {
	return steps%selectEvery == 0 || steps == 100 || steps == 200 || steps == 500
}

const (
	// selectEvery is how many events pass between two reviews of the experts.
	selectEvery = 1000
	// trialEvents is how long an expert is given before it may be found useless: five reviews.
	trialEvents = 5 * selectEvery
	// carryRate is how fast the experts' carry follows, a review: it remembers about three.
	carryRate = 0.3
	// idle is the part of an even share below which an expert carries nothing to speak of.
	idle = 0.3
	// neighbour is the ratio of neighbouring rates: a quarter of a decade is too near to differ, a whole
	// one leaves out the best.
	neighbour = 3
	// rateReach bounds how far a rate may wander from its candidate's.
	rateReach = 30
)

// review measures who carries the prediction, replaces at most one expert that is no use, and chooses
// the active set anew. All of it is a function of the state.
func (m *mixture) review() {
	clear(m.scores)
	m.judge.weights(m.scores, m.every)
	for i, w := range m.scores {
		if m.steps[0] < selectEvery {
			m.carry[i] = w
		}
		m.carry[i] += carryRate * (w - m.carry[i])
		m.events[i] += selectEvery
	}
	m.restart()
	m.replace()
	if m.pinned[0] < 0 {
		_ = m.fix() // the one that is pinned may have come; what cannot come was refused before
	}
	m.choose()
	m.mixer.restrict(m.active, m.inside, m.judge)
}

// restart begins experts anew whose weights have run away, at a lower rate: they would not come back. One that is
// pinned learns as it would on its own, and keeps the name and id that it was pinned by.
func (m *mixture) restart() {
	for i := range m.experts {
		e := &m.experts[i]
		if m.loss[i] < m.lost() || m.events[i] < trialEvents || i == int(m.pinned[0]) {
			continue
		}
		fresh, err := m.recruiter.construct(e.spec)
		if err != nil {
			panic(err) // it was constructed before
		}
		blank := expert{model: fresh}
		blank.list("")
		if err := e.inherit(&blank); err != nil {
			panic(err) // what a model begins with it can restore
		}
		if m.rates[i] != 0 {
			m.rates[i] = max(m.rates[i]/neighbour, e.base/rateReach)
			e.tune(m.rates[i])
		}
		m.parent[i], m.ids[i], m.born[i] = 0, m.next[0], m.steps[0]
		m.next[0]++
		m.events[i], m.loss[i] = 0, m.lost()/2
	}
}

// lost is a loss that only an expert whose weights have run away has: far beyond that of knowing nothing, and below
// the most that there is, which for many classes is less than four times as much.
func (m *mixture) lost() float64 {
	if m.classes == 0 {
		return 4
	}
	return min(4*math.Log(float64(m.classes)), -0.75*math.Log(shareFloor))
}

// replace gives the expert that is least use another rate: it becomes a copy of a better one of its group,
// at a rate beside that one's, or, where there is none, goes on from its own weights. A copy predicts what
// its parent does until their rates part them, so the mixture loses nothing.
func (m *mixture) replace() {
	worst := -1
	useful := idle / float64(len(m.experts))
	for i := range m.experts {
		tried := m.events[i] >= trialEvents && m.rates[i] != 0 && i != int(m.pinned[0])
		if tried && m.carry[i] < useful && (worst < 0 || m.carry[i] < m.carry[worst]) {
			worst = i
		}
	}
	if worst < 0 {
		return
	}
	m.events[worst] = 0
	parent := -1
	for i := range m.experts {
		related := i != worst && m.experts[i].group == m.experts[worst].group
		if related && m.carry[i] >= useful && (parent < 0 || m.carry[i] > m.carry[parent]) {
			parent = i
		}
	}
	rate, ok := 0.0, false
	if parent >= 0 {
		rate, ok = m.beside(parent, worst)
	}
	if ok {
		if err := m.experts[worst].inherit(&m.experts[parent]); err != nil {
			panic(err) // what a model has learned it can restore
		}
		m.loss[worst] = m.loss[parent]
		m.judge.split(parent, worst)
		if m.inside[worst] {
			m.mixer.split(parent, worst)
		}
		m.carry[parent] /= 2
		m.carry[worst] = m.carry[parent]
	} else {
		parent, rate = worst, m.around(worst)
	}
	m.parent[worst], m.ids[worst], m.born[worst] = m.ids[parent], m.next[0], m.steps[0]
	m.next[0]++
	m.rates[worst] = rate
	m.experts[worst].tune(rate)
}

// reach is where the rate of expert i may be: a copy's is within reach of its parent's beginning, whose group it is of.
func (m *mixture) reach(i int) (low, high float64) {
	low, high = m.experts[i].base, m.experts[i].base
	for j := range m.experts {
		if e := &m.experts[j]; e.group == m.experts[i].group {
			low, high = min(low, e.base), max(high, e.base)
		}
	}
	return low / rateReach, high * rateReach
}

// beside is a rate beside the parent's that no other of its group has.
func (m *mixture) beside(parent, child int) (float64, bool) {
	base := m.experts[parent].base
	for _, rate := range [...]float64{m.rates[parent] / neighbour, m.rates[parent] * neighbour} {
		taken := rate > base*rateReach || rate < base/rateReach
		for i := range m.experts {
			if i != child && m.experts[i].group == m.experts[parent].group && near(m.rates[i], rate) {
				taken = true
			}
		}
		if !taken {
			return rate, true
		}
	}
	return 0, false
}

// around is the next rate of an expert that no other helps: above the one that it began with, below it,
// and that one again.
func (m *mixture) around(i int) float64 {
	base := m.experts[i].base
	switch {
	case near(m.rates[i], base):
		return base * neighbour
	case m.rates[i] > base:
		return base / neighbour
	default:
		return base
	}
}

// near reports that two rates are nearer to each other than neighbours.
func near(a, b float64) bool { return max(a, b) < math.Sqrt(neighbour)*min(a, b) }

// choose takes the set of experts whose merits sum to most among those that may be served: a knapsack,
// solved by dynamic programming over costs in parts of the budget.
func (m *mixture) choose() {
	// sum[c] is the most that experts up to the present one can reach at a cost of c parts.
	sum := m.sums[:costParts+1]
	clear(sum)
	for i := range m.experts {
		parts := m.parts(i)
		taken := m.taken[i*(costParts+1) : (i+1)*(costParts+1)]
		for c := costParts; c >= 0; c-- {
			taken[c] = c >= parts && sum[c-parts]+m.carry[i] > sum[c]
			if taken[c] {
				sum[c] = sum[c-parts] + m.carry[i]
			}
		}
	}
	c := costParts
	for i := len(m.experts) - 1; i >= 0; i-- {
		m.set[i] = 0
		if m.taken[i*(costParts+1)+c] {
			m.set[i] = 1
			c -= m.parts(i)
		}
	}
	m.follow()
}

// costParts is how finely the serving budget is divided.
const costParts = 200

// parts is what serving expert i costs, rounded up.
func (m *mixture) parts(i int) int {
	return int(math.Ceil(m.experts[i].predict / m.servingMax * costParts))
}
