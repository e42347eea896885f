package model

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"millrace"
)

// Limits of a Spec. They are far above what one event at a time can train, and low enough that no
// product of them overflows.
const (
	LayersMax  = 16      // hidden layers
	UnitsMax   = 1 << 16 // units of one layer
	BatchMax   = 1 << 16 // events of one update
	ClassesMax = 1 << 16
)

// factorMax bounds rates, penalties and the like, so that none is infinite as a float32.
const factorMax = 1e6

// averageMax bounds what decays averages: closer to 1 it would round to 1 as a float32, and an
// average that forgets nothing grows without bound.
const averageMax = 0.999999

// epsilonMin keeps a step finite where a gradient is too small for its square to be a float32.
const epsilonMin = 1e-12

// checker collects the mistakes of a spec.
type checker struct{ found []millrace.Violation }

func (c *checker) add(path, format string, args ...any) {
	c.found = append(c.found, millrace.Violation{Path: path, Message: fmt.Sprintf(format, args...)})
}

// word checks that an optional field is one of the words.
func (c *checker) word(path, value string, words ...string) bool {
	if value == "" || slices.Contains(words, value) {
		return true
	}
	c.add(path, "must be one of %s, not %q", strings.Join(words, ", "), value)
	return false
}

// positive checks that an optional number is in (0, below).
func (c *checker) positive(path string, value, below float64) {
	if value == 0 || value > 0 && value < below {
		return
	}
	if math.IsInf(below, 1) {
		c.add(path, "must be a finite number above 0, not %g", value)
		return
	}
	c.add(path, "must be above 0 and below %g, not %g", below, value)
}

// unused reports a field that is set though nothing reads it: silence would hide a misunderstanding.
func (c *checker) unused(path string, set bool, only string) {
	if set {
		c.add(path, "has an effect only with %s", only)
	}
}

// unread reports every field that is set though the spec's type does not read it, as the fields' tags say.
func (c *checker) unread(path string, spec any) {
	for _, f := range millrace.UnreadSettings(spec) {
		c.unused(path+f.Name, f.Set, f.Only)
	}
}

// Validate reports every mistake in the spec for a target, at once. Fields left at zero are never at
// fault, except Type. Paths are relative to the spec, as the pipeline file spells them.
func (s Spec) Validate(target TargetSpec) []millrace.Violation {
	var c checker
	if s.Type == "" {
		c.add("type", "is missing: choose one of %s", strings.Join(Families(), ", "))
		return c.found
	}
	if !c.word("type", s.Type, Families()...) {
		return c.found
	}
	c.unread("", s)
	s.validateTarget(&c, target)
	switch s.Type {
	case FamilyAuto:
		s.validateAuto(&c)
		return c.found
	case FamilyTree, FamilyForest:
		s.validateTree(&c, target)
		return c.found
	case FamilySVM:
		s.validateSVM(&c, target)
		return c.found
	}
	s.validateLoss(&c, target)
	s.validateLayers(&c)
	s.validatePenalties(&c, target)
	s.Optimizer.validate(&c, s.Type)
	s.validateRule(&c, target)
	return c.found
}

func (s Spec) validateTarget(c *checker, target TargetSpec) {
	switch {
	case target.Classes < 0 || target.Classes > ClassesMax:
		c.add("type", "the label has %d classes; at most %d are possible", target.Classes, ClassesMax)
	case target.Classes == 1:
		c.add("type", "the label has one class; a classifier needs at least two")
	case s.Type == FamilyLogistic && target.Classes == 0:
		c.add("type", "logistic predicts classes, but the label is a number: use auto, linear, svm, mlp, tree or forest")
	case s.Type == FamilyLinear && target.Classes > 0:
		c.add("type", "linear predicts numbers, but the label has classes: use auto, logistic, svm, mlp, tree or forest")
	}
}

func (s Spec) validateLoss(c *checker, target TargetSpec) {
	if !c.word("loss", s.Loss, lossCrossEntropy, lossSquared, lossHuber, lossQuantile, lossPoisson, lossHinge) {
		return
	}
	var fit []string
	switch {
	case s.Type == FamilyLogistic || s.Type == FamilyMLP && target.Classes > 0:
		fit = []string{lossCrossEntropy}
	default:
		fit = []string{lossSquared, lossHuber, lossQuantile, lossPoisson}
	}
	if s.Loss != "" && !slices.Contains(fit, s.Loss) {
		c.add("loss", "%s with this label needs %s, not %s", s.Type, strings.Join(fit, " or "), s.Loss)
	}
	c.positive("huber_delta", s.HuberDelta, factorMax)
	c.positive("quantile", s.Quantile, 1)
}

func (s Spec) validateLayers(c *checker) {
	if len(s.Hidden) > 0 && len(s.Layers) > 0 {
		c.add("hidden", "is short for layers: give one of the two")
	}
	if n := max(len(s.Hidden), len(s.Layers)); n > LayersMax {
		c.add("layers", "%d hidden layers; at most %d are possible", n, LayersMax)
	}
	for i, units := range s.Hidden {
		c.units(fmt.Sprintf("hidden[%d]", i), units)
	}
	activations := []string{ActivationReLU, ActivationTanh, activationSigmoid, activationIdentity}
	for i, l := range s.Layers {
		c.units(fmt.Sprintf("layers[%d].units", i), l.Units)
		c.word(fmt.Sprintf("layers[%d].activation", i), l.Activation, activations...)
	}
	c.word("activation", s.Activation, activations...)
	c.word("init", s.Init, initUniform, initHe, initGlorot)
	c.word("norm", s.Norm, normNone, normLayer)
	if s.Norm == normLayer && (slices.Contains(s.Hidden, 1) || slices.ContainsFunc(s.Layers, func(l LayerSpec) bool { return l.Units == 1 })) {
		c.add("norm", "layer norm of one unit is always zero: give every hidden layer at least two")
	}
	if s.Dropout != 0 && !(s.Dropout > 0 && s.Dropout <= dropoutMax) {
		c.add("dropout", "must be above 0 and at most %g, not %g", dropoutMax, s.Dropout)
	}
	c.word("plasticity", s.Plasticity, plasticityNone, plasticityL2Init, plasticityShrinkPerturb)
	if upkeep := s.Plasticity == plasticityL2Init || s.Plasticity == plasticityShrinkPerturb; upkeep && s.Optimizer.Type == ruleCOCOB {
		c.add("plasticity", "has no effect with cocob, whose weights follow anew from its wealth at every update")
	}
	c.positive("upkeep", s.Upkeep, upkeepMax)
	c.unused("upkeep", s.Upkeep != 0 && (s.Plasticity == "" || s.Plasticity == plasticityNone), "plasticity: l2_init or shrink_perturb")
}

func (c *checker) units(path string, units int) {
	if units < 1 || units > UnitsMax {
		c.add(path, "must be between 1 and %d, not %d", UnitsMax, units)
	}
}

func (s Spec) validatePenalties(c *checker, target TargetSpec) {
	c.positive("c", s.C, factorMax)
	c.positive("l1", s.L1, factorMax)
	c.positive("l2", s.L2, factorMax)
	c.positive("clip", s.Clip, math.Inf(1))
	if s.Batch < 0 || s.Batch > BatchMax {
		c.add("batch", "must be between 1 and %d, not %d", BatchMax, s.Batch)
	}
	// A step of SGD multiplies each weight by 1 − rate·l2, which must stay above zero.
	r := s.Resolve(target)
	switch o := r.Optimizer; o.Type {
	case RuleSGD, RuleNormalized, ruleImportanceAware:
		rate := o.Rate
		if o.adaptive() {
			rate = adaptiveMax
		}
		if rate > 0 && r.L2 < factorMax && rate*r.L2 >= 1 {
			c.add("l2", "times the learning rate %g must be below 1, not %g", rate, rate*r.L2)
		}
	}
}

// rules are the update rules that an OptimizerSpec can name.
func rules() []string {
	return []string{
		RuleSGD, RuleAdaGrad, RuleRMSprop, RuleAdam, ruleAMSGrad, ruleAdadelta, ruleFTRL, RuleNormalized,
		ruleNormalizedAdaptive, ruleImportanceAware, ruleCOCOB,
	}
}

func (o OptimizerSpec) validate(c *checker, family string) {
	if !c.word("optimizer.type", o.Type, rules()...) {
		return
	}
	c.positive("optimizer.rate", o.Rate, factorMax)
	c.positive("optimizer.momentum", o.Momentum, averageMax)
	c.positive("optimizer.beta", o.Beta, factorMax)
	c.positive("optimizer.beta1", o.Beta1, averageMax)
	c.positive("optimizer.beta2", o.Beta2, averageMax)
	c.positive("optimizer.rho", o.Rho, averageMax)
	if o.Epsilon != 0 && (!(o.Epsilon >= epsilonMin) || math.IsInf(o.Epsilon, 1)) {
		c.add("optimizer.epsilon", "must be at least %g, not %g", epsilonMin, o.Epsilon)
	}
	read := o
	read.Type = o.resolve(family).Type
	c.unread("optimizer.", read)
	rule := read.Type
	if rule == ruleCOCOB && o.Rate != 0 {
		c.add("optimizer.rate", "cocob needs none: it finds its own")
	}
	if (rule == ruleCOCOB || rule == ruleFTRL) && o.Schedule != (ScheduleSpec{}) && o.Schedule != (ScheduleSpec{Type: scheduleConstant}) {
		c.add("optimizer.schedule", "%s slows down by itself: leave it out", rule)
	}
	if rule == RuleAdam || rule == ruleAMSGrad {
		// Below this the ratio of Adam's moments, and so a step, has no bound.
		if b1, b2 := orDefault(o.Beta1, 0.9), orDefault(o.Beta2, 0.999); b1*b1 >= b2 {
			c.add("optimizer.beta1", "squared must be below beta2, which is %g, not %g", b2, b1*b1)
		}
	}
	o.Schedule.validate(c)
}

// validateAdaptive checks what an adaptive rate needs: the trace that it follows is one of plain SGD on a loss
// with a known curvature.
func (s Spec) validateAdaptive(c *checker, target TargetSpec) {
	r := s.Resolve(target)
	o := r.Optimizer
	switch {
	case !s.Optimizer.adaptive():
	case o.Type != RuleSGD && o.Type != RuleAdaGrad || o.Momentum != 0:
		c.add("optimizer.schedule.type", "adaptive is for sgd without momentum, and for adagrad")
	case !r.curved(target):
		c.add("optimizer.schedule.type", "adaptive is for logistic, and for linear with a loss other than quantile")
	case s.Batch > 1:
		c.add("batch", "must be 1: an adaptive rate follows one event at a time, not %d", s.Batch)
	case o.Rate > gainMax || o.Rate < gainMin:
		c.add("optimizer.rate", "must be between %g and %d for an adaptive rate, not %g", gainMin, gainMax, o.Rate)
	}
}

// validateRule checks that the update rule is defined for the family and the loss.
func (s Spec) validateRule(c *checker, target TargetSpec) {
	s.validateAdaptive(c, target)
	rule := s.Optimizer.Type
	r := s.Resolve(target)
	if rule == ruleCOCOB && s.L1 != 0 {
		c.add("l1", "has no effect with cocob, whose weights follow from its sums: use l2 or another rule")
	}
	if !s.Optimizer.perExample() && rule != ruleFTRL {
		return
	}
	if s.Type == FamilyMLP {
		c.add("optimizer.type", "%s is for linear models: use it with logistic, linear or svm", rule)
		return
	}
	if s.Batch > 1 && rule != ruleFTRL {
		c.add("batch", "must be 1: %s is defined for one event at a time, not %d", rule, s.Batch)
	}
	if rule != ruleImportanceAware {
		return
	}
	switch {
	case s.Type == FamilyLogistic && target.Classes > 2:
		c.add("optimizer.type", "%s has no closed form for more than two classes: use svm, or another rule", rule)
	case s.Type == FamilyLinear && r.Loss != lossSquared && r.Loss != lossQuantile:
		c.add("optimizer.type", "%s has no closed form for the loss %s: use %s or %s", rule, r.Loss, lossSquared, lossQuantile)
	}
}

func (s ScheduleSpec) validate(c *checker) {
	c.word("optimizer.schedule.type", s.Type, scheduleConstant, scheduleInverseTime, ScheduleAdaptive)
	c.positive("optimizer.schedule.decay", s.Decay, factorMax)
	c.positive("optimizer.schedule.power", s.Power, factorMax)
	c.unread("optimizer.schedule.", s)
}

func orDefault(v, value float64) float64 {
	if v == 0 {
		return value
	}
	return v
}
