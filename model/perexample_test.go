package model_test

import (
	"errors"
	"math"
	"slices"
	"testing"

	"millrace"
	"millrace/model"
	"millrace/model/family"
	"millrace/model/modeltest"
)

// TestNormalizedIgnoresScale: a rate of 1 on a squared loss makes the prediction right at once, whatever
// the scale of the features; it is the projection onto what the example says.
func TestNormalizedIgnoresScale(t *testing.T) {
	for _, scale := range []float32{1e-3, 1, 1e4} {
		for _, shape := range []millrace.ViewShape{{Width: 4}, {Width: 4, Sparse: true, NonZeroMax: 4}} {
			s := model.Spec{Type: "linear", Optimizer: model.OptimizerSpec{Type: "normalized", Rate: 1}}
			m, err := family.New(s, model.TargetSpec{}, modeltest.View(shape))
			if err != nil {
				t.Fatal(err)
			}
			scratch, dst := m.NewScratch(), make([]float32, 1)
			for i, y := range []float64{3, 8, -2, 5} {
				x := millrace.Input{{Dense: []float32{scale, -2 * scale, 0, float32(i) * scale}}}
				if shape.Sparse {
					// The second entry repeats an index: together they are −2.
					x = millrace.Input{{Index: []uint32{0, 1, 1, 3}, Value: []float32{scale, -3 * scale, scale, float32(i) * scale}}}
				}
				m.Predict(dst, x, scratch)
				if err := m.Learn(x, millrace.Target{Value: y, Known: true}, 1, scratch); err != nil {
					t.Fatal(err)
				}
				m.Predict(dst, x, scratch)
				if value := model.ValueOf(m).Value(dst[0]); math.Abs(value-y) > 1e-4 {
					t.Errorf("scale %g, sparse %v: %g after learning %g", scale, shape.Sparse, value, y)
				}
			}
		}
	}
}

// TestAdaptiveScalesAreFree: scaling a column by any factor changes no prediction of the normalised
// adaptive gradient, not even where the factor comes to light only in the middle of the stream.
func TestAdaptiveScalesAreFree(t *testing.T) {
	s := model.Spec{Type: "logistic", Optimizer: model.OptimizerSpec{Type: "normalized_adaptive"}}
	for _, shape := range []millrace.ViewShape{{Width: 6}, {Width: 6, Sparse: true, NonZeroMax: 6}} {
		plain := mustNew(t, s, model.TargetSpec{Classes: 2}, shape)
		scaled := mustNew(t, s, model.TargetSpec{Classes: 2}, shape)
		a, b := plain.NewScratch(), scaled.NewScratch()
		p, q := make([]float32, 2), make([]float32, 2)
		for i, x := range denseInputs(300, 6) {
			y := millrace.Input{{Dense: slices.Clone(x[0].Dense)}}
			for j := range y[0].Dense {
				y[0].Dense[j] *= float32(math.Ldexp(1, 25*(j-3))) // powers of two round nothing
			}
			if shape.Sparse {
				all := []uint32{0, 1, 2, 3, 4, 5}
				x, y = millrace.Input{{Index: all, Value: x[0].Dense}}, millrace.Input{{Index: all, Value: y[0].Dense}}
			}
			plain.Predict(p, x, a)
			scaled.Predict(q, y, b)
			if !slices.Equal(p, q) {
				t.Fatalf("example %d: %v, scaled %v", i, p, q)
			}
			target := millrace.Target{Class: int32(i % 3 / 2), Known: true}
			if err := errors.Join(plain.Learn(x, target, 1, a), scaled.Learn(y, target, 1, b)); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestImportanceAddsUp: an event of weight 2 is worth exactly two of weight 1 on end, which no gradient
// step is; and no weight throws a prediction past its target.
func TestImportanceAddsUp(t *testing.T) {
	x := millrace.Input{{Dense: []float32{0.5, -2, 1}}}
	for _, f := range modelFamilies() {
		if _, fits := rulesFor(f)["importance_aware"]; !fits {
			continue
		}
		t.Run(f.name, func(t *testing.T) {
			s := f.spec
			s.L2 = 1e-9 // an svm without one gets its default
			s.Optimizer = model.OptimizerSpec{Type: "importance_aware", Rate: 0.05}
			after := func(weights ...float32) []float32 {
				m := mustNew(t, s, f.target, millrace.ViewShape{Width: 3})
				scratch, dst := m.NewScratch(), make([]float32, m.Outputs())
				// A number needs a second value to have a deviation.
				learn := func(class int32, value float64, weight float32) {
					m.Predict(dst, x, scratch)
					if err := m.Learn(x, millrace.Target{Class: class, Value: value, Known: true}, weight, scratch); err != nil {
						t.Fatal(err)
					}
				}
				learn(0, 0, 1)
				for _, w := range weights {
					learn(1, 0, w) // the number again: its moments are the same with one event or two
				}
				return slices.Clone(servingWeights(m)["layers.0.weight"])
			}
			once, twice := after(2), after(1, 1)
			for i := range once {
				if math.Abs(float64(once[i]-twice[i])) > 2e-6 {
					t.Errorf("weight %d is %g after one event of weight 2, %g after two", i, once[i], twice[i])
				}
			}
		})
	}
	s := model.Spec{Type: "linear", Optimizer: model.OptimizerSpec{Type: "importance_aware", Rate: 1}}
	m := mustNew(t, s, model.TargetSpec{}, millrace.ViewShape{Width: 3})
	scratch, dst := m.NewScratch(), make([]float32, 1)
	for i := range 20 {
		y := float64(i%2) * 10
		m.Predict(dst, x, scratch)
		if err := m.Learn(x, millrace.Target{Value: y, Known: true}, 1e6, scratch); err != nil {
			t.Fatal(err)
		}
		m.Predict(dst, x, scratch)
		if value := model.ValueOf(m).Value(dst[0]); i > 0 && math.Abs(value-y) > 1e-3 {
			t.Errorf("%g after learning %g with a weight of a million", value, y)
		}
	}
}

// TestFTRLIsSparse: the L1 penalty of FTRL leaves exact zeros, more of them the stronger it is, and no
// penalty leaves none.
func TestFTRLIsSparse(t *testing.T) {
	f := member{spec: model.Spec{Type: "logistic"}, target: model.TargetSpec{Classes: 2}}
	for _, shape := range []millrace.ViewShape{{Width: 40}, {Width: 40, Sparse: true, NonZeroMax: 6}} {
		var zeros []int
		for _, l1 := range []float64{0, 0.5, 2} {
			s := model.Spec{Type: "logistic", L1: l1, Optimizer: model.OptimizerSpec{Type: "ftrl", Rate: 0.1}}
			m := mustNew(t, s, f.target, shape)
			scratch, dst := m.NewScratch(), make([]float32, 2)
			for _, e := range f.examples(shape) {
				m.Predict(dst, e.Input, scratch)
				if err := m.Learn(e.Input, e.Target, 1, scratch); err != nil {
					t.Fatal(err)
				}
			}
			count := 0
			for _, w := range servingWeights(m)["layers.0.weight"] {
				if w == 0 {
					count++
				}
			}
			zeros = append(zeros, count)
		}
		if zeros[0] != 0 || zeros[1] == 0 || zeros[2] <= zeros[1] || zeros[2] == 40 {
			t.Errorf("sparse %v: %v zeros without, with a weak and with a strong penalty", shape.Sparse, zeros)
		}
	}
}

// TestAdaptiveRate: the rate grows while the target drifts and falls while labels are noise.
func TestAdaptiveRate(t *testing.T) {
	rate := func(label func(i int, x []float32) int32) float64 {
		m := mustNew(t, model.Spec{Type: "logistic"}, model.TargetSpec{Classes: 2}, millrace.ViewShape{Width: 4})
		scratch, dst := m.NewScratch(), make([]float32, 2)
		for i, x := range denseInputs(8000, 4) {
			m.Predict(dst, x, scratch)
			if err := m.Learn(x, millrace.Target{Class: label(i, x[0].Dense), Known: true}, 1, scratch); err != nil {
				t.Fatal(err)
			}
		}
		var got float64
		m.State(func(name string, x millrace.Tensor, _ millrace.Role) {
			if name == "optimizer.gain" {
				got = x.F64[0]
			}
		})
		return got
	}
	const start = 0.05
	drift := rate(func(i int, x []float32) int32 {
		if angle := float64(i) / 100; float64(x[0])*math.Cos(angle)+float64(x[1])*math.Sin(angle) > 0 {
			return 1
		}
		return 0
	})
	noise := rate(func(i int, _ []float32) int32 { return int32(i * 2654435761 >> 7 & 1) })
	if drift < 4*start || noise > start/4 {
		t.Errorf("the rate is %g under drift and %g under noise, from %g", drift, noise, start)
	}
}

// TestRestoredRefusesRules: sums that no run of a rule could have left are reported.
func TestRestoredRefusesRules(t *testing.T) {
	for _, c := range []struct {
		rule, tensor string
		spoil        func(x millrace.Tensor)
	}{
		{"ftrl", "layers.0.weight.sum", func(x millrace.Tensor) { x.F64[1] = math.NaN() }},
		{"ftrl", "layers.0.weight.square", func(x millrace.Tensor) { x.F64[1] = -1 }},
		{"amsgrad", "layers.0.weight.third", func(x millrace.Tensor) { x.F32[1] = float32(math.Inf(1)) }},
		{"adadelta", "layers.0.bias.third", func(x millrace.Tensor) { x.F32[0] = 1e20 }},
		{"cocob", "layers.0.weight.reward", func(x millrace.Tensor) { x.F64[1] = 1e12 }},
		{"cocob", "layers.0.weight.sum", func(x millrace.Tensor) { x.F64[1] = 1e3 }},
		{"normalized_adaptive", "layers.0.input.largest", func(x millrace.Tensor) { x.F32[2] = -1 }},
		{"normalized_adaptive", "optimizer.norms", func(x millrace.Tensor) { x.F64[0] = math.Inf(1) }},
		{"adaptive", "layers.0.weight.trace", func(x millrace.Tensor) { x.F32[1] = 1e20 }},
		{"fading", "layers.0.weight.trace", func(x millrace.Tensor) { x.F32[1] = 1e20 }},
		{"fading", "layers.0.bias.square", func(x millrace.Tensor) { x.F64[0] = -1 }},
		{"fading", "optimizer.gain", func(x millrace.Tensor) { x.F64[0] = 100 }},
		{"adaptive", "optimizer.gain", func(x millrace.Tensor) { x.F64[0] = 100 }},
	} {
		s := model.Spec{Type: "logistic", Optimizer: rulesFor(member{name: "logistic"})[c.rule]}
		m := mustNew(t, s, model.TargetSpec{Classes: 2}, millrace.ViewShape{Width: 3})
		scratch := m.NewScratch()
		x := millrace.Input{{Dense: []float32{1, -2, 3}}}
		m.Predict(make([]float32, 2), x, scratch)
		if err := m.Learn(x, millrace.Target{Known: true, Class: 1}, 1, scratch); err != nil {
			t.Fatal(err)
		}
		found := false
		m.State(func(name string, x millrace.Tensor, _ millrace.Role) {
			if name == c.tensor {
				found = true
				c.spoil(x)
			}
		})
		if err := m.Restored(); err == nil || !found {
			t.Errorf("%s: a broken %s was taken (there is one: %v)", c.rule, c.tensor, found)
		}
	}
}
