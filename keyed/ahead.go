package keyed

import (
	"millrace"
	"millrace/features"
)

// aheadMax is for how many events Ahead looks at once: enough that memory is busy all the time, few enough that all of
// it stays in the nearest cache until the last of them has its turn.
const aheadMax = 16

// Ahead tells of events whose turn comes next, so that what they need of the tables is fetched for all of them at once,
// while each would wait for its own. It takes the first few, and returns how many. What Fill and Observe do is the same
// without it. It is no more for several goroutines than Observe is, and until its turn an event may not change, but for
// being decoded anew.
func (w *Windows) Ahead(events []*millrace.Event) (told int) {
	events = events[:min(len(events), aheadMax)]
	for _, e := range events {
		e.Located.By, e.Located.Before = w, true
	}
	for i := range w.tables {
		if t := &w.tables[i]; t.place < millrace.PlacesMax {
			w.touched += t.ahead(events)
		}
	}
	return len(events)
}

// ahead locates the key of each event. None of its loops waits for memory before the last load of it has begun: loads
// of one round of a loop do not depend on those of another, nor does a branch.
func (t *table) ahead(events []*millrace.Event) (read uint64) {
	var next [aheadMax]uint32
	for k, e := range events {
		f := &e.Fields[t.key]
		at := &e.Located.At[t.place]
		at.Hash = features.Hash(t.seed, f.Text)
		next[k] = t.heads[t.head(at.Hash)]
	}
	if t.used == 0 {
		return 0
	}
	for k := range events {
		i := max(next[k], 1) - 1 // of one without an entry the first is as good as any
		entry := t.entry(i)
		for line := lineWords; line < len(entry); line += lineWords {
			read += entry[line]
		}
		read += entry[wordHash]
		next[k] = i
	}
	// Now it is known which are another key's. The next in the chain then mostly is the right one.
	for k, e := range events {
		at := &e.Located.At[t.place]
		at.Entry = next[k]
		if entry := t.entry(next[k]); entry[wordHash] != at.Hash && entry[wordNext] != 0 {
			at.Entry = uint32(entry[wordNext]) - 1
			entry = t.entry(at.Entry)
			for line := 0; line < len(entry); line += lineWords {
				read += entry[line]
			}
		}
	}
	return read
}

// has reports whether an event has the table's key.
func (t *table) has(e *millrace.Event) bool {
	return t.key < 0 || e.Fields[t.key].Presence == millrace.Present
}

// locate returns the hash of the event's key, which it has, and the key's entry, nil for none. located says that the
// event was located before. It is, from then on.
func (t *table) locate(e *millrace.Event, located bool) (hash uint64, entry []uint64) {
	if t.place == millrace.PlacesMax {
		if t.key >= 0 {
			hash = features.Hash(t.seed, e.Fields[t.key].Text)
		}
		_, entry = t.find(hash)
		return hash, entry
	}
	at := &e.Located.At[t.place]
	if !located {
		at.Hash = features.Hash(t.seed, e.Fields[t.key].Text)
	} else if at.Entry < t.used {
		// Another key's may stand there by now, though never in vain: what is in no chain is used again at once.
		if entry = t.entry(at.Entry); entry[wordHash] == at.Hash {
			return at.Hash, entry
		}
	}
	at.Entry, entry = t.find(at.Hash)
	return at.Hash, entry
}
