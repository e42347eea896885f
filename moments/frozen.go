package moments

import "math"

// freeze keeps what trees see: whole powers of two, so that what was a round number stays one.
func (c *Columns) freeze(i int) {
	w, f := c.words[i*wordsLen:], c.floats[i*floatsLen:]
	if w[flags]&isFrozen != 0 {
		return
	}
	deviation := c.Deviation(i)
	if deviation == 0 {
		return
	}
	fraction, exponent := math.Frexp(deviation)
	if fraction > math.Sqrt2/2 {
		exponent++
	}
	f[unit] = math.Ldexp(1, exponent-1)
	f[frozen] = math.Round(c.Centre(i)/f[unit]) * f[unit]
	if !(f[unit] > 0) || math.IsInf(f[frozen], 0) || f[frozen] != f[frozen] {
		f[frozen], f[unit] = 0, 0
		return
	}
	w[flags] |= isFrozen
}

// refit makes what trees see of the new values what it was of the old ones.
func (c *Columns) refit(i int) {
	f := c.floats[i*floatsLen:]
	if d := c.Deviation(i); d > 0 && f[imageUnit] > 0 && d/f[imageUnit] > 0 && d/f[imageUnit] <= ValueMax {
		f[unit] = d / f[imageUnit]
	}
	f[frozen] = min(max(c.Centre(i)-f[image]*f[unit], -ValueMax), ValueMax)
}

// Frozen are centre and deviation of column i as they were when it settled, changed only when it moves: trees see
// (v − centre)/deviation of these. A move keeps the meaning of what was seen: a value that is as many deviations from
// the new centre as one was from the old gives what that one gave. Before the column has settled they are what is known
// so far. Of a column restored from a snapshot without them they are 0 and 1. The deviation is 0 while none is known.
func (c *Columns) Frozen(i int) (centre, deviation float64) {
	w, f := c.words[i*wordsLen:], c.floats[i*floatsLen:]
	switch {
	case c.ring[i] < 0, c.kinds[i].Unscaled, w[flags] == 0 && w[stored] == 0 && c.count[i*c.stride] > 0:
		return 0, 1
	case w[flags]&isFrozen != 0:
		return f[frozen], f[unit]
	}
	return c.Centre(i), c.Deviation(i)
}

// Raw is v as trees see it: (v − centre)/deviation of Frozen. Until these are known it is held within the bound, and 0
// before the first value. What is farther than any tail, by what the column is now, tells trees nothing, which is what
// the centre does: held at a bound it would still take part in their splits, and missing it would make them of its own.
func (c *Columns) Raw(i int, v float64) float64 {
	centre, deviation := c.Frozen(i)
	if c.kinds[i].Unscaled || c.ring[i] < 0 {
		return v
	}
	if c.words[i*wordsLen+flags]&isFrozen != 0 || deviation == 1 && centre == 0 {
		if c.Wild(i, v) {
			v = c.Centre(i)
		}
		return (v - centre) / deviation
	}
	if c.Count(i) == 0 {
		return 0
	}
	if s := &c.scales[i]; s.Factor != math.MaxFloat64 && deviation > 0 {
		return min(max((v-centre)/deviation, -s.Bound), s.Bound)
	}
	switch {
	case v > centre:
		return c.scales[i].Bound
	case v < centre:
		return -c.scales[i].Bound
	}
	return 0
}

// inRow are the bits of the last values that were outside, one after the other, when a column may have moved.
const inRow = 7

// Wild reports whether v is farther than any tail of column i's values: or far, after three that were outside, so that
// the column may have moved. Before the column has settled nothing is.
func (c *Columns) Wild(i int, v float64) bool {
	w := c.words[i*wordsLen : (i+1)*wordsLen]
	if w[flags]&settled == 0 {
		return false
	}
	apart, deviation := math.Abs(v-c.Centre(i)), c.Deviation(i)
	return deviation > 0 && (apart > tail*deviation || apart > far*deviation && w[history]&inRow == inRow)
}
