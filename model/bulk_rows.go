package model

import (
	"gonum.org/v1/gonum/blas/blas32"

	"millrace/model/kernel"
)

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
