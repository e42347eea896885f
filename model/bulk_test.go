package model_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"millrace"
	"millrace/model"
	"millrace/model/family"
	"millrace/model/modeltest"
)

// bulkCases are networks that learn in chunks; those of heldCases that do not are left out.
func bulkCases() map[string]member {
	all := heldCases()
	delete(all, "norm")
	delete(all, "dropout")
	mlp := func(batch, classes int, activation string, hidden ...int) member {
		return member{spec: model.Spec{Type: "mlp", Hidden: hidden, Activation: activation, Batch: batch,
			Optimizer: model.OptimizerSpec{Type: "adam", Rate: 0.01}}, target: model.TargetSpec{Classes: classes}}
	}
	all["wide"], all["tanh"] = mlp(64, 10, "relu", 64, 64), mlp(64, 12, "tanh", 64, 128)
	all["open"] = mlp(1_000, 9, "relu", 33)
	upkeep := mlp(16, 2, "relu", 16)
	upkeep.spec.Plasticity = "shrink_perturb"
	all["upkeep"] = upkeep
	return all
}

// hardExamples are such that some have no label or next to no weight, or are refused: at once, or by what they would do
// to the sums.
func hardExamples(all []modeltest.Example) []modeltest.Example {
	all = slices.Clone(all)
	for i := range all {
		e := &all[i]
		switch i % 31 {
		case 3, 4, 17:
			e.Target.Known = false
		case 5:
			e.Weight = 1e-30
		case 7:
			e.Target.Class, e.Target.Value = -1, math.Inf(1)
		case 11, 12:
			e.Weight = 1e30
		}
	}
	return all
}

// came is what came of events.
type came struct {
	predictions []float64
	skipped     int
}

func (c *came) add(prediction []float64, err error) {
	if err != nil {
		c.skipped++
	}
	c.predictions = append(c.predictions, prediction...)
}

// one takes events one by one, each learned in so many steps.
func (c *came) one(t *testing.T, m model.Model, all []modeltest.Example, steps func(i int) int) {
	t.Helper()
	scratch, dst, told := m.NewScratch(), make([]float32, m.Outputs()), make([]float64, m.Outputs())
	for i, e := range all {
		var first error
		for step := range steps(i) {
			m.Predict(dst, e.Input, scratch)
			if step == 0 {
				for j, v := range dst {
					told[j] = float64(v)
				}
				if len(dst) == 1 {
					told[0] = model.ValueOf(m).Value(dst[0])
				}
			}
			err := m.Learn(e.Input, e.Target, max(e.Weight, 1), scratch)
			if step == 0 {
				first = err
			}
			if err != nil {
				break
			}
		}
		c.add(told, first)
	}
}

// chunks takes events in chunks of random sizes.
func (c *came) chunks(t *testing.T, m model.Model, all []modeltest.Example, steps func(i int) int, most int) {
	t.Helper()
	chunk, random := model.NewChunk(m), rand.New(rand.NewPCG(5, uint64(most)))
	if chunk == nil {
		t.Fatal("the model has no chunks")
	}
	for i := 0; i < len(all); {
		var refused []error
		for n := 1 + random.IntN(most); n > 0 && chunk.Room() > 0 && i < len(all); n-- {
			e := all[i]
			err := chunk.Learn(e.Input, e.Target, max(e.Weight, 1), steps(i))
			if err != nil {
				chunk.Predict(e.Input)
			}
			refused = append(refused, err)
			i++
		}
		chunk.Run(model.OneByOne{})
		for j, err := range refused {
			if later := chunk.Err(j); later != nil && !errors.Is(later, model.ErrSkipped) {
				t.Fatalf("event %d: %v", j, later)
			} else if err == nil {
				err = later
			}
			c.add(chunk.Prediction(j), err)
		}
		chunk.Reset()
	}
}

// TestBulk: what comes of events, and the whole state, is the same to the last bit one by one and in chunks of any
// size.
func TestBulk(t *testing.T) {
	for name, c := range bulkCases() {
		for view, shape := range heldShapes() {
			if c.spec.Type == "logistic" && shape.Sparse {
				continue // nothing to hold
			}
			for kernels, by := range map[string]construct{"best": family.New, "generic": model.NewGeneric} {
				t.Run(name+"/"+view+"/"+kernels, func(t *testing.T) {
					all := hardExamples(c.examples(shape))
					build := func() model.Model {
						m, err := by(c.spec, c.target, modeltest.View(shape))
						if err != nil {
							t.Fatal(err)
						}
						return m
					}
					steps := func(i int) int { return 1 + i%5/3 }
					one := build()
					var want came
					want.one(t, one, all, steps)
					if want.skipped < len(all)/31*2 {
						t.Errorf("%d events were refused", want.skipped)
					}
					for _, most := range []int{1, 20, 150} {
						var got came
						m := build()
						got.chunks(t, m, all, steps, most)
						if !slices.Equal(got.predictions, want.predictions) || got.skipped != want.skipped {
							t.Errorf("chunks of up to %d: other predictions, or %d refused instead of %d", most, got.skipped, want.skipped)
						}
						if !bytes.Equal(modeltest.Bytes(m), modeltest.Bytes(one)) {
							t.Errorf("chunks of up to %d: another state: %v", most, differing(m, one))
						}
					}
				})
			}
		}
	}
}

// differing are the tensors of two models that differ.
func differing(a, b model.Model) (names []string) {
	one, other := parts(a), parts(b)
	for _, name := range slices.Sorted(maps.Keys(one)) {
		if one[name] != other[name] {
			names = append(names, name)
		}
	}
	return names
}

// TestBulkRestores: a snapshot between two chunks goes on as if nothing had been, wherever in a mini-batch it was
// taken.
func TestBulkRestores(t *testing.T) {
	for name, c := range bulkCases() {
		t.Run(name, func(t *testing.T) {
			shape := heldShapes()["dense"]
			all := hardExamples(c.examples(shape))
			build := func() model.Model {
				m, err := family.New(c.spec, c.target, modeltest.View(shape))
				if err != nil {
					t.Fatal(err)
				}
				return m
			}
			once := func(int) int { return 1 }
			whole := build()
			var want came
			want.chunks(t, whole, all, once, 100)
			for at := 3; at < 150; at += 1 + at/2 {
				first, second := build(), build()
				var other, got came
				other.chunks(t, second, all[:70], once, 100) // a state that is left behind
				got.chunks(t, first, all[:at], once, 100)
				if err := modeltest.Copy(second, first); err != nil {
					t.Fatalf("restoring after %d events: %v", at, err)
				}
				got.chunks(t, second, all[at:], once, 100)
				if !slices.Equal(got.predictions, want.predictions) || !bytes.Equal(modeltest.Bytes(second), modeltest.Bytes(whole)) {
					t.Errorf("resumed after %d events: other predictions, or another state: %v", at, differing(second, whole))
				}
			}
		})
	}
}

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
