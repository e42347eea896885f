package moments

import (
	"math"
	"math/bits"
)

const (
	// digits is how many deviations from zero values lie that lose too many digits in a float32, and single the largest
	// magnitude of a deviation, or of its inverse, whose squares a float32 still holds.
	digits = 1 << 17
	single = 0x1p60
	// ownMax is the largest first value that is surely no loss of digits, as long as nothing is known of the deviation.
	ownMax = 1 << 20
	// exactMax is up to where whole numbers are float32s, with room for larger ones to come.
	exactMax = 1 << 23
)

// freeze keeps what trees see: values in their own units, so that what is split at stays what it is in the data. Where
// a float32 has not the digits for that, whole powers of two, so that what was a round number stays one.
func (c *Columns) freeze(i int) {
	w, f := c.words[i*wordsLen:], c.floats[i*floatsLen:]
	deviation := c.Deviation(i)
	if w[flags]&isFrozen != 0 || deviation == 0 {
		return
	}
	w[flags] |= isFrozen
	f[frozen], f[unit] = 0, 1
	if c.own(i) {
		return
	}
	fraction, exponent := math.Frexp(deviation)
	if fraction > math.Sqrt2/2 {
		exponent++
	}
	u := math.Ldexp(1, exponent-1)
	if at := math.Round(c.Centre(i)/u) * u; u > 0 && math.Abs(at) <= ValueMax {
		f[frozen], f[unit] = at, u
	}
}

// own reports whether a float32 has the digits for column i's values as they are.
func (c *Columns) own(i int) bool {
	centre, deviation := math.Abs(c.Centre(i)), c.Deviation(i)
	switch {
	case centre <= exactMax && c.exact(i):
		return true
	case deviation == 0:
		return centre <= ownMax
	}
	return centre <= digits*deviation && deviation < single && 1/deviation < single
}

// exact reports whether all recent values of column i are float32s.
func (c *Columns) exact(i int) bool {
	for _, v := range c.recent[c.ring[i] : c.ring[i]+int(min(c.words[i*wordsLen+stored], settleAt))] {
		if float64(float32(v)) != v {
			return false
		}
	}
	return true
}

// refit makes what trees see of the new values what it was of the old ones.
func (c *Columns) refit(i int) {
	f := c.floats[i*floatsLen:]
	if d := c.Deviation(i); d > 0 && f[imageUnit] > 0 && d/f[imageUnit] > 0 && d/f[imageUnit] <= ValueMax {
		f[unit] = d / f[imageUnit]
	}
	f[frozen] = min(max(c.Centre(i)-f[image]*f[unit], -ValueMax), ValueMax)
}

// carry lets a move keep the meaning of what trees see: a value that is as many deviations from the new centre as one
// was from the old gives what that one gave.
func (c *Columns) carry(i int, which uint64, before place) {
	w, f := c.words[i*wordsLen:], c.floats[i*floatsLen:]
	if w[flags]&isFrozen == 0 || !c.carried(i, which, before.deviation) {
		f[imageUnit] = 0
		c.homeOf(i)[homeDeviation] = 0
		return
	}
	// A column that moves again soon has told less of where it was than is known of where it was before.
	if f[imageUnit] == 0 || before.values > refit {
		f[image], f[imageUnit] = (before.centre-f[frozen])/f[unit], before.deviation/f[unit]
		c.leave(i, before)
	}
	c.refit(i)
}

// carried reports whether a move, from a deviation, is one of the unit and not of what is measured: seasons come with
// days that are as before, and a machine that idles is seldom as still as a smaller unit would make it.
func (c *Columns) carried(i int, which uint64, deviation float64) bool {
	if which != math.MaxUint64 {
		return bits.OnesCount32(uint32(which)) >= carriedLast ||
			c.Deviation(i) > carriedTo*deviation
	}
	return carriedBy*c.Deviation(i) < deviation
}

const (
	// carriedLast of the last 32 values are outside after a change of unit, unless they spread carriedTo times as far
	// as before; and carriedBy is how many times less they do after one that none is outside of.
	carriedLast, carriedTo, carriedBy = 26, 4, 8
)

// Frozen are centre and deviation that trees see values by, (v − centre)/deviation: 0 and 1 where a float32 has the
// digits for values as they are, else those of when the column settled. They change only when the unit does. The
// deviation is 0 while values lie so that neither is known.
func (c *Columns) Frozen(i int) (centre, deviation float64) {
	w, f := c.words[i*wordsLen:], c.floats[i*floatsLen:]
	switch {
	case c.ring[i] < 0, c.kinds[i].Unscaled, w[flags] == 0 && w[stored] == 0 && c.count[i*c.stride] > 0:
		return 0, 1
	case w[flags]&isFrozen != 0:
		return f[frozen], f[unit]
	case c.Count(i) == 0 || c.own(i):
		return 0, 1
	}
	return 0, 0
}

// Raw is v as trees see it: (v − centre)/deviation of Frozen, and NaN, a missing value, while these are not known. What
// is farther than any tail, by what the column is now, is wild and tells trees nothing, which is what the centre does:
// held at a bound it would still take part in their splits, and missing it would make them of its own.
func (c *Columns) Raw(i int, v float64) (x float64, wild bool) {
	centre, deviation := c.Frozen(i)
	switch {
	case c.kinds[i].Unscaled || c.ring[i] < 0:
		return v, false
	case deviation == 0, math.Abs(v) > ownMax && c.Deviation(i) == 0:
		return math.NaN(), false
	case c.Wild(i, v):
		v, wild = c.Centre(i), true
	}
	return (v - centre) / deviation, wild
}

const (
	// inRow are the bits of the last values that were outside, one after the other, when a column may have moved.
	inRow = 7
	// apartMost is how many deviations no value is from the mean, whatever is measured.
	apartMost = 1000
	// tailKnown is after how many values a tail has shown, and farKnown after how many none has that is nearer.
	tailKnown = 128
	farKnown  = 1024
)

// Wild reports whether v is farther than any tail of column i's values: or far, after three that were outside, so that
// the column may have moved. Before the column has settled nothing is.
func (c *Columns) Wild(i int, v float64) bool {
	w := c.words[i*wordsLen : (i+1)*wordsLen]
	if w[flags]&settled == 0 {
		return false
	}
	deviation, apart := c.Deviation(i), math.Abs(v-c.Centre(i))
	if at := i * c.stride; c.floats[i*floatsLen+modes] > 0 && c.count[at] > 0 { // beside a mode values spread more
		deviation = max(deviation, math.Sqrt(c.squares[at]/c.count[at]))
	}
	switch {
	case !(apart > far*deviation) || deviation == 0:
		return false
	case apart > apartMost*deviation:
		return true
	case c.wanders(i, deviation):
		return false
	}
	last, h, before := c.floats[i*floatsLen+farther], w[history], 0.0
	if last != 0 {
		before = math.Abs(last - (c.Centre(i) - c.floats[i*floatsLen+origin]))
	}
	if apart > tail*deviation && c.Count(i) >= tailKnown && (h&1 != 0 || apart > tailStep*before) {
		return true
	}
	if c.Count(i) >= farKnown && (last == 0 || h&1 != 0) { // the first, or one after another
		return true
	}
	return last == v-c.floats[i*floatsLen+origin] || h&inRow == inRow || apart > tail*deviation && bits.OnesCount64(h) > tailFew
}
