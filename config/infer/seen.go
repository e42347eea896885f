package infer

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/go-faster/jx"

	"millrace/decode"
	"millrace/features"
)

const (
	// integerMax is where float64 no longer tells neighbouring integers apart; longer ids stay as written.
	integerMax = 1 << 53
	// wordBytes are about what a word takes in a vocabulary.
	wordBytes = 24
	// textMax bytes of a text tell it from others.
	textMax = 256
)

// unusableError is an event that is no JSON object.
type unusableError struct{ text string }

func (e *unusableError) Error() string { return e.text }

// seen is what all events looked at have in common.
type seen struct {
	root    *node
	columns []*column // in the order in which they came up
	rows    int64
	buf     []byte
	formats [3]decode.TimeFormat // orders of day, month and year
	timed   []*column            // fields that read as times, the first of them
	pairs   [pairsMax][pairsMax]pairing
	bag     string // path of a field that is known to be a bag
	widest  int    // bytes of the longest event
	cells   bool   // of a table
	room    int64  // bytes that fields may still keep values in
	beyond  int64  // values of fields that came up when there were too many
	placesSeen
}

// node is a key of the events' objects.
type node struct {
	keys   []string
	inside map[string]*node
	column *column // nil until a value that is no object stands here, or the object is a bag
}

// column is what is known of one field.
type column struct {
	keys     []string
	name     string // keys with dots
	path     string // as the pipeline file writes it
	integers int64  // of the numbers, those without a fraction, however they are written
	bare     int64  // of the numbers, those written without point and exponent
	numbers  int64
	booleans int64
	texts    int64
	words    int64 // of all texts together
	// vocabulary are the hashes of different words, at most distinctMax.
	vocabulary    map[uint64]struct{}
	nulls         int64
	first, latest int64            // rows, from 0, of the first and the last value
	lists         int64            // values that are no scalars
	tags          int64            // of the lists, arrays of nothing but strings
	unknown       map[string]int64 // of the texts, those that may mean that there is no value
	gaps          []string         // words that do, and count as texts no longer
	gone          int64            // values that were words to be named as such
	min, max      float64
	sum           float64 // of all numbers
	timing
	binary   bool // no number but 0 and 1
	distinct map[string]int64
	most     int     // keys that distinct may hold
	many     bool    // distinct is not complete
	sketch   *sketch // of all values, where there are many
	again    bool    // a value had come twice before there were
	room     *int64  // bytes that all fields may still keep values in
	sample   string
	longest  int  // of tags
	widest   int  // bytes of the longest text
	bag      *bag // nil unless the field is a bag
	idSeen
	written
	placeSeen
}

func newSeen(bag string) *seen {
	return &seen{root: &node{}, formats: orderFormats(), bag: bag, room: distinctRoom}
}

// add looks at one event.
func (s *seen) add(value []byte) error {
	if len(value) == 0 {
		return &unusableError{"no value"}
	}
	d := jx.DecodeBytes(value)
	if d.Next() != jx.Object {
		return &unusableError{fmt.Sprintf("%.40q is no JSON object", value)}
	}
	if err := jx.DecodeBytes(value).Validate(); err != nil {
		return &unusableError{fmt.Sprintf("%.40q is no JSON: %v", value, err)}
	}
	if !utf8.Valid(value) {
		return &unusableError{fmt.Sprintf("%.40q is not UTF-8", value)}
	}
	if err := s.object(d, s.root, value); err != nil {
		return err
	}
	s.widest = max(s.widest, len(value))
	s.end()
	if len(s.timed) > 1 {
		s.compare()
	}
	s.rows++
	return nil
}

// object looks at an object's fields. Its depth is bounded by the longest path that a feature may have.
func (s *seen) object(d *jx.Decoder, at *node, value []byte) error {
	if at.bag() {
		return s.entries(d, at.column)
	}
	return d.ObjBytes(func(d *jx.Decoder, key []byte) error {
		if at.bag() { // it turned out to be one just now
			return s.entry(d, at.column, key)
		}
		inner, ok := at.inside[string(key)]
		if !ok && s.full() {
			s.beyond++
			return d.Skip()
		}
		if !ok {
			if at.inside == nil {
				at.inside = make(map[string]*node)
			}
			inner = &node{keys: append(at.keys[:len(at.keys):len(at.keys)], string(key))}
			at.inside[string(key)] = inner
			if s.gather(at) {
				return s.entry(d, at.column, key)
			}
			s.start(inner)
		}
		if d.Next() == jx.Object && len(inner.keys) < features.PathDepthMax {
			if inner.column != nil && !inner.bag() {
				inner.column.lists++ // a path cannot lead to a value and through it
			}
			return s.object(d, inner, value)
		}
		if inner.column == nil {
			if len(s.columns) > features.ColumnsMax {
				return fmt.Errorf("the events have more than %d different fields: a pipeline cannot name them all; "+
					"put them into one object inside the event, as {\"y\": 1, \"x\": {\"17\": 0.5}}, and they are read as a bag", features.ColumnsMax)
			}
			inner.column = s.newColumn(inner.keys)
			s.columns = append(s.columns, inner.column)
			if inner.inside != nil {
				inner.column.lists++
			}
		}
		s.at(inner.column)
		return s.value(d, inner.column)
	})
}

// full reports whether a new field is one too many. Among the first events that is an error; later it is passed over,
// as a pipeline can be made of the others.
func (s *seen) full() bool { return s.rows >= rowsDefault && len(s.columns) > features.ColumnsMax }

func (s *seen) newColumn(keys []string) *column {
	c := &column{keys: keys, first: -1, binary: true, distinct: make(map[string]int64), most: distinctNumbersMax, room: &s.room}
	c.cells = s.cells
	for i, key := range keys {
		if i > 0 {
			c.name += "."
		}
		c.name += key
		if key == "" {
			c.lists = 1 // no path leads there
		}
	}
	c.path = features.JoinPath(keys...)
	c.dated = named(c.last())
	if idLike(c.last()) {
		c.most = distinctMax // numbers may turn out to be unique
	}
	return c
}

// last is the field's own key.
func (c *column) last() string { return c.keys[len(c.keys)-1] }

// value looks at one value of a field.
func (s *seen) value(d *jx.Decoder, c *column) error {
	kind := d.Next()
	if kind != jx.Null {
		if c.first < 0 {
			c.first = s.rows
		}
		c.latest = s.rows
	}
	switch kind {
	case jx.Number:
		raw, err := d.NumAppend(s.buf[:0])
		if err != nil {
			return err
		}
		s.buf = raw
		c.number(raw)
		if c.dated || c.compact.n > 0 {
			s.enter(c)
		}
		return nil
	case jx.String:
		text, err := d.StrAppend(s.buf[:0])
		if err != nil {
			return err
		}
		s.buf = text
		if word := bytes.TrimSpace(text); gapWord(word) {
			c.word(string(word))
			text = word // as decoding has it
		} else if c.settled && c.measured(text) {
			return nil
		} else {
			c.written.text(text, s.rows)
			c.readText(text, &s.formats)
			s.enter(c)
		}
		c.text(text)
		return nil
	case jx.Bool:
		b, err := d.Bool()
		if err != nil {
			return err
		}
		c.booleans++
		c.count(strconv.AppendBool(s.buf[:0], b))
		return nil
	case jx.Null:
		c.nulls++
		return d.Null()
	default:
		c.lists++
		if c.bag != nil {
			return d.Skip()
		}
		return s.list(d, c)
	}
}

// list looks at a value that is no scalar: an array of strings may become a bag.
func (s *seen) list(d *jx.Decoder, c *column) error {
	if d.Next() != jx.Array {
		return d.Skip()
	}
	strings, others := 0, 0
	err := d.Arr(func(d *jx.Decoder) error {
		if d.Next() != jx.String {
			others++
			return d.Skip()
		}
		text, err := d.StrAppend(s.buf[:0])
		if err != nil {
			return err
		}
		s.buf = text
		strings++
		c.count(text[:min(len(text), textMax)])
		return nil
	})
	if others == 0 {
		c.tags++
		c.most = distinctMax
		c.longest = max(c.longest, strings)
	}
	return err
}

func (c *column) number(raw []byte) {
	x, err := strconv.ParseFloat(string(raw), 64)
	if err != nil {
		c.written.text(raw, c.latest) // beyond float64, as 1234e56789 of an id is: the decoder has it for no number either
		c.text(raw)
		return
	}
	if c.settled && c.cells && c.measured(raw) {
		return
	}
	c.written.number(raw, x, c.latest)
	c.readNumber(x, raw)
	if !bytes.ContainsAny(raw, ".eE") {
		c.bare++
	}
	if x == math.Trunc(x) && math.Abs(x) < integerMax {
		raw = strconv.AppendInt(raw[:0], int64(x), 10) // 1 and 1.0 are one value, as for the decoder
		c.wholeNumber(int64(x), len(bytes.TrimPrefix(raw, []byte("-"))))
	} else if c.bare > c.numbers {
		c.digits(len(raw))
	}
	c.numeric(x, raw)
}

// numeric counts a number, which raw tells from others.
func (c *column) numeric(x float64, raw []byte) {
	if c.numbers == 0 {
		c.min, c.max = x, x
	}
	c.min, c.max = min(c.min, x), max(c.max, x)
	c.sum += x
	c.binary = c.binary && (x == 0 || x == 1)
	c.numbers++
	if x == math.Trunc(x) && math.Abs(x) < integerMax {
		c.integers++
	}
	c.count(raw)
}

func (c *column) text(text []byte) {
	c.texts++
	c.digitText(text)
	c.read(text)
	c.most = distinctMax
	c.widest = max(c.widest, len(text))
	c.count(features.Canonical(short(text)))
}

// short is what tells a text from others: what it begins with, and of a long one the hash of all of it.
func short(text []byte) []byte {
	const hashDigits = 16
	if len(text) <= textMax {
		return text
	}
	return fmt.Appendf(slices.Clone(text[:textMax-hashDigits]), "%016x", features.Hash(0, text))
}

// read counts a text's words, and tells them apart.
func (c *column) read(text []byte) {
	for word := range bytes.FieldsSeq(text) {
		c.words++
		if len(c.vocabulary) < distinctMax && *c.room > 0 {
			if c.vocabulary == nil {
				c.vocabulary = make(map[uint64]struct{})
			}
			before := len(c.vocabulary)
			c.vocabulary[features.Hash(0, word)] = struct{}{}
			*c.room -= wordBytes * int64(len(c.vocabulary)-before)
		}
	}
}

// values is how many values the field has had, nulls and lists not counted.
func (c *column) values() int64 { return c.numbers + c.booleans + c.texts }

// errFound ends a walk that has what it looked for.
var errFound = errors.New("found")

// addOnly looks at one field of an event, and reports whether it is there.
func (s *seen) addOnly(value []byte, c *column) bool {
	if len(value) == 0 {
		return false
	}
	d := jx.DecodeBytes(value)
	return errors.Is(s.descend(d, c, 0), errFound)
}

func (s *seen) descend(d *jx.Decoder, c *column, depth int) error {
	if d.Next() != jx.Object {
		return errors.New("no object")
	}
	return d.ObjBytes(func(d *jx.Decoder, key []byte) error {
		switch {
		case string(key) != c.keys[depth]:
			return d.Skip()
		case depth+1 < len(c.keys):
			return s.descend(d, c, depth+1)
		}
		if err := s.value(d, c); err != nil {
			return err
		}
		return errFound
	})
}
