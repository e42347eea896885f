package calibration

import (
	"millrace"
	"millrace/model"
)

// chunk is a chunk of a model whose predictions are calibrated. The model's parts go through all events first; then
// calibration goes through what they predicted, in order.
type chunk struct {
	model.Chunk
	c      *calibrated
	events []update
	base   []float32 // what the model predicted of one event
	work
}

// update is what calibration learns of an event.
type update struct {
	y      millrace.Target
	weight float64
	learns bool
}

// NewChunk returns a chunk of the model beneath, calibrated; nil when that has none.
func (c *calibrated) NewChunk() model.Chunk {
	inner := model.NewChunk(c.Model)
	if inner == nil {
		return nil
	}
	return &chunk{Chunk: inner, c: c, base: make([]float32, c.Outputs()), work: c.newWork()}
}

func (c *chunk) Predict(x millrace.Input) {
	c.Chunk.Predict(x)
	c.events = append(c.events, update{})
}

func (c *chunk) Learn(x millrace.Input, y millrace.Target, weight float32, steps int) error {
	if err := c.Chunk.Learn(x, y, weight, steps); err != nil {
		return err
	}
	c.events = append(c.events, update{y: y, weight: float64(weight), learns: true})
	return nil
}

func (c *chunk) Run(r model.Runner) {
	c.Chunk.Run(r)
	for i, e := range c.events {
		p := c.Prediction(i)
		copy(c.p, p)
		c.c.calibrate(&c.work)
		for k, v := range c.sum {
			p[k] = float64(float32(v)) // as exact as predictions are, whoever holds them
			c.base[k] = float32(c.p[k])
		}
		if e.learns && c.Err(i) == nil {
			c.c.learn(&c.work, e.y, e.weight*model.DelayWeight(e.y, c.base))
		}
	}
}

func (c *chunk) Reset() {
	c.events = c.events[:0]
	c.Chunk.Reset()
}
