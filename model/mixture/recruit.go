package mixture

import (
	"fmt"
	"millrace/model"
	"strconv"
	"strings"

	"millrace"
)

// candidate is an expert that a mixture may have.
type candidate struct {
	spec model.Spec // resolved
	// group tells which experts have the same tensors and differ in the rate alone, so that one can
	// become a copy of another.
	group int
	base  float64 // the rate that it began with
}

// candidates lists the experts in the order in which they are taken while the budget lasts: first those
// that are unlike each other, then neighbours of them in rate, which give way to copies of what proves good.
//
// The list was found on streams of six kinds (docs/MODELS.md): each expert is what one of them would miss.
// Networks see levels, for hours and grades; products of features are for linear models alone, as networks
// find them themselves.
func candidates(target model.TargetSpec) []model.Spec {
	linear := func(view millrace.ViewKind, rule string, rate float64) model.Spec {
		s := model.Spec{Type: model.FamilyLogistic, View: string(view), Optimizer: model.OptimizerSpec{Type: rule, Rate: rate}}
		if target.Classes == 0 {
			s.Type = model.FamilyLinear
		}
		return s
	}
	network := func(activation, rule string, rate float64, batch int, hidden ...int) model.Spec {
		return model.Spec{Type: model.FamilyMLP, View: string(millrace.ViewLevels), Hidden: hidden, Activation: activation, Batch: batch,
			Optimizer: model.OptimizerSpec{Type: rule, Rate: rate}}
	}
	all := []model.Spec{
		network(model.ActivationTanh, model.RuleRMSprop, 0.0015, 1, 64, 64),
		linear("", model.RuleAdaGrad, 0.1),
		{Type: model.FamilySVM}, // several C at once
		network(model.ActivationReLU, model.RuleSGD, 0.03, 1, 64),
		linear(millrace.ViewPairs, model.RuleAdaGrad, 0.03),
		{Type: model.FamilyTree},
		linear(millrace.ViewPairs, model.RuleNormalized, 1),

		network(model.ActivationTanh, model.RuleAdam, 0.001, 8, 64, 64),
		linear(millrace.ViewPairs, model.RuleAdaGrad, 0.1),
		linear("", "", 0), // a rate that adapts
		linear(millrace.ViewPairs, "", 0),
		network(model.ActivationReLU, model.RuleSGD, 0.01, 1, 64),
	}
	if target.Classes == 0 {
		// For classes trees cost too much to serve several. Few trees bring most of what many do, and half of
		// a tree's usual leaves lose next to nothing.
		const trees, leaves = 3, 64
		all = append(all, model.Spec{Type: model.FamilyForest, Trees: trees, Leaves: leaves})
	}
	return all
}

// rate is what a neighbouring expert would have another of: the learning rate, or C of a
// passive-aggressive machine. It is 0 for an expert that has none, several, or one that adapts.
func (c *candidate) rate() float64 {
	switch {
	case c.spec.Type == model.FamilySVM:
		return c.spec.C
	case c.spec.Optimizer.Schedule.Type == model.ScheduleAdaptive:
		return 0
	default:
		return c.spec.Optimizer.Rate
	}
}

// tune gives the expert another rate.
func (e *expert) tune(rate float64) {
	if e.base == 0 {
		return
	}
	if m, ok := model.As[model.Tunable](e.model); ok {
		m.SetRate(rate)
	}
	if e.spec.Type == model.FamilySVM {
		e.spec.C = rate
	} else {
		e.spec.Optimizer.Rate = rate
	}
}

// name says what the expert is, for people: its kind and its rate.
func (c *candidate) name() string {
	if r := c.rate(); r != 0 {
		return c.kind() + "-" + strconv.FormatFloat(r, 'g', 3, 64)
	}
	return c.kind()
}

// kind is an expert's family, view, shape and rule.
func (c *candidate) kind() string {
	s := &c.spec
	parts := []string{s.Type}
	if s.View != "" {
		parts = append(parts, s.View)
	}
	for _, l := range s.Layers {
		parts = append(parts, strconv.Itoa(l.Units))
	}
	if s.Type == model.FamilySVM {
		parts = append(parts, s.Update)
	} else if s.Optimizer.Type != "" {
		parts = append(parts, s.Optimizer.Type)
	}
	if s.Optimizer.Schedule.Type == model.ScheduleAdaptive {
		parts = append(parts, model.ScheduleAdaptive)
	}
	return strings.Join(parts, "-")
}

// recruiter builds a mixture's experts.
type recruiter struct {
	target     model.TargetSpec
	views      millrace.Views
	construct  func(model.Spec) (model.Model, error)
	unit       float64 // what learning by one 64-64 mlp costs
	left       float64 // learning cost
	trees      float64 // the same, of trees
	servingMax float64 // what an expert's prediction may cost
	bytes      int64   // state
	groups     map[string]int
}

// recruit builds the experts that fit into the budget.
func (m *mixture) recruit(s model.Spec, target model.TargetSpec, views millrace.Views, construct func(model.Spec) (model.Model, error)) error {
	if _, _, err := model.ViewOf(views, millrace.ViewStandard); err != nil {
		return err
	}
	shape, err := usual(views, millrace.ViewStandard)
	if err != nil {
		return err
	}
	budget, err := model.ParseBudget(s.Budget)
	if err != nil {
		return err
	}
	predict, learn := cost(model.Spec{Type: model.FamilyMLP}.Resolve(target), target, shape)
	_, each := mixingCost(target.Classes)
	m.recruiter = &recruiter{target: target, views: views, construct: construct, unit: learn,
		left: budget * learn, trees: treeShare * budget * learn,
		servingMax: servingMax(predict, target, views, shape) - each, bytes: mixtureBytesMax, groups: map[string]int{}}
	m.recruiter.servingMax = max(m.recruiter.servingMax, m.recruiter.cheapest())
	m.servingMax = m.recruiter.servingMax + each
	for i, candidate := range candidates(target) {
		candidate.Seed = s.Seed + uint64(i)
		e, err := m.recruiter.build(candidate)
		if err != nil {
			return err
		}
		if e.model == nil {
			continue
		}
		e.predict += each
		m.experts = append(m.experts, e)
	}
	if len(m.experts) == 0 {
		return fmt.Errorf("a budget of %s has no room for any expert on %d columns", s.Budget, shape.Width)
	}
	return nil
}

// cheapest is what the cheapest expert to serve costs, of those that the budget has room for: whatever the columns and
// classes, it may serve, so that there always is one. It is 0 without any.
func (r *recruiter) cheapest() float64 {
	var least float64
	for _, s := range candidates(r.target) {
		s = r.lighten(s).Resolve(r.target)
		shape, err := usual(r.views, viewKindOf(s))
		if err != nil {
			continue // build leaves it out, too
		}
		predict, learn := cost(s, r.target, shape)
		if learn <= r.left && (least == 0 || predict < least) {
			least = predict
		}
	}
	return least
}

// build makes an expert. One that does not fit, or whose view these features do not have, has no model.
func (r *recruiter) build(s model.Spec) (expert, error) {
	s = r.lighten(s).Resolve(r.target)
	e := expert{candidate: candidate{spec: s}}
	e.base = e.rate()
	shape, err := usual(r.views, viewKindOf(s))
	if err != nil {
		return e, nil //nolint:nilerr // not every pipeline has every view
	}
	e.predict, e.learn = cost(s, r.target, shape)
	purse := r.purse(s)
	if e.learn > *purse || e.predict > r.servingMax || !wooden(s) && s.StateBytes(r.target, shape) > r.bytes {
		return e, nil
	}
	made, err := r.construct(s)
	if err != nil {
		return e, fmt.Errorf("building expert %s: %w", e.name(), err)
	}
	size := sizeOf(made)
	if size > r.bytes {
		return e, nil
	}
	r.bytes -= size
	*purse -= e.learn
	e.model = made
	alike := s
	alike.Optimizer.Rate, alike.C, alike.Seed = 0, 0, 0
	key := fmt.Sprintf("%t %+v", e.base == 0, alike)
	if _, ok := r.groups[key]; !ok {
		r.groups[key] = len(r.groups)
	}
	e.group = r.groups[key]
	return e, nil
}

// treeShare is what trees may cost on top of the budget, as a part of it. Where thresholds decide, nothing else
// comes near a tree, and on many columns all that stands before one in the list would leave it no room.
const treeShare = 0.5

// wooden reports a tree or a forest.
func wooden(s model.Spec) bool { return s.Type == model.FamilyTree || s.Type == model.FamilyForest }

// purse is the part of the budget that an expert is paid from.
func (r *recruiter) purse(s model.Spec) *float64 {
	if wooden(s) {
		return &r.trees
	}
	return &r.left
}

// lighten has an expert that would cost more than its part of the budget do with less: a network without
// levels, where many columns may have them, and a tree without naive Bayes in its leaves or, with very many
// classes, with no more than their shares.
func (r *recruiter) lighten(s model.Spec) model.Spec {
	switch {
	case s.Type == model.FamilyTree:
		return r.lightTree(s)
	case s.Type == model.FamilyMLP && s.View == string(millrace.ViewLevels):
		return r.lightNetwork(s)
	default:
		return s
	}
}

func (r *recruiter) lightNetwork(s model.Spec) model.Spec {
	const most = 2
	plain := s
	plain.View = ""
	levels, err := usual(r.views, millrace.ViewLevels)
	if err != nil {
		return plain
	}
	if _, learn := cost(s.Resolve(r.target), r.target, levels); learn > most*r.unit {
		return plain
	}
	return s
}

func (r *recruiter) lightTree(s model.Spec) model.Spec {
	const most = 0.6 // of what serving may cost: beside a dearer one few others would have a place
	shape, err := usual(r.views, millrace.ViewRaw)
	if err != nil {
		return s
	}
	if r.target.Classes == 0 {
		return s
	}
	for _, s.Leaf = range [...]string{model.LeafAdaptive, model.LeafLinear, model.LeafMajority} {
		if predict, learn := cost(s.Resolve(r.target), r.target, shape); learn <= *r.purse(s) && predict <= most*r.servingMax {
			break
		}
	}
	return s
}

// viewKindOf is the view that a resolved spec's model reads.
func viewKindOf(s model.Spec) millrace.ViewKind {
	switch {
	case wooden(s):
		return millrace.ViewRaw
	case s.View == "":
		return millrace.ViewStandard
	default:
		return millrace.ViewKind(s.View)
	}
}

// sizeOf is the size of a model's state in bytes.
func sizeOf(m model.Model) int64 {
	var size int64
	m.State(func(_ string, t millrace.Tensor, _ millrace.Role) {
		size += 4*int64(len(t.F32)+len(t.I32)+len(t.U32)) + 8*int64(len(t.F64)+len(t.I64)+len(t.U64)) + int64(len(t.U8))
	})
	return size
}
