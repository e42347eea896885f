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

// NewChunk returns nil for a network that gains nothing from one.
func (n *network) NewChunk() Chunk {
	if n.held == nil || n.dropout != nil || n.spec.Norm != "" || n.inputs != nil {
		return nil
	}
	rows := min(n.spec.Batch, bulkRows)
	b := &bulk{
		n: n, events: make([]bulkEvent, 0, ChunkEvents), steps: make([]bulkStep, 0, rows),
		results: make([]float64, ChunkEvents*n.Outputs()), sc: *n.NewScratch().(*scratch),
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

func (b *bulk) Room() int { return cap(b.events) - len(b.events) }

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

// forward fills the outputs of all layers in the rows [from, to).
func (b *bulk) forward(from, to int) {
	if from == to {
		return
	}
	n := b.n
	x := between(&b.inputs, from, to)
	for i := range n.layers {
		l, z := &n.layers[i], between(&b.outputs[i], from, to)
		if i == 0 && n.shape.Sparse {
			for _, s := range b.steps {
				if s.row >= from && s.row < to {
					l.gather(n.k, rowOf(&b.outputs[0], s.row), &b.events[s.event].x[n.view])
				}
			}
		} else {
			l.forwardAll(n.k, &z, &x, i > 0 && n.layers[i-1].activation == relu)
		}
		l.activation.apply(n.k, z.Data)
		x = z
	}
	for row := from; row < to; row++ {
		n.predict(rowOf(&b.predictions, row), rowOf(&b.outputs[len(n.layers)-1], row))
	}
}

// backward fills the derivatives of what is to be learned.
func (b *bulk) backward() {
	n, last := b.n, len(b.n.layers)-1
	for _, s := range b.steps {
		if e := &b.events[s.event]; e.steps > 0 {
			z, p := rowOf(&b.outputs[last], s.row), rowOf(&b.predictions, s.row)
			n.derive(rowOf(&b.deltas[last], s.row), z, p, e.y.Class, 0, e.weight)
		}
	}
	n.transpose()
	for i := last; i > 0; i-- {
		d, own, out := between(&b.deltas[i-1], 0, b.learns), between(&b.deltas[i], 0, b.learns), between(&b.outputs[i-1], 0, b.learns)
		if l, a := &n.layers[i], n.layers[i-1].activation; l.transposed.Data != nil {
			l.backwardAll(n.k, &d, &own, &out, a)
			continue
		}
		for row := range b.learns {
			one, from, at := kernel.Vector(rowOf(&d, row)), kernel.Vector(rowOf(&own, row)), kernel.Vector(rowOf(&out, row))
			n.layers[i].backward(n.k, &one, &from, &at, n.layers[i-1].activation)
		}
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
			e.err = fmt.Errorf("%w: %w", ErrSkipped, err)
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

// took keeps the rows of the event in its turn, which was learned, behind those of the events before it.
func (b *bulk) took() {
	if b.row != b.learned { // one before it was refused
		move := func(m *blas32.General) {
			if m.Data != nil {
				copy(rowOf(m, b.learned), rowOf(m, b.row))
			}
		}
		move(&b.inputs)
		for i := range b.outputs {
			move(&b.outputs[i])
			move(&b.deltas[i])
		}
	}
	b.learned++
}

// add makes the rows that were learned part of the mini-batch's sums, all of them or, where the mini-batch goes on, as
// many as one by one would be in them by now. The rest is held. What was held before is where it would be, too, down to
// rows that are of no use any more, so that snapshots have the same bits.
func (b *bulk) add(all bool) {
	h, n := b.n.held, b.n
	before := int(h.events[0])
	whole := before + b.learned
	if !all {
		whole -= whole % h.most
	}
	if whole > 0 {
		n.addHeld()
	}
	for i := range n.layers {
		l := &h.layers[i]
		if l.inputs.Data == nil {
			continue
		}
		inputs := &b.inputs
		if i > 0 {
			inputs = &b.outputs[i-1]
		}
		if whole > before {
			x, d := between(inputs, 0, whole-before), between(&b.deltas[i], 0, whole-before)
			n.addGradients(i, &x, &d)
		}
		for row := max(0, b.learned-h.most); row < b.learned; row++ {
			at := (before + row) % h.most
			copy(rowOf(&l.inputs, at), rowOf(inputs, row))
			copy(rowOf(&l.deltas, at), rowOf(&b.deltas[i], row))
		}
	}
	h.events[0] = uint64(before + b.learned - whole)
	b.learned = 0
}

// rowOf is row i of a matrix, between are the rows [from, to).
func rowOf(m *blas32.General, i int) []float32 { return m.Data[i*m.Cols : (i+1)*m.Cols] }

func between(m *blas32.General, from, to int) blas32.General {
	if m.Data == nil {
		return *m
	}
	return kernel.Matrix(to-from, m.Cols, m.Data[from*m.Cols:to*m.Cols])
}
