package features

import (
	"millrace"
	"millrace/moments"
)

// numbers are the features of type number and boolean: one column each, and perhaps indicators.
type numbers struct {
	plain
	columns Columns
	all     []numeric
	fields  []int32          // of each
	usual   *moments.Columns // learned: of each feature, what its values usually are
	scales  []moments.Scale  // theirs
}

// numeric is a number or a boolean: one column, and perhaps indicators.
type numeric struct {
	field  int
	column int     // in the standard view
	fills  [2]fill // by Presence: Absent, Null
	blanks [2]bool // the same: whether the raw view says 0 rather than NaN
}

// usual says how the values of a number, a boolean or a lag are kept and scaled, in a view that is sparse, or is not.
// Of those that are taken as they are nobody asks for more than a mean.
func (c Column) usual(sparse bool) moments.Column {
	asIs := c.Type == Boolean || c.Scale == scaleNone
	mean := c.Type != Boolean && (c.Missing == policyMean || c.Nulls == policyMean)
	return moments.Column{Clip: c.Clip, Unscaled: asIs, Divided: sparse, Plain: asIs && !mean}
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
	if ns.usual == nil {
		ns.usual = moments.New(0, moments.Options{})
	}
	ns.columns = p.columns
	ns.all = append(ns.all, numeric{field: p.field, column: p.first, fills: p.fills, blanks: p.blanks()})
	ns.fields = append(ns.fields, int32(p.field))
	ns.usual.Add(p.Column.usual(p.sparse))
	ns.scales = ns.usual.Scales()
}

// dense reports whether a number is wild, or of a column that may have moved.
func (ns *numbers) dense(dst []float32, e *millrace.Event) (wild bool) {
	wild = ns.usual.Doubtful()
	fields := e.Fields
	all := ns.all
	scales := ns.scales[:len(all)]
	for i := range all {
		n := &all[i]
		f := &fields[n.field]
		if f.Presence == millrace.Present {
			if z, ok := scales[i].Within(f.Number); ok {
				dst[n.column] = float32(z)
				continue
			}
		}
		if ns.unusual(dst, i, f) {
			wild = true
		}
	}
	return wild
}

// unusual is what dense does with a value that is not there, or not within the bound. It reports whether it is wild.
func (ns *numbers) unusual(dst []float32, i int, f *millrace.Field) (wild bool) {
	n := &ns.all[i]
	v := f.Number
	if f.Presence != millrace.Present {
		fill := &n.fills[f.Presence]
		if fill.indicator >= 0 {
			dst[fill.indicator] = 1
		}
		if !fill.mean {
			dst[n.column] = 0
			return false
		}
		v = ns.usual.Centre(i)
	}
	dst[n.column] = float32(ns.scales[i].Standard(v))
	return ns.usual.Wild(i, v)
}

func (ns *numbers) extract(dst *millrace.Vector, e *millrace.Event) {
	if dst.Dense != nil {
		dst.Wild = ns.dense(dst.Dense, e)
		return
	}
	index, value := dst.Index, dst.Value
	dst.Wild = ns.usual.Doubtful()
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
			v = ns.usual.Centre(i)
		}
		// What rounds to zero is left out like zero itself.
		z, ok := s.Within(v)
		if !ok {
			z = s.Standard(v)
			dst.Wild = dst.Wild || ns.usual.Wild(i, v)
		}
		if z := float32(z); z != 0 {
			index, value = append(index, uint32(n.column)), append(value, z)
		}
	}
	dst.Index, dst.Value = index, value
}

func (ns *numbers) raw(dst []float32, e *millrace.Event) { ns.see(dst, e) }

// see is raw, and reports whether a number is wild.
func (ns *numbers) see(dst []float32, e *millrace.Event) (wild bool) {
	nan := noNumber()
	for i := range ns.all {
		n := &ns.all[i]
		f := &e.Fields[n.field]
		dst[n.field] = nan
		switch {
		case f.Presence == millrace.Present:
			v, far := ns.usual.Raw(i, f.Number)
			dst[n.field] = single(v)
			wild = wild || far
		case n.blanks[f.Presence]:
			dst[n.field] = 0
		}
	}
	return wild
}

func (ns *numbers) observe(e *millrace.Event) {
	ns.usual.ObserveFields(e.Fields, ns.fields)
}

func (ns *numbers) state(visit visit) {
	if ns.usual != nil {
		ns.usual.State("numbers", millrace.Serving, visit)
	}
}

func (ns *numbers) restored() error {
	if ns.usual == nil {
		return nil
	}
	return ns.usual.Restored()
}

func (ns *numbers) names(field, _ int) []string { return []string{ns.columns[field].Name} }
