package keyed

import (
	"cmp"
	"fmt"

	"millrace"
	"millrace/features"
)

// StateMax bounds what one table may grow to: 64 GiB.
const StateMax = 64 << 30

// Size is what the windows of one key take.
type Size struct {
	Key      string // empty for the whole topic
	KeyBytes int    // of a key
	Keys     int    // at most
}

// Sizes are those of all tables, in the order in which the columns first name their keys.
func Sizes(columns features.Columns) ([]Size, error) {
	columns = columns.Expand()
	w, err := plan(columns, 0)
	if err != nil {
		return nil, err
	}
	sizes := make([]Size, len(w.tables))
	for i := range w.tables {
		t := &w.tables[i]
		sizes[i] = Size{KeyBytes: t.keyBytes(), Keys: 1}
		if t.key >= 0 {
			sizes[i].Key, sizes[i].Keys = columns[t.key].Name, ways<<t.placeBits
		}
	}
	return sizes, nil
}

// Validate reports windows whose table may grow beyond StateMax, with paths such as "columns[2].keys". Mistakes that
// features.Spec.Validate reports are not its business: it finds nothing then.
func Validate(columns features.Columns) []millrace.Violation {
	sizes, err := Sizes(columns)
	if err != nil {
		return nil
	}
	var found []millrace.Violation
	for _, size := range sizes {
		if size.Key == "" || size.Keys <= StateMax/size.KeyBytes {
			continue
		}
		i := largest(columns, size.Key)
		found = append(found, millrace.Violation{Path: fmt.Sprintf("columns[%d].keys", i), Message: fmt.Sprintf(
			"the windows of %s take %d bytes a key, up to %d GiB for %d keys, more than %d GiB: lower keys, or panes",
			size.Key, size.KeyBytes, size.Keys>>10*size.KeyBytes>>20, size.Keys, StateMax>>30)})
	}
	return found
}

// largest is the window of a key that asks for the most.
func largest(columns features.Columns, key string) int {
	at := -1
	for i := range columns {
		c := &columns[i]
		if c.Type != features.Window || c.Key != key {
			continue
		}
		if at < 0 || cmp.Or(cmp.Compare(c.Keys, columns[at].Keys), cmp.Compare(c.Panes, columns[at].Panes)) > 0 {
			at = i
		}
	}
	return at
}
