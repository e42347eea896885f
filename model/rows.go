package model

import (
	"fmt"
	"math/bits"

	"gonum.org/v1/gonum/blas/blas32"

	"millrace"
	"millrace/model/kernel"
)

// rows are the rows of the first layer that an open update touches: with a sparse input everything an
// event costs is proportional to its non-zeros, never to the width. Indices that repeat meet in one
// row, so their values add up before a rule that is not linear in the gradient sees them.
//
// What an optimizer does to rows that an update does not touch is left out: momentum and averages of
// a row stand still until its next event (as in torch.optim.SparseAdam), and L1 and L2 shrink a row
// at its events only. SGD without momentum is the exception: its L2 shrinks every row at every update,
// exactly, through a common scale that is folded into the rows before it gets small
// (Shalev-Shwartz, Singer and Srebro 2007, section 4).
//
// Adam's bias correction counts the model's updates, not a row's own: a row first met at step 10⁶ steps up to six
// times the rate at its first events. Counting each row's own updates was measured, on a stream of three categories
// of 20,000 values by Zipf's law, with mlp and logistic, batch 1 and 8, at three rates each: the log-loss was 0.018 to
// 0.040 higher each time, for values seen up to thirty times by 0.023 to 0.040. A rare value is better learned fast.
type rows struct {
	cols  int
	index []uint32  // [cap] the rows touched, in order of their first touch
	count []uint64  // [1] how many they are
	value []float32 // [cap] batch 1: the input's value of each row
	// gradient is the open mini-batch's sum of gradients, [cap, cols], nil at batch 1.
	gradient []float32
	// table finds a row's slot: open addressing, the row in the upper half of an entry and its slot + 1 in
	// the lower, 0 where free. place[slot] is where in the table it stands, to clear without walking the
	// table.
	table []uint64
	place []uint32
	shift uint8
	plain bool // the rows were merged without the table
	// packed is where the rows of a layer with one output meet, so that one kernel call updates all.
	packed *parameter
	// fetches says that updates touch more of a row than the prediction has just read of it.
	fetches bool

	indexShape, gradientShape []int
}

// scaleMin is where a layer's scale is folded into its rows: beyond it their magnitude would eat
// into the range of float32.
const scaleMin = 0x1p-20

// rowsCap is how many rows an update can touch.
func rowsCap(batch int, shape millrace.ViewShape) int {
	most := shape.NonZeroMax
	if most <= 0 || most > shape.Width {
		most = shape.Width
	}
	if batch > shape.Width/most {
		return shape.Width
	}
	return batch * most
}

func newRows(batch int, shape millrace.ViewShape, first *layer, o *optimizer) *rows {
	// The entries of one event may repeat, so they count before the width bounds them.
	n := rowsCap(batch, shape)
	size := bits.Len(uint(4*n - 1)) // at most a quarter full, so that probing rarely happens
	r := &rows{
		cols: first.out, index: make([]uint32, n), count: make([]uint64, 1),
		table: make([]uint64, 1<<size), place: make([]uint32, n), shift: uint8(32 - size),
		indexShape: []int{n}, gradientShape: []int{n, first.out},
	}
	r.fetches = batch > 1 || o.spec.remembers() != memory{}
	if batch > 1 {
		r.gradient = make([]float32, n*first.out)
	} else {
		r.value = make([]float32, n)
	}
	if first.out == 1 {
		r.packed = newParameter("packed", n, 1, o, false)
		r.packed.penalised = true
		if first.weight.origin != nil {
			r.packed.origin = make([]float32, n)
		}
	}
	return r
}

// slot returns the slot of a row, a new one when the open update has not touched it yet.
func (r *rows) slot(row uint32) int {
	slot, at, found := r.find(row)
	if !found {
		slot = int(r.count[0])
		r.add(slot, row, at)
		r.count[0]++
	}
	return slot
}

// find returns the slot of a row, or where in the table it would stand.
func (r *rows) find(row uint32) (slot int, at uint32, found bool) {
	mask := uint32(len(r.table) - 1)
	// Fibonacci hashing: neighbouring rows, the common case, spread over the table.
	at = (row * 0x9E3779B1) >> (r.shift & 31)
	for {
		e := r.table[at]
		if e == 0 {
			return 0, at, false
		}
		if uint32(e>>32) == row {
			return int(uint32(e)) - 1, at, true
		}
		at = (at + 1) & mask
	}
}

// add makes a row that find did not find the one of a slot.
func (r *rows) add(slot int, row, at uint32) {
	r.index[slot], r.place[slot] = row, at
	r.table[at] = uint64(row)<<32 | uint64(slot+1)
}

// clear forgets the update.
func (r *rows) clear() {
	n := int(r.count[0])
	if !r.plain {
		for _, at := range r.place[:n] {
			r.table[at] = 0
		}
	}
	clear(r.gradient[:min(n*r.cols, len(r.gradient))])
	r.count[0], r.plain = 0, false
}

// merge makes the rows those of one event, with the values of repeated indices added. Indices that
// ascend repeat none, so those of most files need no table.
func (r *rows) merge(x *millrace.Vector) {
	r.clear()
	if ascending(x.Index) {
		n := len(x.Index)
		copy(r.index[:n], x.Index)
		copy(r.value[:n], x.Value)
		r.count[0], r.plain = uint64(n), true
		return
	}
	n := 0 // in a register: through memory, each row would wait for the count of the one before
	for i, row := range x.Index {
		slot, at, found := r.find(row)
		if found {
			r.value[slot] += x.Value[i]
			continue
		}
		r.add(n, row, at)
		r.value[n] = x.Value[i]
		n++
	}
	r.count[0] = uint64(n)
}

// ascending reports that every index is larger than the one before.
func ascending(index []uint32) bool {
	for i := 1; i < len(index); i++ {
		if index[i] <= index[i-1] {
			return false
		}
	}
	return true
}

// accumulate adds the outer product of x and d to the mini-batch's gradient.
func (r *rows) accumulate(k *kernel.Set, x *millrace.Vector, d *blas32.Vector) {
	sum := blas32.Vector{N: r.cols, Inc: 1}
	for i, row := range x.Index {
		from := r.slot(row) * r.cols
		sum.Data = r.gradient[from : from+r.cols]
		k.Axpy(x.Value[i], d, &sum)
	}
}

func (r *rows) state(visit func(string, millrace.Tensor, millrace.Role)) {
	visit("batch.rows", millrace.Tensor{Shape: scalarShape, U64: r.count}, millrace.Training)
	visit("batch.row_index", millrace.Tensor{Shape: r.indexShape, U32: r.index}, millrace.Training)
	visit("batch.row_gradient", millrace.Tensor{Shape: r.gradientShape, F32: r.gradient}, millrace.Training)
}

// restored rebuilds the table from the rows that were copied in. Sums of rows that are not touched
// yet must be zero: the first event that touches one adds to what stands there.
func (r *rows) restored(width int) error {
	clear(r.table)
	r.plain = false
	n := r.count[0]
	if n > uint64(len(r.index)) {
		return fmt.Errorf("%d rows where %d have place", n, len(r.index))
	}
	for i, v := range r.gradient {
		limit := float32(momentMax)
		if uint64(i) >= n*uint64(r.cols) {
			limit = 0
		}
		if !(v >= -limit && v <= limit) {
			return fmt.Errorf("the gradient of row %d is %g, outside ±%g", i/r.cols, v, limit)
		}
	}
	r.count[0] = 0
	for i, row := range r.index[:n] {
		if int64(row) >= int64(width) {
			return fmt.Errorf("row %d of a layer with %d inputs", row, width)
		}
		if r.slot(row) != i {
			return fmt.Errorf("row %d twice", row)
		}
	}
	return nil
}

// step updates the touched rows of the first layer's weights. At batch 1 their gradient is value·dᵀ;
// otherwise it is the mini-batch's sum times the factor in d, of length 1.
func (r *rows) step(o *optimizer, l *layer, d []float32) {
	c := &o.weights
	shrinkBy := o.rate * o.l1
	if l.scaled {
		l.scale[0] *= 1 - o.rate*o.l2
		if l.scale[0] < scaleMin {
			l.fold()
		}
		scaled := &o.scaled
		*scaled = *c
		scaled.Rate, scaled.Decay = float32(o.rate/l.scale[0]), 0
		c, shrinkBy = scaled, shrinkBy/l.scale[0]
	}
	n := int(r.count[0])
	if r.packed != nil {
		r.pack(&l.weight, n)
		values := r.value
		if r.gradient != nil {
			values = r.gradient
		}
		o.apply(r.packed, 0, n, d, values[:n], c, shrinkBy)
		r.unpack(&l.weight, n)
		return
	}
	for i, row := range r.index[:n] {
		if r.fetches && i%fetchRows == 0 {
			r.fetch(o.k, &l.weight, i)
		}
		from := int(row) * r.cols
		if r.gradient != nil {
			o.apply(&l.weight, from, from+r.cols, d, r.gradient[i*r.cols:(i+1)*r.cols], c, shrinkBy)
		} else {
			o.apply(&l.weight, from, from+r.cols, r.value[i:i+1], d, c, shrinkBy)
		}
	}
}

// fetchRows is how many rows are asked for at once, while as many are updated: rows lie anywhere, and
// waiting for each in turn takes longer than all else.
const fetchRows = 4

// fetch asks for what is remembered of the fetchRows rows that follow the next ones from slot i, and at
// the start for those too. The weights themselves were read for the prediction, but for a mini-batch's.
func (r *rows) fetch(k *kernel.Set, p *parameter, i int) {
	n := int(r.count[0])
	from := i + fetchRows
	if i == 0 {
		from = 0
	}
	index := r.index[min(from, n):min(i+2*fetchRows, n)]
	if len(index) == 0 {
		return
	}
	floats := p.floats()
	if r.gradient == nil {
		floats[0] = nil
	}
	for _, w := range floats {
		if w != nil {
			k.Fetch32(w, index, r.cols)
		}
	}
	for _, w := range p.doubles() {
		if w != nil {
			k.Fetch64(w, index, r.cols)
		}
	}
}

func (r *rows) pack(p *parameter, n int) {
	index := r.index[:n]
	floats, doubles := p.floats(), p.doubles()
	for k, to := range r.packed.floats() {
		gather(to, floats[k], index)
	}
	for k, to := range r.packed.doubles() {
		gather(to, doubles[k], index)
	}
}

func (r *rows) unpack(p *parameter, n int) {
	index := r.index[:n]
	floats, doubles := p.floats(), p.doubles()
	for k, from := range r.packed.floats() {
		scatter(floats[k], from, index)
	}
	for k, from := range r.packed.doubles() {
		scatter(doubles[k], from, index)
	}
}

// gather sets to[i] to from[index[i]]; nothing where there is nothing to gather from.
func gather[T any](to, from []T, index []uint32) {
	if from == nil {
		return
	}
	for i, row := range index {
		to[i] = from[row]
	}
}

// scatter is the inverse of gather.
func scatter[T any](to, from []T, index []uint32) {
	if to == nil {
		return
	}
	for i, row := range index {
		to[row] = from[i]
	}
}

// fold multiplies the weights by the scale and makes it 1.
func (l *layer) fold() {
	scale := float32(l.scale[0])
	for i := range l.weight.w.Data {
		l.weight.w.Data[i] *= scale
	}
	l.scale[0] = 1
}
