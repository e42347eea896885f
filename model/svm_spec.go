package model

import (
	"math"
	"slices"

	"millrace"
)

// The words of an svm's Spec.
const (
	updateGradient = "gradient"
	updatePegasos  = "pegasos"
	updatePA1      = "pa1"
	updatePA2      = "pa2"

	multiclassRest          = "one_vs_rest"
	multiclassCrammerSinger = "crammer_singer"

	kernelLinear     = "linear"
	kernelRBF        = "rbf"
	kernelLaplace    = "laplace"
	kernelPolynomial = "polynomial"

	lossEpsilonInsensitive = "epsilon_insensitive"
)

// FourierMax is the most random features of a kernel.
const FourierMax = 1 << 16

// resolveSVM fills in an svm's settings. A setting that only the gradient reads names the update as
// well as the word would. C stays zero where it is not given to a passive-aggressive update: then there
// are two, see rungs.
func (s Spec) resolveSVM(target TargetSpec) Spec {
	if s.View == string(millrace.ViewStandard) {
		s.View = "" // the default stays unwritten: snapshots made before there was a choice go on being read
	}
	if s.Loss == "" {
		s.Loss = lossHinge
		if target.Classes == 0 {
			s.Loss = lossEpsilonInsensitive
		}
	}
	if target.Classes == 0 {
		fill(&s.Epsilon, 0.1)
	}
	if s.Update == "" {
		s.Update = updatePA1
		if s.Optimizer != (OptimizerSpec{}) || s.L1 != 0 || s.L2 != 0 || s.Clip != 0 || s.Batch != 0 {
			s.Update = updateGradient
		}
	}
	if s.Multiclass == "" && target.Classes > 2 {
		s.Multiclass = multiclassCrammerSinger
	}
	if s.random() && s.Kernel.Features == 0 {
		s.Kernel.Features = 512
	}
	switch s.Update {
	case updateGradient:
		// With C the weight of the loss, 1e-4 is the penalty that scikit-learn's SGDClassifier starts
		// from; it keeps the margins of long streams from growing without bound.
		fill(&s.C, 1)
		fill(&s.L2, 1e-4)
		if s.Batch == 0 {
			s.Batch = 1
		}
		if s.Optimizer == (OptimizerSpec{}) && s.Batch == 1 {
			// No step of it passes the margin, so one rate does for features of any number and scale.
			s.Optimizer = OptimizerSpec{Type: ruleImportanceAware, Rate: 0.03}
		}
		s.Optimizer = s.Optimizer.resolve(s.Type)
	case updatePegasos:
		fill(&s.C, 1)
		fill(&s.L2, 0.01)
		fill(&s.Optimizer.Rate, 0.01)
	}
	return s
}

// Rungs are the Cs of an svm. When it is given none there are two: a large one that follows every event,
// and a small one that noise cannot throw far.
func (s Spec) Rungs() []float64 {
	if s.C != 0 {
		return []float64{s.C}
	}
	return []float64{0.03, 1}
}

// random reports that the kernel is approximated by random features.
func (s Spec) random() bool { return s.Kernel.Type == kernelRBF || s.Kernel.Type == kernelLaplace }

// body is the spec of the network of one layer that holds the margins, and its target.
func (s Spec) body(margins int) (Spec, TargetSpec) {
	b := Spec{Type: FamilyLogistic, Loss: lossCrossEntropy, Batch: 1, Optimizer: OptimizerSpec{Type: RuleSGD, Rate: 1}}
	b.Optimizer.Schedule.Type = scheduleConstant
	if s.Update == updateGradient {
		b.L1, b.L2, b.Clip, b.Batch, b.Optimizer = s.L1, s.L2, s.Clip, s.Batch, s.Optimizer
		if b.Optimizer.Type == ruleImportanceAware {
			b.Optimizer.Type = RuleSGD // whose steps descend has bounded
		}
	}
	if margins == 2 {
		b.Type = FamilyMLP // logistic has one output for two classes
	}
	return b, TargetSpec{Classes: max(2, margins)}
}

// margins is how many margins an event has on one rung.
func (s Spec) margins(target TargetSpec) int {
	if target.Classes > 2 {
		return target.Classes
	}
	return 1
}

func (s Spec) viewKind() millrace.ViewKind {
	switch {
	case s.View != "":
		return millrace.ViewKind(s.View)
	case s.Kernel.Type == kernelPolynomial:
		return millrace.ViewPairs
	}
	return millrace.ViewStandard
}

// svmBytes is StateBytes of a resolved svm.
func (s Spec) svmBytes(target TargetSpec, shape millrace.ViewShape) int64 {
	if s.random() {
		shape = millrace.ViewShape{Width: s.Kernel.Features}
	}
	margins := s.margins(target) * len(s.Rungs())
	if s.Update == updateGradient {
		body, outputs := s.body(margins)
		return body.StateBytes(outputs, shape) + target.bytes()
	}
	const scalars = 256
	numbers := float64(target.bytes())
	each := float64(4)
	if s.Average || s.C == 0 {
		each *= 2
	}
	return int64(min(scalars+numbers+each*float64(margins)*float64(shape.Width+1), math.MaxInt64/2))
}

// validateSVM adds an svm's mistakes to those of its family and target.
func (s Spec) validateSVM(c *checker, target TargetSpec) {
	loss := lossHinge
	if target.Classes == 0 {
		loss = lossEpsilonInsensitive
	}
	losses := []string{lossCrossEntropy, lossSquared, lossHuber, lossHinge, lossEpsilonInsensitive}
	if c.word("loss", s.Loss, losses...) && s.Loss != "" && s.Loss != loss {
		c.add("loss", "svm with this label needs %s, not %s", loss, s.Loss)
	}
	c.positive("epsilon", s.Epsilon, factorMax)
	c.unused("epsilon", s.Epsilon != 0 && loss != lossEpsilonInsensitive, "a label that is a number")
	c.word("multiclass", s.Multiclass, multiclassRest, multiclassCrammerSinger)
	c.unused("multiclass", s.Multiclass != "" && target.Classes <= 2, "more than two classes")
	s.Kernel.validate(c, s.View)
	if c.word("update", s.Update, updateGradient, updatePegasos, updatePA1, updatePA2) {
		s.validateUpdate(c, target)
	}
}

func (s Spec) validateUpdate(c *checker, target TargetSpec) {
	update := s.resolveSVM(target).Update
	c.unused("average", s.Average && update == updateGradient, "update: pegasos, pa1 or pa2")
	if update == updateGradient {
		s.validatePenalties(c, target)
		s.validateRule(c, target)
		s.Optimizer.validate(c, s.Type)
		return
	}
	c.positive("c", s.C, factorMax)
	only := "update: gradient"
	c.unused("l1", s.L1 != 0, only)
	c.unused("clip", s.Clip != 0, only)
	c.unused("batch", s.Batch != 0, only)
	if update != updatePegasos {
		c.unused("l2", s.L2 != 0, only+" or pegasos")
		c.unused("optimizer", s.Optimizer != OptimizerSpec{}, only)
		return
	}
	c.positive("l2", s.L2, factorMax)
	c.positive("optimizer.rate", s.Optimizer.Rate, factorMax)
	c.unused("optimizer", s.Optimizer != OptimizerSpec{Rate: s.Optimizer.Rate}, only+", but for the rate")
	if r := s.resolveSVM(target); r.Optimizer.Rate > 0 && r.Optimizer.Rate*r.L2 >= 1 {
		c.add("l2", "times the learning rate %g must be below 1, not %g", r.Optimizer.Rate, r.Optimizer.Rate*r.L2)
	}
}

func (k KernelSpec) validate(c *checker, view string) {
	if !c.word("kernel.type", k.Type, kernelLinear, kernelRBF, kernelLaplace, kernelPolynomial) {
		return
	}
	read := k
	if read.Type == "" {
		read.Type = kernelLinear
	}
	c.unread("kernel.", read)
	if k.Features < 0 || k.Features > FourierMax {
		c.add("kernel.features", "must be between 1 and %d, not %d", FourierMax, k.Features)
	}
	c.positive("kernel.gamma", k.Gamma, factorMax)
	pairs := string(millrace.ViewPairs)
	if k.Type == kernelPolynomial && !slices.Contains([]string{"", pairs}, view) {
		c.add("view", "must be pairs with a polynomial kernel, not %s", view)
	}
}

// kernelGamma is the γ of a kernel on a view of this shape: 1 over the columns that are not zero.
func (k KernelSpec) kernelGamma(shape millrace.ViewShape) float64 {
	if k.Gamma != 0 {
		return k.Gamma
	}
	return 1 / math.Max(1, float64(rowsCap(1, shape)))
}
