package moments

import (
	"math"
	"slices"
)

const (
	// earlyFrom values and more, at every doubling up to earlyMost, are looked at for whether the first were usual.
	earlyFrom, earlyMost = 2 * block, 64 * block
	// earlyBy is how many times as much as the later half of the values spans the deviation of all is when the first
	// were not usual. What goes to new places steadily has .58.
	earlyBy = 2
)

// began finds a column whose first values had another unit: those of the later half lie closer together than all
// deviate, at two doublings of their number in a row. It reports whether the column moved. Where limits are kept, of
// labels, their places are not free for this.
func (c *Columns) began(i int, weight float64) bool {
	w, f := (*[wordsLen]uint64)(c.words[i*wordsLen:]), (*[floatsLen]float64)(c.floats[i*floatsLen:])
	s := w[stored]
	if !c.isEarly(i, s) {
		return false
	}
	ring := c.recent[c.ring[i] : c.ring[i]+settleAt]
	least, most := slices.Min(ring), slices.Max(ring)
	if f[lowBefore] <= f[highBefore] && s > block {
		least, most = min(least, f[lowBefore]), max(most, f[highBefore])
	}
	f[lowBefore], f[highBefore] = max(least, -ValueMax), min(most, ValueMax)
	if s&(s-1) != 0 {
		return false
	}
	at := i * c.stride
	span := most - least
	is := s >= earlyFrom && span > 0 && c.squares[at] > earlyBy*earlyBy*span*span*c.count[at]
	f[lowBefore], f[highBefore] = ValueMax, -ValueMax
	if !is {
		w[flags] &^= suspect
		return false
	}
	if w[flags]&suspect == 0 {
		w[flags] |= suspect
		return false
	}
	w[flags] &^= suspect
	if w[spent] == spentMax || !c.move(i, math.MaxUint64, false, weight) {
		return false
	}
	c.homeOf(i)[homeDeviation] = 0 // to what was no unit of its own it does not come back
	return true
}

// isEarly reports whether column i, of which so many values are stored, may be found to have had other first ones.
func (c *Columns) isEarly(i int, stored uint64) bool {
	return stored <= earlyMost && !c.options.Limits && !c.kinds[i].Tails
}
