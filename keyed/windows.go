// Package keyed holds state by key and event time: the tables of windows. It is in no snapshot: the log is its truth,
// and after a restart the records from a horizon back are observed again.
//
// So that such a rebuild gives the same bits, everything here is free of history: a value is a function of the records
// whose stream time (the larger of event time and watermark when the record was applied) lies within the horizon.
//
//   - Panes are aligned to absolute event time and merged oldest first. Nothing is ever subtracted.
//   - A pane that ends at the watermark less the window's length, or before, counts as gone, removed or not.
//   - Of the keys that share a place the one with the smallest stream time gives way, so any that is past its horizon
//     before any that is not. A key that gives way within the horizon does so in a rebuild, too: those that outlast it
//     have stream times within the horizon as well, so the rebuild sees them all.
//   - Places follow from the bound on keys alone, not from how far a table has grown.
//
// windows.go is what others call, table.go keeps entries by key, panes.go an entry's panes, distinct.go the sets in
// them. clock.go tells watermarks, index.go where a rebuild has to begin.
package keyed

import (
	"fmt"
	"slices"
	"strings"

	"millrace"
	"millrace/features"
)

// Windows are all windows of a pipeline. Fill changes nothing but the event that it is given, so any number of
// goroutines may call it at once, on events of their own, while none observes.
type Windows struct {
	tables  []table
	horizon int64
	late    uint64
	touched uint64 // what Ahead has read: a use of it, so that it is read
}

// Stats are what the tables hold and have done since they were made or reset.
type Stats struct {
	Keys    int    // entries, those that are past their horizon and not yet used again among them
	Late    uint64 // events that came too late for a pane of theirs
	Evicted uint64 // keys that gave way to others within their horizon
	Bytes   int64  // of memory
}

// New makes empty tables for the windows among the columns, which are a pipeline's in order; windows of several
// statistics are expanded. It is nil when there is no window.
func New(columns features.Columns, seed uint64) (*Windows, error) {
	columns = columns.Expand()
	if found := Validate(columns); len(found) > 0 {
		lines := make([]string, len(found))
		for i, v := range found {
			lines[i] = v.Path + ": " + v.Message
		}
		return nil, fmt.Errorf("making windows: %s", strings.Join(lines, "; "))
	}
	w, err := plan(columns, seed)
	if err != nil {
		return nil, fmt.Errorf("making windows: %w", err)
	}
	if len(w.tables) == 0 {
		return nil, nil
	}
	return w, nil
}

// plan lays out the tables of expanded columns.
func plan(columns features.Columns, seed uint64) (*Windows, error) {
	w := &Windows{}
	for i := range columns {
		if c := &columns[i]; c.Type == features.Window {
			if err := w.add(columns, i, seed); err != nil {
				return nil, fmt.Errorf("feature %s: %w", c.Name, err)
			}
		}
	}
	places := 0
	for i := range w.tables {
		t := &w.tables[i]
		t.finish()
		t.place = millrace.PlacesMax
		if t.key >= 0 && places < millrace.PlacesMax {
			t.place = places
			places++
		}
		w.horizon = max(w.horizon, t.horizon)
	}
	return w, nil
}

// add enters column i into the table of its key.
func (w *Windows) add(columns features.Columns, i int, seed uint64) error {
	c := &columns[i]
	if found := c.Validate(); len(found) > 0 || len(c.Stat) != 1 {
		return fmt.Errorf("it is no valid window of one statistic: %v", found)
	}
	field := func(name string) int {
		return slices.IndexFunc(columns, func(c features.Column) bool { return c.Name == name })
	}
	key, of := -1, -1
	if c.Key != "" {
		if key = field(c.Key); key < 0 || columns[key].Type != features.Category {
			return fmt.Errorf("its key %q is no category", c.Key)
		}
	}
	if len(c.Of) > 0 {
		if of = field(c.Of[0]); of < 0 {
			return fmt.Errorf("there is no feature %q", c.Of[0])
		}
	}
	at := slices.IndexFunc(w.tables, func(t table) bool { return t.key == key })
	if at < 0 {
		at = len(w.tables)
		w.tables = append(w.tables, table{key: key, keys: 1, seed: features.Hash(seed, []byte("window "+c.Key))})
	}
	t := &w.tables[at]
	if key >= 0 {
		t.keys = max(t.keys, c.Keys)
	}
	t.group(c, of).output(i, c.Stat[0])
	return nil
}

// Horizon is how far back, in milliseconds of stream time, a record can still matter: the longest window and one pane.
func (w *Windows) Horizon() int64 { return w.horizon }

// Fill sets the fields of all windows in e, by what was observed so far, for the moment of the event's time. watermark
// is the topic's before the event. Without its key an event has no windows. It allocates nothing.
func (w *Windows) Fill(e *millrace.Event, watermark int64) {
	time := bounded(e.Time)
	watermark = bounded(watermark)
	located := e.Located.Before && e.Located.By == w
	e.Located.By, e.Located.Before = w, false
	for i := range w.tables {
		t := &w.tables[i]
		ok := t.has(e)
		var entry []uint64
		if ok {
			_, entry = t.locate(e, located)
		}
		for k := range t.groups {
			g := &t.groups[k]
			switch {
			case !ok:
				g.blank(e.Fields)
			case entry == nil:
				g.unseen(e.Fields)
			default:
				g.fill(e.Fields, entry, time, watermark)
			}
		}
	}
}

// Observe takes an event into all windows; watermark is the topic's before the event. One that was filled or told of
// before must be as it was then. It allocates nothing but what tables grow by.
func (w *Windows) Observe(e *millrace.Event, watermark int64) {
	late := false
	time := bounded(e.Time)
	watermark = bounded(watermark)
	located := e.Located.By == w
	e.Located.By = nil
	for i := range w.tables {
		if t := &w.tables[i]; !t.observe(e, located, time, watermark) {
			late = true
		}
	}
	if late {
		w.late++
	}
}

// Stats counts what the tables hold.
func (w *Windows) Stats() Stats {
	s := Stats{Late: w.late}
	for i := range w.tables {
		t := &w.tables[i]
		s.Keys += int(t.used)
		s.Evicted += t.evicted
		s.Bytes += t.bytes()
	}
	return s
}

// Reset forgets all that was observed.
func (w *Windows) Reset() {
	w.late = 0
	for i := range w.tables {
		w.tables[i].reset()
	}
}
