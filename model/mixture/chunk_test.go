package mixture_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"millrace"
	"millrace/model"
	"millrace/model/family"
	"millrace/model/kernel"
	"millrace/model/mixture"
	"millrace/model/modeltest"
)

// refusedByAll is a weight that no expert of these tests takes, also when it is divided among steps.
const refusedByAll = 1e6

// fussy is an expert that refuses some weights, and one step in so many.
type fussy struct {
	model.Model
	every, steps int
}

func (m *fussy) Unwrap() model.Model { return m.Model }

func (m *fussy) Learn(x millrace.Input, y millrace.Target, weight float32, s model.Scratch) error {
	m.steps++
	if weight > refusedByAll/100 || m.steps%m.every == 0 {
		return fmt.Errorf("step %d, a weight of %g: %w", m.steps, weight, millrace.ErrUpdateRefused)
	}
	return m.Model.Learn(x, y, weight, s)
}

// together runs everything at once, each call on a goroutine of its own, the last first: what follows waits.
type together struct{}

func (together) Run(n, _ int, f func(i int)) {
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { f(n - 1 - i) })
	}
	all.Wait()
}

// chunked are mixtures whose experts may go side by side.
func chunked() map[string]struct {
	target  model.TargetSpec
	views   allViews
	spec    model.Spec
	weights model.ClassWeights
} {
	type c = struct {
		target  model.TargetSpec
		views   allViews
		spec    model.Spec
		weights model.ClassWeights
	}
	return map[string]c{
		"two":      {target: model.TargetSpec{Classes: 2}, spec: model.Spec{Budget: "2x"}},
		"nine":     {target: model.TargetSpec{Classes: 9}, spec: model.Spec{Budget: "1x"}},
		"sparse":   {target: model.TargetSpec{Classes: 3}, views: allViews{sparse: true}, spec: model.Spec{Budget: "1x"}},
		"number":   {spec: model.Spec{Budget: "1x"}},
		"pinned":   {target: model.TargetSpec{Classes: 2}, spec: model.Spec{Budget: "1x", Pin: "2"}},
		"delayed":  {target: model.TargetSpec{Classes: 2, Delayed: true}, spec: model.Spec{Budget: "1x"}},
		"weighted": {target: model.TargetSpec{Classes: 2}, spec: model.Spec{Budget: "1x"}, weights: model.ClassWeights{Fixed: []float64{1, 4.5}}},
		"balanced": {target: model.TargetSpec{Classes: 9}, spec: model.Spec{Budget: "0.5x"},
			weights: model.ClassWeights{Balanced: true, Window: 500, Corrected: true}},
	}
}

// hard are examples some of which have no label, no weight, one that may change, or are refused, by all or by some.
func hard(n int, v allViews, target model.TargetSpec) []modeltest.Example {
	all := mixExamples(n, v, target)
	for i := range all {
		e := &all[i]
		switch i % 29 {
		case 3, 4:
			e.Target.Known = false
		case 5:
			e.Weight = -1 // modeltest's zero
		case 7:
			e.Target.Class, e.Target.Value = -1, math.Inf(1)
		case 11:
			e.Weight = refusedByAll
		case 13, 14:
			if target.Delayed {
				e.Target.Delay = millrace.Delay(1 + i%2)
			}
		}
	}
	return all
}

// TestChunks: what comes of events, and the state behind each review, is the same to the last bit one by one and in
// chunks of any size, whoever runs them.
func TestChunks(t *testing.T) {
	const events = 1_250
	for name, c := range chunked() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			examples := hard(events, c.views, c.target)
			build := func() model.Model {
				s, experts := c.spec, 0
				s.Type = "auto"
				m, err := mixture.New(s.Resolve(c.target), c.target, c.views, mixture.Parts{Kernels: kernel.Best(),
					Build: func(expert model.Spec) (model.Model, error) {
						m, err := family.New(expert, c.target, c.views)
						experts++
						return &fussy{Model: m, every: 30 + experts}, err
					}})
				if err != nil {
					t.Fatal(err)
				}
				return model.Weighted(m, c.weights)
			}
			one := build()
			want := oneByOne(one, examples)
			if want.skipped == 0 || want.skipped > events/4 {
				t.Errorf("%d events were refused by all experts", want.skipped)
			}
			if e, ok := model.As[model.HasExperts](one); !ok || e.Experts()[0].Skipped < 10 {
				t.Error("what an expert refuses is not counted")
			}
			random := rand.New(rand.NewPCG(1, 2))
			for how, size := range map[string]func() int{
				"1": func() int { return 1 }, "16": func() int { return 16 }, "100": func() int { return 100 },
				"random": func() int { return 1 + random.IntN(120) },
			} {
				for _, r := range []model.Runner{model.OneByOne{}, together{}} {
					m := build()
					got := inChunks(m, examples, size, r)
					if !slices.Equal(got.predictions, want.predictions) || !slices.Equal(got.errs, want.errs) {
						t.Errorf("chunks of %s by %T: other predictions or refusals", how, r)
					}
					if !slices.Equal(modeltest.Bytes(m), modeltest.Bytes(one)) {
						t.Errorf("chunks of %s by %T: another state", how, r)
					}
				}
			}
		})
	}
}

// came is what came of events.
type came struct {
	predictions []float64
	errs        []bool
	skipped     int
}

func (c *came) add(prediction []float64, err error) {
	c.errs = append(c.errs, err != nil)
	if errors.Is(err, model.ErrSkipped) {
		c.skipped++
	}
	if err == nil || errors.Is(err, model.ErrSkipped) {
		c.predictions = append(c.predictions, prediction...)
	}
}

func weightOf(e modeltest.Example) float32 { return max(e.Weight, 0) }

func oneByOne(m model.Model, examples []modeltest.Example) (c came) {
	scratch, dst, told := m.NewScratch(), make([]float32, m.Outputs()), make([]float64, m.Outputs())
	for _, e := range examples {
		m.Predict(dst, e.Input, scratch)
		for i, v := range dst {
			told[i] = float64(v)
		}
		if len(dst) == 1 {
			told[0] = model.ValueOf(m).Value(dst[0])
		}
		var err error
		if e.Target.Known {
			err = m.Learn(e.Input, e.Target, weightOf(e), scratch)
		}
		c.add(told, err)
	}
	return c
}

func inChunks(m model.Model, examples []modeltest.Example, size func() int, r model.Runner) (c came) {
	chunk := model.NewChunk(m)
	for len(examples) > 0 {
		var refused []error // of each example, those that were not added included
		n := size()
		for range min(n, len(examples)) {
			if chunk.Room() == 0 {
				break
			}
			e := examples[0]
			examples = examples[1:]
			var err error
			if e.Target.Known {
				err = chunk.Learn(e.Input, e.Target, weightOf(e), 1)
			} else {
				chunk.Predict(e.Input)
			}
			refused = append(refused, err)
		}
		chunk.Run(r)
		i := 0
		for _, err := range refused {
			if err != nil {
				c.add(nil, err)
				continue
			}
			c.add(chunk.Prediction(i), chunk.Err(i))
			i++
		}
		chunk.Reset()
	}
	return c
}
