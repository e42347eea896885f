package infer

import (
	"fmt"
	"math/bits"
	"slices"
	"strconv"

	"github.com/go-faster/jx"

	"millrace/features"
)

const (
	// bagKeysMin different keys of an object inside the events, all of them numbers, are data rather than
	// names that somebody gave: the object is a bag, one sparse vector.
	bagKeysMin = 256
	// bagKeysMax different keys of a bag are told apart, to know how many columns it wants.
	bagKeysMax = 1 << 18
)

// bag is what is known of a field that is a bag.
type bag struct {
	events  int64 // that have it
	entries int   // of the largest
	others  int64 // entries that are no numbers
	named   bool  // a key is no index
	largest uint64
	valued  bool // an entry is neither 0 nor 1
	keys    map[uint64]struct{}
	many    bool // keys is not complete
}

// bag says whether the node is known to be one.
func (n *node) bag() bool { return n.column != nil && n.column.bag != nil }

// start makes a new node a bag when it is known to be one.
func (s *seen) start(n *node) {
	if s.bag != "" && features.JoinPath(n.keys...) == s.bag {
		s.turn(n)
	}
}

func (s *seen) turn(n *node) {
	n.column = s.newColumn(n.keys)
	n.column.bag = &bag{keys: make(map[uint64]struct{})}
	s.columns = append(s.columns, n.column)
}

// gather turns an object with very many keys into a bag, and reports whether it did. It looks when the
// number of keys is a power of two, so that an object with many keys that is none costs little.
func (s *seen) gather(at *node) bool {
	n := len(at.inside)
	if at == s.root || n < bagKeysMin || bits.OnesCount(uint(n)) > 1 {
		return false
	}
	inside := make(map[*column]bool, n)
	for _, child := range at.inside {
		c := child.column
		switch {
		case c == nil && child.inside == nil: // the newest
		case c == nil || child.inside != nil || c.bag != nil || c.lists > 0 || c.numbers != c.values():
			return false
		default:
			inside[c] = true
		}
	}
	place := slices.IndexFunc(s.columns, func(c *column) bool { return inside[c] })
	s.columns = slices.DeleteFunc(s.columns, func(c *column) bool { return inside[c] })
	s.turn(at)
	last := len(s.columns) - 1
	s.columns = slices.Insert(s.columns[:last:last], max(place, 0), at.column)
	b := at.column.bag
	for c := range inside {
		b.key([]byte(c.keys[len(c.keys)-1]))
		b.valued = b.valued || !c.binary
		b.events = max(b.events, c.values())
	}
	at.inside = nil
	return true
}

// entries looks at a bag.
func (s *seen) entries(d *jx.Decoder, c *column) error {
	c.bag.events++
	n := 0
	err := d.ObjBytes(func(d *jx.Decoder, key []byte) error {
		n++
		return s.entry(d, c, key)
	})
	c.bag.entries = max(c.bag.entries, n)
	return err
}

func (s *seen) entry(d *jx.Decoder, c *column, key []byte) error {
	switch d.Next() {
	case jx.Number:
	case jx.Null:
		return d.Null()
	default:
		c.bag.others++
		return d.Skip()
	}
	c.bag.key(key)
	raw, err := d.NumAppend(s.buf[:0])
	if err != nil {
		return err
	}
	s.buf = raw
	c.bag.valued = c.bag.valued || string(raw) != "1" && string(raw) != "0"
	return nil
}

func (b *bag) key(name []byte) {
	key := features.EntryKey(name)
	if key >= 1<<32 {
		b.named = true
	} else {
		b.largest = max(b.largest, key)
	}
	if _, ok := b.keys[key]; !ok && len(b.keys) >= bagKeysMax {
		b.many = true
		return
	}
	b.keys[key] = struct{}{}
}

// bagFeature turns a bag into a column.
func (p *plan) bagFeature(c *column) (feature, string) {
	b := c.bag
	if len(b.keys) == 0 {
		return feature{}, "an object without numbers"
	}
	f := feature{Column: features.DefaultColumn(c.name, features.Bag)}
	known := strconv.Itoa(len(b.keys))
	if b.many {
		known = "more than " + known
	}
	f.note = fmt.Sprintf("%s different keys, at most %d an event", known, b.entries)
	switch indices := max(int(b.largest)+1, p.options.Indices); {
	case !b.named && indices <= indicesMax:
		f.Indices = indices
	default:
		// Four columns a key let about one key in eight share one with a rarer or another one.
		f.Bits = hashedBits(4*len(b.keys), 22)
	}
	if !b.valued {
		f.Scale = "none" // ones are as they should be, and their magnitudes need no state
	}
	for f.Entries < 2*b.entries && f.Entries < features.EntriesMax {
		f.Entries = min(2*f.Entries, features.EntriesMax)
	}
	if b.others > 0 {
		f.note += fmt.Sprintf("; %d entries are no numbers: such events are rejected", b.others)
	}
	return f, ""
}

// indicesMax bounds the columns that a bag has by index: a softmax of many classes over more would not fit
// into a model. Beyond it keys are hashed.
const indicesMax = 1 << 20
