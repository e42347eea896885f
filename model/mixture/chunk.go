package mixture

import (
	"millrace"
	"millrace/model"
)

// reviewUnit is what the numbers of events are multiples of after which reviews stand: chunks end there.
const reviewUnit = 100

// chunk is a mixture's model.Chunk.
type chunk struct{ *work }

// NewChunk returns an empty chunk.
func (m *mixture) NewChunk() model.Chunk {
	return chunk{m.newWork(model.ChunkEvents + model.ChunkSpare)}
}

// Room ends a chunk where a review may be due, although it could be that some of its events are refused.
func (c chunk) Room() int {
	left := reviewUnit - int(c.m.steps[0]%reviewUnit) - c.learns
	if left == 0 {
		return 0
	}
	return min(left, max(0, cap(c.events)-len(c.events)-1))
}

func (c chunk) Predict(x millrace.Input) { c.add(happening{x: x}) }

func (c chunk) Learn(x millrace.Input, y millrace.Target, weight float32, steps int) error {
	if err := model.Admissible(c.m.classes, y, weight); err != nil {
		return err
	}
	if weight == 0 || !y.Known {
		steps = 0
	}
	c.add(happening{x: x, y: y, weight: weight, steps: steps})
	return nil
}

func (c chunk) Run(r model.Runner) { c.run(r) }

func (c chunk) Prediction(i int) []float64 {
	k := c.m.Outputs()
	return c.outputs[i*k : (i+1)*k]
}

func (c chunk) Err(i int) error { return c.err(i) }

func (c chunk) Reset() { c.reset() }
