package mixture

import (
	"strconv"
	"strings"

	"millrace"
	"millrace/model"
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
