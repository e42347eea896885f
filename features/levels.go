package features

import (
	"fmt"
	"math"

	"millrace"
	"millrace/moments"
)

const (
	// levelsMax is how many values a number may have to be taken for levels: hours, weekdays, months,
	// grades and small counts have fewer.
	levelsMax = 32
	// levelsNumbersMax is how many numbers a pipeline may have for any of them to get levels: a picture's
	// hundreds of pixels are small integers, too, and no levels.
	levelsNumbersMax = 256
	// levelsSlots are the places of a number's table of levels, at most half of them taken.
	levelsSlots = 2 * levelsMax
	// integersMax bounds levels to where float64 tells neighbouring integers apart.
	integersMax = 1 << 53
	// out marks a number that is none of levels, for good.
	out = -1
)

// levels are the values of numbers that have only been few and whole so far. A number that ever has a
// fraction or a 33rd value is out for good: its columns stay zero. Wild values, and those too large to be levels, say
// nothing of it.
type levels struct {
	fields []int // of each number
	usual  *moments.Columns
	column []int // of each number in usual
	first  int   // column of the first number's first level
	// Learned, one entry a number and levelsMax a number: how many levels, or out; and their values in
	// the order of appearance, which is their columns' order.
	size  []int32
	value []float64
	// Derived: open addressing by value, 0 for free, else the level + 1.
	slots []uint8
}

func (x *Extractor) newLevels() *levels {
	l := &levels{first: x.standard.Width, usual: x.numbers.usual}
	for i := range x.numbers.all {
		if field := x.numbers.all[i].field; x.columns[field].Type.numeric() {
			l.fields, l.column = append(l.fields, field), append(l.column, i)
		}
	}
	if len(l.fields) > levelsNumbersMax {
		l.fields = nil
	}
	n := len(l.fields)
	l.size = make([]int32, n)
	l.value = make([]float64, n*levelsMax)
	l.slots = make([]uint8, n*levelsSlots)
	return l
}

func (l *levels) shape(standard millrace.ViewShape) millrace.ViewShape {
	return millrace.ViewShape{
		Width: standard.Width + levelsMax*len(l.fields), Sparse: true, NonZeroMax: standard.NonZeroMax + len(l.fields),
		NonZeroUsual: standard.NonZeroUsual + min(standard.NonZeroUsual, len(l.fields)),
	}
}

// slot is where the search for a whole number starts: the top bits of a product, which all bits reach
// (Knuth, TAOCP 3, 6.4, multiplicative hashing).
func slot(v float64) int { return int(uint64(int64(v)) * prime1 >> (64 - 6)) } // 2^6 is levelsSlots

// whole reports whether v can be a level.
func whole(v float64) bool { return v == math.Trunc(v) && math.Abs(v) <= integersMax }

// find returns the level of a value of number i, -1 when it is none.
func (l *levels) find(i int, v float64) int {
	if l.size[i] == out || !whole(v) {
		return -1
	}
	slots, values := l.slots[i*levelsSlots:(i+1)*levelsSlots], l.value[i*levelsMax:(i+1)*levelsMax]
	for at := slot(v); ; at++ {
		s := slots[at%levelsSlots]
		if s == 0 {
			return -1
		}
		if values[s-1] == v {
			return int(s) - 1
		}
	}
}

// learn takes note of a value of number i.
func (l *levels) learn(i int, v float64) {
	if l.size[i] == out || l.find(i, v) >= 0 {
		return
	}
	n := int(l.size[i])
	values := l.value[i*levelsMax : (i+1)*levelsMax]
	if n == levelsMax || !whole(v) {
		l.size[i] = out
		clear(values)
		return
	}
	values[n] = v + 0 // -0 is 0
	l.size[i]++
	l.place(i, n)
}

// place enters level k of number i into its table.
func (l *levels) place(i, k int) {
	slots := l.slots[i*levelsSlots : (i+1)*levelsSlots]
	at := slot(l.value[i*levelsMax+k])
	for slots[at%levelsSlots] != 0 {
		at++
	}
	slots[at%levelsSlots] = uint8(k + 1)
}

func (l *levels) observe(e *millrace.Event) {
	for i, field := range l.fields {
		if f := &e.Fields[field]; l.size[i] != out && f.Presence == millrace.Present && math.Abs(f.Number) <= integersMax &&
			!l.usual.Wild(l.column[i], f.Number) {
			l.learn(i, f.Number)
		}
	}
}

// extract fills dst: the standard view's non-zeros, then one entry a number whose value is a level.
func (l *levels) extract(dst, standard *millrace.Vector, e *millrace.Event) {
	appendStandard(dst, standard)
	for i, field := range l.fields {
		if f := &e.Fields[field]; l.size[i] > 0 && f.Presence == millrace.Present {
			if k := l.find(i, f.Number); k >= 0 {
				dst.Index = append(dst.Index, uint32(l.first+i*levelsMax+k))
				dst.Value = append(dst.Value, 1)
			}
		}
	}
}

// restored checks the learned part and derives the tables anew.
func (l *levels) restored() error {
	clear(l.slots)
	for i, n := range l.size {
		if n < out || n > levelsMax {
			return fmt.Errorf("%w: number %d has %d levels", millrace.ErrCorrupt, i, n)
		}
		for k, v := range l.value[i*levelsMax : (i+1)*levelsMax] {
			switch {
			case k >= int(n) && v != 0:
				return fmt.Errorf("%w: number %d has a level beyond its count", millrace.ErrCorrupt, i)
			case k >= int(n):
			case !whole(v):
				return fmt.Errorf("%w: number %d has %v as a level", millrace.ErrCorrupt, i, v)
			case l.find(i, v) >= 0:
				return fmt.Errorf("%w: number %d has a level twice", millrace.ErrCorrupt, i)
			default:
				l.place(i, k)
			}
		}
	}
	return nil
}
