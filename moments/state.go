package moments

import (
	"fmt"
	"math"
	"slices"

	"millrace"
)

// State visits the tensors, named after name. Count, mean and squares (name.count, name.mean and name.m2, or
// name.moments when interleaved) are those that snapshots always had; all others are Added. The recent values are for
// training alone, whatever the role.
//
//	name.usual   F64 [n, 16]: origin, the mode's weight, usual spread of a block, centre and deviation that trees see,
//	             what of these centre and deviation before a move were, least and largest of this and the last generation,
//	             how far values went step by step, the last that was far, centre and deviation of when few were outside
//	name.history U64 [n, 7]: which of the last 64 values were outside, moves, values kept, flags, narrow blocks, moves
//	             that may not come again soon, values since the mode's last
//	name.home    F64 [n, 9]: of the place that a column moved away from, centre and deviation that trees saw, origin and
//	             mean, deviation and how many values these are of; mean and deviation of a block before few were outside; mean of
//	             that block
//	name.recent  F64 [n that are not plain, 32]: recent values, a ring
func (c *Columns) State(name string, role millrace.Role, visit func(string, millrace.Tensor, millrace.Role)) {
	n := c.Len()
	if n == 0 {
		return
	}
	if c.base != nil {
		shape := []int{n, 3}
		if n == 1 {
			shape = []int{3}
		}
		visit(name+".moments", millrace.Tensor{Shape: shape, F64: c.base}, role)
	} else {
		visit(name+".count", millrace.Tensor{Shape: []int{n}, F64: c.count}, role)
		visit(name+".mean", millrace.Tensor{Shape: []int{n}, F64: c.mean}, role)
		visit(name+".m2", millrace.Tensor{Shape: []int{n}, F64: c.squares}, role)
	}
	if len(c.recent) == 0 {
		return
	}
	visit(name+".usual", millrace.Tensor{Shape: []int{n, floatsLen}, F64: c.floats, Added: true}, role)
	visit(name+".history", millrace.Tensor{Shape: []int{n, wordsLen}, U64: c.words, Added: true}, role)
	visit(name+".home", millrace.Tensor{Shape: []int{n, homeLen}, F64: c.home, Added: true}, role)
	shape := []int{len(c.recent) / settleAt, settleAt}
	visit(name+".recent", millrace.Tensor{Shape: shape, F64: c.recent, Added: true}, millrace.Training)
}

// Restored checks the state that was copied in, and derives the rest from it. Its errors wrap millrace.ErrCorrupt.
func (c *Columns) Restored() error {
	c.told.ready = false
	c.doubtful = 0
	for i := range c.kinds {
		if fault := c.fault(i); fault != "" {
			return fmt.Errorf("%w: column %d has %s", millrace.ErrCorrupt, i, fault)
		}
		c.scales[i].doubtful = false
		c.refresh(i)
	}
	for _, v := range c.recent {
		if !(math.Abs(v) <= ValueMax) {
			return fmt.Errorf("%w: a recent value is %v", millrace.ErrCorrupt, v)
		}
	}
	return nil
}

// fault says what no values make of column i.
func (c *Columns) fault(i int) string {
	at := i * c.stride
	w, f := c.words[i*wordsLen:(i+1)*wordsLen], c.floats[i*floatsLen:(i+1)*floatsLen]
	n, mean, squares := c.count[at], c.mean[at], c.squares[at]
	first := c.ring[i] >= 0 && w[flags]&(settled|opening) != settled
	switch {
	case !(n >= 0) || math.IsInf(n, 1):
		return fmt.Sprintf("%v values", n)
	case !(math.Abs(mean) <= 2*ValueMax):
		return fmt.Sprintf("a mean of %v", mean)
	case !(squares >= 0) || math.IsInf(squares, 1):
		return fmt.Sprintf("squared deviations of %v", squares)
	case n == 0 && (mean != 0 || squares != 0):
		return "moments without values"
	case first && w[stored] >= settleAt:
		return fmt.Sprintf("%d first values", w[stored])
	case w[flags] >= burstsMost+bursts || w[flags]&heldBefore == heldBefore, w[narrow] >= narrowHalves, w[spent] > spentMax:
		return fmt.Sprintf("flags %x, %d narrow blocks, %d moves", w[flags], w[narrow], w[spent])
	case !(f[modes] >= 0) || math.IsInf(f[modes], 1), !(f[tight] >= 0), !(f[unit] >= 0), !(f[imageUnit] >= 0):
		return fmt.Sprintf("a mode of %v, a spread of %v, units of %v and %v", f[modes], f[tight], f[unit], f[imageUnit])
	case w[flags]&isFrozen != 0 && f[unit] == 0:
		return "a deviation of zero"
	}
	home := c.homeOf(i)
	if !(home[homeDeviation] >= 0) || !(home[restUnit] >= 0) || !(home[homeCount] >= 0) || home[homeDeviation] > 0 && !(home[homeUnit] > 0) {
		return "a home that no column had"
	}
	for _, v := range slices.Concat(f, home) {
		if v != v || math.IsInf(v, 0) {
			return fmt.Sprintf("%v in what was usual", v)
		}
	}
	return ""
}
