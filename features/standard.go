package features

import (
	"math"

	"millrace"
)

// scaling is how a numeric's values enter the standard view.
type scaling uint8

const (
	asIs    scaling = iota // booleans, and numbers with scale: none
	centred                // dense: (x - mean) / standard deviation
	divided                // sparse: x / root mean square
)

const (
	// settleAt is how many values a column has before outliers are held back, see Observe.
	settleAt = 32
	// numberMax is the largest magnitude that Observe counts: its square times 10^27 events is still
	// a finite float64, so no stream can make the moments overflow.
	numberMax = 1e140
	// outlier is how many standard deviations from the mean a settled column lets one value count.
	outlier = 100
)

func (c Column) scaling(sparse bool) scaling {
	switch {
	case c.Type != Number || c.Scale == scaleNone:
		return asIs
	case sparse:
		return divided
	}
	return centred
}

// scale is what Extract needs of a column's moments: z = clip((x - centre) * factor, ±bound).
//
// For standard scaling after n values, centre and 1/factor are their mean and (population) standard
// deviation, and bound is min(Column.Clip, √n). The √n is the warm-up. By Samuelson's inequality
// (P. A. Samuelson, How Deviant Can You Be?, JASA 63, 1968) no value among N is farther than √(N-1)
// standard deviations from the mean of all N, so √n is the most that any value can be worth once
// it is counted itself. The first value becomes 0, the second at most ±1, the third at most ±1.41,
// and the default clip of 8 is reached after 64. That needs no prior guess of a column's units, is
// the same for x and a·x + b, and leaves no trace later, unlike pseudo-counts. A column that was
// constant so far gives 0, and ±bound for the first value that differs.
//
// Sparse views never centre, so the root mean square stands in for the standard deviation: a
// constant becomes ±1 instead of dividing by zero. The same reasoning gives the bound √(n+1).
type scale struct {
	centre, factor, bound float64
}

// refresh derives the scale from the moments: n values, their mean and sum of squared deviations.
func (s *scale) refresh(kind scaling, clip, n, mean, m2 float64) {
	switch kind {
	case asIs:
		*s = scale{factor: 1, bound: math.MaxFloat32}
	case centred:
		s.centre = mean
		s.spread(n, m2)
		s.bound = min(clip, math.Sqrt(n))
	case divided:
		s.spread(n, m2+n*mean*mean)
		s.bound = min(clip, math.Sqrt(n+1))
	}
}

// spread sets the factor from a sum of n squares. Without spread any difference is beyond the bound,
// but 0 times the factor must stay 0, so the factor is then the largest number, not infinity (or NaN,
// 0/0, before the first value).
func (s *scale) spread(n, squares float64) {
	s.factor = math.Sqrt(n / squares)
	if !(s.factor <= math.MaxFloat64) {
		s.factor = math.MaxFloat64
	}
}

// refresh derives all scales, after construction and after a restore.
func (x *Extractor) refresh() {
	for i := range x.scales {
		n := &x.numerics[i]
		x.scales[i] = scale{}
		x.scales[i].refresh(n.kind, n.clip, x.count[i], x.mean[i], x.m2[i])
	}
}

// clip holds z within ±bound. It is written so that NaN, which a decoder never lets through, would
// become bound: whatever happens, views are finite.
func clip(z, bound float64) float64 {
	if !(z <= bound) {
		return bound
	}
	if z < -bound {
		return -bound
	}
	return z
}

func (x *Extractor) extractDense(dst []float32, e *millrace.Event) {
	if x.blanks {
		clear(dst)
	}
	fields := e.Fields
	scales := x.scales[:len(x.numerics)]
	for i := range x.numerics {
		n := &x.numerics[i]
		f := &fields[n.field]
		s := &scales[i]
		v := f.Number
		if f.Presence != millrace.Present {
			fill := &n.fills[f.Presence]
			if fill.indicator >= 0 {
				dst[fill.indicator] = 1
			}
			if !fill.mean {
				dst[n.column] = 0
				continue
			}
			v = x.mean[i]
		}
		dst[n.column] = float32(clip((v-s.centre)*s.factor, s.bound))
	}
	for i := range x.categories {
		if column, _, ok := x.encode(i, e); ok {
			dst[column] = 1 // hashed categories, which have signs, make the view sparse
		}
	}
}

func (x *Extractor) extractSparse(dst *millrace.Vector, e *millrace.Event) {
	index, value := dst.Index[:0], dst.Value[:0]
	for i := range x.numerics {
		n := &x.numerics[i]
		f := &e.Fields[n.field]
		s := &x.scales[i]
		v := f.Number
		if f.Presence != millrace.Present {
			fill := &n.fills[f.Presence]
			if fill.indicator >= 0 {
				index, value = append(index, uint32(fill.indicator)), append(value, 1)
			}
			if !fill.mean {
				continue
			}
			v = x.mean[i]
		}
		// What rounds to zero is left out like zero itself.
		if z := float32(clip((v-s.centre)*s.factor, s.bound)); z != 0 {
			index, value = append(index, uint32(n.column)), append(value, z)
		}
	}
	for i := range x.categories {
		if column, sign, ok := x.encode(i, e); ok {
			index, value = append(index, uint32(column)), append(value, sign)
		}
	}
	dst.Index, dst.Value = index, value
}

// encode returns the column that category i of e sets and what to; ok is false when it sets none.
func (x *Extractor) encode(i int, e *millrace.Event) (column int, value float32, ok bool) {
	c := &x.categories[i]
	f := &e.Fields[c.field]
	if f.Presence != millrace.Present {
		column = c.fills[f.Presence].indicator
		return column, 1, column >= 0
	}
	h := hash64(c.seed, f.Text)
	if c.hashed {
		// The sign keeps collisions from adding up (Weinberger et al., Feature Hashing for Large Scale
		// Multitask Learning, ICML 2009, equation 1). Its bit is far from those of the index.
		return c.column + int(h&c.mask), 1 - 2*float32(h>>63), true
	}
	k := x.words.find(i, h)
	if k < 0 {
		k = x.words.words[i].cap
	}
	return c.column + k, 1, true
}

// Observe learns from e: moments of numbers, shares of booleans, values of categories. Absent and
// null values leave no trace. It allocates nothing.
//
// Two guards keep one absurd value from spoiling a column for good. Magnitudes count as at most
// numberMax. And once a column has settled, a value farther than 100 standard deviations from the
// mean counts as just that far: the spread can still grow tenfold within a few hundred events if the
// stream really changes, but a single 1e30 among small numbers only costs a little.
func (x *Extractor) Observe(e *millrace.Event) {
	fields := e.Fields
	count, mean, m2 := x.count, x.mean[:len(x.count)], x.m2[:len(x.count)]
	scales, numerics := x.scales[:len(x.count)], x.numerics[:len(x.count)]
	last, reciprocal := 0.0, 0.0
	for i := range count {
		n := &numerics[i]
		f := &fields[n.field]
		if f.Presence != millrace.Present {
			continue
		}
		v := clip(f.Number, numberMax)
		k := count[i]
		c := k + 1
		if c != last { // columns mostly have the same count, and a division takes long
			last, reciprocal = c, 1/c
		}
		delta := v - mean[i]
		if c > settleAt && delta*delta*k > outlier*outlier*m2[i] && m2[i] > 0 {
			delta = math.Copysign(outlier*math.Sqrt(m2[i]/k), delta)
			v = mean[i] + delta
		}
		count[i] = c
		mean[i] += delta * reciprocal
		// The product is negative only by a rounding error, which must not make the sum so.
		if square := delta * (v - mean[i]); square > 0 {
			m2[i] += square
		}
		switch s := &scales[i]; {
		case n.kind == centred && s.bound == n.clip: // warmed up: the usual case, without a call
			s.centre = mean[i]
			s.spread(c, m2[i])
		case n.kind != asIs:
			s.refresh(n.kind, n.clip, c, mean[i], m2[i])
		}
	}
	for i := range x.categories {
		c := &x.categories[i]
		if f := &fields[c.field]; f.Presence == millrace.Present {
			x.words.learn(i, hash64(c.seed, f.Text), f.Text)
		}
	}
	if x.hasMore {
		x.more.observe(e)
	}
	if x.levels != nil {
		x.levels.observe(e)
	}
}
