package model

import (
	"fmt"
	"math"

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

// resolveSVM fills in an svm's settings. One that only the gradient reads names the update as well as
// the word would.
func (s Spec) resolveSVM(target TargetSpec) Spec {
	if s.View == string(millrace.ViewStandard) {
		s.View = ""
	}
	s.Loss = lossHinge
	if target.Classes == 0 {
		s.Loss = lossEpsilonInsensitive
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
	fill(&s.C, 1)
	if s.Update == updateGradient {
		// With C the weight of the loss, 1e-4 is the penalty that scikit-learn's SGDClassifier starts
		// from; it keeps the margins of long streams from growing without bound.
		fill(&s.L2, 1e-4)
		if s.Batch == 0 {
			s.Batch = 1
		}
		s.Optimizer = s.Optimizer.resolve(s.Type)
	}
	return s
}

// body is the spec of the network of one layer that holds the margins.
func (s Spec) body() Spec {
	b := Spec{Type: familyLogistic, Loss: lossCrossEntropy, Batch: 1, Optimizer: OptimizerSpec{Type: ruleSGD, Rate: 1}}
	b.Optimizer.Schedule.Type = scheduleConstant
	if s.Update == updateGradient {
		b.L1, b.L2, b.Clip, b.Batch, b.Optimizer = s.L1, s.L2, s.Clip, s.Batch, s.Optimizer
	}
	return b
}

// margins is how many margins an event has.
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
	return s.body().StateBytes(TargetSpec{Classes: max(2, s.margins(target))}, shape)
}

func (s Spec) checkSize(target TargetSpec, shape millrace.ViewShape) error {
	if bytes := s.svmBytes(target, shape); bytes > StateBytesMax {
		return fmt.Errorf("the model would hold %d MiB of state, more than %d MiB: use fewer hash bits or a smaller batch",
			bytes>>20, StateBytesMax>>20)
	}
	return nil
}

func (s Spec) validateSVM(c *checker, target TargetSpec) {
	loss := lossHinge
	if target.Classes == 0 {
		loss = lossEpsilonInsensitive
	}
	if c.word("loss", s.Loss, lossHinge, lossEpsilonInsensitive) && s.Loss != "" && s.Loss != loss {
		c.add("loss", "svm with this label needs %s, not %s", loss, s.Loss)
	}
	c.unused("epsilon", s.Epsilon != 0 && loss != lossEpsilonInsensitive, "a label that is a number")
	if !c.word("update", s.Update, updateGradient, updatePegasos, updatePA1, updatePA2) {
		return
	}
	c.word("multiclass", s.Multiclass, multiclassRest, multiclassCrammerSinger)
	c.unused("multiclass", s.Multiclass != "" && target.Classes <= 2, "more than two classes")
	c.positive("epsilon", s.Epsilon, factorMax)
	r := s.resolveSVM(target)
	gradient := r.Update == updateGradient
	if gradient {
		s.validatePenalties(c, target)
		s.Optimizer.validate(c, s.Type)
		return
	}
	c.positive("c", s.C, factorMax)
	only := "update: gradient"
	c.unused("optimizer", s.Optimizer != OptimizerSpec{}, only)
	c.unused("l1", s.L1 != 0, only)
	c.unused("l2", s.L2 != 0, only)
	c.unused("clip", s.Clip != 0 || math.IsNaN(s.Clip), only)
	c.unused("batch", s.Batch != 0, only)
}
