package keyed

import (
	"maps"
	"math"
)

const (
	// slicesOf is how many slices of stream time a horizon has: a rebuild reads at most that share more than it needs.
	slicesOf = 256
	// marksMax is how many vectors an index holds: two horizons, before it has to become coarser.
	marksMax = 2 * slicesOf
)

// Source is a partition of a topic.
type Source struct {
	Topic     string
	Partition int32
}

// Vector says how far each partition was read, and the watermarks there.
type Vector struct {
	Offsets    map[Source]int64 `json:"offsets"`    // of the next record
	Watermarks map[Source]int64 `json:"watermarks"` // of the events' partitions; math.MinInt64 for none yet
	Topic      int64            `json:"topic"`      // the topic's watermark
	Record     int64            `json:"record"`     // record time of the first record behind it, Unix milliseconds; 0 where it is not known
}

// Index remembers where slices of stream time begin in the log, so that a snapshot can say from where on a rebuild has
// to read. It is for one goroutine.
type Index struct {
	base, slice int64
	marks       []mark // in the order in which they were made
	largest     int64  // stream time so far
}

// mark is a vector, and the largest stream time of the records before it.
type mark struct {
	before int64
	at     Vector
}

// NewIndex returns an index that will be asked about times a horizon, in milliseconds, before the watermark.
func NewIndex(horizon int64) *Index {
	slice := max(1, horizon/slicesOf)
	return &Index{base: slice, slice: slice, largest: math.MinInt64}
}

// Note is called before a record is applied. stream is the largest stream time so far, with the record's or without;
// at gives the positions and watermarks before the record, and is only called when a new slice of stream time begins.
func (x *Index) Note(stream int64, at func() Vector) {
	if len(x.marks) == 0 {
		// What lies before the first record is nobody's: it was never read, or is older than all that can matter.
		x.marks = append(x.marks, mark{before: math.MinInt64, at: at()})
		x.largest = stream
		return
	}
	if stream <= x.largest || stream/x.slice == x.largest/x.slice && (stream < 0) == (x.largest < 0) {
		return
	}
	x.largest = stream
	if len(x.marks) == marksMax {
		x.coarsen()
	}
	x.marks = append(x.marks, mark{before: stream, at: at()})
}

// coarsen drops every other mark, but neither the first nor the last.
func (x *Index) coarsen() {
	kept := x.marks[:1]
	for i := 2; i < len(x.marks)-1; i += 2 {
		kept = append(kept, x.marks[i])
	}
	kept = append(kept, x.marks[len(x.marks)-1])
	clear(x.marks[len(kept):])
	x.marks = kept
	x.slice *= 2
}

// Before returns the newest vector such that all records before it have a stream time below t; ok is false before the
// first Note. t never falls from call to call: what lies before the answer is forgotten.
func (x *Index) Before(t int64) (v Vector, ok bool) {
	if len(x.marks) == 0 {
		return Vector{}, false
	}
	at := 0
	for i := range x.marks {
		if x.marks[i].before < t {
			at = i
		}
	}
	x.marks = append(x.marks[:0], x.marks[at:]...)
	x.slice = x.base
	m := &x.marks[0]
	v = m.at
	v.Offsets, v.Watermarks = maps.Clone(v.Offsets), maps.Clone(v.Watermarks)
	return v, true
}

// TimeOf is a stream time that a record of a partition does not lie before: that of the newest vector at or before its
// offset. ok is false where the index does not reach back so far.
func (x *Index) TimeOf(source Source, offset int64) (stream int64, ok bool) {
	for i := len(x.marks) - 1; i >= 0; i-- {
		if m := &x.marks[i]; m.before != math.MinInt64 {
			if from, known := m.at.Offsets[source]; known && from <= offset {
				return m.before, true
			}
		}
	}
	return 0, false
}
