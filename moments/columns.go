// Package moments keeps what a column of numbers usually is: the centre and the deviation by which a feature or a
// target is standardised. One wild value must not spoil a column, and one whose unit changes must not stay spoilt:
//
//   - The first values count by their median and by how far they usually are from it, until enough are known.
//   - A value far outside what was usual is wild: it counts for no more than a bound.
//   - When half of the recent values are outside, the column has moved: its moments begin again from the recent ones.
//
// Everything counts values, never time, and all of it is state: a column that is restored goes on to the last bit.
// docs/adr/0015-moments.md says what was measured.
package moments

import (
	"math"
	"math/bits"

	"millrace"
)

const (
	// ValueMax bounds the magnitude of what is taken in.
	ValueMax = millrace.NumberMax
	// ClipDefault is Column.Clip where that is 0.
	ClipDefault = 8

	// settleAt is how many values a column settles after, and how many recent ones it keeps.
	settleAt = 32
	// usual is how many deviations from the mean a value is outside of. Of a column that moved by four deviations 14 in
	// 15 are; of a normal column one in 80 is.
	usual = 2.5
	// movedAt of the last 64 values outside, and movedLast of the last 32, are a column that has moved: two bursts are
	// none.
	movedAt, movedLast = 32, 22
	// step is how many deviations from the value before one may be that wanders: it is not outside, wherever it is.
	step = .5
	// tailFew of the last 64 values outside may be of a tail, and count in full.
	tailFew = 6
	// learnt² of the values known could lie beyond the bound of a settled column, by Chebyshev's inequality: a
	// deviation that was learned from few values is mostly too small for tails that they do not show.
	learnt = 5
	// outsideFew of the last 64 values may be outside without a lower bound for the next.
	outsideFew = 8
	// block is how many values after each other a column is looked at as a whole.
	block = 2 * settleAt
	// far is how many deviations from the mean no tail of what is usual reaches often, and tail how many it reaches.
	far, tail = 24, 100
	// oftenOf is about how many values often is taken of.
	oftenOf = 1024
	// window is how many values the moments go by in the long run: at twice as many they are halved.
	window = 1 << 17
)

// Column says how one column is kept. The zero Column has the defaults.
type Column struct {
	// Clip is how many deviations Standard gives at most, ClipDefault where it is 0.
	Clip float64
	// Divided columns are never centred: their zeros stay zeros, and Standard is in root mean squares.
	Divided bool
	// Unscaled columns are standardised to what they are, for trees, too.
	Unscaled bool
	// Tails are of columns whose far values matter, as sales of few things that sell best: values count as they are up
	// to Clip deviations, beyond as that and the less the farther; several in a row that lie together count in full.
	Tails bool
	// Plain columns only have count, mean and variance, for who knows that their values are never wild.
	Plain bool
}

// Options say how all columns are kept. The zero Options have the defaults.
type Options struct {
	// Clip and Tails are those of New's columns.
	Clip  float64
	Tails bool
	// Limits keeps what Limits tells.
	Limits bool
	// Interleaved lays count, mean and sum of squares of a column side by side, in one tensor of [n, 3] ([3] for one
	// column), as targets and trees always had them; otherwise they are three tensors of [n], as features had them.
	Interleaved bool
}

// Columns are the moments of some columns. Reading them is safe for any number of goroutines while none changes them.
type Columns struct {
	options Options
	kinds   []Column
	base    []float64 // interleaved count, mean and squares; nil when they are separate
	stride  int
	// Of column i, at i·stride: the weight of its values, their mean and the sum of their squared deviations
	// (Welford 1962, with weights as in West 1979), all without the values of a mode. The mean is from the origin.
	count, mean, squares []float64
	floats               []float64 // [n, floatsLen]
	words                []uint64  // [n, wordsLen]
	recent               []float64 // [n not plain, settleAt]: the last values that are not the mode, a ring
	home                 []float64 // [n, homeLen]: what a column was before it moved
	ring                 []int     // where a column's begins; -1 of plain ones
	scales               []Scale   // derived
	tracks               []track   // derived, of ObserveFields
	told                 told      // derived, of Next
	doubtful             int       // derived: how many columns may have moved
}

// The floats of a column.
const (
	origin    = iota // a value among the first: all is counted from it, so that large numbers keep their digits
	modes            // weight of the values that are the mode, which is at the origin
	tight            // how little blocks of recent values usually spread
	frozen           // the centre that trees see
	unit             // the deviation that trees see, 0 before it is known
	image            // what of the trees' units centre and deviation before a move were
	imageUnit        //
	low              // the least of the recent values, as counted
	high             // the largest
	lowBefore        // the same of those before them
	highBefore
	often // with tails: the share of values that usually are outside
	// How far from the mean values were that came there step by step. While the values beside the mode are the first
	// ones: the mode's weight before the first of them.
	edge
	farther // the last value that was far, from the origin; with tails the last that was believed, 0 after a level
	calm    // the centre when hardly any recent value was outside
	calmUnit
	floatsLen
)

// The words of a column.
const (
	history = iota // of the last 64 values that are not the mode, the newest at the lowest bit: whether it was outside
	moved          // times
	stored         // values in the ring since the column began or moved
	flags          // bits
	narrow         // blocks of recent values in a row that spread far less than usual
	spent          // moves that may not come again soon
	gap            // values since the last that was the mode
	wordsLen
)

// The bits of flags.
const (
	settled    = 1 << iota // moments are known
	moded                  // the column has a mode
	opening                // the values beside the mode are the first ones
	isFrozen               // what trees see stays
	legacy                 // restored from a snapshot that knew of no modes, and not looked at yet
	whole                  // the same, until it moves: its moments are of first values that nothing held back
	heldOne                // with tails: how many values before the last, one after the other, were held; two bits
	heldBefore = 3 * heldOne
	suspect    = 4 * heldOne // the latest values spread so little that the first ones may not have been usual
	bursts     = 2 * suspect // how often near as many values were outside as leave it open whether it moved; three bits
	burstsMost = 7 * bursts
)

// New returns n columns of which no value is known.
func New(n int, o Options) *Columns {
	c := &Columns{options: o, stride: 1}
	if o.Interleaved {
		c.stride = 3
	}
	for range n {
		c.Add(Column{Clip: o.Clip, Tails: o.Tails})
	}
	return c
}

// Add makes one more column. No state may have been visited before.
func (c *Columns) Add(kind Column) {
	if kind.Clip == 0 {
		kind.Clip = ClipDefault
	}
	n := len(c.kinds)
	c.kinds = append(c.kinds, kind)
	if c.options.Interleaved {
		c.base = append(c.base, 0, 0, 0)
		c.count, c.mean, c.squares = c.base, c.base[1:], c.base[2:]
	} else {
		c.count, c.mean, c.squares = append(c.count, 0), append(c.mean, 0), append(c.squares, 0)
	}
	at := -1
	c.scales = append(c.scales, Scale{})
	if !kind.Plain {
		at = len(c.recent)
		c.recent = append(c.recent, make([]float64, settleAt)...)
	}
	c.floats = append(c.floats, make([]float64, floatsLen)...)
	c.home = append(c.home, make([]float64, homeLen)...)
	c.words = append(c.words, make([]uint64, wordsLen)...)
	c.ring = append(c.ring, at)
	c.refresh(n)
}

// Len is how many columns there are.
func (c *Columns) Len() int { return len(c.kinds) }

// Scales are how all columns are standardised now. Observe and Restored change them in place.
func (c *Columns) Scales() []Scale { return c.scales }

// Observe takes a value of column i in with a weight, 1 for most. NaN and weights not above zero leave no trace.
func (c *Columns) Observe(i int, v, weight float64) {
	if v != v || !(weight > 0) {
		return
	}
	if c.told.ready && c.observeTold(i, v, weight) {
		return
	}
	v = min(max(v, -ValueMax), ValueMax)
	w := (*[wordsLen]uint64)(c.words[i*wordsLen:])
	f := (*[floatsLen]float64)(c.floats[i*floatsLen:])
	if w[flags]&(settled|opening) != settled || c.ring[i] < 0 {
		c.first(i, v, weight)
		return
	}
	at := i * c.stride
	u := v - f[origin]
	if w[flags]&moded != 0 {
		if u == 0 {
			if f[modes] += weight; f[modes] >= 2*window {
				c.halve(i)
			}
			w[gap] = 0
			c.refresh(i)
			return
		}
		w[gap]++
	}
	k, mean, squares := c.count[at], c.mean[at], c.squares[at]
	d := u - mean
	c.recent[c.ring[i]+int(w[stored]%settleAt)] = v
	w[stored]++
	w[history] <<= 1
	if d*d*k > usual*usual*squares || c.kinds[i].Tails && farFromCalm(f, v) {
		counted, part, done := c.outside(i, d, weight)
		if done {
			return
		}
		weight *= part
		u, mean = mean+counted, c.mean[at]
		k, squares, d = c.count[at], c.squares[at], u-mean
	}
	if c.kinds[i].Tails {
		f[often] += (float64(w[history]&1) - f[often]) / oftenOf
	}
	if c.options.Limits {
		c.limit(f, f[origin]+u)
	}
	k += weight
	next := mean + d*(weight*(1/k))
	c.count[at], c.mean[at] = k, next
	// The product is negative only by a rounding error, which must not make the sum so.
	if square := weight * d * (u - next); square > 0 {
		c.squares[at] = squares + square
	}
	if c.asks(i, w[stored]) && c.returned(i) {
		return
	}
	if c.looks(i, w[stored]) && c.look(i, weight) {
		return
	}
	c.refresh(i)
}

// outside takes note that the last value, d from the mean, may be outside what was usual. It returns how far it counts
// as and with which part of its weight, or that the column has moved.
func (c *Columns) outside(i int, d, weight float64) (counted, part float64, done bool) {
	w := (*[wordsLen]uint64)(c.words[i*wordsLen:])
	at := i * c.stride
	f := (*[floatsLen]float64)(c.floats[i*floatsLen:])
	deviation, apart := math.Sqrt(c.squares[at]/c.count[at]), math.Abs(d)
	if f[modes] > 0 {
		mean, squares, n := c.total(i)
		all := math.Sqrt(squares / n)
		if math.Abs(c.mean[at]+d-mean) <= usual*all {
			return d, 1, false // among all values with the mode's it is usual
		}
		deviation = max(deviation, all)
	}
	if deviation == 0 {
		return d, 1, false
	}
	before := c.recent[c.ring[i]+int((w[stored]-2)%settleAt)] - f[origin] - c.mean[at]
	if apart <= f[edge] || w[history] == 0 && w[stored] > 1 && math.Abs(d-before) <= step*deviation {
		f[edge] = max(f[edge], apart)
		return math.Copysign(min(apart, tail*deviation), d), 1, false
	}
	w[history] |= 1
	p := bits.OnesCount64(w[history])
	if p >= movedAt {
		from := deviation
		if c.kinds[i].Tails && f[calmUnit] > 0 {
			from = min(from, f[calmUnit]) // what is a level now has made the deviation grow
		}
		if bits.OnesCount32(uint32(w[history])) >= movedLast && w[spent] < spentMax && (apart > far*from || !c.wanders(i, from)) &&
			c.move(i, w[history]&math.MaxUint32, apart > far*from, weight) {
			return 0, 0, true
		}
	}
	if c.kinds[i].Tails {
		counted, part = c.farTail(i, d, deviation, weight)
		return counted, part, false
	}
	burst(w)
	most := float64(tail)
	if apart > far*deviation {
		// A tail has values of all sizes, now and then: what has just come again, or is the first, is none, nor what is
		// farther or follows another. Of these a share of p/64 at this bound adds a quarter of the variance at most, so
		// that the deviation cannot run away with it.
		u := c.recent[c.ring[i]+int((w[stored]-1)%settleAt)] - f[origin] // to the last bit
		if last := f[farther]; (apart > tail*deviation || last == 0 || last == u || p > tailFew || w[history]&2 != 0) && p < 64 {
			most = math.Sqrt(movedAt / 2 / float64(p))
		}
		f[farther] = u
	}
	return math.Copysign(min(apart, most*deviation), d), 1, false
}
