// Package wire is the form that a score has outside: JSON, the same on the scores topic and over HTTP. "score" is the
// probability of the positive one of two classes, as the pipeline file names it, of the predicted one of more, and the
// value for numbers; "class" is the predicted one in any case. Where the file asks for them, "interval" is the bounds
// that hold the label of a number, null where it has none, and "set" the classes that hold the label.
package wire

import (
	"math"
	"strconv"
	"unicode/utf8"

	"millrace"
)

// fields selects what a score carries beside the score itself.
type fields struct{ id, model, version, class, probabilities, time bool }

func newFields(include []string) fields {
	var f fields
	for _, name := range include {
		switch name {
		case "id":
			f.id = true
		case "model":
			f.model = true
		case "version":
			f.version = true
		case "class":
			f.class = true
		case "probabilities":
			f.probabilities = true
		case "time":
			f.time = true
		}
	}
	return f
}

// Encoder writes scores as JSON. Probabilities are an object by class name, so that a reader never
// depends on their order.
type Encoder struct {
	fields  fields
	classes [][]byte // quoted
	model   []byte   // quoted
}

// NewEncoder returns an encoder for a model's scores that carries the included fields.
func NewEncoder(model string, classes, include []string) *Encoder {
	e := &Encoder{fields: newFields(include), model: appendString(nil, model)}
	for _, c := range classes {
		e.classes = append(e.classes, appendString(nil, c))
	}
	return e
}

// Append appends the score as one JSON object. It allocates only to grow dst.
func (e *Encoder) Append(dst []byte, s *millrace.Score) []byte {
	dst = append(dst, '{')
	if e.fields.id && s.ID != nil {
		dst = append(appendID(append(dst, `"id":`...), s), ',')
	}
	if e.fields.model {
		dst = append(append(append(dst, `"model":`...), e.model...), ',')
	}
	if e.fields.version {
		dst = append(strconv.AppendUint(append(dst, `"version":`...), s.Version, 10), ',')
	}
	bits := 32 // of a probability; a number is told to the last digit
	if len(e.classes) == 0 {
		bits = 64
	}
	dst = appendFloat(append(dst, `"score":`...), s.Score, bits)
	if e.fields.class && s.Class != "" {
		dst = appendString(append(dst, `,"class":`...), s.Class)
	}
	if e.fields.probabilities && len(s.Probabilities) > 0 {
		dst = append(dst, `,"probabilities":{`...)
		for i, p := range s.Probabilities {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendFloat(append(append(dst, e.classes[i]...), ':'), float64(p), 32)
		}
		dst = append(dst, '}')
	}
	dst = e.appendInterval(dst, s)
	if e.fields.time {
		dst = strconv.AppendInt(append(dst, `,"time":`...), s.Time, 10)
	}
	return append(dst, '}')
}

// appendInterval writes what holds the label: an interval, null without bounds, or a set of classes.
func (e *Encoder) appendInterval(dst []byte, s *millrace.Score) []byte {
	switch {
	case s.Interval && math.IsInf(s.High-s.Low, 1):
		return append(dst, `,"interval":null`...)
	case s.Interval:
		dst = appendFloat(append(dst, `,"interval":[`...), s.Low, 64)
		return append(appendFloat(append(dst, ','), s.High, 64), ']')
	case s.Set == nil:
		return dst
	}
	dst = append(dst, `,"set":[`...)
	first := len(dst)
	for c, in := range s.Set {
		if !in {
			continue
		}
		if len(dst) > first {
			dst = append(dst, ',')
		}
		dst = append(dst, e.classes[c]...)
	}
	return append(dst, ']')
}

// appendID writes the id as the event had it: a number as its digits, anything else in quotes.
func appendID(dst []byte, s *millrace.Score) []byte {
	if s.IDNumber {
		return append(dst, s.ID...)
	}
	return appendString(dst, s.ID)
}

// appendFloat writes the digits of a float of so many bits. Models never predict anything non-finite; null
// would be the honest word if one did, as JSON has no NaN.
func appendFloat(dst []byte, v float64, bits int) []byte {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return append(dst, "null"...)
	}
	return strconv.AppendFloat(dst, v, 'g', -1, bits)
}

// appendString writes a JSON string. Invalid UTF-8 becomes U+FFFD, as encoding/json does.
func appendString[T string | []byte](dst []byte, s T) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	for _, r := range string(s) {
		switch {
		case r == '"' || r == '\\':
			dst = append(dst, '\\', byte(r))
		case r < 0x20:
			dst = append(dst, '\\', 'u', '0', '0', hex[r>>4], hex[r&15])
		default:
			dst = utf8.AppendRune(dst, r)
		}
	}
	return append(dst, '"')
}
