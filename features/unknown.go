package features

import (
	"slices"

	"millrace"
)

// TypeOf is the type of the feature that a field of an event is of.
func (x *Extractor) TypeOf(field int) Type { return x.columns[field].Type }

// Unknown reports whether an event has a value of a category that its vocabulary lacks; ok is false where the field is
// of no category, or the event has no value there.
func (x *Extractor) Unknown(field int, e *millrace.Event) (unknown, ok bool) {
	cs := &x.categories
	i, found := slices.BinarySearchFunc(cs.all, field, func(c category, field int) int { return c.field - field })
	if !found || e.Fields[field].Presence != millrace.Present {
		return false, false
	}
	return cs.words.find(i, hash64(cs.all[i].seed, e.Fields[field].Text)) < 0, true
}

// Fields is how many fields an event has.
func (x *Extractor) Fields() int { return len(x.columns) }

// Held is the field of an event from which another takes what it is to have in a field of a Blend: of a lag its key,
// whose earlier values it means; of any other the field itself.
func (x *Extractor) Held(field int) int {
	if c := &x.columns[field]; c.Type == Lag {
		return x.columns.find(c.Key)
	}
	return field
}
