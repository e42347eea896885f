package mixture

import (
	"fmt"

	"millrace"
	"millrace/model"
)

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
	leftOut    []string // experts for which there is no room in the state
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
		servingMax: servingMax(predict, target, views, shape) - each, bytes: int64(s.StateMax), groups: map[string]int{}}
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
		return fmt.Errorf("a budget of %s and a state_max of %s have no room for any expert on %d columns", s.Budget, s.StateMax, shape.Width)
	}
	return nil
}

// LeftOut names the experts that there would be with a larger state_max.
func (m *mixture) LeftOut() []string { return m.recruiter.leftOut }

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
	left := r.budgetOf(s)
	if e.learn > *left || e.predict > r.servingMax {
		return e, nil
	}
	if !isTree(s) && s.StateBytes(r.target, shape) > r.bytes {
		r.leftOut = append(r.leftOut, e.name())
		return e, nil
	}
	made, err := r.construct(s)
	if err != nil {
		return e, fmt.Errorf("building expert %s: %w", e.name(), err)
	}
	size := sizeOf(made)
	if size > r.bytes {
		r.leftOut = append(r.leftOut, e.name())
		return e, nil
	}
	r.bytes -= size
	*left -= e.learn
	e.model = made
	if r.target.Classes == 0 {
		e.value = model.ValueOf(made)
	}
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

// isTree reports a tree or a forest.
func isTree(s model.Spec) bool { return s.Type == model.FamilyTree || s.Type == model.FamilyForest }

// budgetOf is what is left of the budget for an expert of this kind: trees have a part of their own.
func (r *recruiter) budgetOf(s model.Spec) *float64 {
	if isTree(s) {
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
		if predict, learn := cost(s.Resolve(r.target), r.target, shape); learn <= *r.budgetOf(s) && predict <= most*r.servingMax {
			break
		}
	}
	return s
}

// viewKindOf is the view that a resolved spec's model reads.
func viewKindOf(s model.Spec) millrace.ViewKind {
	switch {
	case isTree(s):
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
