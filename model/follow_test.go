package model_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"millrace"
	"millrace/model"
	"millrace/model/family"
	"millrace/model/modeltest"
)

// turnShape is that of turning's events.
var turnShape = millrace.ViewShape{Width: 3001, Sparse: true, NonZeroMax: 10}

// turning makes a sparse stream whose labels all turn round after some events: up to ten features an event, a few of
// them in nearly all and most of them rare.
func turning(seed uint64, before, after int) (events []millrace.Input, classes []int32) {
	r := rand.New(rand.NewPCG(seed, 1))
	weights := make([]float64, turnShape.Width)
	for i := range weights {
		weights[i] = r.NormFloat64()
	}
	for i := range before + after {
		v := millrace.Vector{}
		for range turnShape.NonZeroMax {
			// By a Pareto law with an exponent of a half: a share of 1/√n is rarer than n.
			pareto := math.Pow(1-r.Float64(), -2)
			v.Index = append(v.Index, uint32(math.Mod(math.Floor(pareto), float64(turnShape.Width-1)))+1)
		}
		slices.Sort(v.Index)
		v.Index = slices.Compact(v.Index)
		sum := 0.3 * r.NormFloat64()
		for _, row := range v.Index {
			sum += weights[row]
			v.Value = append(v.Value, 1)
		}
		class := int32(0)
		if (sum > 0) == (i < before) {
			class = 1
		}
		events, classes = append(events, millrace.Input{v}), append(classes, class)
	}
	return events, classes
}

// accuracyAfter is the share of events from some on that are predicted right, each before it is learned.
func accuracyAfter(t *testing.T, s model.Spec, events []millrace.Input, classes []int32, from int) float64 {
	t.Helper()
	m, err := family.New(s, model.TargetSpec{Classes: 2}, modeltest.View(turnShape))
	if err != nil {
		t.Fatal(err)
	}
	scratch, p := m.NewScratch(), make([]float32, 2)
	right := 0
	for i, x := range events {
		m.Predict(p, x, scratch)
		if i >= from && (p[1] > p[0]) == (classes[i] == 1) {
			right++
		}
		if err := m.Learn(x, millrace.Target{Known: true, Class: classes[i]}, 1, scratch); err != nil {
			t.Fatal(err)
		}
	}
	return float64(right) / float64(len(events)-from)
}

// TestRulesFollow measures which rules still learn when all labels turn round after 40,000 events: the accuracy
// over the 20,000 events after, of which the table in docs/MODELS.md is. What a pipeline file for sparse events
// starts with follows.
func TestRulesFollow(t *testing.T) {
	const before, after = 40_000, 20_000
	events, classes := turning(1, before, after)
	logistic := func(o model.OptimizerSpec) model.Spec { return model.Spec{Type: "logistic", Optimizer: o} }
	adaptive, slower := model.ScheduleSpec{Type: "adaptive"}, model.ScheduleSpec{Type: "inverse_time", Decay: 1e-3}
	for _, c := range []struct {
		name        string
		spec        model.Spec
		least, most float64
	}{
		{"adagrad, adaptive", logistic(model.OptimizerSpec{Type: "adagrad", Rate: 0.1, Schedule: adaptive}), 0.8, 1},
		{"adagrad", logistic(model.OptimizerSpec{Type: "adagrad", Rate: 0.1}), 0, 0.6},
		{"sgd, adaptive", logistic(model.OptimizerSpec{}), 0.7, 1},
		{"sgd", logistic(model.OptimizerSpec{Type: "sgd"}), 0.7, 1},
		{"sgd, inverse_time", logistic(model.OptimizerSpec{Type: "sgd", Schedule: slower}), 0, 0.6},
		{"rmsprop", logistic(model.OptimizerSpec{Type: "rmsprop"}), 0.6, 1},
		{"adam", logistic(model.OptimizerSpec{Type: "adam"}), 0.6, 1},
		{"amsgrad", logistic(model.OptimizerSpec{Type: "amsgrad"}), 0.6, 1},
		{"adadelta", logistic(model.OptimizerSpec{Type: "adadelta"}), 0.6, 1},
		{"ftrl", logistic(model.OptimizerSpec{Type: "ftrl"}), 0.6, 1},
		{"normalized", logistic(model.OptimizerSpec{Type: "normalized"}), 0.7, 1},
		{"normalized_adaptive", logistic(model.OptimizerSpec{Type: "normalized_adaptive"}), 0.6, 1},
		{"importance_aware", logistic(model.OptimizerSpec{Type: "importance_aware"}), 0.7, 1},
		{"cocob", logistic(model.OptimizerSpec{Type: "cocob"}), 0.7, 1},
		{"svm, pa1", model.Spec{Type: "svm"}, 0.8, 1},
		{"svm, pegasos", model.Spec{Type: "svm", Update: "pegasos"}, 0.7, 1},
		{"svm, gradient", model.Spec{Type: "svm", Update: "gradient"}, 0.7, 1},
		{"mlp", model.Spec{Type: "mlp"}, 0.8, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			last := accuracyAfter(t, c.spec, events[:before], classes[:before], before-after)
			got := accuracyAfter(t, c.spec, events, classes, before)
			t.Logf("%.3f before, %.3f after", last, got)
			if got < c.least || got > c.most {
				t.Errorf("accuracy %.3f after the labels turned, want %g to %g", got, c.least, c.most)
			}
		})
	}
}
