package family_test

import (
	"bytes"
	"math"
	"math/rand/v2"
	"testing"

	"millrace"
	"millrace/model"
	"millrace/model/family"
	"millrace/model/modeltest"
)

// predicted is what a model says of an input in the user's units.
func (n *numbers) predicted(a, b float32) float64 {
	dst := []float32{0}
	n.model.Predict(dst, millrace.Input{{Dense: []float32{a, b}}}, n.scratch)
	return n.value.Value(dst[0])
}

// TestPredictionsStayWithinRecentLabels widened by half of what they span, whatever the input; they are not negative
// while no label was, and follow where labels go.
func TestPredictionsStayWithinRecentLabels(t *testing.T) {
	families := numberFamilies()
	families["tree"], families["forest"] = model.Spec{Type: "tree"}, model.Spec{Type: "forest"}
	for name, spec := range families {
		low, high := math.Inf(1), math.Inf(-1)
		sine := func(shift float64) func(int, float64, float64, float64) float64 {
			return func(i int, a, _, _ float64) float64 {
				y := shift + 9*math.Tanh(a)
				if i == 1000 {
					return sentinel
				}
				low, high = min(low, y), max(high, y)
				return y
			}
		}
		n := newNumbers(t, spec, sine(10))
		n.run(2000)
		for _, a := range []float32{-8, -3, 3, 8, -1e6, 1e6} {
			for _, b := range []float32{-8, 0, 8, 1e6} {
				// One wild label counted as the bound: within 16 deviations, of a label that is within 3 of them.
				if v := n.predicted(a, b); v < 0 || v > 250 {
					t.Errorf("%s: %g of %g and %g, with labels from %g to %g", name, v, a, b, low, high)
				}
			}
		}
		n.y = sine(-10)
		n.run(1000)
		if v := n.predicted(0, 0); v > -5 {
			t.Errorf("%s: %g where labels are −10 now", name, v)
		}
	}
}

// TestHeldExactly: without a wild label the bounds are what was said, and of one label they are that label.
func TestHeldExactly(t *testing.T) {
	n := newNumbers(t, model.Spec{Type: "linear"}, func(i int, a, _, _ float64) float64 { return 20 + 10*min(max(a, -1), 1) })
	n.run(1)
	only := n.predicted(0, 0)
	if v := n.predicted(1e6, -1e6); v != only || v < 10 || v > 30 {
		t.Errorf("%g after one label, which is predicted as %g", v, only)
	}
	n.run(3000) // labels from 10 to 30
	if least, most := min(n.predicted(1e6, 0), n.predicted(-1e6, 0)), max(n.predicted(1e6, 0), n.predicted(-1e6, 0)); least != 0 || most != 40 {
		t.Errorf("%g to %g, want 0 to 40", least, most)
	}
}

// TestCountsWildAndMoved: a wild count spoils nothing, and counts that are a thousand times as many are followed.
func TestCountsWildAndMoved(t *testing.T) {
	for _, name := range []string{"linear", "mlp"} {
		loss := func(factor float64, wild bool) float64 {
			r := rand.New(rand.NewPCG(3, 9))
			n := newNumbers(t, model.Spec{Type: name, Loss: "poisson"}, func(i int, a, b, _ float64) float64 {
				if wild && i < 4000 && i%97 == 41 {
					return sentinel
				}
				f := 1.0
				if i >= 5000 {
					f = factor
				}
				return f * poisson(r, math.Exp(2+0.5*a-0.3*b))
			})
			n.run(7000)
			return n.run(2000) / factor
		}
		want := loss(1, false)
		for what, got := range map[string]float64{"wild counts": loss(1, true), "×1000": loss(1000, false), "÷100": loss(0.01, false)} {
			if got > 1.1*want {
				t.Errorf("%s, %s: MAE %.4f, without %.4f", name, what, got, want)
			}
		}
	}
}

// poisson is Knuth's method.
func poisson(r *rand.Rand, mean float64) float64 {
	k, p, end := 0.0, r.Float64(), math.Exp(-mean)
	for ; p > end; k++ {
		p *= r.Float64()
	}
	return k
}

// TestRestoredWhileLabelsMove: a model that is restored at any moment, also while wild labels come or a move is being
// noticed, goes on to the last bit.
func TestRestoredWhileLabelsMove(t *testing.T) {
	y := func(i int, a, b, noise float64) float64 {
		v := 3*a - 2*b + 10 + noise
		switch {
		case i < 60 && i%7 == 3, i == 200:
			return sentinel
		case i >= 300:
			return v + 500
		}
		return v
	}
	specs := numberFamilies()
	specs["counts"] = model.Spec{Type: "linear", Loss: "poisson"}
	for name, spec := range specs {
		label := y
		if name == "counts" {
			label = func(i int, a, b, noise float64) float64 { return math.Abs(math.Round(y(i, a, b, noise))) }
		}
		whole := newNumbers(t, spec, label)
		whole.run(400)
		want := modeltest.Bytes(whole.model)
		for _, at := range []int{1, 5, 31, 32, 33, 64, 201, 310, 331, 333, 360} {
			n := newNumbers(t, spec, label)
			n.run(at)
			fresh, err := family.New(spec, model.TargetSpec{}, modeltest.View{Width: 2})
			if err != nil {
				t.Fatal(err)
			}
			if err := modeltest.Copy(fresh, n.model); err != nil {
				t.Fatalf("%s, restored after %d: %v", name, at, err)
			}
			n.model, n.value, n.scratch = fresh, model.ValueOf(fresh), fresh.NewScratch()
			n.run(400 - at)
			if !bytes.Equal(modeltest.Bytes(n.model), want) {
				t.Errorf("%s, restored after %d: another state than without a restart", name, at)
			}
		}
	}
}
