package model

import (
	"fmt"

	"gonum.org/v1/gonum/blas/blas32"

	"millrace"
	"millrace/model/kernel"
)

// bulk is the chunk of a network that learns in mini-batches. Its weights stand still until a mini-batch is full, so
// that all events up to there go forward together: what each layer makes of them is a product of matrices, whose sums
// are those of one event alone (kernel.Set.GemvTs). Then each event has its turn, as label moments and refusals go by
// the order, and what its gradient is made of stays where it is, for one product of matrices more (see held).
type bulk struct {
	n      *network
	events []bulkEvent
	steps  []bulkStep // of the present block
	// The rows of a block: of steps that are learned from the first row on, of events that are only predicted from the
	// last row on.
	learns, predicts int
	inputs           blas32.General // none where the input is sparse
	outputs, deltas  []blas32.General
	predictions      blas32.General
	derives          bool // the derivatives go back together, too: no state is part of them
	row              int  // of the step in its turn
	learned          int  // rows that were learned and are in no sum yet
	sc               scratch
	results          []float64 // [events, outputs] predictions in the user's units
}

// bulkEvent is one event.
type bulkEvent struct {
	x      millrace.Input
	y      millrace.Target
	weight float32 // of each step
	steps  int     // 0 for one that is predicted only
	placed int     // of the steps, in this block or one before
	met    bool    // it has been predicted
	taken  int     // steps that were learned
	skips  bool    // it has refused a step, and leaves out the rest
	err    error
}

// bulkStep is one step on an event, or its prediction, and the row that is its own.
type bulkStep struct{ event, row int }

// bulkRows is how many rows a block has at most: enough for the products, few enough for the second-level cache.
const bulkRows = 64

// NewChunk returns nil for a network that gains nothing from one: which learns in no mini-batches, or of whose events
// each has to go forward by itself.
func (n *network) NewChunk() Chunk {
	if n.held == nil || n.dropout != nil || n.spec.Norm != "" || n.inputs != nil {
		return nil
	}
	rows := min(n.spec.Batch, bulkRows)
	b := &bulk{
		n: n, events: make([]bulkEvent, 0, ChunkEvents+ChunkSpare), steps: make([]bulkStep, 0, rows),
		results: make([]float64, (ChunkEvents+ChunkSpare)*n.Outputs()), sc: *n.NewScratch().(*scratch),
	}
	b.predictions = kernel.Matrix(rows, n.Outputs(), nil)
	b.derives = n.classes > 0 && n.spec.Batch >= transposedFrom
	b.sc.derived = b.derives
	if !n.shape.Sparse {
		b.inputs = kernel.Matrix(rows, n.shape.Width, nil)
	}
	for i := range n.layers {
		b.outputs = append(b.outputs, kernel.Matrix(rows, n.layers[i].out, nil))
		b.deltas = append(b.deltas, kernel.Matrix(rows, n.layers[i].out, nil))
	}
	return b
}

func (b *bulk) Room() int { return max(0, cap(b.events)-len(b.events)-1) }

func (b *bulk) Predict(x millrace.Input) { b.events = append(b.events, bulkEvent{x: x}) }

func (b *bulk) Learn(x millrace.Input, y millrace.Target, weight float32, steps int) error {
	if err := b.n.admissible(y, weight); err != nil {
		return err
	}
	if weight == 0 || !y.Known {
		steps = 0
	}
	b.events = append(b.events, bulkEvent{x: x, y: y, weight: weight, steps: steps})
	return nil
}

func (b *bulk) Run(Runner) {
	for event := 0; event < len(b.events); {
		event = b.block(event)
		b.forward(0, b.learns)
		b.forward(b.outputs[0].Rows-b.predicts, b.outputs[0].Rows)
		if b.derives && b.learns > 0 {
			b.backward()
		}
		b.n.held.away = b
		for _, s := range b.steps {
			b.turn(s)
		}
		b.n.held.away = nil
		if b.learned > 0 {
			b.add(false)
		}
	}
}

func (b *bulk) Prediction(i int) []float64 {
	k := b.n.Outputs()
	return b.results[i*k : (i+1)*k]
}

func (b *bulk) Err(i int) error { return b.events[i].err }

func (b *bulk) Reset() {
	clear(b.events) // inputs are not held
	b.events = b.events[:0]
}

// block gives rows to the next steps from an event on, which the same weights predict, and returns the event to go on
// from.
func (b *bulk) block(event int) int {
	b.steps, b.learns, b.predicts = b.steps[:0], 0, 0
	left, rows := b.n.spec.Batch-int(b.n.batch[0]), b.outputs[0].Rows
	for ; event < len(b.events); event++ {
		e := &b.events[event]
		for e.steps == 0 || e.placed < e.steps && !e.skips {
			if b.learns == left || b.learns+b.predicts == rows {
				return event
			}
			if e.steps == 0 {
				b.predicts++
				b.place(event, rows-b.predicts)
				break
			}
			e.placed++
			b.place(event, b.learns)
			b.learns++
		}
	}
	return event
}

func (b *bulk) place(event, row int) {
	b.steps = append(b.steps, bulkStep{event, row})
	if b.inputs.Data != nil {
		copy(rowOf(&b.inputs, row), b.events[event].x[b.n.view].Dense)
	}
}

// turn predicts an event, and learns a step of it.
func (b *bulk) turn(s bulkStep) {
	n, e, sc := b.n, &b.events[s.event], &b.sc
	if e.skips {
		return
	}
	b.row = s.row
	for i := range n.layers {
		sc.outputs[i].Data, sc.deltas[i].Data = rowOf(&b.outputs[i], s.row), rowOf(&b.deltas[i], s.row)
		sc.active[i], sc.biases[i] = sc.outputs[i], sc.deltas[i]
	}
	sc.prediction = rowOf(&b.predictions, s.row)
	if !e.met {
		e.met = true
		b.result(s.event)
	}
	if e.steps == 0 {
		return
	}
	if err := n.Learn(e.x, e.y, e.weight, sc); err != nil {
		e.skips = true
		if e.taken == 0 {
			e.err = fmt.Errorf("%w: %w", ErrSkipped, err) // it has been observed, and counted where classes are weighted
		}
		return
	}
	e.taken++
}

// result keeps what was predicted of an event.
func (b *bulk) result(event int) {
	dst := b.Prediction(event)
	if b.n.classes == 0 {
		dst[0] = b.n.Value(b.sc.prediction[0])
		return
	}
	for i, v := range b.sc.prediction {
		dst[i] = float64(v)
	}
}
