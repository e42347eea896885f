package family_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"millrace"
	"millrace/model"
	"millrace/model/family"
	"millrace/model/modeltest"
)

// numbers is a stream of a numeric label: y of two inputs.
type numbers struct {
	t       *testing.T
	model   model.Model
	value   model.HasValue
	scratch model.Scratch
	random  *rand.Rand
	y       func(i int, a, b, noise float64) float64
	input   func(i int, x []float32) // changes the inputs before they are seen; may be nil
	events  int
}

func newNumbers(t *testing.T, spec model.Spec, y func(i int, a, b, noise float64) float64) *numbers {
	t.Helper()
	m, err := family.New(spec, model.TargetSpec{}, modeltest.View{Width: 2})
	if err != nil {
		t.Fatal(err)
	}
	return &numbers{t: t, model: m, value: model.ValueOf(m), scratch: m.NewScratch(), random: rand.New(rand.NewPCG(7, 11)), y: y}
}

// run learns so many more events, and returns the mean absolute error of their predictions.
func (n *numbers) run(events int) float64 {
	n.t.Helper()
	var sum float64
	dst, x := make([]float32, 1), millrace.Input{{Dense: make([]float32, 2)}}
	for range events {
		a, b, noise := n.random.NormFloat64(), n.random.NormFloat64(), 0.1*n.random.NormFloat64()
		x[0].Dense[0], x[0].Dense[1] = float32(a), float32(b)
		if n.input != nil {
			n.input(n.events, x[0].Dense)
		}
		n.model.Predict(dst, x, n.scratch)
		y := n.y(n.events, a, b, noise)
		sum += math.Abs(n.value.Value(dst[0]) - y)
		if err := n.model.Learn(x, millrace.Target{Value: y, Known: true}, 1, n.scratch); err != nil {
			n.t.Fatalf("learning event %d, %g: %v", n.events, y, err)
		}
		n.events++
	}
	return sum / float64(events)
}

// TestLargeLabelsKeepTheirDigits: float32 has steps of 8 at a hundred million. A label of that size that varies by 2 is
// learned as well as one around 10.
func TestLargeLabelsKeepTheirDigits(t *testing.T) {
	for _, name := range []string{"linear", "svm", "mlp", "auto"} {
		around := func(level float64) float64 {
			n := newNumbers(t, model.Spec{Type: name}, func(_ int, a, _, noise float64) float64 { return level + 2*a + noise })
			n.run(3000)
			return n.run(2000)
		}
		small, large := around(10), around(1e8)
		t.Logf("%s: MAE %.4f around 10, %.4f around 100,000,000", name, small, large)
		if large > 1.01*small || small > 0.15 {
			t.Errorf("%s: MAE %.4f around 100,000,000, %.4f around 10", name, large, small)
		}
	}
}
