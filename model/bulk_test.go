package model_test

import (
	"bytes"
	"errors"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

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

// TestBulkWeighted: classes are weighted alike one by one and in chunks, also where their weights go by what was seen.
func TestBulkWeighted(t *testing.T) {
	for name, weights := range map[string]model.ClassWeights{
		"fixed":    {Fixed: []float64{1, 3.5}},
		"balanced": {Balanced: true, Window: 50, Corrected: true},
	} {
		t.Run(name, func(t *testing.T) {
			c := bulkCases()["upkeep"]
			shape := heldShapes()["dense"]
			all := c.examples(shape)
			build := func() model.Model {
				m, err := family.New(c.spec, c.target, modeltest.View(shape))
				if err != nil {
					t.Fatal(err)
				}
				return model.Weighted(m, weights)
			}
			once := func(int) int { return 1 }
			one := build()
			var want came
			want.one(t, one, all, once)
			for _, most := range []int{1, 40} {
				var got came
				m := build()
				got.chunks(t, m, all, once, most)
				if !slices.Equal(got.predictions, want.predictions) || !bytes.Equal(modeltest.Bytes(m), modeltest.Bytes(one)) {
					t.Errorf("chunks of up to %d: other predictions, or another state: %v", most, differing(m, one))
				}
			}
		})
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
