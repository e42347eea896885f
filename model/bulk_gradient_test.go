package model_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"millrace"
	"millrace/model"
	"millrace/model/family"
	"millrace/model/modeltest"
)

// TestBulkGradient: what a mini-batch moves the weights by is the mean of its events' gradients, by difference
// quotients of their losses.
func TestBulkGradient(t *testing.T) {
	const batch, rate, step = 64, 0.5, 0x1p-8
	for _, activation := range []string{"relu", "tanh"} {
		for _, classes := range []int{2, 10} {
			t.Run(fmt.Sprint(activation, "/", classes), func(t *testing.T) {
				c := member{spec: model.Spec{Type: "mlp", Hidden: []int{64, 20}, Activation: activation, Batch: batch,
					Optimizer: model.OptimizerSpec{Type: "sgd", Rate: rate}}, target: model.TargetSpec{Classes: classes}}
				shape := millrace.ViewShape{Width: 24}
				m, err := family.New(c.spec, c.target, modeltest.View(shape))
				if err != nil {
					t.Fatal(err)
				}
				all, weights, before := c.examples(shape)[:batch], servingWeights(m), map[string][]float32{}
				for name, w := range weights {
					before[name] = slices.Clone(w)
				}
				var got came
				got.chunks(t, m, all, func(int) int { return 1 }, 100)
				moved := map[string][]float32{}
				for name, w := range weights {
					moved[name] = slices.Clone(w)
					copy(w, before[name])
				}
				mean := func(w *float32, to float32) (sum float64) {
					was := *w
					*w = to
					for _, e := range all {
						sum += float64(max(e.Weight, 1)) * m.(modeltest.Differentiable).LossGradient(e.Input, e.Target, nil) / batch
					}
					*w = was
					return sum
				}
				compared := 0
				for name, w := range weights {
					for i := 0; i < len(w); i += 1 + len(w)/25 {
						here := mean(&w[i], w[i])
						left, right := (here-mean(&w[i], w[i]-step))/step, (mean(&w[i], w[i]+step)-here)/step
						tolerance := 2e-3 + 2e-2*math.Abs(right)
						if math.Abs(right-left) > tolerance {
							continue // a kink
						}
						compared++
						if gradient := float64(before[name][i]-moved[name][i]) / rate; math.Abs(gradient-(left+right)/2) > tolerance {
							t.Errorf("%s[%d]: moved by %g rates, the difference quotient is %g", name, i, gradient, (left+right)/2)
						}
					}
				}
				if compared < 90 {
					t.Errorf("only %d gradients were compared", compared)
				}
			})
		}
	}
}

// TestConformanceBulk: networks of mini-batches keep every promise of a model.
func TestConformanceBulk(t *testing.T) {
	for name, c := range bulkCases() {
		for view, shape := range heldShapes() {
			if c.spec.Type == "logistic" && shape.Sparse || c.spec.Batch > 100 {
				continue // nothing to hold, or no update among the examples
			}
			modeltest.Run(t, name+"/"+view, func() modeltest.Case {
				m, err := family.New(c.spec, c.target, modeltest.View(shape))
				if err != nil {
					t.Fatal(err)
				}
				return modeltest.Case{Model: m, Examples: c.examples(shape)}
			})
		}
	}
}
