package join

import (
	"encoding/binary"
	"math"

	"millrace"
)

// What a field's record says of it; what follows is in the order of the fields, behind all codes (two a byte).
const (
	codeAbsent  = iota
	codeNull    // nothing follows
	codeZero    // a number, 0: nothing follows
	codeInt8    // a number that is a whole one, in 1 byte
	codeInt16   // … in 2
	codeFloat32 // a number that float32 holds exactly
	codeFloat64
	codeText // length, bytes
	codeBag  // number of entries; key and value of each
	codeAll  // number, text and bag: no column has that, and nothing is assumed of columns
)

// Flags of an event's record.
const (
	flagWeighted = 1 << iota
	flagPrediction
	flagIDNumber
)

// appendEvent writes what an event waits with:
//
//	due - time   varint; most events are of the same moment as their stream time
//	flags        1 byte
//	weight       4 bytes, when flagged
//	fields       uvarint, their codes, their values
//	prediction   4 bytes a probability, 8 a number, always: what a rebuild cannot know takes the room that it took
func appendEvent(dst []byte, e *millrace.Event, due int64, prediction []float64, outputs int) []byte {
	dst = binary.AppendVarint(dst, due-e.Time)
	flags := byte(0)
	if e.Label.Weighted {
		flags |= flagWeighted
	}
	if prediction != nil {
		flags |= flagPrediction
	}
	if e.IDNumber {
		flags |= flagIDNumber
	}
	dst = append(dst, flags)
	if e.Label.Weighted {
		dst = appendFloat32(dst, e.Label.Weight)
	}
	dst = appendFields(dst, e)
	return appendPrediction(dst, prediction, outputs)
}

// predictionBytes is what a prediction of so many outputs takes.
func predictionBytes(outputs int) int {
	if outputs == 1 {
		return 8
	}
	return 4 * outputs
}

// appendPrediction writes probabilities as the float32 that models make, and a number, which has no class beside it, to
// its last digit.
func appendPrediction(dst []byte, prediction []float64, outputs int) []byte {
	if prediction == nil {
		return append(dst, make([]byte, predictionBytes(outputs))...)
	}
	if outputs == 1 {
		return appendFloat64(dst, prediction[0])
	}
	for _, v := range prediction[:outputs] {
		dst = appendFloat32(dst, float32(v))
	}
	return dst
}

func appendFloat32(dst []byte, v float32) []byte {
	return binary.LittleEndian.AppendUint32(dst, math.Float32bits(v))
}

func appendFloat64(dst []byte, v float64) []byte {
	return binary.LittleEndian.AppendUint64(dst, math.Float64bits(v))
}

func appendFields(dst []byte, e *millrace.Event) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(e.Fields)))
	codes := len(dst)
	for range (len(e.Fields) + 1) / 2 {
		dst = append(dst, 0)
	}
	for i := range e.Fields {
		f := &e.Fields[i]
		code := codeOf(f)
		dst[codes+i/2] |= code << (4 * (i & 1))
		switch code {
		case codeInt8:
			dst = append(dst, byte(int8(f.Number)))
		case codeInt16:
			dst = binary.LittleEndian.AppendUint16(dst, uint16(int16(f.Number)))
		case codeFloat32:
			dst = appendFloat32(dst, float32(f.Number))
		case codeFloat64:
			dst = appendFloat64(dst, f.Number)
		case codeText:
			dst = append(binary.AppendUvarint(dst, uint64(len(f.Text))), f.Text...)
		case codeBag:
			dst = appendBag(dst, e.Bag(f))
		case codeAll:
			dst = appendFloat64(dst, f.Number)
			dst = append(binary.AppendUvarint(dst, uint64(len(f.Text))), f.Text...)
			dst = appendBag(dst, e.Bag(f))
		}
	}
	return dst
}

func appendBag(dst []byte, bag []millrace.Entry) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(bag)))
	for _, b := range bag {
		dst = appendFloat64(binary.LittleEndian.AppendUint64(dst, b.Key), b.Value)
	}
	return dst
}

func codeOf(f *millrace.Field) byte {
	switch f.Presence {
	case millrace.Absent:
		return codeAbsent
	case millrace.Null:
		return codeNull
	}
	number := math.Float64bits(f.Number) != 0 // so that -0 is kept
	switch {
	case len(f.Text) > 0 && (number || f.Count > 0), number && f.Count > 0:
		return codeAll
	case len(f.Text) > 0:
		return codeText
	case f.Count > 0:
		return codeBag
	case !number:
		return codeZero
	}
	return codeOfNumber(f.Number)
}

func codeOfNumber(v float64) byte {
	same := func(w float64) bool { return math.Float64bits(v) == math.Float64bits(w) }
	switch {
	case v >= math.MinInt8 && v <= math.MaxInt8 && same(float64(int8(v))):
		return codeInt8
	case v >= math.MinInt16 && v <= math.MaxInt16 && same(float64(int16(v))):
		return codeInt16
	case same(float64(float32(v))):
		return codeFloat32
	}
	return codeFloat64
}

// reader reads a record that the table wrote itself.
type reader struct{ b []byte }

func (r *reader) byte() byte {
	v := r.b[0]
	r.b = r.b[1:]
	return v
}

func (r *reader) varint() int64 {
	v, n := binary.Varint(r.b)
	r.b = r.b[n:]
	return v
}

func (r *reader) uvarint() int {
	v, n := binary.Uvarint(r.b)
	r.b = r.b[n:]
	return int(v)
}

func (r *reader) float32() float32 {
	v := math.Float32frombits(binary.LittleEndian.Uint32(r.b))
	r.b = r.b[4:]
	return v
}

func (r *reader) uint64() uint64 {
	v := binary.LittleEndian.Uint64(r.b)
	r.b = r.b[8:]
	return v
}

func (r *reader) float64() float64 { return math.Float64frombits(r.uint64()) }

// text copies a text into the event, whose fields it then belongs to.
func (r *reader) text(e *millrace.Event) []byte {
	n := r.uvarint()
	from := len(e.Scratch)
	e.Scratch = append(e.Scratch, r.b[:n]...)
	r.b = r.b[n:]
	return e.Scratch[from:len(e.Scratch):len(e.Scratch)]
}

func (r *reader) bag(e *millrace.Event, f *millrace.Field) {
	f.First, f.Count = uint32(len(e.Entries)), uint16(r.uvarint())
	for range f.Count {
		e.Entries = append(e.Entries, millrace.Entry{Key: r.uint64(), Value: r.float64()})
	}
}

// readEvent reads what appendEvent wrote, and says whether the prediction was known. Texts are copied behind what is in
// e.Scratch; where that has to grow, those before stay where they were.
func readEvent(e *millrace.Event, record []byte, due int64, prediction []float64) (measured bool) {
	r := reader{record}
	e.Time = due - r.varint()
	flags := r.byte()
	e.IDNumber = flags&flagIDNumber != 0
	e.Label = millrace.Label{}
	if flags&flagWeighted != 0 {
		e.Label.Weighted, e.Label.Weight = true, r.float32()
	}
	r.fields(e)
	if len(prediction) == 1 {
		prediction[0] = r.float64()
		return flags&flagPrediction != 0
	}
	for i := range prediction {
		prediction[i] = float64(r.float32())
	}
	return flags&flagPrediction != 0
}

// writePrediction fills in the prediction of a record that was written without one. The event is working memory.
func writePrediction(record []byte, prediction []float64, e *millrace.Event) {
	r := reader{record}
	r.varint()
	flags := &r.b[0]
	if r.byte()&flagWeighted != 0 {
		r.float32()
	}
	e.Scratch, e.Entries = e.Scratch[:0], e.Entries[:0]
	r.fields(e)
	*flags |= flagPrediction
	appendPrediction(r.b[:0], prediction, len(prediction))
}

func (r *reader) fields(e *millrace.Event) {
	n := r.uvarint()
	if cap(e.Fields) < n {
		e.Fields = make([]millrace.Field, n)
	}
	e.Fields = e.Fields[:n]
	codes := r.b
	r.b = r.b[(n+1)/2:]
	for i := range e.Fields {
		f := &e.Fields[i]
		*f = millrace.Field{Presence: millrace.Present}
		switch codes[i/2] >> (4 * (i & 1)) & 15 {
		case codeAbsent:
			f.Presence = millrace.Absent
		case codeNull:
			f.Presence = millrace.Null
		case codeInt8:
			f.Number = float64(int8(r.byte()))
		case codeInt16:
			f.Number = float64(int16(binary.LittleEndian.Uint16(r.b)))
			r.b = r.b[2:]
		case codeFloat32:
			f.Number = float64(r.float32())
		case codeFloat64:
			f.Number = r.float64()
		case codeText:
			f.Text = r.text(e)
		case codeBag:
			r.bag(e, f)
		case codeAll:
			f.Number = r.float64()
			f.Text = r.text(e)
			r.bag(e, f)
		}
	}
}

// A label that is kept is written as its time, class, value and weight, in that order.
const labelBytes = 8 + 4 + 8 + 4 + 1

func appendLabel(dst []byte, l *millrace.Event) []byte {
	dst = binary.LittleEndian.AppendUint64(dst, uint64(l.Time))
	dst = binary.LittleEndian.AppendUint32(dst, uint32(l.Label.Class))
	dst = appendFloat32(appendFloat64(dst, l.Label.Value), l.Label.Weight)
	if l.Label.Weighted {
		return append(dst, 1)
	}
	return append(dst, 0)
}

func readLabel(record []byte) (label millrace.Label, at int64) {
	r := reader{record}
	at = int64(r.uint64())
	label.Known = true
	label.Class = int32(binary.LittleEndian.Uint32(r.b))
	r.b = r.b[4:]
	label.Value, label.Weight = r.float64(), r.float32()
	label.Weighted = r.byte() == 1
	return label, at
}
