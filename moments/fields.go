package moments

import (
	"math"

	"millrace"
)

// track points at the state of a column that every value changes.
type track struct {
	words                *[wordsLen]uint64
	floats               *[floatsLen]float64
	recent               *[settleAt]float64
	scale                *Scale
	count, mean, squares *float64
	tails                bool // Next and Observe go together: the column has tails
}

// follow points the tracks at the columns as they lie now.
//
//go:noinline
func (c *Columns) follow() {
	c.tracks = make([]track, len(c.kinds))
	for i := range c.tracks {
		c.tracks[i].words = (*[wordsLen]uint64)(c.words[i*wordsLen:])
		c.tracks[i].floats = (*[floatsLen]float64)(c.floats[i*floatsLen:])
		c.tracks[i].scale = &c.scales[i]
		at := i * c.stride
		c.tracks[i].count, c.tracks[i].mean, c.tracks[i].squares = &c.count[at], &c.mean[at], &c.squares[at]
		if c.ring[i] >= 0 {
			c.tracks[i].tails = c.tails(i)
			c.tracks[i].recent = (*[settleAt]float64)(c.recent[c.ring[i]:])
		}
	}
}

// ObserveFields observes the values of an event that are there, which[i] being the field of column i, with a weight of
// 1. It is Observe, with what most values need written out: of many columns this is what an event costs.
func (c *Columns) ObserveFields(fields []millrace.Field, which []int32) {
	n := len(c.kinds)
	if len(c.tracks) != n {
		c.follow()
	}
	which, tracks := which[:n], c.tracks[:n]
	last, reciprocal := 0.0, 0.0
	for i := range tracks {
		field := &fields[which[i]] //nolint:gosec // which names fields of the event
		if field.Presence != millrace.Present {
			continue
		}
		v := field.Number
		t := &tracks[i]
		scale := t.scale
		k, m, q := *t.count, scale.Centre, *t.squares
		u := v - scale.Origin
		d := u - m
		// Whatever is not usual is Observe's, also NaN, and what is of columns that are not as most are.
		if !(d*d*k <= scale.reach*q) {
			switch {
			case scale.moded && c.observeBesideMode(i, v):
			case k == 0 && v == scale.Origin && c.observeConstant(i):
			default:
				c.Observe(i, v, 1)
			}
			continue
		}
		w := t.words
		s := w[stored]
		t.recent[s%settleAt] = v
		s++
		w[stored] = s
		w[history] <<= 1
		k++
		if k != last { // columns mostly have the same count, and a division takes long
			last, reciprocal = k, 1/k
		}
		next := m + d*reciprocal
		// Of at least two values next is between m and u, so that the product is not negative.
		q += float64(d * (u - next))
		*t.count, *t.mean, *t.squares = k, next, q
		scale.Centre, scale.Factor = next, math.Sqrt(k/q)
		if s%half == 0 {
			c.full(i)
		}
	}
}

// observeBesideMode is Observe of a usual value of column i that has a mode and is otherwise as most are: constant for
// months, or in steps. It reports whether it was one; else nothing has changed.
func (c *Columns) observeBesideMode(i int, v float64) bool {
	t := &c.tracks[i]
	w, f, scale := t.words, t.floats, t.scale
	k, mean, squares, z := *t.count, *t.mean, *t.squares, f[modes]
	u := v - scale.Origin
	if u == 0 {
		// The bound after a value that was outside hangs on what refresh asks.
		if w[history]&1 != 0 || z+1 >= 2*window {
			return false
		}
		z++
		f[modes] = z
		w[gap] = 0
	} else {
		d, s := u-mean, w[stored]
		if !(d*d*k <= usual*usual*squares) || (s+1)%half == 0 {
			return false
		}
		t.recent[s%settleAt] = v
		w[stored] = s + 1
		w[history] <<= 1
		w[gap]++
		k++
		next := mean + d*(1/k)
		if square := d * (u - next); square > 0 {
			squares += square
		}
		mean = next
		*t.count, *t.mean, *t.squares = k, mean, squares
	}
	mean, squares, n := withMode(k, mean, squares, z)
	scale.Centre, scale.Factor = mean, math.Sqrt(n/squares) // as refresh derives them
	return true
}

// observeConstant is Observe of the value that column i always had, once its bound no longer grows by that. It reports
// whether it has; else nothing has changed.
func (c *Columns) observeConstant(i int) bool {
	t := &c.tracks[i]
	w, f := t.words, t.floats
	const is = settled | opening | moded
	if w[flags]&is != is || w[history] != 0 || c.kinds[i].Divided || f[modes] < t.scale.Bound*t.scale.Bound || t.scale.Bound != c.kinds[i].Clip {
		return false
	}
	f[modes]++
	w[gap] = 0
	return true
}

// full is what ObserveFields does where the ring of column i is full of new values.
func (c *Columns) full(i int) {
	if c.looks(i, c.tracks[i].words[stored]) && !c.look(i, 1) {
		c.refresh(i)
	}
}
