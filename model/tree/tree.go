package tree

import (
	"fmt"
	"math"

	"millrace"
)

// Trees is one tree or a forest. Predict may be called concurrently, each call with a Work of its own;
// Learn by one goroutine, with no Predict meanwhile.
type Trees struct {
	plan    *plan
	members []member
	shared  shared
	target  scaler    // of a numeric label
	level   level     // the same
	steps   []uint64  // [1] examples learned
	wild    []float64 // [1] faded share of examples with a wild feature
	tensors []entry   // all state
}

// shared is what all trees of a model learn with.
type shared struct {
	*plan
	scaler scaler
	random generator
	finder *finder
	// The example that is being learned.
	input []float32
	z     []float64
}

// within is the value of feature f that observers see: no farther from the mean than observedMax
// deviations, so that a few wild values do not make a histogram coarse.
func (s *shared) within(f int, v float32) float64 {
	x := bounded(v)
	if s.category[f] || s.scaler.factor[f] == 0 || s.scaler.moments[3*f] < settled && !s.scaler.wild(f, x) {
		return x
	}
	d := observedMax / s.scaler.factor[f]
	return min(max(x, s.scaler.centre[f]-d), s.scaler.centre[f]+d)
}

const observedMax = 4

// Work is the working memory of one goroutine.
type Work struct {
	works []*work
	spare *work // of a branch or a tree in the background
	z     []float64
	wild  bool // a feature is
	// learned is what the last numeric label was learned as, in its units; NaN where that tells nothing yet.
	learned float64
	input   *float32 // what the rest was made from, and when
	steps   uint64
}

// New makes a tree or a forest that has learned nothing. The error says what is wrong with the config.
func New(c Config) (*Trees, error) {
	p, err := newPlan(c)
	if err != nil {
		return nil, err
	}
	m := &Trees{plan: p, target: newScaler(1), steps: make([]uint64, 1), wild: make([]float64, 1)}
	m.level = newLevel(&m.target)
	m.shared = shared{plan: p, scaler: newScaler(p.Width), random: generator{c.Seed}, finder: newFinder(p)}
	m.shared.scaler.spans = make([]float64, 2*p.Width)
	m.shared.scaler.form = make([]uint64, 1)
	m.members = make([]member, max(p.Trees, 1))
	for i := range m.members {
		m.members[i] = newMember(p)
		m.members[i].tree.reset(m.shared.random)
	}
	m.list()
	return m, nil
}

// NewWork returns working memory for Predict and Learn.
func (m *Trees) NewWork() *Work {
	w := &Work{z: make([]float64, m.plan.Width), spare: newWork(m.plan)}
	for range m.members {
		w.works = append(w.works, newWork(m.plan))
	}
	return w
}

// Outputs is the length of a prediction.
func (m *Trees) Outputs() int { return max(m.plan.Classes, 1) }

// Leaves is how many leaves the trees have together.
func (m *Trees) Leaves() int {
	n := 0
	for i := range m.members {
		n += m.members[i].tree.leaves()
	}
	return n
}

// Predict writes the probability of each class, or the number in deviations, whose value is Value's, for x into
// dst: x has Width values, NaN for what is missing. It is pure and allocates nothing.
func (m *Trees) Predict(dst []float32, x []float32, w *Work) {
	m.predict(x, w)
	if m.plan.Classes == 0 {
		dst[0] = float32(m.number(w))
		return
	}
	if len(m.members) == 1 {
		for c := range dst {
			dst[c] = float32(w.works[0].blend[c])
		}
		return
	}
	m.vote(dst, w)
}

// Value is a number that was predicted in the label's units.
func (m *Trees) Value(prediction float32) float64 {
	return m.target.value(float64(prediction))
}

// number is what the trees say together, in deviations of the label.
func (m *Trees) number(w *Work) float64 {
	z, sum := 0.0, 0.0
	for i := range m.members {
		share := m.members[i].share(m.plan)
		z += share * w.works[i].blend[0]
		sum += share
	}
	return z / sum
}

// predict fills w for x.
func (m *Trees) predict(x []float32, w *Work) {
	w.wild = false
	for i, v := range x {
		w.z[i] = 0
		if !m.plan.category[i] {
			z, wild := m.shared.scaler.standard(i, float64(v))
			w.z[i], w.wild = z, w.wild || wild
		}
	}
	for i := range m.members {
		t := m.members[i].tree
		t.predict(w.works[i], t.find(0, x), x, w.z)
	}
	w.input, w.steps = &x[0], m.steps[0]
}

// WeightMax bounds the weight of one example.
const WeightMax = 1e4

// Learn learns one example with a weight; what w holds of the prediction for the same x is used. It
// allocates nothing. Examples that cannot be learned change nothing and give an error that wraps
// millrace.ErrUpdateRefused.
func (m *Trees) Learn(x []float32, y millrace.Target, weight float32, w *Work) error {
	return m.learn(x, y, weight, w, false)
}

// LearnWild is Learn of an example of which a feature is wild, and what x holds in its place tells nothing: trees that
// learned from it would blame the label on the others. So they only take note of values and label, unless most of the
// latest examples have something wild, as of many sensors one mostly has.
func (m *Trees) LearnWild(x []float32, y millrace.Target, weight float32, w *Work) error {
	return m.learn(x, y, weight, w, true)
}

func (m *Trees) learn(x []float32, y millrace.Target, weight float32, w *Work, wild bool) error {
	k := m.plan.Classes
	switch {
	case !(weight >= 0) || math.IsInf(float64(weight), 1):
		return fmt.Errorf("an example of weight %g: %w", weight, millrace.ErrUpdateRefused)
	case k > 0 && (y.Class < 0 || int(y.Class) >= k):
		return fmt.Errorf("class %d of %d: %w", y.Class, k, millrace.ErrUpdateRefused)
	case k == 0 && !(math.Abs(y.Value) <= valueMax):
		return fmt.Errorf("a target of %g: %w", y.Value, millrace.ErrUpdateRefused)
	case weight == 0:
		return nil
	}
	if m.steps[0] == 0 {
		m.shared.scaler.form[0] = 1
	}
	if w.input != &x[0] || w.steps != m.steps[0] {
		m.predict(x, w)
	}
	if wild = m.leftOut(wild); wild {
		w.wild = true
	}
	to := target{class: int(y.Class)}
	if k == 0 {
		to = m.settle(x, y.Value, w)
	}
	to.wild = w.wild
	for i, v := range x {
		if !m.plan.category[i] && m.shared.scaler.observe(i, float64(v)) {
			m.forget(int32(i))
		}
	}
	m.shared.input, m.shared.z = x, w.z
	m.steps[0]++
	if wild {
		return nil
	}
	each := min(float64(weight), WeightMax)
	for i := range m.members {
		m.members[i].learn(w.works[i], x, to, each, &m.shared, w)
	}
	return nil
}

// leftOut reports whether an example that is wild, or is not, is left out.
func (m *Trees) leftOut(wild bool) bool {
	share := 0.0
	if wild {
		share = 1
	}
	wild = wild && m.wild[0] <= wildMost
	m.wild[0] += wildFade * (share - m.wild[0])
	return wild
}

const (
	// Wild examples are left out while no more than wildMost of the latest hundreds are.
	wildMost = 0.5
	wildFade = 1.0 / 512
)

// settle takes a numeric label in, which w holds a prediction of, and says what it is to be learned as.
func (m *Trees) settle(x []float32, y float64, w *Work) target {
	p := m.number(w)
	if !w.wild {
		m.level.observe(p, y)
		if m.level.begun() {
			m.restart(x, w)
			p = m.number(w)
		}
	}
	counted, learned, failed := m.level.reach(math.Abs(m.target.deviations(y) - p))
	counts, learns := m.level.within(y, p, counted), m.level.within(y, p, learned)
	m.target.observe(0, counts)
	if n := m.target.moments[0]; n == firstValues && m.target.plain[0] == n {
		m.level.far[0] = m.target.firstFar()
		if m.target.began(0) {
			m.restart(x, w)
		}
	}
	v := m.target.deviations(learns)
	most := float64(targetReach)
	if n := m.target.moments[0]; n < firstValues {
		most = math.Sqrt(n) // which no value of n is beyond
	}
	w.learned = math.NaN()
	if !w.wild && m.level.history[1] > beginLast && math.Abs(v) <= most {
		w.learned = learns
	}
	v = min(max(v, -most), most)
	return target{value: v, reach: failed}
}

// Learned is what the numeric label that was learned with w last was learned as, in its units: itself, or nearer to
// what was predicted where it was wild. It is NaN for the first few hundred, of which wild ones may not be known for
// such, for examples that were left out, and beyond what leaves hold.
func (w *Work) Learned() float64 { return w.learned }

// restart makes all trees such as have learned nothing, as what they learned of a label was in other units.
func (m *Trees) restart(x []float32, w *Work) {
	for i := range m.members {
		m.members[i].restart(&m.shared)
	}
	m.predict(x, w)
}

// forget makes all observers of feature f new.
func (m *Trees) forget(f int32) {
	for i := range m.members {
		m.members[i].tree.forget(f)
		if b := m.members[i].background; b != nil {
			b.forget(f)
		}
	}
}
