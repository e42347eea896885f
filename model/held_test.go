package model_test

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"millrace"
	"millrace/model"
	"millrace/model/family"
	"millrace/model/modeltest"
)

// heldCases are networks whose layers have widths of all kinds: whole vectors, tails, narrow ones and one output.
func heldCases() map[string]member {
	adam, sgd := model.OptimizerSpec{Type: "adam", Rate: 0.01}, model.OptimizerSpec{Type: "sgd", Rate: 0.02, Momentum: 0.9}
	mlp := func(o model.OptimizerSpec, batch int, hidden ...int) model.Spec {
		return model.Spec{Type: "mlp", Hidden: hidden, Activation: "relu", Optimizer: o, Batch: batch, Clip: 0.5, L2: 1e-3}
	}
	norm, dropout := mlp(adam, 21, 24, 16), mlp(sgd, 9, 17, 64)
	norm.Norm, dropout.Dropout, dropout.Activation = "layer", 0.3, "tanh"
	return map[string]member{
		"classes":  {spec: mlp(adam, 8, 16, 40), target: model.TargetSpec{Classes: 16}},
		"long":     {spec: mlp(adam, 37, 70, 16), target: model.TargetSpec{Classes: 3}},
		"number":   {spec: mlp(sgd, 16, 32, 20), target: model.TargetSpec{}},
		"norm":     {spec: norm, target: model.TargetSpec{Classes: 2}},
		"dropout":  {spec: dropout, target: model.TargetSpec{Classes: 10}},
		"logistic": {spec: model.Spec{Type: "logistic", Batch: 20, Optimizer: sgd}, target: model.TargetSpec{Classes: 5}},
	}
}

func heldShapes() map[string]millrace.ViewShape {
	return map[string]millrace.ViewShape{"dense": {Width: 24}, "sparse": {Width: 40, Sparse: true, NonZeroMax: 6}}
}

// eachHeld runs a test for each case, on each kind of view.
func eachHeld(t *testing.T, run func(t *testing.T, all []modeltest.Example, build func(construct) model.Model)) {
	for name, c := range heldCases() {
		for view, shape := range heldShapes() {
			if c.spec.Type == "logistic" && shape.Sparse {
				continue // nothing to hold
			}
			t.Run(name+"/"+view, func(t *testing.T) {
				run(t, c.examples(shape), func(by construct) model.Model {
					m, err := by(c.spec, c.target, modeltest.View(shape))
					if err != nil {
						t.Fatal(err)
					}
					return m
				})
			})
		}
	}
}

// parts are the bits of a model's tensors by name, but for what is held; 0 and −0 are the same.
func parts(m model.Model) map[string]string {
	all := map[string]string{}
	m.State(func(name string, x millrace.Tensor, _ millrace.Role) {
		if strings.HasPrefix(name, "batch.held") {
			return
		}
		f := slices.Clone(x.F32)
		for i := range f {
			f[i] += 0
		}
		all[name] = fmt.Sprintf("%x %x %v %v", f, x.F64, x.U64, x.U32)
	})
	return all
}

// TestHeldAsOneByOne: what is learned from events that are held is, bit for bit, what is learned from events whose
// gradients are added at once: below a full batch but for what is held, and in all once it is in the weights.
func TestHeldAsOneByOne(t *testing.T) {
	eachHeld(t, func(t *testing.T, all []modeltest.Example, build func(construct) model.Model) {
		for kernels, by := range map[string][2]construct{
			"best": {family.New, model.NewUnheld}, "generic": {model.NewGeneric, model.NewUnheldGeneric},
		} {
			holds, adds := build(by[0]), build(by[1])
			if !model.Holds(holds) || model.Holds(adds) {
				t.Fatalf("%s: the model holds events: %v; without: %v", kernels, model.Holds(holds), model.Holds(adds))
			}
			a, b := holds.NewScratch(), adds.NewScratch()
			dst := make([]float32, holds.Outputs())
			seen := 0
			for i, e := range all {
				holds.Predict(dst, e.Input, a)
				one := slices.Clone(dst)
				adds.Predict(dst, e.Input, b)
				if !slices.Equal(one, dst) {
					t.Fatalf("%s: prediction %d is %v, %v where events are added at once", kernels, i, one, dst)
				}
				if err := holds.Learn(e.Input, e.Target, 1, a); err != nil {
					t.Fatal(err)
				}
				if err := adds.Learn(e.Input, e.Target, 1, b); err != nil {
					t.Fatal(err)
				}
				if model.Held(holds) > 0 {
					continue
				}
				seen++
				if got, want := parts(holds), parts(adds); !maps.Equal(got, want) {
					t.Fatalf("%s: states differ after event %d", kernels, i)
				}
			}
			if seen < 3 {
				t.Errorf("%s: only %d states were compared", kernels, seen)
			}
		}
	})
}

// TestHeldRestores: a snapshot goes on as if nothing had been, wherever in a mini-batch it was taken: one that holds
// events, and one of before, whose sums have all of them.
func TestHeldRestores(t *testing.T) {
	eachHeld(t, func(t *testing.T, all []modeltest.Example, build func(construct) model.Model) {
		all = all[:90]
		whole := build(family.New)
		learnAll(t, whole, all)
		for at := 0; at < 60; at += 1 + at/20 {
			for kind, by := range map[string]construct{"held": family.New, "before": model.NewUnheld} {
				first, second := build(by), build(family.New)
				learnAll(t, first, all[:at])
				if err := modeltest.Copy(second, first); err != nil {
					t.Fatalf("%s: restoring after %d events: %v", kind, at, err)
				}
				if kind == "held" && !bytes.Equal(modeltest.Bytes(first), modeltest.Bytes(second)) {
					t.Fatalf("restored after %d events: the states differ", at)
				}
				learnAll(t, second, all[at:])
				got, want := parts(second), parts(whole)
				if !equalWeights(got, want) {
					t.Fatalf("%s: resumed after %d events, the weights differ from those of who never stopped", kind, at)
				}
			}
		}
	})
}

// equalWeights compares what is no open sum: where a batch is open, events of before are in its sums, not held.
func equalWeights(got, want map[string]string) bool {
	for name, bits := range want {
		if !strings.HasSuffix(name, ".gradient") && got[name] != bits {
			return false
		}
	}
	return len(got) == len(want)
}

func learnAll(t *testing.T, m model.Model, all []modeltest.Example) {
	t.Helper()
	scratch, dst := m.NewScratch(), make([]float32, m.Outputs())
	for _, e := range all {
		m.Predict(dst, e.Input, scratch)
		if err := m.Learn(e.Input, e.Target, 1, scratch); err != nil {
			t.Fatal(err)
		}
	}
}

// TestHeldIsAdded: tensors that snapshots of before lack say so, and hold nothing where a model begins.
func TestHeldIsAdded(t *testing.T) {
	eachHeld(t, func(t *testing.T, _ []modeltest.Example, build func(construct) model.Model) {
		before := map[string]bool{}
		build(model.NewUnheld).State(func(name string, _ millrace.Tensor, _ millrace.Role) { before[name] = true })
		found := false
		build(family.New).State(func(name string, x millrace.Tensor, role millrace.Role) {
			if before[name] {
				return
			}
			found = true
			if !x.Added || role != millrace.Training {
				t.Errorf("%s: added is %v, the role %d", name, x.Added, role)
			}
		})
		if !found {
			t.Error("nothing is held")
		}
	})
}

// TestHeldIsChecked: what no run could have left is refused.
func TestHeldIsChecked(t *testing.T) {
	eachHeld(t, func(t *testing.T, all []modeltest.Example, build func(construct) model.Model) {
		for name, spoil := range map[string]func(name string, x millrace.Tensor){
			"more than were learned": func(name string, x millrace.Tensor) {
				if name == "batch.held" {
					x.U64[0]++
				}
			},
			"no number": func(name string, x millrace.Tensor) {
				if strings.HasPrefix(name, "batch.held.") {
					x.F32[0] = 1e30
				}
			},
		} {
			m := build(family.New)
			learnAll(t, m, all[:3])
			m.State(func(n string, x millrace.Tensor, _ millrace.Role) { spoil(n, x) })
			if err := m.Restored(); err == nil || !strings.Contains(err.Error(), "mini-batch") {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}
