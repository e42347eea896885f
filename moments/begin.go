package moments

import (
	"math"
	"slices"
)

// fence is how many deviations from the median the first values count for at most. As few of them say little of the
// deviation, it is wider the fewer there are.
func fence(n int) float64 { return usual * (1 + 4/float64(n)) }

// tailStep is how many times as far as the one before the next of the first values of a tail may be.
const tailStep = 3

// normal is a standard deviation in medians of absolute deviations, of the normal distribution.
const normal = 1.4826

// first takes in a value of a column that is not settled, or is plain, or whose values beside the mode are the first.
func (c *Columns) first(i int, v, weight float64) {
	w := (*[wordsLen]uint64)(c.words[i*wordsLen:])
	f := (*[floatsLen]float64)(c.floats[i*floatsLen:])
	at := i * c.stride
	switch {
	case c.ring[i] < 0:
		c.plain(i, v, weight)
		return
	case w[flags] == 0 && w[stored] == 0 && c.count[at] > 0:
		// Restored from a snapshot that had no more than moments: they count as they are, and trees go on seeing what
		// they saw.
		w[flags] = settled | isFrozen | legacy | whole
		f[frozen], f[unit] = 0, 1
		f[low], f[high], f[lowBefore], f[highBefore] = ValueMax, -ValueMax, -ValueMax, ValueMax // not known for a while
		c.Observe(i, v, weight)
		return
	case w[flags]&opening != 0 && v == f[origin]:
		f[modes] += weight
		w[gap] = 0
		c.refresh(i)
		return
	}
	if w[flags]&opening != 0 && w[stored] == 0 {
		f[edge] = f[modes]
	}
	w[gap]++
	ring := c.recent[c.ring[i] : c.ring[i]+settleAt]
	ring[w[stored]] = v
	w[stored]++
	values := ring[:w[stored]]
	if w[flags]&opening != 0 {
		c.count[at] += weight
		c.begin(i, values)
	} else {
		c.begun(i, values, c.Count(i)+weight)
	}
	c.restartLimits(i, values)
	if w[stored] == settleAt {
		c.settle(i)
	}
	c.refresh(i)
}

// plain takes a value of a plain column in.
func (c *Columns) plain(i int, v, weight float64) {
	at := i * c.stride
	d := v - c.mean[at]
	c.count[at] += weight
	c.mean[at] += d * (weight / c.count[at])
	c.squares[at] += max(weight*d*(v-c.mean[at]), 0)
	if c.count[at] >= 2*window {
		c.halve(i)
	}
	c.refresh(i)
}

// begun makes the moments of column i those of its first values, of this weight together. When half of them are equal,
// that is the mode: it is counted apart, so that the others are judged among themselves.
func (c *Columns) begun(i int, values []float64, weight float64) {
	w, f := c.words[i*wordsLen:], c.floats[i*floatsLen:]
	at := i * c.stride
	var buffer [settleAt]float64
	sorted := buffer[:copy(buffer[:], values)]
	slices.Sort(sorted)
	median := sorted[(len(sorted)-1)/2]
	f[origin], f[modes] = median, 0
	w[flags] &^= moded
	others := sorted[:0]
	for _, v := range sorted {
		if v != median {
			others = append(others, v)
		}
	}
	equal := len(values) - len(others)
	if 2*equal < len(values) || len(values) < 3 {
		c.count[at] = weight
		c.begin(i, values)
		return
	}
	w[flags] |= moded
	f[modes] = weight * float64(equal) / float64(len(values))
	c.count[at] = weight - f[modes]
	c.begin(i, others)
}

// begin makes mean and squares those of values: of those within the fence, the others held to it.
func (c *Columns) begin(i int, values []float64) {
	at := i * c.stride
	n := len(values)
	if n == 0 {
		c.count[at], c.mean[at], c.squares[at] = 0, 0, 0
		return
	}
	var all, distances [settleAt]float64
	sorted := all[:n]
	for k, v := range values {
		sorted[k] = v - c.floats[i*floatsLen+origin]
	}
	slices.Sort(sorted)
	median := sorted[(n-1)/2]
	apart := distances[:0]
	for _, u := range sorted {
		apart = append(apart, math.Abs(u-median))
	}
	slices.Sort(apart)
	spread := apart[n/2]
	if spread == 0 { // half are equal: how far they are from the mode is a measure, or else how far the others are
		k, _ := slices.BinarySearch(apart, math.SmallestNonzeroFloat64)
		if spread = math.Abs(median); c.floats[i*floatsLen+modes] == 0 || spread == 0 {
			spread = apart[min(k+(n-1-k)/2, n-1)]
		}
	}
	most := fence(n) * normal * spread
	for _, d := range apart { // a tail goes on step by step
		if d > most && d <= tailStep*most {
			most = d
		}
	}
	sum := 0.0
	for k, u := range sorted {
		sorted[k] = min(max(u, median-most), median+most)
		sum += sorted[k] - median
	}
	mean := sum / float64(n)
	squares := 0.0
	for _, u := range sorted {
		d := u - median - mean
		squares += d * d
	}
	c.mean[at] = median + mean
	c.squares[at] = squares * (c.count[at] / float64(n))
}

// settle ends the first values of column i.
func (c *Columns) settle(i int) {
	w, f := c.words[i*wordsLen:], c.floats[i*floatsLen:]
	if w[flags]&opening != 0 {
		// A constant says nothing of the scale, when others come that differ: the mode has the weight that it had among
		// them. Another constant says nothing either.
		if first := c.recent[c.ring[i]:]; !halfEqual(first[:min(w[stored], settleAt)]) {
			f[modes] = max(f[modes]-f[edge], 0)
		}
		if f[edge] = 0; f[modes] == 0 {
			w[flags] &^= moded
		}
	}
	w[flags] = w[flags]&^opening | settled
	ring := c.recent[c.ring[i] : c.ring[i]+settleAt]
	values := ring[:min(w[stored], settleAt)]
	if w[flags]&moded != 0 && f[modes] > 0 && slices.Contains(values, f[origin]) {
		// The ring is for the values beside the mode, which go on beginning until as many are known.
		w[flags] |= opening
		kept := 0
		for _, v := range values {
			if v != f[origin] {
				ring[kept] = v
				kept++
			}
		}
		clear(ring[kept:])
		w[stored] = uint64(kept)
	}
	values = ring[:w[stored]]
	w[history] = c.beyond(i, values)
	f[tight] = c.spread(i, values)
	if c.kinds[i].Tails { // a level may come before the column is looked at
		f[calm], f[calmUnit] = c.Centre(i), c.Deviation(i)
	}
	if w[flags]&opening == 0 || w[stored] >= settleAt/4 {
		c.freeze(i)
	}
}

// beyond says which of values, the last one at the lowest bit, are outside of what is usual.
func (c *Columns) beyond(i int, values []float64) (which uint64) {
	f, at := c.floats[i*floatsLen:], i*c.stride
	mean, squares, n := c.total(i)
	all := usual * math.Sqrt(squares/n)
	own := usual * math.Sqrt(c.squares[at]/max(c.count[at], 1))
	for _, v := range values {
		which <<= 1
		if u := v - f[origin]; math.Abs(u-c.mean[at]) > own && math.Abs(u-mean) > all {
			which |= 1
		}
	}
	return which
}
