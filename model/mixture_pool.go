package model

import (
	"fmt"
	"strconv"
	"strings"

	"millrace"
)

// candidate is an expert that a mixture may have.
type candidate struct {
	spec Spec // resolved
	// group tells which experts have the same tensors and differ in the rate alone, so that one can
	// become a copy of another.
	group int
	base  float64 // the rate that it began with
}

// candidates lists the experts in the order in which they are taken while the budget lasts. The first
// of them are unlike each other; those after them are neighbours in rate, which say what the streams
// want and give way to copies of what proves good.
//
// The list was found on streams of six kinds (docs/MODELS.md): each of the first eight is what one of
// them cannot do without.
func candidates(target TargetSpec) []Spec {
	linear := func(view millrace.ViewKind, rule string, rate float64) Spec {
		s := Spec{Type: familyLogistic, View: string(view), Optimizer: OptimizerSpec{Type: rule, Rate: rate}}
		if target.Classes == 0 {
			s.Type = familyLinear
		}
		return s
	}
	network := func(rule string, rate float64, batch int, hidden ...int) Spec {
		return Spec{Type: familyMLP, View: string(millrace.ViewLevels), Hidden: hidden, Batch: batch,
			Optimizer: OptimizerSpec{Type: rule, Rate: rate}}
	}
	machine := func(c float64) Spec { return Spec{Type: familySVM, Update: updatePA1, C: c} }
	return []Spec{
		network(ruleAdam, 0.003, 8, 64, 64),
		linear("", ruleAdaGrad, 0.1),
		linear(millrace.ViewPairs, ruleNormalized, 1),
		machine(1),
		network(ruleSGD, 0.03, 1, 64),
		linear(millrace.ViewPairs, ruleAdaGrad, 0.03),
		{Type: familyTree},
		machine(0), // several C at once

		network(ruleAdam, 0.001, 8, 64, 64),
		linear(millrace.ViewPairs, ruleAdaGrad, 0.1),
		machine(0.1),
		network(ruleSGD, 0.01, 1, 64),
	}
}

// rate is what a neighbouring expert would have another of: the learning rate, or C of a
// passive-aggressive machine. It is 0 for an expert that has none, or several.
func (c *candidate) rate() float64 {
	if c.spec.Type == familySVM {
		return c.spec.C
	}
	return c.spec.Optimizer.Rate
}

// tune gives the expert another rate.
func (e *expert) tune(rate float64) {
	switch m := e.model.(type) {
	case *svm:
		if e.base != 0 {
			m.setC(rate)
			e.spec.C = rate
		}
	case *network:
		m.optimizer.setRate(rate)
		e.spec.Optimizer.Rate = rate
	}
}

// name says what the expert is, for people: its family, view, shape, rule and rate.
func (c *candidate) name() string {
	s := &c.spec
	parts := []string{s.Type}
	if s.View != "" {
		parts = append(parts, s.View)
	}
	for _, l := range s.Layers {
		parts = append(parts, strconv.Itoa(l.Units))
	}
	if s.Type == familySVM {
		parts = append(parts, s.Update)
	} else if s.Optimizer.Type != "" {
		parts = append(parts, s.Optimizer.Type)
	}
	if r := c.rate(); r != 0 {
		parts = append(parts, strconv.FormatFloat(r, 'g', 3, 64))
	}
	return strings.Join(parts, "-")
}

// recruiter builds a mixture's experts.
type recruiter struct {
	spec   Spec
	target TargetSpec
	views  millrace.Views
	k      *kernels
	left   float64 // learning cost
	bytes  int64   // state
	groups map[string]int
}

// recruit builds the experts that fit into the budget.
func (m *mixture) recruit(s Spec, target TargetSpec, views millrace.Views, k *kernels) error {
	_, shape, err := viewOf(views, millrace.ViewStandard)
	if err != nil {
		return err
	}
	budget, err := parseBudget(s.Budget)
	if err != nil {
		return err
	}
	predict, learn := cost(Spec{Type: familyMLP}.Resolve(target), target, shape)
	m.servingMax = servingUnits * predict
	r := &recruiter{spec: s, target: target, views: views, k: k, left: budget * learn, bytes: mixtureBytesMax, groups: map[string]int{}}
	for i, candidate := range candidates(target) {
		candidate.Seed = s.Seed + uint64(i)
		e, err := r.build(candidate)
		if err != nil {
			return err
		}
		if e.model != nil && e.predict <= m.servingMax {
			m.experts = append(m.experts, e)
		}
	}
	if len(m.experts) == 0 {
		return fmt.Errorf("a budget of %s has no room for any expert on %d columns", s.Budget, shape.Width)
	}
	return nil
}

// build makes an expert. One that does not fit, or whose view these features do not have, has no model.
func (r *recruiter) build(s Spec) (expert, error) {
	s = s.Resolve(r.target)
	e := expert{candidate: candidate{spec: s}}
	e.base = e.rate()
	kind := millrace.ViewKind(s.View)
	switch {
	case s.Type == familyTree:
		kind = millrace.ViewRaw
	case kind == "":
		kind = millrace.ViewStandard
	}
	_, shape, err := r.views.View(kind)
	if err != nil {
		return e, nil //nolint:nilerr // not every pipeline has every view
	}
	e.predict, e.learn = cost(s, r.target, shape)
	if e.learn > r.left || s.Type != familyTree && s.StateBytes(r.target, shape) > r.bytes {
		return e, nil
	}
	model, err := construct(s, r.target, r.views, r.k)
	if err != nil {
		return e, fmt.Errorf("building expert %s: %w", e.name(), err)
	}
	size := sizeOf(model)
	if size > r.bytes {
		return e, nil
	}
	r.bytes -= size
	r.left -= e.learn
	e.model = model
	alike := s
	alike.Optimizer.Rate, alike.C, alike.Seed = 0, 0, 0
	key := fmt.Sprintf("%t %+v", e.base == 0, alike)
	if _, ok := r.groups[key]; !ok {
		r.groups[key] = len(r.groups)
	}
	e.group = r.groups[key]
	return e, nil
}

// sizeOf is the size of a model's state in bytes.
func sizeOf(m Model) int64 {
	var size int64
	m.State(func(_ string, t millrace.Tensor, _ millrace.Role) {
		size += 4*int64(len(t.F32)+len(t.I32)+len(t.U32)) + 8*int64(len(t.F64)+len(t.I64)+len(t.U64)) + int64(len(t.U8))
	})
	return size
}
