package moments

import (
	"math"
	"math/bits"
)

const (
	// levelRun values in a row that lie together are a level, and none of them is wild.
	levelRun = 3
	// levelNear is how far apart they may lie, in parts of how far the nearest is from the mean.
	levelNear = .15
)

// farTail says how a value of column i counts that is outside, d from the mean, where tails matter: as how much and
// with which part of its weight. Up to the clip it is as it is. Beyond, the first one since the column began or was at
// a level is, up to as far as tails reach, and those that follow it at once: a machine that stops says so with its
// first value. Had it been wild, more of its kind would come one by one; these count with 1/r² of their weight at r
// times the clip. So a tail that reaches beyond makes the deviation grow until it is within, and what stands for no
// value at all leaves next to nothing. Several in a row that lie together are a level: these count in full, also those
// held before.
func (c *Columns) farTail(i int, d, deviation, weight float64) (counted, part float64) {
	w, f := (*[wordsLen]uint64)(c.words[i*wordsLen:]), (*[floatsLen]float64)(c.floats[i*floatsLen:])
	apart, clip := math.Abs(d), max(1, c.kinds[i].Clip)*deviation
	held := 0
	if w[history]&2 != 0 { // the value before was outside, too
		held = int(w[flags] & heldBefore / heldOne)
	}
	w[flags] &^= heldBefore
	most := math.Copysign(min(apart, tail*deviation), d)
	switch at := i * c.stride; {
	case c.level(i, d, deviation):
		f[farther] = 0
		for k := held; k > 0; k-- {
			before := c.back(i, k) - c.mean[at]
			c.add(i, math.Copysign(min(math.Abs(before), tail*deviation), before), weight)
		}
	case apart <= clip:
	case held > 0, apart > tail*deviation, f[farther] != 0 && !(w[history]&2 != 0 && c.near(i, d)):
		w[flags] |= uint64(min(held+1, levelRun-1)) * heldOne
		r := clip / apart
		return math.Copysign(clip, d), r * r
	default:
		f[farther] = c.mean[at] + d
	}
	return most, 1
}

// level reports whether the last values of column i, the very last d from the mean, lie together and no farther out
// than any value of what was usual.
func (c *Columns) level(i int, d, deviation float64) bool {
	w, f := (*[wordsLen]uint64)(c.words[i*wordsLen:]), (*[floatsLen]float64)(c.floats[i*floatsLen:])
	if bits.TrailingZeros64(^w[history]) < levelRun || w[stored] < levelRun {
		return false
	}
	if f[calmUnit] > 0 { // else a few steps of a hundred would reach anything
		deviation = f[calmUnit]
	}
	nearest, farthest := math.Abs(d), math.Abs(d)
	for k := 1; k < levelRun; k++ {
		before := math.Copysign(1, d) * (c.back(i, k) - c.mean[i*c.stride])
		nearest, farthest = min(nearest, before), max(farthest, before)
	}
	return farthest-nearest <= levelNear*nearest && farthest <= apartMost*deviation
}

// farFromCalm reports whether v is far outside of what was usual when hardly any value was outside: a level makes the
// deviation grow, and is one still.
func farFromCalm(f *[floatsLen]float64, v float64) bool {
	return f[calmUnit] > 0 && math.Abs(v-f[calm]) > far*f[calmUnit]
}

// near reports whether the value before the last one of column i lies together with it, d from the mean.
func (c *Columns) near(i int, d float64) bool {
	before := c.back(i, 1) - c.mean[i*c.stride]
	return math.Abs(d-before) <= levelNear*min(math.Abs(d), math.Abs(before))
}

// back is the value of column i so many before the last, from the origin.
func (c *Columns) back(i, k int) float64 {
	s := c.words[i*wordsLen+stored] - 1 - uint64(k)
	return c.recent[c.ring[i]+int(s%settleAt)] - c.floats[i*floatsLen+origin]
}

// add makes a value that is d from the mean part of column i's moments.
func (c *Columns) add(i int, d, weight float64) {
	at := i * c.stride
	u := c.mean[at] + d
	c.count[at] += weight
	c.mean[at] += d * (weight * (1 / c.count[at]))
	// The product is negative only by a rounding error, which must not make the sum so.
	if square := weight * d * (u - c.mean[at]); square > 0 {
		c.squares[at] += square
	}
}
