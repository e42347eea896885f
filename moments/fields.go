package moments

import (
	"math"

	"millrace"
)

// ObserveFields observes the values of an event that are there, which[i] being the field of column i, with a weight of
// 1. It is Observe, with what most values need written out: of many columns this is what an event costs.
func (c *Columns) ObserveFields(fields []millrace.Field, which []int32) {
	n := len(c.kinds)
	which, count, mean, squares, scales := which[:n], c.count[:n], c.mean[:n], c.squares[:n], c.scales[:n]
	last, reciprocal := 0.0, 0.0
	for i := range n {
		field := &fields[which[i]]
		if field.Presence != millrace.Present {
			continue
		}
		v := field.Number
		w := (*[wordsLen]uint64)(c.words[i*wordsLen:])
		scale := &scales[i]
		k, m, q := count[i], mean[i], squares[i]
		u := v - scale.Origin
		d := u - m
		// Whatever is not usual is Observe's, also NaN, and what is of columns that are not as most are.
		if scale.Bound != scale.quiet || w[flags] != settled|isFrozen || !(d*d*k <= usual*usual*q) || !(math.Abs(v) <= ValueMax) {
			c.Observe(i, v, 1)
			continue
		}
		s := w[stored]
		c.recent[c.ring[i]+int(s%settleAt)] = v
		s++
		w[stored] = s
		w[history] <<= 1
		k++
		if k != last { // columns mostly have the same count, and a division takes long
			last, reciprocal = k, 1/k
		}
		next := m + d*reciprocal
		// The product is negative only by a rounding error, which must not make the sum so.
		if square := d * (u - next); square > 0 {
			q += square
		}
		count[i], mean[i], squares[i] = k, next, q
		if s%settleAt == 0 && (s%block == 0 || w[narrow] > 0) {
			if !c.look(i, 1) {
				c.refresh(i)
			}
			continue
		}
		scale.Centre = next
		if scale.Factor = math.Sqrt(k / q); !(scale.Factor <= math.MaxFloat64) {
			scale.Factor = math.MaxFloat64
		}
	}
}
