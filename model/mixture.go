package model

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"millrace"
	"millrace/model/kernel"
)

// mixture is `type: auto`: experts of several families and rates that learn side by side, and a mixer
// that predicts by the active ones.
type mixture struct {
	classes int
	experts []expert
	views   []millrace.ViewID
	target  moments // of numbers: both mixers go by them, each expert keeps its own
	mixer   mixer
	// judge mixes all experts, also those that do not predict: the weight that it gives each is what the
	// active set is chosen by. It learns beside the mixer and never predicts for others.
	judge      mixer
	every      []int   // all experts
	servingMax float64 // what predicting may cost
	recruiter  *recruiter

	active []int     // the experts that predict, ascending
	inside []bool    // the same, an entry an expert
	scores []float64 // working memory of Learn and review
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

	entries []entry
}

// expert is one member: a model of its own.
type expert struct {
	candidate
	model   Model
	predict float64 // cost of a prediction, see cost
	learn   float64 // cost of predicting and learning
	entries []entry // its part of the mixture's state
}

// entry is one tensor of the state. The tensors alias live memory that is never replaced, so they are
// collected once.
type entry struct {
	name   string
	tensor millrace.Tensor
	role   millrace.Role
}

// mixtureScratch is a mixture's working memory.
type mixtureScratch struct {
	mixing  *mixing
	judging *mixing
	experts []Scratch
	outputs [][]float32 // each expert's latest prediction
	result  []float32
}

// newMixture builds the experts that fit into the budget, in the order of the candidates.
func newMixture(s Spec, target TargetSpec, views millrace.Views, k *kernel.Set) (Model, error) {
	m := &mixture{classes: target.Classes}
	if err := m.recruit(s, target, views, k); err != nil {
		return nil, err
	}
	n := len(m.experts)
	m.every = upTo(n)
	if target.Classes > 0 {
		m.mixer = newClassMixer(n, target.Classes, k, shareRates, stackerRates)
		m.judge = newClassMixer(n, target.Classes, k, judgeShares, judgeStackers)
	} else {
		m.target = newMoments()
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
	}
	if err := m.fix(); err != nil {
		return nil, err
	}
	m.choose()
	m.mixer.restrict(m.active, m.inside, m.judge)
	m.collect()
	return m, nil
}

// pinNone is the pin that lifts one.
const pinNone = "none"

// fix finds the expert that the spec pins, by id or name. A spec that says nothing leaves what the state says.
//
// Many experts only come in the course of a stream, and a mixture is built before it is restored. So what may still
// come is no mistake: until it does, the mixture predicts.
func (m *mixture) fix() error {
	if m.pin == "" {
		return nil
	}
	m.pinned[0] = -1
	if m.pin == pinNone {
		return nil
	}
	names := make([]string, len(m.experts))
	for i := range m.experts {
		names[i] = fmt.Sprintf("%s (%d)", m.experts[i].name(), m.ids[i])
		if m.pin == m.experts[i].name() || m.pin == strconv.FormatUint(m.ids[i], 10) {
			m.pinned[0] = int32(i)
			return nil
		}
	}
	if m.mayCome(m.pin) {
		return nil
	}
	return fmt.Errorf("pinning expert %q: there are %s", m.pin, strings.Join(names, ", "))
}

// mayCome reports that a pin names an expert that there is not yet: its id is higher than all so far, or it is one of
// these at another rate.
func (m *mixture) mayCome(pin string) bool {
	if id, err := strconv.ParseUint(pin, 10, 64); err == nil {
		return id > slices.Max(m.ids)
	}
	for i := range m.experts {
		e := &m.experts[i]
		if rate, ok := strings.CutPrefix(pin, e.kind()+"-"); ok && e.base != 0 {
			if _, err := strconv.ParseFloat(rate, 64); err == nil {
				return true
			}
		}
	}
	return false
}

// collect lists the state's tensors.
func (m *mixture) collect() {
	add := func(name string, t millrace.Tensor, role millrace.Role) {
		m.entries = append(m.entries, entry{name, t, role})
	}
	n := []int{len(m.experts)}
	add("mixture.steps", millrace.Tensor{Shape: scalarShape, U64: m.steps}, millrace.Training)
	add("mixture.next_id", millrace.Tensor{Shape: scalarShape, U64: m.next}, millrace.Training)
	add("mixture.usual_weight", millrace.Tensor{Shape: scalarShape, F64: m.usual}, millrace.Training)
	add("mixture.active", millrace.Tensor{Shape: n, U8: m.set}, millrace.Serving)
	add("mixture.pinned", millrace.Tensor{Shape: scalarShape, I32: m.pinned}, millrace.Serving)
	add("mixture.rates", millrace.Tensor{Shape: n, F64: m.rates}, millrace.Serving)
	add("mixture.ids", millrace.Tensor{Shape: n, U64: m.ids}, millrace.Serving)
	add("mixture.parents", millrace.Tensor{Shape: n, U64: m.parent}, millrace.Serving)
	add("mixture.born", millrace.Tensor{Shape: n, U64: m.born}, millrace.Serving)
	add("mixture.events", millrace.Tensor{Shape: n, U64: m.events}, millrace.Training)
	add("mixture.loss", millrace.Tensor{Shape: n, F64: m.loss}, millrace.Serving)
	add("mixture.carry", millrace.Tensor{Shape: n, F64: m.carry}, millrace.Serving)
	m.collectMixer("mixture", m.mixer, millrace.Serving, add)
	m.collectMixer("judge", m.judge, millrace.Training, add)
	for i := range m.experts {
		m.experts[i].list("experts." + strconv.Itoa(i) + ".")
		m.entries = append(m.entries, m.experts[i].entries...)
	}
}

// collectMixer lists a mixer's tensors. The moments of the target stand with both mixers, as when each had its own:
// snapshots from before are restored, and releases from before restore ours. They are equal there, as both learned of
// the same events.
func (m *mixture) collectMixer(name string, of mixer, role millrace.Role, add visitor) {
	if m.classes == 0 {
		add.vector(name+".target", m.target.v, role)
	}
	of.state(name, role, add)
}

// list collects an expert's tensors, by names with a prefix.
func (e *expert) list(prefix string) {
	e.model.State(func(name string, t millrace.Tensor, role millrace.Role) {
		e.entries = append(e.entries, entry{prefix + name, t, role})
	})
}

func (m *mixture) State(visit func(name string, t millrace.Tensor, role millrace.Role)) {
	for i := range m.entries {
		visit(m.entries[i].name, m.entries[i].tensor, m.entries[i].role)
	}
}

func (m *mixture) Restored() error {
	for i := range m.experts {
		e := &m.experts[i]
		if low, high := m.reach(i); !(m.rates[i] >= low/slack && m.rates[i] <= high*slack) {
			return fmt.Errorf("checking expert %d: a rate of %g, outside [%g, %g]", i, m.rates[i], low, high)
		}
		e.tune(m.rates[i])
		if err := e.model.Restored(); err != nil {
			return fmt.Errorf("checking expert %d, %s: %w", i, e.name(), err)
		}
		if !(m.loss[i] >= 0) || math.IsInf(m.loss[i], 1) || !(m.carry[i] >= 0 && m.carry[i] <= slack) || m.set[i] > 1 {
			return fmt.Errorf("checking expert %d, %s: loss %g, carry %g, active %d", i, e.name(), m.loss[i], m.carry[i], m.set[i])
		}
	}
	m.follow()
	if len(m.active) == 0 {
		return errors.New("checking the mixture: no expert is active")
	}
	if m.classes == 0 {
		if err := m.target.check(); err != nil {
			return fmt.Errorf("checking the mixture: %w", err)
		}
		m.target.refresh()
	}
	if err := m.mixer.check(m.active); err != nil {
		return fmt.Errorf("checking the mixture: %w", err)
	}
	if err := m.judge.check(m.every); err != nil {
		return fmt.Errorf("checking the mixture of all experts: %w", err)
	}
	if u := m.usual[0]; !(u >= 0 && u <= math.MaxFloat32) {
		return fmt.Errorf("checking the mixture: events weigh %g", u)
	}
	if err := m.checkIDs(); err != nil {
		return err
	}
	if p := m.pinned[0]; p < -1 || int(p) >= len(m.experts) {
		return fmt.Errorf("checking the mixture: expert %d of %d is pinned", p, len(m.experts))
	}
	return m.fix()
}

// idMax is more experts than any stream can have had.
const idMax = 1 << 62

// checkIDs reports ids that no run could have given. A scorer is not told the next one, so that it is made to follow.
func (m *mixture) checkIDs() error {
	for i, id := range m.ids {
		if id == 0 || id > idMax || slices.Contains(m.ids[:i], id) {
			return fmt.Errorf("checking expert %d: its id is %d, of %d", i, id, m.ids)
		}
	}
	if m.next[0] > idMax {
		return fmt.Errorf("checking the mixture: the next id is %d", m.next[0])
	}
	m.next[0] = max(m.next[0], slices.Max(m.ids)+1)
	return nil
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

func (m *mixture) NewScratch() Scratch {
	aggregators := len(shareRates) + len(stackerRates)
	s := &mixtureScratch{
		mixing: newMixing(len(m.experts), aggregators, m.Outputs()),
		result: make([]float32, m.Outputs()),
	}
	s.judging = s.mixing.beside(aggregators)
	for i := range m.experts {
		s.experts = append(s.experts, m.experts[i].model.NewScratch())
		s.outputs = append(s.outputs, make([]float32, m.Outputs()))
	}
	return s
}

func (m *mixture) Predict(dst []float32, x millrace.Input, s Scratch) {
	sc := s.(*mixtureScratch)
	if p := int(m.pinned[0]); p >= 0 {
		m.ask(p, x, sc)
		copy(dst, sc.outputs[p])
		return
	}
	for _, i := range m.active {
		m.ask(i, x, sc)
	}
	m.mixer.predict(dst, sc.mixing, m.active)
}

// ask has expert i predict.
func (m *mixture) ask(i int, x millrace.Input, sc *mixtureScratch) {
	m.experts[i].model.Predict(sc.outputs[i], x, sc.experts[i])
	m.mixer.prepare(sc.mixing, i, sc.outputs[i])
}

// askRest has those experts predict that Predict left out.
func (m *mixture) askRest(x millrace.Input, sc *mixtureScratch) {
	p := int(m.pinned[0])
	for i, in := range m.inside {
		if p >= 0 && i != p || p < 0 && !in {
			m.ask(i, x, sc)
		}
	}
	if p >= 0 {
		m.mixer.predict(sc.result, sc.mixing, m.active)
	}
	m.judge.predict(sc.result, sc.judging, m.every)
}

// fadeLoss is how fast the experts' losses forget: about a thousand events.
const fadeLoss = 1e-3

func (m *mixture) Learn(x millrace.Input, y millrace.Target, weight float32, s Scratch) error {
	if err := admissible(m.classes, y, weight); err != nil {
		return err
	}
	if weight == 0 || !y.Known {
		return nil
	}
	happened := outcome{class: y.Class}
	var total, mean, squares float64
	if m.classes == 0 {
		var err error
		if total, mean, squares, err = m.target.admit(y.Value, float64(weight)); err != nil {
			return err
		}
		happened.z, happened.part = m.standard(y.Value), float64(weight)/(total+1)
	}
	sc := s.(*mixtureScratch)
	m.askRest(x, sc)
	// An expert that refuses the update is left as it was, and the others go on: only when none can
	// learn is the event refused, and then nothing has changed.
	var refused error
	learned := 0
	for i := range m.experts {
		if err := m.experts[i].model.Learn(x, y, weight, sc.experts[i]); err != nil {
			refused = err
			continue
		}
		learned++
	}
	if learned == 0 {
		return refused
	}
	m.mixer.losses(m.scores, sc.mixing, happened)
	for i, loss := range m.scores {
		m.loss[i] += fadeLoss * (loss - m.loss[i])
	}
	happened.relative = m.relative(float64(weight))
	m.mixer.learn(sc.mixing, happened, m.active)
	m.judge.learn(sc.judging, happened, m.every)
	if m.classes == 0 {
		m.target.commit(total, mean, squares)
	}
	m.steps[0]++
	if due(m.steps[0]) {
		m.review()
	}
	return nil
}

// standard is a number in standard deviations, taken in as an event of weight 1.
func (m *mixture) standard(value float64) float64 {
	w, mean, squares := m.target.next(value, 1)
	z := standard(value, w, mean, squares)
	return min(max(z, -standardMax), standardMax)
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

// inherit makes an expert's state its parent's, whose tensors have the same shapes.
func (e *expert) inherit(parent *expert) error {
	for i := range e.entries {
		e.entries[i].tensor.Set(parent.entries[i].tensor)
	}
	return e.model.Restored()
}

func (m *mixture) Norms() (weights, gradient float64) {
	for i := range m.experts {
		if e, ok := As[HasNorms](m.experts[i].model); ok {
			w, g := e.Norms()
			weights, gradient = math.Hypot(weights, w), math.Hypot(gradient, g)
		}
	}
	return weights, gradient
}
