package moments

import (
	"math"
	"math/bits"
)

// steadyMax bounds centre, deviation and its inverse of columns that steady tells of.
const steadyMax = 1e100

// Scale is how a column is standardised: the part of it that is needed for every value.
type Scale struct {
	Origin, Centre float64 // the centre is Origin + Centre
	Factor         float64 // 1 / deviation, the largest number while there is none
	Bound          float64
	beyond         float64 // what is farther than this many deviations is wild
	reach          float64 // usual² of a column that is as most are, warmed up and centred; else below all
	moded          bool    // the column is so but for a mode
	deviation      float64 // of columns with tails, which have no Factor
	doubtful       bool    // it is open whether the column has moved
}

// Standard is v in deviations from the centre, within the bound. What is farther than any tail says no more than that
// it is outside, and is worth no more: else one such value would do to a model what thousands of others have to undo.
func (s *Scale) Standard(v float64) float64 {
	d := v - s.Origin - s.Centre
	z := d * s.Factor
	if !(z <= s.Bound) { // also NaN, which nothing lets through: what comes out is finite
		if z > s.beyond {
			return min(usual, s.Bound)
		}
		return s.Bound
	}
	if z < -s.Bound {
		if z < -s.beyond {
			return -min(usual, s.Bound)
		}
		return -s.Bound
	}
	return z
}

// Within is Standard where v is within the bound, which most values are: without a call, for who has many.
func (s *Scale) Within(v float64) (z float64, ok bool) {
	z = (v - s.Origin - s.Centre) * s.Factor
	return z, math.Abs(z) <= s.Bound
}

func (s *Scale) standard(v float64) float64 {
	if v != v || s.Factor == math.MaxFloat64 {
		return 0
	}
	return s.Standard(v)
}

// total are mean, sum of squares and weight of column i with the values that are the mode, from the origin.
func (c *Columns) total(i int) (mean, squares, n float64) {
	at := i * c.stride
	return withMode(c.count[at], c.mean[at], c.squares[at], c.floats[i*floatsLen+modes])
}

// withMode adds a mode of weight z, at the origin, to a mean and a sum of squares of weight k.
func withMode(k, apart, square, z float64) (mean, squares, n float64) {
	if z == 0 {
		return apart, square, k
	}
	n = k + z
	mean = apart * (k / n)
	return mean, square + apart*mean*z, n
}

// refresh derives the scale of column i.
func (c *Columns) refresh(i int) {
	mean, squares, n := c.total(i)
	s := &c.scales[i]
	was := s.doubtful
	c.derive(i, s, mean, squares, n, c.words[i*wordsLen+history], c.floats[i*floatsLen+often])
	switch {
	case s.doubtful && !was:
		c.doubtful++
	case was && !s.doubtful:
		c.doubtful--
	}
}

// derive makes s the scale of column i with these moments of all values, this history and often.
func (c *Columns) derive(i int, s *Scale, mean, squares, n float64, h uint64, often float64) {
	kind := &c.kinds[i]
	if kind.Unscaled {
		*s = Scale{Factor: 1, Bound: math.MaxFloat32, beyond: math.Inf(1), reach: math.Inf(-1)}
		return
	}
	if c.tails(i) {
		c.deriveTails(i, s, mean, squares, n, h, often)
		return
	}
	bound := n
	s.Origin, s.Centre = c.floats[i*floatsLen+origin], mean
	if kind.Divided {
		squares += n * (s.Origin + mean) * (s.Origin + mean)
		s.Origin, s.Centre = 0, 0
		bound++
	}
	s.Factor, s.beyond = factor(squares, n), tail
	if s.Factor == math.MaxFloat64 || n < settleAt || kind.Tails {
		s.beyond = math.Inf(1)
	}
	s.Bound = kind.Clip
	if bound < s.Bound*s.Bound {
		s.Bound = math.Sqrt(bound)
	}
	w := c.words[i*wordsLen : (i+1)*wordsLen]
	if w[flags]&(settled|whole) == settled && !kind.Tails && s.Factor != math.MaxFloat64 {
		s.Bound = min(s.Bound, max(usual, math.Sqrt(bound)/learnt))
	}
	if h != 0 && w[spent] < spentMax {
		s.Bound = min(s.Bound, c.boundAfter(i, h, often, math.Sqrt(squares/n)))
	}
	s.doubtful = (h != 0 || w[narrow] > 0) && c.mayHaveMoved(i, h, math.Sqrt(squares/n))
	s.reach, s.moded = math.Inf(-1), false
	// With more values outside, the bound hangs on whether the column wanders, which is to be asked after every value:
	// a column that is restored asks.
	if !s.doubtful && s.Bound == kind.Clip && w[flags]&^(moded|whole|suspect|burstsMost) == settled|isFrozen &&
		bits.OnesCount64(h) <= outsideFew && c.steady(i, kind, s) && c.count[i*c.stride] >= 1 {
		if s.moded = w[flags]&moded != 0; !s.moded {
			s.reach = usual * usual
		}
	}
}

// factor is 1 / deviation. Without spread any difference is beyond the bound, and no difference is 0.
func factor(squares, n float64) float64 {
	if f := math.Sqrt(n / squares); f <= math.MaxFloat64 {
		return f
	}
	return math.MaxFloat64
}

// tails reports whether column i is one with tails that is standardised by its deviation.
func (c *Columns) tails(i int) bool {
	kind := &c.kinds[i]
	return kind.Tails && !kind.Divided && !kind.Unscaled
}

// deriveTails is derive for a column with tails: its deviation is asked for all the time, its factor hardly ever.
func (c *Columns) deriveTails(i int, s *Scale, mean, squares, n float64, h uint64, often float64) {
	s.Origin, s.Centre = c.floats[i*floatsLen+origin], mean
	s.beyond, s.reach, s.moded = math.Inf(1), math.Inf(-1), false
	d := math.Sqrt(squares / n)
	s.Bound = c.tailBound(i, n)
	if bits.OnesCount64(h) > outsideFew && c.words[i*wordsLen+spent] < spentMax { // fewer than that leave the bound as it is
		s.Bound = min(s.Bound, c.boundAfter(i, h, often, d))
	}
	if s.deviation = d; !(d > 0 && d <= math.MaxFloat64) {
		s.deviation = 0
	}
}

// tailBound is the bound of a column with tails after n values.
func (c *Columns) tailBound(i int, n float64) float64 {
	if clip := c.kinds[i].Clip; n >= clip*clip {
		return clip
	}
	return math.Sqrt(n)
}

// boundAfter is what a value of column i may count for while some of the last ones, h, were outside.
func (c *Columns) boundAfter(i int, h uint64, often, deviation float64) float64 {
	f, p := c.floats[i*floatsLen:(i+1)*floatsLen], bits.OnesCount64(h)
	if c.kinds[i].Tails {
		if f[calmUnit] > 0 { // what may be a level makes the deviation grow
			deviation = min(deviation, f[calmUnit])
		}
		// More than twice as many as usual, and some by chance.
		if p <= outsideFew+int(2*64*often) || c.wanders(i, deviation) {
			return math.Inf(1)
		}
		return 2 * movedAt / float64(p)
	}
	if c.wanders(i, deviation) {
		return math.Inf(1)
	}
	bound := math.Inf(1)
	if p > outsideFew {
		bound = movedAt / float64(p)
	}
	if inRow := bits.TrailingZeros64(^h); inRow > 0 {
		bound = min(bound, ClipDefault/float64(inRow+1))
	}
	return bound
}

// steady reports whether a column of a kind is one of those that ObserveFields takes usual values in of by itself. They
// are so far from the largest numbers that this needs no second look before the next block.
func (c *Columns) steady(i int, kind *Column, s *Scale) bool {
	return c.home[i*homeLen+homeDeviation] == 0 && !c.options.Limits && !c.options.Interleaved && !kind.Tails && !kind.Divided &&
		s.Factor < steadyMax && 1/s.Factor < steadyMax && math.Abs(s.Origin)+math.Abs(s.Centre) < steadyMax
}

// wanders reports whether column i usually goes from place to place, as what tells of time does: in a block of values
// it spreads less than it does in all. It comes to new places, and only another unit takes it as far as none is.
func (c *Columns) wanders(i int, deviation float64) bool {
	if calm := c.floats[i*floatsLen+calmUnit]; calm > 0 {
		deviation = min(deviation, calm)
	}
	return 2*c.floats[i*floatsLen+tight] < deviation
}

// Count is the weight of the values by which column i goes: at most all that it ever had.
func (c *Columns) Count(i int) float64 { return c.count[i*c.stride] + c.floats[i*floatsLen+modes] }

// Centre is what the values of column i usually lie around; 0 before the first.
func (c *Columns) Centre(i int) float64 {
	mean, _, _ := c.total(i)
	return c.floats[i*floatsLen+origin] + mean
}

// Deviation is how far the values of column i usually are from the centre (a standard deviation); 0 while unknown,
// which is until two of them differ.
func (c *Columns) Deviation(i int) float64 {
	_, squares, n := c.total(i)
	return deviation(squares, n)
}

func deviation(squares, n float64) float64 {
	if d := math.Sqrt(squares / n); d > 0 && !math.IsInf(d, 1) {
		return d
	}
	return 0
}

// Bound is how many deviations a value of column i counts for at most now: √n after n values (P. A. Samuelson, How
// Deviant Can You Be?, JASA 63, 1968), √n/5 once it has settled but 2.5 at least, the column's clip from then on, and
// less after values that were outside, one after the other or many of the last: a model must not go by what may have
// another unit.
func (c *Columns) Bound(i int) float64 { return c.scales[i].Bound }

// Standard is v in deviations from the centre of column i, held within Bound; 0 for NaN, and without a deviation.
func (c *Columns) Standard(i int, v float64) float64 {
	if !c.tails(i) {
		return c.scales[i].standard(v)
	}
	s := c.scales[i]
	_, squares, n := c.total(i)
	s.Factor = factor(squares, n)
	return s.standard(v)
}

// Value is the value of column i that is z deviations from its centre.
func (c *Columns) Value(i int, z float64) float64 {
	if s := &c.scales[i]; c.tails(i) {
		return s.Origin + s.Centre + z*s.deviation // which are asked for at every prediction
	}
	return c.Centre(i) + z*c.Deviation(i)
}

// Moved is how often column i was found to have moved.
func (c *Columns) Moved(i int) uint64 { return c.words[i*wordsLen+moved] }
