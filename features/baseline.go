package features

import "millrace"

// Baselines are what explanations put in the place of features: the values that events usually have, under the state of
// the moment when they were made. Numbers have their mean, booleans, categories and times the most frequent value,
// texts and bags are empty, and lags have the means of their steps. What was never seen has no usual value: it is
// absent.
type Baselines struct {
	x      *Extractor
	usual  []millrace.Field // of an event that has all features
	absent []millrace.Field // of one that lacks them: what its policy fills in, as a value that is there
	nulls  []millrace.Field
}

// Baselines returns the usual values of now. It is safe beside Extract.
func (x *Extractor) Baselines() *Baselines {
	n := len(x.columns)
	b := &Baselines{x: x, usual: make([]millrace.Field, n), absent: make([]millrace.Field, n), nulls: make([]millrace.Field, n)}
	for i := range b.nulls {
		b.nulls[i].Presence = millrace.Null
	}
	for i := range x.numbers.all {
		b.number(i)
	}
	for i := range x.categories.all {
		c := &x.categories.all[i]
		f := &b.usual[c.field]
		if k := x.categories.words.frequent(i); k >= 0 {
			*f = millrace.Field{Presence: millrace.Present, Text: []byte(x.categories.words.value(i, k))}
		}
		b.fill(c.field, &c.fills, *f)
	}
	for _, enc := range x.others {
		b.other(enc)
	}
	return b
}

func (b *Baselines) number(i int) {
	n, usual := &b.x.numbers.all[i], b.x.numbers.usual
	c := &b.x.columns[n.field]
	if usual.Count(i) == 0 {
		return
	}
	mean := usual.Centre(i)
	// Zero after scaling is the mean of what is centred, and else zero.
	zero := mean
	if kind := c.usual(b.x.standard.Sparse); kind.Unscaled || kind.Divided {
		zero = 0
	}
	value := func(v float64) millrace.Field { return millrace.Field{Presence: millrace.Present, Number: v} }
	for of, fields := range [...][]millrace.Field{millrace.Absent: b.absent, millrace.Null: b.nulls} {
		fields[n.field] = value(zero)
		if n.fills[of].mean {
			fields[n.field] = value(mean)
		}
	}
	if c.Type == Boolean {
		if mean >= .5 {
			mean = 1
		} else {
			mean = 0
		}
	}
	b.usual[n.field] = value(mean)
}

func (b *Baselines) other(enc encoder) {
	empty := millrace.Field{Presence: millrace.Present}
	all := func(field int) { b.usual[field], b.absent[field], b.nulls[field] = empty, empty, empty }
	switch enc := enc.(type) {
	case *texts:
		for i := range enc.all {
			all(enc.all[i].field)
		}
	case *bags:
		for i := range enc.all {
			all(enc.all[i].field)
		}
	case *times:
		for i := range enc.all {
			t := &enc.all[i]
			f := &b.usual[t.field]
			if ms, ok := t.frequent(); ok {
				*f = millrace.Field{Presence: millrace.Present, Number: ms}
			}
			b.fill(t.field, &t.fills, *f)
		}
	}
}

// fill is for what has no value that stands for none: an event without it keeps that, unless it has an indicator, which
// is off where a value is.
func (b *Baselines) fill(field int, fills *[2]fill, usual millrace.Field) {
	if fills[millrace.Absent].indicator >= 0 {
		b.absent[field] = usual
	}
	if fills[millrace.Null].indicator >= 0 {
		b.nulls[field] = usual
	}
}

// Of makes dst, which has as many fields as e or none, what stands in the place of e's features. Its texts are those of
// the baselines, or of e.
func (b *Baselines) Of(dst, e *millrace.Event) {
	dst.Fields = append(dst.Fields[:0], b.usual...)
	dst.Entries = dst.Entries[:0]
	for i := range e.Fields {
		switch e.Fields[i].Presence {
		case millrace.Absent:
			dst.Fields[i] = b.absent[i]
		case millrace.Null:
			dst.Fields[i] = b.nulls[i]
		}
	}
	for _, enc := range b.x.others {
		if ls, ok := enc.(*lags); ok {
			for i := range ls.all {
				l := &ls.all[i]
				// A key that has no earlier values keeps none.
				dst.Fields[l.own] = millrace.Field{Presence: millrace.Null, Number: lagUsual}
				if key := &e.Fields[l.key]; key.Presence == millrace.Present {
					dst.Fields[l.own].Presence, dst.Fields[l.own].Text = millrace.Present, key.Text
				}
			}
		}
	}
}
