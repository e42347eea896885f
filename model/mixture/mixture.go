// Package mixture is `type: auto`: models of several families and rates that learn side by side, and a mixer that
// predicts by those that prove good. It says which experts there may be (candidates.go), foresees what they cost
// (cost.go), mixes them (mixer.go) and reviews who serves (select.go). Experts are model.Models to it, nothing more,
// and it is handed their constructor.
package mixture

import (
	"cmp"
	"math"
	"slices"

	"millrace"
	"millrace/model"
	"millrace/model/kernel"
)

// mixture is experts of several families and rates that learn side by side, and a mixer that predicts by the active
// ones.
type mixture struct {
	classes int
	experts []expert
	views   []millrace.ViewID
	target  model.Moments // of numbers: both mixers go by them, each expert keeps its own
	mixer   mixer
	// judge mixes all experts, also those that do not predict: the weight that it gives each is what the
	// active set is chosen by. It learns beside the mixer and never predicts for others.
	judge      mixer
	every      []int   // all experts
	dearest    []int   // the same, those that cost most to learn first
	servingMax float64 // what predicting may cost
	recruiter  *recruiter

	active []int     // the experts that predict, ascending
	inside []bool    // the same, an entry an expert
	scores []float64 // working memory of the judge and of review
	sums   []float64 // working memory of choose
	taken  []bool

	// State, beside the experts' and the mixer's.
	steps  []uint64  // [1] events learned
	set    []uint8   // [experts] 1 for the active ones
	rates  []float64 // [experts]
	ids    []uint64  // [experts]
	parent []uint64  // [experts]
	born   []uint64  // [experts]
	loss   []float64 // [experts] fading loss
	carry  []float64 // [experts] fading share of the prediction that the expert carries
	events []uint64  // [experts] reviews since birth, in events: those that come early count as much as others
	next   []uint64  // [1] the next id
	usual  []float64 // [1] fading mean weight of events
	pinned []int32   // [1] the one expert that predicts, -1 for the mixture

	pin string // the spec's, which overrules what a restored state says

	skipped []uint64 // [experts] events that each refused since it was built; no state

	entries []entry
}

// expert is one member: a model of its own.
type expert struct {
	candidate
	model   model.Model
	value   model.HasValue // of numbers, else nil
	predict float64        // cost of a prediction, see cost
	learn   float64        // cost of predicting and learning
	entries []entry        // its part of the mixture's state
}

// Parts are what a mixture is given beside its spec.
type Parts struct {
	// Build makes the model of an expert, for the target and over the views that New is given. The mixture resolves the
	// spec.
	Build func(model.Spec) (model.Model, error)
	// Kernels do the mixers' arithmetic.
	Kernels *kernel.Set
}

// New builds the experts that fit into the budget of a resolved spec without mistakes, in the order of the candidates.
func New(s model.Spec, target model.TargetSpec, views millrace.Views, p Parts) (model.Model, error) {
	k := p.Kernels
	m := &mixture{classes: target.Classes}
	if err := m.recruit(s, target, views, p.Build); err != nil {
		return nil, err
	}
	n := len(m.experts)
	m.every, m.dearest, m.skipped = upTo(n), upTo(n), make([]uint64, n)
	slices.SortStableFunc(m.dearest, func(a, b int) int { return cmp.Compare(m.experts[b].learn, m.experts[a].learn) })
	if target.Classes > 0 {
		m.mixer = newClassMixer(n, target.Classes, k, shareRates, stackerRates)
		m.judge = newClassMixer(n, target.Classes, k, judgeShares, judgeStackers)
	} else {
		m.target = model.NewMoments()
		m.mixer = newNumberMixer(n, &m.target, numberShareRates, numberStackerRates)
		m.judge = newNumberMixer(n, &m.target, judgeShares, judgeRates)
	}
	m.steps, m.next, m.pinned, m.pin = make([]uint64, 1), []uint64{uint64(n) + 1}, []int32{-1}, s.Pin
	m.set, m.inside, m.rates, m.scores = make([]uint8, n), make([]bool, n), make([]float64, n), make([]float64, n)
	m.ids, m.parent, m.born, m.events = make([]uint64, n), make([]uint64, n), make([]uint64, n), make([]uint64, n)
	m.loss, m.carry = make([]float64, n), make([]float64, n)
	m.active, m.usual = make([]int, 0, n), make([]float64, 1)
	m.sums, m.taken = make([]float64, costParts+1), make([]bool, n*(costParts+1))
	for i := range m.experts {
		m.ids[i], m.rates[i] = uint64(i)+1, m.experts[i].rate()
		m.carry[i] = 1 / float64(n)
		for _, view := range m.experts[i].model.Views() {
			if !slices.Contains(m.views, view) {
				m.views = append(m.views, view)
			}
		}
	}
	if err := m.fix(); err != nil {
		return nil, err
	}
	m.choose()
	m.mixer.restrict(m.active, m.inside, m.judge)
	m.collect()
	return m, nil
}

// follow makes the lists of active experts those of the state.
func (m *mixture) follow() {
	m.active = m.active[:0]
	for i, in := range m.set {
		m.inside[i] = in == 1
		if m.inside[i] {
			m.active = append(m.active, i)
		}
	}
}

func (m *mixture) Views() []millrace.ViewID { return m.views }

func (m *mixture) Outputs() int { return max(1, m.classes) }

func (m *mixture) NewScratch() model.Scratch { return m.newWork(1) }

func (m *mixture) Predict(dst []float32, x millrace.Input, s model.Scratch) {
	w := s.(*work)
	w.asked = true
	if p := int(m.pinned[0]); p >= 0 {
		w.ask(p, 0, x)
		copy(dst, w.lanes[p].predictions)
		return
	}
	for _, i := range m.active {
		w.ask(i, 0, x)
		m.mixer.prepare(w.mixing, i, w.lanes[i].predictions, w.lanes[i].values[0])
	}
	m.mixer.predict(dst, w.mixing, m.active)
}

// Value is what the expert says that is pinned, or what the mixer makes of all.
func (m *mixture) Value(prediction float32) float64 {
	if p := int(m.pinned[0]); p >= 0 {
		return m.experts[p].value.Value(prediction)
	}
	return m.target.Value(float64(prediction))
}

// predicts reports whether expert i has a part in predictions.
func (m *mixture) predicts(i int) bool {
	if p := int(m.pinned[0]); p >= 0 {
		return i == p
	}
	return m.inside[i]
}

// fadeLoss is how fast the experts' losses forget: about a thousand events.
const fadeLoss = 1e-3

func (m *mixture) Learn(x millrace.Input, y millrace.Target, weight float32, s model.Scratch) error {
	return m.LearnSteps(x, y, weight, 1, s)
}

// LearnSteps learns one event in several steps. An expert that refuses one is left as it was, and the others go on:
// only when none can learn is the event refused, with an ErrSkipped, and then nothing has changed.
func (m *mixture) LearnSteps(x millrace.Input, y millrace.Target, weight float32, steps int, s model.Scratch) error {
	if err := model.Admissible(m.classes, y, weight); err != nil {
		return err
	}
	if weight == 0 || !y.Known {
		return nil
	}
	w := s.(*work)
	w.add(happening{x: x, y: y, weight: weight, steps: steps})
	w.run(model.OneByOne{})
	err := w.err(0)
	w.reset()
	return err
}

// outcome is what came of an event for the mixers. A label stands among the others as an event of weight 1 would.
func (m *mixture) outcome(y millrace.Target, weight float64) (outcome, error) {
	happened := outcome{class: y.Class, counts: 1}
	if m.classes > 0 {
		return happened, nil
	}
	if _, err := m.target.Admit(y.Value, weight); err != nil {
		return happened, err
	}
	z, counts := m.target.Next(y.Value, 1).Learned(y.Value)
	happened.z, happened.counts = bounded(z), counts
	happened.part = weight / (m.target.Weight() + weight + 1)
	return happened, nil
}

// relativeMax is how many usual events one counts for at most in the mixers.
const relativeMax = 10

// relative is an event's weight in units of the mean one, where that is above 1. Shares multiply losses by it: with all
// weights at 100, they would follow whoever was right about the latest event.
func (m *mixture) relative(weight float64) float64 {
	part := max(fadeLoss, 1/(float64(m.steps[0])+1))
	m.usual[0] += part * (weight - m.usual[0])
	return min(weight/max(1, m.usual[0]), relativeMax)
}

func (m *mixture) Norms() (weights, gradient float64) {
	for i := range m.experts {
		if e, ok := model.As[model.HasNorms](m.experts[i].model); ok {
			w, g := e.Norms()
			weights, gradient = math.Hypot(weights, w), math.Hypot(gradient, g)
		}
	}
	return weights, gradient
}
