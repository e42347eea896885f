package model

import "millrace"

// weightedChunk is a chunk of a model whose classes are weighted. Weights follow from the labels alone, so that they
// are known when an event is added.
type weightedChunk struct {
	Chunk
	m       *weighted
	n       int       // events
	weights []float64 // [events, classes] of corrected predictions: what each is divided by
}

// NewChunk returns a chunk of the model beneath, with its classes weighted; nil when that has none.
func (m *weighted) NewChunk() Chunk {
	inner := NewChunk(m.Model)
	if inner == nil {
		return nil
	}
	c := &weightedChunk{Chunk: inner, m: m}
	if m.w.Corrected {
		c.weights = make([]float64, (ChunkEvents+ChunkSpare)*m.Outputs())
	}
	return c
}

func (c *weightedChunk) Predict(x millrace.Input) {
	c.keep()
	c.Chunk.Predict(x)
	c.n++
}

func (c *weightedChunk) Learn(x millrace.Input, y millrace.Target, weight float32, steps int) error {
	c.keep()
	part, more := weight, 1
	learned := c.m.learns(y, weight)
	if learned {
		part, more = c.m.steps(y.Class, weight)
	}
	if err := c.Chunk.Learn(x, y, part, more*steps); err != nil {
		return err
	}
	c.n++
	if learned {
		c.m.count(y.Class)
	}
	return nil
}

// keep notes the weights before the next event.
func (c *weightedChunk) keep() {
	if c.weights == nil {
		return
	}
	k, total := c.m.Outputs(), c.m.total()
	for class := range k {
		c.weights[c.n*k+class] = c.m.of(class, total)
	}
}

func (c *weightedChunk) Run(r Runner) {
	c.Chunk.Run(r)
	if c.weights == nil {
		return
	}
	k := c.m.Outputs()
	for i := range c.n {
		correct(c.Prediction(i), func(class int) float64 { return c.weights[i*k+class] })
	}
}

func (c *weightedChunk) Reset() {
	c.n = 0
	c.Chunk.Reset()
}
