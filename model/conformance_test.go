package model_test

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"testing"

	"millrace"
	"millrace/model"
	"millrace/model/family"
	"millrace/model/modeltest"
)

const caseWidth = 12

func rules() map[string]model.OptimizerSpec {
	return map[string]model.OptimizerSpec{
		"sgd":      {Type: "sgd", Rate: 0.01},
		"momentum": {Type: "sgd", Rate: 0.005, Momentum: 0.9},
		"nesterov": {Type: "sgd", Rate: 0.005, Momentum: 0.9, Nesterov: true},
		"adagrad":  {Type: "adagrad", Rate: 0.05},
		"rmsprop":  {Type: "rmsprop"},
		"adam":     {Type: "adam", Schedule: model.ScheduleSpec{Type: "inverse_time", Decay: 1e-3, Power: 0.5}},
		"amsgrad":  {Type: "amsgrad", Rate: 0.01},
		"adadelta": {Type: "adadelta"},
		"cocob":    {Type: "cocob"},
	}
}

// linearRules are the rules for linear models alone.
func linearRules() map[string]model.OptimizerSpec {
	return map[string]model.OptimizerSpec{
		"ftrl":                {Type: "ftrl", Rate: 0.1},
		"adaptive":            {Type: "sgd", Schedule: model.ScheduleSpec{Type: "adaptive"}},
		"fading":              {Type: "adagrad", Schedule: model.ScheduleSpec{Type: "adaptive"}},
		"normalized":          {Type: "normalized", Rate: 0.5, Schedule: model.ScheduleSpec{Type: "inverse_time", Decay: 1e-4}},
		"normalized_adaptive": {Type: "normalized_adaptive", Rate: 0.1, Schedule: model.ScheduleSpec{Type: "inverse_time", Decay: 1e-4}},
		"importance_aware":    {Type: "importance_aware", Rate: 0.05},
	}
}

// rulesFor are the rules that fit a family.
func rulesFor(f member) map[string]model.OptimizerSpec {
	all := rules()
	if f.spec.Type != "mlp" {
		maps.Copy(all, linearRules())
	}
	if f.spec.Plasticity != "" {
		delete(all, "cocob") // its weights follow from its own state
	}
	if !slices.Contains([]string{"logistic", "squared", "quantile", "hinge", "rest"}, f.name) {
		delete(all, "importance_aware") // no closed form
	}
	if !slices.Contains([]string{"logistic", "softmax", "squared", "huber", "poisson"}, f.name) {
		delete(all, "adaptive") // no curvature
		delete(all, "fading")
	}
	return all
}

// single reports that a rule is defined for one event at a time.
func single(rule string) bool {
	return slices.Contains([]string{"normalized", "normalized_adaptive", "importance_aware", "adaptive", "fading"}, rule)
}

type member struct {
	name   string
	spec   model.Spec
	target model.TargetSpec
}

func modelFamilies() []member {
	return []member{
		{"logistic", model.Spec{Type: "logistic"}, model.TargetSpec{Classes: 2}},
		{"softmax", model.Spec{Type: "logistic"}, model.TargetSpec{Classes: 5}},
		{"squared", model.Spec{Type: "linear"}, model.TargetSpec{}},
		{"huber", model.Spec{Type: "linear", Loss: "huber", HuberDelta: 0.7}, model.TargetSpec{}},
		{"quantile", model.Spec{Type: "linear", Loss: "quantile", Quantile: 0.8}, model.TargetSpec{}},
		{"poisson", model.Spec{Type: "linear", Loss: "poisson"}, model.TargetSpec{}},
		{"hinge", model.Spec{Type: "svm", C: 0.5}, model.TargetSpec{Classes: 2}},
		{"rest", model.Spec{Type: "svm"}, model.TargetSpec{Classes: 4}},
		{"mlp-relu", model.Spec{Type: "mlp", Hidden: []int{9, 17}, Activation: "relu", Seed: 3}, model.TargetSpec{Classes: 3}},
		{"mlp-tanh", model.Spec{Type: "mlp", Hidden: []int{8}, Activation: "tanh", Init: "glorot"}, model.TargetSpec{Classes: 2}},
		{"mlp-number", model.Spec{Type: "mlp", Layers: []model.LayerSpec{{Units: 10, Activation: "sigmoid"}, {Units: 5, Activation: "identity"}}, Init: "he"}, model.TargetSpec{}},
		{"mlp-quantile", model.Spec{Type: "mlp", Hidden: []int{6}, Activation: "tanh", Loss: "quantile", Quantile: 0.1}, model.TargetSpec{}},
		{"mlp-poisson", model.Spec{Type: "mlp", Hidden: []int{6}, Activation: "tanh", Loss: "poisson"}, model.TargetSpec{}},
		{"mlp-norm", model.Spec{Type: "mlp", Hidden: []int{9, 17}, Activation: "relu", Norm: "layer"}, model.TargetSpec{Classes: 3}},
		{"mlp-dropout", model.Spec{Type: "mlp", Hidden: []int{9, 17}, Activation: "relu", Dropout: 0.3, Seed: 4}, model.TargetSpec{Classes: 2}},
		{"mlp-l2-init", model.Spec{Type: "mlp", Hidden: []int{9, 8}, Activation: "tanh", Norm: "layer", Dropout: 0.2, Plasticity: "l2_init", Upkeep: 1e-3}, model.TargetSpec{}},
		{"mlp-perturb", model.Spec{Type: "mlp", Hidden: []int{10, 7}, Activation: "relu", Norm: "layer", Plasticity: "shrink_perturb", Upkeep: 1e-3}, model.TargetSpec{Classes: 3}},
	}
}

// variants are ways to learn that change what state there is.
func variants() map[string]func(*model.Spec) {
	return map[string]func(*model.Spec){
		"plain":   func(*model.Spec) {},
		"batch":   func(s *model.Spec) { s.Batch, s.Clip, s.L2 = 8, 0.5, 1e-3 },
		"penalty": func(s *model.Spec) { s.L1, s.L2, s.Clip = 1e-4, 1e-2, 1 },
	}
}

// examples are those of the target; small counts for a loss of counts.
func (f member) examples(shape millrace.ViewShape) []modeltest.Example {
	all := modeltest.Examples(f.target, shape)
	if f.spec.Loss == "poisson" {
		for i := range all {
			all[i].Target.Value = math.Round(math.Exp((all[i].Target.Value - 1000) / 300))
		}
	}
	return all
}

type construct func(model.Spec, model.TargetSpec, millrace.Views) (model.Model, error)

func conform(t *testing.T, f member, shape millrace.ViewShape, build construct, tolerance float64, only ...string) {
	for rule, optimizer := range rulesFor(f) {
		for variant, change := range variants() {
			if single(rule) && variant == "batch" {
				continue
			}
			if len(only) > 0 && !slices.Contains(only, variant) {
				continue
			}
			s := f.spec
			s.Optimizer = optimizer
			change(&s)
			if rule == "cocob" {
				s.L1 = 0 // refused
			}
			modeltest.Run(t, fmt.Sprintf("%s/%s/%s", f.name, rule, variant), func() modeltest.Case {
				m, err := build(s, f.target, modeltest.View(shape))
				if err != nil {
					t.Fatal(err)
				}
				return modeltest.Case{Model: m, Examples: f.examples(shape), Tolerance: tolerance}
			})
		}
	}
}

func TestConformanceDense(t *testing.T) {
	for _, f := range modelFamilies() {
		conform(t, f, millrace.ViewShape{Width: caseWidth}, family.New, 0)
	}
}

func TestConformanceSparse(t *testing.T) {
	for _, f := range modelFamilies() {
		conform(t, f, millrace.ViewShape{Width: 40, Sparse: true, NonZeroMax: 6}, family.New, 0)
	}
}

// TestConformanceFallback runs the suite on the kernels that other processors get.
func TestConformanceFallback(t *testing.T) {
	for _, f := range modelFamilies() {
		conform(t, f, millrace.ViewShape{Width: caseWidth}, model.NewGeneric, 0, "penalty")
	}
}

// agreement is how far apart predictions of one model by two kinds of arithmetic may be: rounding, grown by learning
// from what was rounded. gonum's sums depend on alignment, so this holds between two of its own as well.
const agreement = 1e-4

// TestConformanceGonum runs the suite on gonum's own products, and holds ours to them: by either kernels, dense or
// sparse, a model learns the same to rounding.
func TestConformanceGonum(t *testing.T) {
	for _, f := range modelFamilies() {
		conform(t, f, millrace.ViewShape{Width: caseWidth}, model.NewGonum, agreement, "penalty")
		for view, shape := range map[string]millrace.ViewShape{
			"dense": {Width: caseWidth}, "sparse": {Width: 40, Sparse: true, NonZeroMax: 6},
		} {
			agree(t, f, view, shape)
		}
	}
}

func agree(t *testing.T, f member, view string, shape millrace.ViewShape) {
	t.Helper()
	for rule, optimizer := range rulesFor(f) {
		for variant, change := range variants() {
			if single(rule) && variant == "batch" {
				continue
			}
			s := f.spec
			s.Optimizer = optimizer
			change(&s)
			if rule == "cocob" {
				s.L1 = 0 // refused
			}
			made := func(build construct) modeltest.Case {
				m, err := build(s, f.target, modeltest.View(shape))
				if err != nil {
					t.Fatal(err)
				}
				// Rules that divide by what gradients usually are double a difference every few examples.
				return modeltest.Case{Model: m, Examples: f.examples(shape)[:100], Tolerance: agreement}
			}
			for kernels, build := range map[string]construct{"best": family.New, "generic": model.NewGeneric} {
				name := fmt.Sprintf("agree/%s/%s/%s/%s/%s", f.name, view, rule, variant, kernels)
				modeltest.Agree(t, name, made(build), made(model.NewGonum))
			}
		}
	}
}
