package model_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"millrace"
	"millrace/model"
)

// delayedFile is what testdata/delayed.py writes.
type delayedFile struct {
	Rate  float64
	X     [][]float32
	Steps []struct {
		Row, Class          int
		Probability, Weight float64
	}
	Last []float64
}

func newDelayed(t *testing.T, rate float64) model.Model {
	s := model.Spec{Type: "logistic", Optimizer: model.OptimizerSpec{Type: "sgd", Rate: rate}}
	return mustNew(t, s, model.TargetSpec{Classes: 2}, millrace.ViewShape{Width: 3})
}

// The model follows the paper's loss, written in Python: every prediction and weight on the way.
func TestFakeNegativeWeightedReference(t *testing.T) {
	var file delayedFile
	readJSON(t, "testdata/delayed.json", &file)
	m := newDelayed(t, file.Rate)
	scratch, p := m.NewScratch(), make([]float32, m.Outputs())
	corrected := 0
	for i, step := range file.Steps {
		x := millrace.Input{{Dense: file.X[step.Row]}}
		m.Predict(p, x, scratch)
		weight := model.FakeNegativeWeight(float64(p[1]), step.Class == 1)
		if math.Abs(float64(p[1])-step.Probability) > 1e-4 || math.Abs(weight-step.Weight) > 2e-4 {
			t.Fatalf("step %d: probability %g and weight %g, want %g and %g", i, p[1], weight, step.Probability, step.Weight)
		}
		if err := m.Learn(x, millrace.Target{Known: true, Class: int32(step.Class)}, float32(weight), scratch); err != nil {
			t.Fatal(err)
		}
		corrected += step.Class
	}
	for i, want := range file.Last {
		m.Predict(p, millrace.Input{{Dense: file.X[i]}}, scratch)
		if math.Abs(float64(p[1])-want) > 1e-4 {
			t.Errorf("row %d is predicted %g in the end, want %g", i, p[1], want)
		}
	}
	if corrected < 50 {
		t.Errorf("only %d labels corrected what was assumed", corrected)
	}
}

// Where every event is learned as negative first, plain losses end at p/(1+p) and the weighted one at p.
func TestFakeNegativeWeightsFindTheTrueProbability(t *testing.T) {
	const truth, events = 0.3, 60_000
	learn := func(weighted bool) float64 {
		m := newDelayed(t, 0.01)
		rng := rand.New(rand.NewPCG(1, 2))
		scratch, p := m.NewScratch(), make([]float32, m.Outputs())
		x := millrace.Input{{Dense: []float32{0, 0, 0}}}
		var sum float64
		step := func(class int32) {
			m.Predict(p, x, scratch)
			weight := 1.0
			if weighted {
				weight = model.FakeNegativeWeight(float64(p[1]), class == 1)
			}
			if err := m.Learn(x, millrace.Target{Known: true, Class: class}, float32(weight), scratch); err != nil {
				t.Fatal(err)
			}
		}
		for i := range events {
			step(0)
			if rng.Float64() < truth {
				step(1)
			}
			if i >= events/2 {
				m.Predict(p, x, scratch)
				sum += float64(p[1])
			}
		}
		return sum / (events / 2)
	}
	if p := learn(true); math.Abs(p-truth) > 0.01 {
		t.Errorf("weighted it predicts %g, want %g", p, truth)
	}
	if p := learn(false); math.Abs(p-truth/(1+truth)) > 0.01 {
		t.Errorf("unweighted it predicts %g, want %g", p, truth/(1+truth))
	}
}
