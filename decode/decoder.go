// Package decode turns a record's bytes into an Event in one pass against the compiled schema,
// without an allocation an event. It is strict: anything that is not what the pipeline file says is
// a Rejection with a stable reason.
//
// The comment of Decoder.Decode says what is accepted. schema.go compiles a pipeline's paths into a trie of keys,
// value.go and its neighbours read one type of value each, faults.go makes the rejections.
package decode

import (
	"encoding/binary"
	"fmt"
	"math/bits"

	"millrace"
)

// Decoder decodes events against one compiled schema. It holds working memory and guesses of the
// order of keys, so it serves one goroutine; Clone makes one for another.
//
// The scanner is our own rather than a general one because strictness needs to see every byte
// anyway: it validates UTF-8, finds duplicate keys in all objects, counts depth and rounds numbers
// correctly, and it reports what is wrong without allocating.
type Decoder struct {
	*schema
	data  []byte
	event *millrace.Event
	keys  keySet

	count uint64
	set   int  // fields that this event has set
	timed bool // this event has a time of its own

	weightFault *millrace.Rejection // of this event

	met   []met   // of each edge
	start []int32 // the edge that last came first in each node: a guess, as met.after

	faults      map[faultKey]*millrace.Rejection
	shown       map[faultKey]string // the values that they show
	unknown     *millrace.Rejection
	unknownText string
}

// met is where an edge was met last.
type met struct {
	count uint64 // of the event: a key that is met twice in one is a duplicate
	// after is the edge that came next in its object: most streams write their keys in one order. Wrong guesses cost
	// time only.
	after int32
}

// New compiles a decoder. Columns are taken as features.New takes them; an empty LabelSpec means
// events without labels.
func New(spec Spec) (*Decoder, error) {
	s, err := compile(spec)
	if err != nil {
		return nil, fmt.Errorf("compiling the schema: %w", err)
	}
	return newDecoder(s), nil
}

// Clone returns a decoder of the same schema for another goroutine. It may be called concurrently
// with anything.
func (d *Decoder) Clone() *Decoder { return newDecoder(d.schema) }

func newDecoder(s *schema) *Decoder {
	d := &Decoder{
		schema: s,
		keys:   newKeySet(),
		met:    make([]met, len(s.edges)),
		start:  make([]int32, len(s.nodes)),
		faults: make(map[faultKey]*millrace.Rejection), shown: make(map[faultKey]string),
	}
	// The first guess is the pipeline's own order.
	for i, n := range s.nodes {
		for k, e := range n.edges {
			d.met[e].after = n.edges[(k+1)%len(n.edges)]
		}
		d.start[i] = -1
		if len(n.edges) > 0 {
			d.start[i] = n.edges[0]
		}
	}
	return d
}

// NewEvent returns an event with a field for every column.
func (d *Decoder) NewEvent() *millrace.Event {
	return &millrace.Event{Fields: make([]millrace.Field, d.fields)}
}

// Decode reads rec.Value into dst in one pass over its bytes. The error is nil or a
// *millrace.Rejection with the first fault in the order of the bytes; dst is then unspecified.
// Rejections are never written again, so they may be kept. A good event allocates nothing.
//
// What is accepted:
//   - The event is one JSON object (RFC 8259) and nothing after it, in valid UTF-8, without half
//     surrogate pairs, within limits.event bytes and limits.depth levels (the event is the first).
//     No object, wherever it stands, names a key twice; keys are compared unescaped.
//   - A number is a JSON number that rounds to a finite float64, or a string that the column's NumberFormat reads.
//   - A boolean is true or false.
//   - A category is a string, or a number or boolean, which stand for their literal text: 12 and "12" are one category,
//     and so are 12.0, "12.0" and 1.2e1 (see features.Canonical). Its text has at most limits.text bytes, unescaped.
//   - A text is a string of any length.
//   - A string that says that there is no value is as none: where a number, boolean or time belongs if MissingWord
//     knows it, and everywhere if the column names it (Gaps).
//   - A bag is an object whose values are numbers or null, or an array of strings and whole numbers, each
//     worth 1. Entries of zero and null are left out; the rest are at most the column's Entries.
//   - A time that is a feature is read as the event's own time is (below). What counts from one (since) is the
//     seconds from it to the event's time, negative for a later one; it is absent where the pipeline names the
//     event's time and the event has none.
//   - The id is a string of at most limits.text bytes, unescaped, or a whole number, of which 12.0 is 12. Event.ID is
//     its text, nil when it is absent or null; Event.IDNumber tells 12 and "12" apart.
//   - The time is a string that its format reads (TimeFormat.Parse), or a Unix time. Numbers below 1e11 in
//     magnitude are seconds (until the year 5138), others below 1e14 milliseconds (from March 1973), below 1e17
//     micro- and below 1e20 nanoseconds; they are rounded to milliseconds, strings cut. Absent or null, it is the
//     record's timestamp.
//   - A class is a string that equals its name, or a number or boolean whose literal text does; a number, or a string
//     that is a whole number, also matches a class that is an equal number, so 1.0 is the class "1" unless the classes
//     hold "1.0" too. Other strings never match by value. What equals no class may have blanks around it, or with
//     label.ignore_case letters of another case.
//   - A weight is a number that is not negative; what is above label.weight_max counts as that.
//   - What no path names is checked as JSON and skipped.
//
// A null where a path goes on makes what is below absent. A faulty label or weight (Label.Fault) never
// fails the event; only in a label record does it, as an id that is missing does. Event.ID and the texts of fields
// alias rec.Value or dst.Scratch, or the id the record's key.
func (d *Decoder) Decode(rec *millrace.Record, dst *millrace.Event) error {
	data := rec.Value
	switch {
	case len(data) == 0:
		return d.empty()
	case len(data) > int(d.limits.Event):
		return d.tooLarge()
	}
	d.begin(rec, dst)
	// Faults travel as *millrace.Rejection up to here: a nil one must not become an error that is not nil.
	p := space(data, 0)
	if p == len(data) || data[p] != '{' {
		return d.noEvent(p)
	}
	p, fault := d.object(0, p+1, 1)
	if fault != nil {
		return fault
	}
	if p = space(data, p); p < len(data) {
		return malformed(data, p, "nothing")
	}
	if d.weightFault != nil && dst.Label.Fault == nil {
		dst.Label = millrace.Label{Fault: d.weightFault}
	}
	// Mostly every column was there; only else are those left out looked for.
	if d.set < d.read {
		for i, e := range d.edgeOf {
			if e >= 0 && d.met[e].count != d.count {
				dst.Fields[i] = millrace.Field{}
			}
		}
	}
	if len(d.since) > 0 {
		d.sinces()
	}
	if d.isLabel {
		if fault := d.labelRecord(rec, dst); fault != nil {
			return fault
		}
	}
	return nil
}

// begin prepares the decoder and dst for an event.
func (d *Decoder) begin(rec *millrace.Record, dst *millrace.Event) {
	d.data, d.event = rec.Value, dst
	d.count++
	d.set, d.timed = 0, false
	d.keys.next()
	if len(dst.Fields) != d.fields {
		dst.Fields = make([]millrace.Field, d.fields)
	}
	// Fields are overwritten as they are met, or emptied at the end when they are not. What is made from other
	// fields is empty until somebody makes it: dst may hold an earlier event's.
	for _, i := range d.made {
		dst.Fields[i] = millrace.Field{}
	}
	dst.ID, dst.IDNumber = nil, false
	dst.Time = rec.Time
	dst.Scratch = dst.Scratch[:0]
	dst.Entries = dst.Entries[:0]
	dst.Located.By = nil
	dst.Label = millrace.Label{Fault: d.missingLabel}
	d.weightFault = nil
}

// noEvent is the fault of a value that does not start an object.
func (d *Decoder) noEvent(p int) *millrace.Rejection {
	if p == len(d.data) {
		return malformed(d.data, p, "an object")
	}
	end, found, fault := d.skip(p, 0)
	if fault != nil {
		return fault
	}
	if end = space(d.data, end); end < len(d.data) {
		return malformed(d.data, end, "nothing")
	}
	return d.notObject(found)
}

// object reads the object of a node from behind its opening brace; depth is the object's own level.
func (d *Decoder) object(n int32, p, depth int) (int, *millrace.Rejection) {
	if depth > d.limits.Depth {
		return p, d.tooDeep()
	}
	data := d.data
	object := d.keys.open()
	p = space(data, p)
	if p < len(data) && data[p] == '}' {
		return p + 1, nil
	}
	guess := &d.start[n]
	for {
		var fault *millrace.Rejection
		// Comparing with one guess, quotes and colon included, spares scanning and looking up the key.
		e := *guess
		if edge := &d.edges[e]; edge.stands(data, p) {
			p += len(edge.quoted)
		} else if p, e, fault = d.key(n, p, object); fault != nil {
			return p, fault
		}
		if p < len(data) && data[p] <= ' ' {
			p = space(data, p)
		}
		if e < 0 {
			if p, _, fault = d.skip(p, depth); fault != nil {
				return p, fault
			}
		} else {
			// An unknown key leaves the guess alone: the expected key mostly comes right after it.
			*guess = e
			met := &d.met[e]
			guess = &met.after
			if met.count == d.count {
				return p, d.duplicate(e)
			}
			met.count = d.count
			if end := d.plainNumber(d.edges[e].number, p); end > 0 {
				p = end
			} else if p, fault = d.value(e, p, depth); fault != nil {
				return p, fault
			}
		}
		if p < len(data) && data[p] == ',' { // as most values are followed: another key comes, and no white space before
			if p++; p < len(data) && data[p] != '"' {
				p = space(data, p)
			}
			continue
		}
		p = space(data, p)
		if p == len(data) || (data[p] != ',' && data[p] != '}') {
			return p, malformed(data, p, "a comma or a closing brace")
		}
		p++
		if data[p-1] == '}' {
			return p, nil
		}
		p = space(data, p)
	}
}

// plainNumber reads the value of a field of numbers, and returns where it ends, if it is one without a fault: most are,
// and need nothing else of value. field is -1 for none.
func (d *Decoder) plainNumber(field int32, p int) (end int) {
	data := d.data
	if field < 0 || p >= len(data) {
		return 0
	}
	var v float64
	// What most numbers are, a digit or up to seven decimals below 1, is read without a call.
	switch first := data[p] - '0'; {
	case first > 9 && data[p] != '-':
		return 0
	case first == 0 && len(data)-p >= 11 && data[p+1] == '.':
		w, other := digits(binary.LittleEndian.Uint64(data[p+2 : p+10]))
		if other == 0 {
			break
		}
		n := bits.TrailingZeros64(other) / 8
		if behind := w >> (8 * n & 63); n > 0 && behind&0xFF|0x20 != 'E'^'0' {
			v, end = float64(int64(joined(w, n)))/pow10[n], p+2+n
		}
	case first <= 9 && len(data)-p > 1 && (data[p+1] == ',' || data[p+1] == '}'):
		v, end = float64(first), p+1
	}
	if end == 0 {
		var fault numberFault
		if v, end, fault = parseNumber(data, p); fault != numberOK {
			return 0
		}
	}
	f := &d.event.Fields[field]
	f.Presence = millrace.Present
	f.Number = v
	d.set++
	return end
}

// key reads a key and its colon and finds its edge in node n; n is -1 in objects that no path goes
// through, and the edge is -1 when no path goes on.
func (d *Decoder) key(n int32, p int, object uint64) (int, int32, *millrace.Rejection) {
	data := d.data
	if p == len(data) || data[p] != '"' {
		return p, -1, malformed(data, p, "a key in quotes")
	}
	start := p + 1
	end, escaped, ok := scanString(data, start)
	if !ok {
		return p, -1, malformed(data, end, "the text of a key")
	}
	p = space(data, end+1)
	if p == len(data) || data[p] != ':' {
		return p, -1, malformed(data, p, "a colon")
	}
	key, offset := data[start:end], start
	if escaped {
		key, offset = d.keys.unescape(data, key)
	}
	if n >= 0 {
		if e := d.lookup(&d.nodes[n], key); e >= 0 {
			return p + 1, e, nil
		}
	}
	if !d.keys.add(data, key, offset, object) {
		return p, -1, &millrace.Rejection{Reason: millrace.ReasonDuplicateKey,
			Detail: fmt.Sprintf("an object names the key %s twice", quote(key))}
	}
	return p + 1, -1, nil
}

// space returns the place of the first byte from p on that is no white space.
func space(data []byte, p int) int {
	for p < len(data) && data[p] <= ' ' && (data[p] == ' ' || data[p] == '\n' || data[p] == '\r' || data[p] == '\t') {
		p++
	}
	return p
}
