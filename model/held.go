package model

import (
	"fmt"

	"gonum.org/v1/gonum/blas/blas32"

	"millrace"
	"millrace/model/kernel"
)

// held are events of the open mini-batch whose gradients are in none of its sums yet. The gradient of a layer's weights
// is the sum of x·dᵀ over the events: of one event, writing it costs as much as reading and writing all the weights;
// of several, with what they were multiplied by as rows of X and the derivatives as rows of D, it is the product
// Xᵀ·D, which reads and writes each sum once (kernel.Set.GemmT).
//
// That product adds one event after the other to each sum, as Ger does. So no bit depends on how many events are
// held, and a snapshot, which is a copy of memory, holds them beside the sums.
type held struct {
	events []uint64 // [1] how many
	layers []heldLayer
	ones   blas32.General // [as many as are added at once, 1]
	most   int
	away   *bulk // where events are held instead while a chunk runs, otherwise nil
}

// heldLayer is what one layer holds of the events.
type heldLayer struct {
	inputs, deltas           blas32.General // [most, in] and [most, out]
	inputsName, deltasName   string
	inputsShape, deltasShape []int
}

const (
	// heldFrom is the least mini-batch whose events are held.
	heldFrom = 8
	// heldMost is how many are held at most: with more a network of some hundred units leaves the first-level cache.
	heldMost = 16
)

// holds is how many events of a mini-batch are held at most, 0 where each is added at once.
func holds(batch int) int {
	if batch < heldFrom {
		return 0
	}
	return min(batch, heldMost)
}

// holdsLayer reports that layer i of a network is one whose gradients are products of matrices: a layer of one output
// has a row for a gradient, and a sparse input only the rows that events have.
func holdsLayer(i, out int, sparse bool) bool { return out > 1 && (i > 0 || !sparse) }

// newHeld returns nil where no layer holds events.
func newHeld(n *network) *held {
	h := &held{events: make([]uint64, 1), layers: make([]heldLayer, len(n.layers)), most: holds(n.spec.Batch)}
	if h.most == 0 {
		return nil
	}
	h.ones = kernel.Matrix(max(h.most, bulkRows), 1, nil)
	for i := range h.ones.Data {
		h.ones.Data[i] = 1
	}
	some := false
	for i := range n.layers {
		l := &n.layers[i]
		if !holdsLayer(i, l.out, n.shape.Sparse) {
			continue
		}
		some = true
		h.layers[i] = heldLayer{
			inputs: kernel.Matrix(h.most, l.in, nil), deltas: kernel.Matrix(h.most, l.out, nil),
			inputsName: fmt.Sprintf("batch.held.%d.inputs", i), deltasName: fmt.Sprintf("batch.held.%d.deltas", i),
			inputsShape: []int{h.most, l.in}, deltasShape: []int{h.most, l.out},
		}
	}
	if !some {
		return nil
	}
	return h
}

// heldBytes is the size of what is held of a layer.
func heldBytes(batch, i, in, out int, sparse bool) float64 {
	if !holdsLayer(i, out, sparse) {
		return 0
	}
	return 4 * float64(holds(batch)) * (float64(in) + float64(out))
}

// hold keeps what the gradient of layer i is made of, of the event that is being learned, and reports whether it does.
func (n *network) hold(i int, input, deltas []float32) bool {
	if n.held == nil || n.held.layers[i].inputs.Data == nil {
		return false
	}
	if n.held.away != nil {
		return true // where they are
	}
	h, at := &n.held.layers[i], int(n.held.events[0])
	copy(h.inputs.Data[at*h.inputs.Cols:], input)
	copy(h.deltas.Data[at*h.deltas.Cols:], deltas)
	return true
}

// took counts an event whose gradient is held, and adds what is held when it is enough, or the mini-batch full.
func (h *held) took(n *network, full bool) {
	if b := h.away; b != nil {
		b.took()
		if full {
			b.add(true)
		}
		return
	}
	h.events[0]++
	if full || h.events[0] == uint64(h.most) {
		n.addHeld()
	}
}

// addHeld makes the gradients of the events that are held part of the mini-batch's sums.
func (n *network) addHeld() {
	count := int(n.held.events[0])
	if count == 0 {
		return
	}
	for i := range n.layers {
		h := &n.held.layers[i]
		if h.inputs.Data == nil {
			continue
		}
		inputs, deltas := between(&h.inputs, 0, count), between(&h.deltas, 0, count)
		n.addGradients(i, &inputs, &deltas)
	}
	n.held.events[0] = 0
}

// addGradients adds the gradients of layer i to the mini-batch's sums: of as many events as there are rows of what it
// was multiplied by, and of derivatives.
func (n *network) addGradients(i int, inputs, deltas *blas32.General) {
	l := &n.layers[i]
	n.k.GemmT(inputs, deltas, &l.weight.gradient)
	if l.gain == nil {
		ones := n.held.ones
		ones.Rows = deltas.Rows
		n.k.GemmT(&ones, deltas, &l.bias.gradient)
	}
}

// state visits what is held. Snapshots of before have none of it: their sums hold all events.
func (h *held) state(visit func(string, millrace.Tensor, millrace.Role)) {
	visit("batch.held", millrace.Tensor{Shape: scalarShape, U64: h.events, Added: true}, millrace.Training)
	for i := range h.layers {
		l := &h.layers[i]
		if l.inputs.Data == nil {
			continue
		}
		visit(l.inputsName, millrace.Tensor{Shape: l.inputsShape, F32: l.inputs.Data, Added: true}, millrace.Training)
		visit(l.deltasName, millrace.Tensor{Shape: l.deltasShape, F32: l.deltas.Data, Added: true}, millrace.Training)
	}
}

// check reports what no run could have left, of an open mini-batch of so many events.
func (h *held) check(batch uint64) error {
	if h.events[0] >= uint64(h.most) || h.events[0] > batch {
		return fmt.Errorf("%d of %d events are held, at most %d may be", h.events[0], batch, h.most-1)
	}
	for i := range h.layers {
		l := &h.layers[i]
		if err := checkWithin(l.inputsName, l.inputs.Data, -momentMax, momentMax); err != nil {
			return err
		}
		if err := checkWithin(l.deltasName, l.deltas.Data, -momentMax, momentMax); err != nil {
			return err
		}
	}
	return nil
}
