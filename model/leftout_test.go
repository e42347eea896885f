package model_test

import (
	"bytes"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"millrace"
	"millrace/model"
	"millrace/model/family"
	"millrace/model/modeltest"
)

// TestWildIsLeftOut: an example with a wild feature moves no weight, unless many have one, and its label counts.
func TestWildIsLeftOut(t *testing.T) {
	two, number := model.TargetSpec{Classes: 2}, model.TargetSpec{}
	shape := millrace.ViewShape{Width: 6}
	for name, c := range map[string]member{
		"logistic":     {spec: model.Spec{Type: "logistic"}, target: two},
		"linear":       {spec: model.Spec{Type: "linear"}, target: number},
		"svm":          {spec: model.Spec{Type: "svm"}, target: two},
		"svm, numbers": {spec: model.Spec{Type: "svm"}, target: number},
		"mlp":          {spec: model.Spec{Type: "mlp"}, target: number},
		"mini-batches": {spec: model.Spec{Type: "mlp", Batch: 4}, target: two},
	} {
		m, err := family.New(c.spec, c.target, modeltest.View(shape))
		if err != nil {
			t.Fatal(err)
		}
		all, scratch := c.examples(shape), m.NewScratch()
		learn := func(e modeltest.Example, wild bool) {
			x := millrace.Input{e.Input[0]}
			x[0].Wild = wild
			m.Predict(make([]float32, m.Outputs()), x, scratch)
			if err := m.Learn(x, e.Target, 1, scratch); err != nil {
				t.Fatal(name, err)
			}
		}
		for _, e := range all {
			learn(e, false)
		}
		weights, labels := besideLabels(m)
		for i := range 30 {
			learn(all[i%len(all)], true)
		}
		after, labelsAfter := besideLabels(m)
		if !bytes.Equal(weights, after) {
			t.Errorf("%s learns from wild features", name)
		}
		if c.target.Classes == 0 && bytes.Equal(labels, labelsAfter) {
			t.Errorf("%s takes no note of labels beside wild features", name)
		}
		for i := range 100 { // by now many have a wild feature
			learn(all[i%len(all)], true)
		}
		if after, _ := besideLabels(m); bytes.Equal(weights, after) {
			t.Errorf("%s never learns where most have a wild feature", name)
		}
	}
}

// TestWildThatTells: where labels beside wild features are others than the rest has, the examples are learned; where
// they are not, they are left out to the end.
func TestWildThatTells(t *testing.T) {
	shape := millrace.ViewShape{Width: 3}
	for name, c := range map[string]member{
		"logistic":     {spec: model.Spec{Type: "logistic"}, target: model.TargetSpec{Classes: 2}},
		"softmax":      {spec: model.Spec{Type: "logistic"}, target: model.TargetSpec{Classes: 4}},
		"svm":          {spec: model.Spec{Type: "svm"}, target: model.TargetSpec{Classes: 2}},
		"svm, numbers": {spec: model.Spec{Type: "svm"}},
		"linear":       {spec: model.Spec{Type: "linear"}},
		"mlp":          {spec: model.Spec{Type: "mlp"}, target: model.TargetSpec{Classes: 2}},
	} {
		for _, tells := range []bool{false, true} {
			m, err := family.New(c.spec, c.target, modeltest.View(shape))
			if err != nil {
				t.Fatal(err)
			}
			random, scratch, learned := rand.New(rand.NewPCG(3, 9)), m.NewScratch(), 0
			for i := range 8000 {
				x := millrace.Input{{Dense: []float32{float32(random.NormFloat64()), float32(random.NormFloat64()), float32(random.NormFloat64())}}}
				y := millrace.Target{Class: int32(random.IntN(max(c.target.Classes, 1))), Value: 10 + random.NormFloat64(), Known: true}
				wild := i > 100 && i%50 == 0
				if x[0].Wild = wild; wild && tells {
					y.Class, y.Value = 0, 12+random.NormFloat64()
				}
				var before []byte
				if wild {
					before, _ = besideLabels(m)
				}
				m.Predict(make([]float32, m.Outputs()), x, scratch)
				if err := m.Learn(x, y, 1, scratch); err != nil {
					t.Fatal(name, err)
				}
				if wild {
					if after, _ := besideLabels(m); !bytes.Equal(before, after) {
						learned++
					}
				}
			}
			if tells && learned < 120 || !tells && learned > 0 {
				t.Errorf("%s: %d of 157 wild examples were learned; their labels tell something: %v", name, learned, tells)
			}
		}
	}
}

// besideLabels are the bits of a model's tensors, of which those of labels apart, without what is known
// of wild ones.
func besideLabels(m model.Model) (weights, labels []byte) {
	m.State(func(name string, t millrace.Tensor, role millrace.Role) {
		bits := modeltest.Bytes(only{name, t, role})
		switch {
		case name == "wild" || name == "wild.labels" || name == "labels":
		case strings.HasPrefix(name, "target"):
			labels = append(labels, bits...)
		default:
			weights = append(weights, bits...)
		}
	})
	return weights, labels
}

// only is the state of one tensor.
type only struct {
	name   string
	tensor millrace.Tensor
	role   millrace.Role
}

func (o only) State(visit func(string, millrace.Tensor, millrace.Role)) {
	visit(o.name, o.tensor, o.role)
}

func (only) Restored() error { return nil }

// TestWildShareIsChecked where a state is restored.
func TestWildShareIsChecked(t *testing.T) {
	m, err := family.New(model.Spec{Type: "logistic"}, model.TargetSpec{Classes: 2}, modeltest.View(millrace.ViewShape{Width: 3}))
	if err != nil {
		t.Fatal(err)
	}
	for _, share := range []float64{-1, 1.5, math.NaN()} {
		m.State(func(name string, t millrace.Tensor, _ millrace.Role) {
			if name == "wild" {
				t.F64[0] = share
			}
		})
		if m.Restored() == nil {
			t.Errorf("a share of %g is restored", share)
		}
	}
}
