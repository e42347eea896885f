package learner

import (
	"errors"
	"math"

	"millrace"
	"millrace/features"
)

// recent are values that single features had in recent events, some of each. A value that is new takes the place of any
// one of them: their ages are distributed geometrically (the paper's section 3.2).
type recent struct {
	x       *features.Extractor
	players []features.Player
	rows    int      // values of a feature
	columns []column // one a field of a player
	first   []int    // column of each player's first field

	filled   []uint32  // [players] rows that hold a value
	presence []uint8   // [columns, rows]
	number   []float64 // [columns, rows]
	length   []uint32  // [columns, rows] bytes of a text, entries of a bag
	text     []uint8   // of each column, its rows
	key      []uint64
	value    []float64
}

// column is where a field's texts and bags stand.
type column struct {
	field, from int // the field, and the one that says what it is to be: of a lag its key
	bytes       int // room for a text, 0 for none
	text        int
	entries     int // room for a bag
	bag         int
	whole       bool // a text that is cut would be another value
}

const (
	recentRows = 16
	// recentValues bounds the values that are held of all features; of very many each has fewer.
	recentValues = 4096
	recentFewest = 4

	categoryBytes = 128
	textBytes     = 512
	bagEntries    = 256
)

func newRecent(x *features.Extractor) *recent {
	r := &recent{x: x, players: x.Players()}
	bytes, entries := 0, 0
	for _, p := range r.players {
		r.first = append(r.first, len(r.columns))
		for _, field := range p.Fields {
			s := column{field: field, from: x.Held(field)}
			switch x.TypeOf(s.from) {
			case features.Category:
				s.bytes, s.whole = categoryBytes, true
			case features.Text:
				s.bytes = textBytes
			case features.Bag:
				s.entries = bagEntries
			}
			r.columns = append(r.columns, s)
		}
	}
	r.rows = max(recentFewest, min(recentRows, recentValues/max(1, len(r.columns))))
	for i := range r.columns {
		s := &r.columns[i]
		s.text, s.bag = bytes, entries
		bytes, entries = bytes+s.bytes*r.rows, entries+s.entries*r.rows
	}
	n := len(r.columns) * r.rows
	r.filled, r.presence, r.number, r.length = make([]uint32, len(r.players)), make([]uint8, n), make([]float64, n), make([]uint32, n)
	r.text, r.key, r.value = make([]uint8, bytes), make([]uint64, entries), make([]float64, entries)
	return r
}

// of are a player's columns.
func (r *recent) of(player int) (first, end int) {
	first = r.first[player]
	return first, first + len(r.players[player].Fields)
}

// store keeps an event's value of a feature. A category whose value is longer than the room for it is not kept: what is
// cut is another. Of a long text or bag the beginning stands for it.
func (r *recent) store(player, row int, e *millrace.Event) {
	first, end := r.of(player)
	for i := first; i < end; i++ {
		if s := &r.columns[i]; s.whole && len(e.Fields[s.from].Text) > s.bytes {
			return
		}
	}
	r.filled[player] = max(r.filled[player], uint32(row)+1)
	for i := first; i < end; i++ {
		s, at := &r.columns[i], i*r.rows+row
		f := &e.Fields[s.from]
		r.presence[at], r.number[at], r.length[at] = uint8(f.Presence), f.Number, 0
		switch {
		case f.Presence != millrace.Present:
			r.number[at] = 0
			if s.from != s.field { // of a lag, an absent key is none: see features.Blend
				r.presence[at] = uint8(millrace.Null)
			}
		case s.bytes > 0:
			r.length[at] = uint32(copy(r.text[s.text+row*s.bytes:][:s.bytes], f.Text))
		case s.entries > 0:
			bag := e.Bag(f)
			bag = bag[:min(len(bag), s.entries)]
			for k := range bag {
				r.key[s.bag+row*s.entries+k], r.value[s.bag+row*s.entries+k] = bag[k].Key, bag[k].Value
			}
			r.length[at] = uint32(len(bag))
		}
	}
}

// load makes the player's fields of an event those that were kept. They hold until the row is stored again.
func (r *recent) load(player, row int, e *millrace.Event) {
	clear(e.Fields)
	e.Entries = e.Entries[:0]
	first, end := r.of(player)
	for i := first; i < end; i++ {
		s, at := &r.columns[i], i*r.rows+row
		f := millrace.Field{Presence: millrace.Presence(r.presence[at]), Number: r.number[at]}
		n := int(r.length[at])
		switch {
		case s.bytes > 0:
			f.Text = r.text[s.text+row*s.bytes:][:n]
		case s.entries > 0:
			f.First, f.Count = uint32(len(e.Entries)), uint16(n)
			for k := range n {
				e.Entries = append(e.Entries, millrace.Entry{Key: r.key[s.bag+row*s.entries+k], Value: r.value[s.bag+row*s.entries+k]})
			}
		}
		e.Fields[s.field] = f
	}
}

func (r *recent) state(visit func(string, millrace.Tensor, millrace.Role)) {
	tensor := func(name string, n int, t millrace.Tensor) {
		if n > 0 {
			t.Shape, t.Added = []int{n}, true
			visit("importance."+name, t, millrace.Training)
		}
	}
	tensor("filled", len(r.filled), millrace.Tensor{U32: r.filled})
	tensor("presence", len(r.presence), millrace.Tensor{U8: r.presence})
	tensor("number", len(r.number), millrace.Tensor{F64: r.number})
	tensor("length", len(r.length), millrace.Tensor{U32: r.length})
	tensor("text", len(r.text), millrace.Tensor{U8: r.text})
	tensor("key", len(r.key), millrace.Tensor{U64: r.key})
	tensor("value", len(r.value), millrace.Tensor{F64: r.value})
}

func (r *recent) restored() error {
	for _, n := range r.filled {
		if int(n) > r.rows {
			return errors.New("a feature has more recent values than there is room for")
		}
	}
	for at, p := range r.presence {
		s := &r.columns[at/r.rows]
		if p > uint8(millrace.Present) || int(r.length[at]) > max(s.bytes, s.entries) || math.IsNaN(r.number[at]) || math.IsInf(r.number[at], 0) {
			return errors.New("a recent value of a feature is out of range")
		}
	}
	for _, v := range r.value {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return errors.New("a recent entry of a bag is not finite")
		}
	}
	return nil
}
