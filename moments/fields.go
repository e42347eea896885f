package moments

import (
	"math"

	"millrace"
)

// track points at the state of a column that every value changes.
type track struct {
	words  *[wordsLen]uint64
	recent *[settleAt]float64
}

// follow points the tracks at the columns as they lie now.
//
//go:noinline
func (c *Columns) follow() {
	c.tracks = make([]track, len(c.kinds))
	for i := range c.tracks {
		c.tracks[i].words = (*[wordsLen]uint64)(c.words[i*wordsLen:])
		if c.ring[i] >= 0 {
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
	which, count, mean, squares := which[:n], c.count[:n], c.mean[:n], c.squares[:n]
	scales, tracks := c.scales[:n], c.tracks[:n]
	last, reciprocal := 0.0, 0.0
	for i := range n {
		field := &fields[which[i]]
		if field.Presence != millrace.Present {
			continue
		}
		v := field.Number
		scale := &scales[i]
		k, m, q := count[i], scale.Centre, squares[i]
		u := v - scale.Origin
		d := u - m
		// Whatever is not usual is Observe's, also NaN, and what is of columns that are not as most are.
		if !(d*d*k <= scale.reach*q) {
			c.Observe(i, v, 1)
			continue
		}
		w := tracks[i].words
		s := w[stored]
		tracks[i].recent[s%settleAt] = v
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
		count[i], mean[i], squares[i] = k, next, q
		scale.Centre, scale.Factor = next, math.Sqrt(k/q)
		if s%settleAt == 0 {
			c.full(i)
		}
	}
}

// full is what ObserveFields does where the ring of column i is full of new values.
func (c *Columns) full(i int) {
	if w := c.tracks[i].words; (w[stored]%block == 0 || w[narrow] > 0) && !c.look(i, 1) {
		c.refresh(i)
	}
}
