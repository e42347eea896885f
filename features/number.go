package features

import (
	"math"

	"millrace"
)

// numbers are the features of type number and boolean: one column each, and perhaps indicators.
type numbers struct {
	plain
	columns Columns
	all     []numeric
	scales  []scale // derived from the moments: see scale.refresh

	// Learned, one entry a feature: how many values were seen, their mean and their sum of squared
	// deviations from it (Welford 1962, as in Knuth, TAOCP 2, 4.2.2 (15) and (16)).
	count, mean, m2 []float64
}

// numeric is a number or a boolean: one column, and perhaps indicators.
type numeric struct {
	field  int
	column int // in the standard view
	kind   scaling
	clip   float64
	fills  [2]fill // by Presence: Absent, Null
	blanks [2]bool // the same: whether the raw view says 0 rather than NaN
}

// scaling is how the values of a number, a boolean or a lag are scaled in a view that is sparse, or is not.
func (c Column) scaling(sparse bool) scaling {
	switch {
	case c.Type == Boolean || c.Scale == scaleNone:
		return asIs
	case sparse:
		return divided
	}
	return centred
}

// blanks says, by Presence, what of a number that is not there is a zero: where numbers are taken as they
// are and zero is the policy, leaving them out is how zeros are written, as in LIBSVM's format.
func (c Column) blanks() [2]bool {
	if c.Type != Number || c.Scale != scaleNone {
		return [2]bool{}
	}
	nulls := c.Nulls
	if nulls == "" {
		nulls = c.Missing
	}
	return [2]bool{c.Missing == policyZero, nulls == policyZero}
}

func (*numbers) size(s Columns, i int) size {
	out := size{values: 1, nonZeros: 1, numeric: s[i].Type.numeric(), single: true}
	// Numbers that are taken as they are come from LIBSVM's format, where most are left out.
	if s[i].Type == Number && s[i].Scale == scaleNone {
		out.loose = 1
	}
	return out
}

func (ns *numbers) add(p place) {
	ns.columns = p.columns
	n := numeric{field: p.field, column: p.first, kind: p.scaling(p.sparse), clip: p.Clip, fills: p.fills, blanks: p.Column.blanks()}
	var s scale
	s.refresh(n.kind, n.clip, 0, 0, 0)
	ns.all, ns.scales = append(ns.all, n), append(ns.scales, s)
	ns.count, ns.mean, ns.m2 = append(ns.count, 0), append(ns.mean, 0), append(ns.m2, 0)
}

func (ns *numbers) dense(dst []float32, e *millrace.Event) {
	fields := e.Fields
	all := ns.all
	scales := ns.scales[:len(all)]
	for i := range all {
		n := &all[i]
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
			v = ns.mean[i]
		}
		dst[n.column] = float32(clip((v-s.centre)*s.factor, s.bound))
	}
}

func (ns *numbers) extract(dst *millrace.Vector, e *millrace.Event) {
	if dst.Dense != nil {
		ns.dense(dst.Dense, e)
		return
	}
	index, value := dst.Index, dst.Value
	all := ns.all
	scales := ns.scales[:len(all)]
	for i := range all {
		n := &all[i]
		f := &e.Fields[n.field]
		s := &scales[i]
		v := f.Number
		if f.Presence != millrace.Present {
			fill := &n.fills[f.Presence]
			if fill.indicator >= 0 {
				index, value = append(index, uint32(fill.indicator)), append(value, 1)
			}
			if !fill.mean {
				continue
			}
			v = ns.mean[i]
		}
		// What rounds to zero is left out like zero itself.
		if z := float32(clip((v-s.centre)*s.factor, s.bound)); z != 0 {
			index, value = append(index, uint32(n.column)), append(value, z)
		}
	}
	dst.Index, dst.Value = index, value
}

func (ns *numbers) raw(dst []float32, e *millrace.Event) {
	nan := noNumber()
	for i := range ns.all {
		n := &ns.all[i]
		f := &e.Fields[n.field]
		dst[n.field] = nan
		switch {
		case f.Presence == millrace.Present:
			dst[n.field] = float32(clip(f.Number, math.MaxFloat32))
		case n.blanks[f.Presence]:
			dst[n.field] = 0
		}
	}
}

// observe adds to moments as the function of that name does, written out for the pace of many columns.
func (ns *numbers) observe(e *millrace.Event) {
	fields := e.Fields
	count, mean, m2 := ns.count, ns.mean[:len(ns.count)], ns.m2[:len(ns.count)]
	scales, all := ns.scales[:len(ns.count)], ns.all[:len(ns.count)]
	last, reciprocal := 0.0, 0.0
	for i := range count {
		n := &all[i]
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
}

func (ns *numbers) state(visit visit) {
	if n := len(ns.count); n > 0 {
		visit("numbers.count", millrace.Tensor{Shape: []int{n}, F64: ns.count}, millrace.Serving)
		visit("numbers.mean", millrace.Tensor{Shape: []int{n}, F64: ns.mean}, millrace.Serving)
		visit("numbers.m2", millrace.Tensor{Shape: []int{n}, F64: ns.m2}, millrace.Serving)
	}
}

func (ns *numbers) restored() error {
	for i := range ns.all {
		n := &ns.all[i]
		if err := checkMoments(ns.columns[n.field].Name, ns.count[i], ns.mean[i], ns.m2[i]); err != nil {
			return err
		}
		ns.scales[i] = scale{}
		ns.scales[i].refresh(n.kind, n.clip, ns.count[i], ns.mean[i], ns.m2[i])
	}
	return nil
}

func (ns *numbers) names(field, _ int) []string { return []string{ns.columns[field].Name} }
