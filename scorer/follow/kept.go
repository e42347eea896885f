package follow

import (
	"math"

	"millrace"
)

// kept are values taken for records about to be scored, ascending by offset.
type kept struct {
	offsets []int64
	numbers []float64
	next    int // the first that was not asked for yet
}

// find looks for an offset that is not before any that was looked for.
func (k *kept) find(offset int64) (i int, ok bool) {
	for k.next < len(k.offsets) && k.offsets[k.next] < offset {
		k.next++
	}
	return k.next, k.next < len(k.offsets) && k.offsets[k.next] == offset
}

// A window's number is finite where it has a value, so that what has none can be one that is not.

func number(f *millrace.Field) float64 {
	if f.Presence != millrace.Present {
		return math.NaN()
	}
	return f.Number
}

func field(n float64) millrace.Field {
	if math.IsNaN(n) {
		return millrace.Field{}
	}
	return millrace.Field{Presence: millrace.Present, Number: n}
}
