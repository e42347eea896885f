package model_test

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"millrace"
	"millrace/model"
	"millrace/model/family"
	"millrace/model/modeltest"
)

// densify writes a sparse input out.
func densify(x millrace.Input, width int) millrace.Input {
	v := millrace.Vector{Dense: make([]float32, width)}
	for i, row := range x[0].Index {
		v.Dense[row] += x[0].Value[i]
	}
	return millrace.Input{v}
}

// TestSparseEqualsDense: the same events as sparse and as dense views lead to the same weights, where
// rows that an event does not touch stand still in both: without penalties, or with the exact L2 of
// SGD; with indices that repeat, and with batches.
func TestSparseEqualsDense(t *testing.T) {
	const width = 40
	for _, c := range []struct {
		name string
		spec model.Spec
	}{
		{"sgd", model.Spec{Optimizer: model.OptimizerSpec{Type: "sgd", Rate: 0.05}}},
		{"sgd, batch", model.Spec{Batch: 7, Optimizer: model.OptimizerSpec{Type: "sgd", Rate: 0.05}}},
		{"sgd, l2", model.Spec{L2: 0.01, Optimizer: model.OptimizerSpec{Type: "sgd", Rate: 0.05}}},
		// The scale of this one falls below its limit some fifty times.
		{"sgd, strong l2", model.Spec{L2: 9.5, Optimizer: model.OptimizerSpec{Type: "sgd", Rate: 0.1}}},
		{"sgd, l2, batch, clip", model.Spec{L2: 0.1, Batch: 4, Clip: 0.3, Optimizer: model.OptimizerSpec{Type: "sgd", Rate: 0.05}}},
		{"sgd, clip", model.Spec{Clip: 0.3, Optimizer: model.OptimizerSpec{Type: "sgd", Rate: 0.05}}},
		{"adagrad", model.Spec{Optimizer: model.OptimizerSpec{Type: "adagrad", Rate: 0.05}}},
		{"adagrad, batch", model.Spec{Batch: 7, Optimizer: model.OptimizerSpec{Type: "adagrad", Rate: 0.05}}},
		{"fading", model.Spec{Optimizer: model.OptimizerSpec{Type: "adagrad", Schedule: model.ScheduleSpec{Type: "adaptive"}}}},
		{"fading, l1, l2", model.Spec{L1: 1e-3, L2: 1e-2, Optimizer: model.OptimizerSpec{Type: "adagrad", Schedule: model.ScheduleSpec{Type: "adaptive"}}}},
		{"ftrl", model.Spec{L1: 0.1, L2: 0.3, Optimizer: model.OptimizerSpec{Type: "ftrl", Rate: 0.1}}},
		{"ftrl, batch", model.Spec{L1: 0.01, Batch: 4, Optimizer: model.OptimizerSpec{Type: "ftrl", Rate: 0.1, Beta: 2}}},
		{"normalized, l2", model.Spec{L2: 0.01, Optimizer: model.OptimizerSpec{Type: "normalized", Rate: 0.5}}},
		{"normalized_adaptive", model.Spec{Optimizer: model.OptimizerSpec{Type: "normalized_adaptive", Rate: 0.1}}},
		{"importance_aware, l2", model.Spec{L2: 0.01, Optimizer: model.OptimizerSpec{Type: "importance_aware", Rate: 0.05}}},
		{"cocob", model.Spec{Optimizer: model.OptimizerSpec{Type: "cocob"}}},
	} {
		for _, f := range modelFamilies() {
			t.Run(f.name+"/"+c.name, func(t *testing.T) {
				s := c.spec
				s.Type, s.Loss, s.Hidden, s.Layers, s.Activation, s.C = f.spec.Type, f.spec.Loss, f.spec.Hidden, f.spec.Layers, f.spec.Activation, f.spec.C
				s.HuberDelta, s.Init, s.Seed, s.Quantile = f.spec.HuberDelta, f.spec.Init, f.spec.Seed, f.spec.Quantile
				if _, fits := rulesFor(f)[ruleName(s.Optimizer)]; !fits {
					t.Skip("the rule is not for this family")
				}
				if s.Type == "svm" && s.L2 == 0 && s.Optimizer.Type != "sgd" && s.Optimizer.Type != "ftrl" {
					t.Skip("an svm always has an L2, which is exact for SGD and FTRL only")
				}
				shape := millrace.ViewShape{Width: width, Sparse: true, NonZeroMax: 6}
				sparse, dense := mustNew(t, s, f.target, shape), mustNew(t, s, f.target, millrace.ViewShape{Width: width})
				a, b := make([]float32, sparse.Outputs()), make([]float32, sparse.Outputs())
				sa, sb := sparse.NewScratch(), dense.NewScratch()
				for i, e := range f.examples(shape) {
					if s.Optimizer.Type == "normalized_adaptive" {
						dropRepeats(e.Input) // it scales entries one by one, not their sum
					}
					x := densify(e.Input, width)
					sparse.Predict(a, e.Input, sa)
					dense.Predict(b, x, sb)
					for k := range a {
						if diff := math.Abs(float64(a[k] - b[k])); diff > 2e-4*math.Max(1, math.Abs(float64(b[k]))) {
							t.Fatalf("example %d: %v sparse, %v dense", i, a, b)
						}
					}
					if err := errors.Join(sparse.Learn(e.Input, e.Target, e.Weight, sa), dense.Learn(x, e.Target, e.Weight, sb)); err != nil {
						t.Fatal(err)
					}
				}
			})
		}
	}
}

// ruleName is what rulesFor calls a rule.
func ruleName(o model.OptimizerSpec) string {
	if o.Type == "adagrad" && o.Schedule.Type == "adaptive" {
		return "fading"
	}
	return o.Type
}

// dropRepeats makes entries of an index that came before zero.
func dropRepeats(x millrace.Input) {
	for i, row := range x[0].Index {
		if slices.Contains(x[0].Index[:i], row) {
			x[0].Value[i] = 0
		}
	}
}

func mustNew(t *testing.T, s model.Spec, target model.TargetSpec, shape millrace.ViewShape) model.Model {
	t.Helper()
	m, err := family.New(s, target, modeltest.View(shape))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestUntouchedRowsStandStill: an event changes no row but its own, in weights and in moments.
func TestUntouchedRowsStandStill(t *testing.T) {
	shape := millrace.ViewShape{Width: 1000, Sparse: true, NonZeroMax: 3}
	for rule, optimizer := range rulesFor(member{name: "softmax"}) {
		s := model.Spec{Type: "logistic", Optimizer: optimizer, L1: 1e-3, L2: 1e-3}
		if rule == "cocob" {
			s.L1 = 0
		}
		m := mustNew(t, s, model.TargetSpec{Classes: 3}, shape)
		scratch, dst := m.NewScratch(), make([]float32, 3)
		learn := func(index ...uint32) {
			x := millrace.Input{{Index: index, Value: []float32{1, -2, 0.5}}}
			m.Predict(dst, x, scratch)
			if err := m.Learn(x, millrace.Target{Known: true, Class: 1}, 1, scratch); err != nil {
				t.Fatal(err)
			}
		}
		learn(10, 20, 30)
		before := append([]float32(nil), servingWeights(m)["layers.0.weight"]...)
		learn(7, 8, 7)
		for i, w := range servingWeights(m)["layers.0.weight"] {
			row := i / 3
			if touched := row == 7 || row == 8; touched != (w != before[i]) {
				t.Errorf("%s: row %d went from %g to %g", rule, row, before[i], w)
			}
		}
	}
}

// TestUpdatesAreRefusedBeforeTheyOverflow drives weights up to their bound: what would pass it is
// refused, nothing is ever infinite, and a smaller step is still learned.
func TestUpdatesAreRefusedBeforeTheyOverflow(t *testing.T) {
	for _, batch := range []int{1, 4} {
		for rule, optimizer := range rulesFor(member{name: "squared"}) {
			if single(rule) && batch > 1 {
				continue
			}
			switch rule {
			case "cocob":
			case "adaptive", "fading":
				optimizer.Rate = 16
			default:
				optimizer.Rate = 9e5
			}
			s := model.Spec{Type: "linear", Batch: batch, Optimizer: optimizer}
			m := mustNew(t, s, model.TargetSpec{}, millrace.ViewShape{Width: 9})
			scratch, dst := m.NewScratch(), make([]float32, 1)
			refused, learned := 0, 0
			for i, x := range denseInputs(400, 9) {
				for j := range x[0].Dense {
					x[0].Dense[j] *= float32(math.Pow(10, float64(i%12)))
				}
				m.Predict(dst, x, scratch)
				if v := float64(dst[0]); math.IsNaN(v) || math.IsInf(v, 0) {
					t.Fatalf("%s: predicted %g", rule, v)
				}
				before := modeltest.Bytes(m)
				switch err := m.Learn(x, millrace.Target{Known: true, Value: float64(i % 5)}, 1, scratch); {
				case errors.Is(err, millrace.ErrUpdateRefused):
					refused++
					if string(before) != string(modeltest.Bytes(m)) {
						t.Fatalf("%s: a refused update changed the state", rule)
					}
				case err != nil:
					t.Fatal(err)
				default:
					learned++
				}
				if err := m.Restored(); err != nil {
					t.Fatalf("%s: %v", rule, err)
				}
			}
			if learned == 0 || refused == 0 && s.Optimizer.Type == "sgd" {
				t.Errorf("%s, batch %d: %d learned, %d refused", rule, batch, learned, refused)
			}
		}
	}
}

// TestRestoredRefuses: a state that no run could have left is reported.
func TestRestoredRefuses(t *testing.T) {
	nan := float32(math.NaN())
	for name, spoil := range map[string]func(x millrace.Tensor){
		"layers.0.weight":        func(x millrace.Tensor) { x.F32[1] = nan },
		"layers.0.bias":          func(x millrace.Tensor) { x.F32[0] = float32(math.Inf(1)) },
		"layers.0.weight.first":  func(x millrace.Tensor) { x.F32[1] = nan },
		"layers.0.weight.second": func(x millrace.Tensor) { x.F32[1] = -1 },
		"layers.0.bias.gradient": func(x millrace.Tensor) { x.F32[0] = nan },
		"batch.events":           func(x millrace.Tensor) { x.U64[0] = 99 },
		"batch.rows":             func(x millrace.Tensor) { x.U64[0] = 1 << 40 },
		"batch.row_index":        func(x millrace.Tensor) { x.U32[0] = 1 << 30 },
		"batch.row_gradient":     func(x millrace.Tensor) { x.F32[0] = nan },
		"link.weights":           func(x millrace.Tensor) { x.F64[0] = math.NaN() },
		"link.shift":             func(x millrace.Tensor) { x.F64[0] = 1e9 },
		"link.squares":           func(x millrace.Tensor) { x.F64[1] = -1 },
		"link.counts":            func(x millrace.Tensor) { x.F64[1] = math.Inf(1) },

		"batch.row_gradient/untouched": func(x millrace.Tensor) { x.F32[len(x.F32)-1] = 1 },
	} {
		s := model.Spec{Type: "svm", Batch: 5, Optimizer: model.OptimizerSpec{Type: "adam"}}
		shape := millrace.ViewShape{Width: 50, Sparse: true, NonZeroMax: 4}
		m := mustNew(t, s, model.TargetSpec{Classes: 2}, shape)
		x := millrace.Input{{Index: []uint32{4, 9, 4}, Value: []float32{1, 2, 3}}}
		scratch := m.NewScratch()
		m.Predict(make([]float32, 2), x, scratch)
		if err := m.Learn(x, millrace.Target{Known: true, Class: 1}, 1, scratch); err != nil {
			t.Fatal(err)
		}
		found := false
		tensor, _, _ := strings.Cut(name, "/")
		m.State(func(n string, x millrace.Tensor, _ millrace.Role) {
			if n == tensor {
				found = true
				spoil(x)
			}
		})
		if !found {
			t.Errorf("no tensor %s", name)
		}
		if err := m.Restored(); err == nil {
			t.Errorf("a broken %s was taken", name)
		}
	}
}
