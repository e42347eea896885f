package model

import (
	"slices"

	"millrace"
)

// The words of a Spec. Those are exported that other packages build specs with or read in them.
const (
	FamilyAuto     = "auto"
	FamilyLogistic = "logistic"
	FamilyLinear   = "linear"
	FamilySVM      = "svm"
	FamilyMLP      = "mlp"
	FamilyTree     = "tree"
	FamilyForest   = "forest"

	lossCrossEntropy = "cross_entropy"
	lossSquared      = "squared"
	lossHuber        = "huber"
	lossQuantile     = "quantile"
	lossPoisson      = "poisson"
	lossHinge        = "hinge"

	RuleSGD      = "sgd"
	RuleAdaGrad  = "adagrad"
	RuleRMSprop  = "rmsprop"
	RuleAdam     = "adam"
	ruleAMSGrad  = "amsgrad"
	ruleAdadelta = "adadelta"
	ruleFTRL     = "ftrl"
	ruleCOCOB    = "cocob"

	// Rules that are defined for one example of a linear model at a time.
	RuleNormalized         = "normalized"
	ruleNormalizedAdaptive = "normalized_adaptive"
	ruleImportanceAware    = "importance_aware"

	scheduleConstant    = "constant"
	scheduleInverseTime = "inverse_time"
	ScheduleAdaptive    = "adaptive"

	ActivationReLU     = "relu"
	ActivationTanh     = "tanh"
	activationSigmoid  = "sigmoid"
	activationIdentity = "identity"

	normNone  = "none"
	normLayer = "layer"

	plasticityNone          = "none"
	plasticityL2Init        = "l2_init"
	plasticityShrinkPerturb = "shrink_perturb"

	initUniform = "uniform"
	initHe      = "he"
	initGlorot  = "glorot"
)

// Resolve returns the spec with every default that its family and target imply filled in, in a form
// that Resolve leaves as it is: Hidden becomes Layers, and every rate that plays a part is written
// out. A float of zero is always its default. What a family does not use stays zero.
func (s Spec) Resolve(target TargetSpec) Spec {
	switch s.Type {
	case FamilyAuto:
		return s.resolveAuto()
	case FamilyTree, FamilyForest:
		return s.resolveTree(target)
	case FamilySVM:
		return s.resolveSVM(target)
	}
	if s.View == string(millrace.ViewStandard) {
		s.View = "" // the default stays unwritten: snapshots made before there was a choice go on being read
	}
	if s.Loss == "" {
		s.Loss = defaultLoss(target)
	}
	if s.Loss == lossHuber {
		fill(&s.HuberDelta, 1)
	}
	if s.Loss == lossQuantile {
		fill(&s.Quantile, 0.5)
	}
	if s.Type == FamilyMLP {
		s = s.resolveLayers()
	}
	if s.Batch == 0 {
		s.Batch = 1
	}
	if s.Optimizer == (OptimizerSpec{}) && s.curved(target) && s.Batch == 1 && adaptiveMax*s.L2 < 1 {
		s.Optimizer.Schedule.Type = ScheduleAdaptive
	}
	s.Optimizer = s.Optimizer.resolve(s.Type)
	return s
}

// curved reports a linear model with a loss whose curvature an adaptive rate can follow. The spec has its loss.
func (s Spec) curved(target TargetSpec) bool {
	return s.Type == FamilyLogistic && target.Classes > 0 || s.Type == FamilyLinear && s.Loss != lossQuantile
}

func defaultLoss(target TargetSpec) string {
	if target.Classes > 0 {
		return lossCrossEntropy
	}
	return lossSquared
}

// resolveLayers fills in the layers. By default they are tanh, drawn by Glorot and Bengio's rule for it: on most
// streams it learns faster than relu, and it goes on learning where relu units die. Other activations are drawn as
// PyTorch draws them.
func (s Spec) resolveLayers() Spec {
	if s.Activation == "" {
		s.Activation = ActivationTanh
	}
	if s.Norm == normNone {
		s.Norm = "" // unwritten, as the view is
	}
	if s.Plasticity == plasticityNone {
		s.Plasticity = ""
	}
	if s.Plasticity != "" {
		fill(&s.Upkeep, 1e-4)
	}
	layers := slices.Clone(s.Layers)
	for _, units := range s.Hidden {
		layers = append(layers, LayerSpec{Units: units})
	}
	if len(layers) == 0 {
		layers = []LayerSpec{{Units: 64}, {Units: 64}}
	}
	for i := range layers {
		if layers[i].Activation == "" {
			layers[i].Activation = s.Activation
		}
	}
	if s.Init == "" {
		s.Init = initGlorot
		if slices.ContainsFunc(layers, func(l LayerSpec) bool { return l.Activation != ActivationTanh }) {
			s.Init = initUniform
		}
	}
	s.Layers, s.Hidden = layers, nil
	return s
}

// resolve fills in an update rule. The rules and rates for a family without settings are the ones
// that do well on streams of every kind at once, with drift and without. Linear models find their rate
// themselves where the loss has a curvature (see curved); otherwise classes want SGD, whose steps never
// shrink. Networks and other losses of numbers want RMSprop, which needs no rate matched to the scale of
// features or errors and goes on adapting, where Adam's longer memory follows drift more slowly; their
// averages are twice as long as PyTorch's default. Constants are otherwise those of the papers and of PyTorch where
// they agree.
func (o OptimizerSpec) resolve(family string) OptimizerSpec {
	if o.Type == "" {
		o.Type = RuleSGD
		if family == FamilyMLP || family == FamilyLinear {
			o.Type = RuleRMSprop
		}
		// A momentum or a decay names its rule as well as the rule's own name does.
		switch {
		case o.Momentum != 0 || o.adaptive():
			o.Type = RuleSGD
		case o.Beta != 0:
			o.Type = ruleFTRL
		case o.Beta1 != 0 || o.Beta2 != 0:
			o.Type = RuleAdam
		case o.Rho != 0:
			o.Type = RuleRMSprop
		}
	}
	if o.adaptive() { // where it starts; twice or half as much makes no difference
		if o.Type == RuleAdaGrad {
			fill(&o.Rate, 0.1)
		}
		fill(&o.Rate, 0.05)
	}
	if o.Type != ruleCOCOB {
		fill(&o.Rate, defaultRate(family, o.Type))
	}
	switch o.Type {
	case RuleAdaGrad, ruleNormalizedAdaptive:
		fill(&o.Epsilon, 1e-10)
	case RuleRMSprop:
		if family == FamilyMLP {
			fill(&o.Rho, 0.995)
		}
		fill(&o.Rho, 0.99)
		fill(&o.Epsilon, 1e-8)
	case ruleAdadelta:
		fill(&o.Rho, 0.9)
		fill(&o.Epsilon, 1e-6)
	case ruleFTRL:
		fill(&o.Beta, 1)
	case RuleAdam, ruleAMSGrad:
		fill(&o.Beta1, 0.9)
		fill(&o.Beta2, 0.999)
		fill(&o.Epsilon, 1e-8)
	}
	if o.Schedule.Type == "" {
		o.Schedule.Type = scheduleConstant
		if o.Schedule.Decay != 0 || o.Schedule.Power != 0 {
			o.Schedule.Type = scheduleInverseTime
		}
	}
	if o.Schedule.Type == scheduleInverseTime {
		fill(&o.Schedule.Decay, 1e-4)
		fill(&o.Schedule.Power, 1)
	}
	return o
}

// defaultRate is the learning rate of a rule for a family, on standardised features: what does well on
// streams with drift and without, on few classes and on many. It is between the best of each, never the
// best of one.
func defaultRate(family, rule string) float64 {
	type rates struct{ logistic, linear, svm, mlp float64 }
	r := map[string]rates{
		RuleSGD:                {0.07, 0.003, 0.05, 0.03},
		RuleAdaGrad:            {0.3, 0.3, 0.1, 0.03},
		RuleRMSprop:            {0.01, 0.03, 0.03, 0.0015},
		RuleAdam:               {0.01, 0.003, 0.003, 0.001},
		ruleAMSGrad:            {0.01, 0.003, 0.003, 0.003},
		ruleAdadelta:           {3, 3, 3, 1},
		ruleFTRL:               {logistic: 0.5, linear: 0.5, svm: 0.1},
		RuleNormalized:         {logistic: 0.5, linear: 0.5, svm: 0.5},
		ruleNormalizedAdaptive: {logistic: 2, linear: 2, svm: 0.1},
		ruleImportanceAware:    {logistic: 0.07, linear: 0.2, svm: 0.05},
	}[rule]
	return map[string]float64{FamilyLogistic: r.logistic, FamilyLinear: r.linear, FamilySVM: r.svm, FamilyMLP: r.mlp}[family]
}

func fill(v *float64, value float64) {
	if *v == 0 {
		*v = value
	}
}
