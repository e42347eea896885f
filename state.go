package millrace

// Role says which blob of a snapshot a tensor belongs to.
type Role uint8

// The two roles.
const (
	Serving  Role = iota // all that a scorer needs
	Training             // what only a learner needs to go on
)

// Tensor is a view of learned state: exactly one of the slices is set, its length the product of
// Shape. The slices alias live memory: copying out of them takes a snapshot, copying into them
// restores one. Scalars are tensors of shape [1].
type Tensor struct {
	Shape []int
	F32   []float32
	F64   []float64
	I32   []int32
	I64   []int64
	U32   []uint32
	U64   []uint64
	U8    []uint8
	// Added marks a tensor that a component gained after snapshots of it had been made. Those lack it, and restoring
	// them leaves what the component was made with: that must be what it would have had.
	Added bool
}

// Set copies the values of a tensor of the same type and shape into t's memory; of the zero Tensor it copies nothing.
func (t Tensor) Set(from Tensor) {
	copy(t.F32, from.F32)
	copy(t.F64, from.F64)
	copy(t.I32, from.I32)
	copy(t.I64, from.I64)
	copy(t.U32, from.U32)
	copy(t.U64, from.U64)
	copy(t.U8, from.U8)
}

// Stateful is anything whose state goes into a snapshot. State visits every tensor in an order and
// with names, types and shapes that are fixed at construction: state that grows is preallocated at
// its cap with a count beside it. Names are lower case with dots and unique within one Stateful.
//
// Restored is called after the tensors were copied into, and rebuilds what is derived from them. It
// reports state that no run of this code could have left (an index out of range, a negative count).
type Stateful interface {
	State(visit func(name string, t Tensor, role Role))
	Restored() error
}
