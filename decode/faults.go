package decode

import (
	"fmt"
	"strings"

	"millrace"
)

// Reasons and paths are for machines and never change; details are for people and may.

// kind is what stands in the event where something else belongs.
type kind uint8

const (
	aString kind = iota
	aNumber
	aFraction // a number that is no integer
	aBoolean
	anObject
	anArray
	aNull
	badText // a string that is no time
	badNumberText
	outRange // a number that is no time, or beyond float64
	aNegative
)

// kindWords say what was found where it is not shown; what is shown has valueWords behind it.
var kindWords = [...]string{"a string", "a number", "a number", "a boolean", "an object", "an array", "null",
	"another string", "another string", "a number", "a number"}

var valueWords = map[kind]string{outRange: ", which is out of range", aNegative: ", which is below 0"}

var useWords = [...]string{
	useNumber:   "a number",
	useBoolean:  "true or false",
	useCategory: "a string, a number or a boolean",
	useText:     "a string",
	useBag:      "an object of numbers or an array of strings",
	useMoment:   "a time as 2024-01-31 12:30:00, RFC 3339 or a Unix time",
	useID:       "a string or a whole number",
	useTime:     "a time as 2024-01-31 12:30:00, RFC 3339 or a Unix time",
	useClass:    "a class (a string, number or boolean)",
	useValue:    "a finite number",
	useWeight:   "a finite number, 0 or more",
}

// faultKey tells a decoder's standing faults apart.
type faultKey struct {
	reason millrace.Reason
	place  int32 // target, edge or node, depending on the reason
	found  kind
}

// fault returns the standing Rejection of a key, which make describes when it is met first. The
// number of keys is bounded by the schema, not by the stream, so a flood of bad events does not
// allocate. Nobody writes to a Rejection once made, so it may be kept and shared.
func (d *Decoder) fault(key faultKey, path string, detail func() string) *millrace.Rejection {
	r := d.faults[key]
	if r == nil {
		r = &millrace.Rejection{Reason: key.reason, Path: path, Detail: detail()}
		d.faults[key] = r
	}
	return r
}

// mismatch is the fault of a target whose value is of another kind. Strings and numbers are shown; value is the text of
// one, and of others not looked at. What is wrong in the same way comes with one value or few, mostly: the latest one's
// fault is kept.
func (d *Decoder) mismatch(t int32, found kind, value []byte) *millrace.Rejection {
	// The reason follows from the use: who reads a dead letter wants to know which part of the pipeline
	// file to look at.
	reason := millrace.ReasonWrongType
	switch u := d.targets[t].use; {
	case u == useID:
		reason = millrace.ReasonBadID
	case u == useTime || u == useMoment:
		reason = millrace.ReasonBadTime
	case u == useClass || u == useValue:
		reason = millrace.ReasonBadLabel
	case u == useWeight:
		reason = millrace.ReasonBadWeight
	case found == outRange:
		reason = millrace.ReasonNotFinite
	}
	key, path := faultKey{reason, t, found}, d.targets[t].path
	switch found {
	case aBoolean, anObject, anArray, aNull:
		return d.fault(key, path, func() string { return fmt.Sprintf("found %s; %s belongs there", kindWords[found], d.belongs(t)) })
	}
	value = value[:min(len(value), quoteMost+1)] // a start says enough, and the dead letter holds the whole event
	if d.shown[key] != string(value) || d.faults[key] == nil {
		delete(d.faults, key)
		d.shown[key] = string(value)
	}
	return d.fault(key, path, func() string {
		text := quote(value)
		if found == aNumber || found == aFraction || found == outRange || found == aNegative {
			text = strings.ReplaceAll(text, `"`, "")
		}
		return fmt.Sprintf("found %s%s; %s belongs there%s", text, valueWords[found], d.belongs(t), d.formatsOf(t, value))
	})
}

// formatsOf says with which format a text would be the number that belongs there; empty where there is none.
func (d *Decoder) formatsOf(t int32, value []byte) string {
	target := &d.targets[t]
	if target.use != useNumber && target.use != useValue {
		return ""
	}
	var read []string
	for _, f := range []NumberFormat{NumberUS, NumberEU, NumberDuration} {
		if _, ok := f.ParseUnit(value, target.unit); ok && f != target.format {
			read = append(read, string(f))
		}
	}
	if len(read) == 0 {
		return ""
	}
	return ", and format: " + strings.Join(read, " or ") + " would read it"
}

// belongs says what a target takes, of times with their order.
func (d *Decoder) belongs(t int32) string {
	words := useWords[d.targets[t].use] + d.targets[t].format.example()
	if unit := d.targets[t].unit; len(unit) > 0 {
		words += " with the unit " + strings.Join(unit, " or ") + ", or without,"
	}
	if u := d.targets[t].use; u != useTime && u != useMoment {
		return words
	}
	switch d.formats[d.targets[t].times].order {
	case dayFirst:
		words += ", or 31.12.2024 with the day first,"
	case monthFirst:
		words += ", or 12/31/2024 with the month first,"
	}
	return words
}

func (d *Decoder) tooLong(t int32) *millrace.Rejection {
	return d.fault(faultKey{millrace.ReasonTextTooLong, t, aString}, d.targets[t].path, func() string {
		return fmt.Sprintf("the text is longer than limits.text, %s", d.limits.Text)
	})
}

// noObject is the fault of a value where paths go on; null and absent are no faults.
func (d *Decoder) noObject(n int32, found kind) *millrace.Rejection {
	reason := millrace.ReasonWrongType
	switch below := d.nodes[n].below; {
	case below == belowWeight:
		reason = millrace.ReasonBadWeight
	case below&belowOther == 0:
		reason = millrace.ReasonBadLabel
	}
	return d.fault(faultKey{reason, -1 - n, found}, d.nodes[n].path, func() string {
		return fmt.Sprintf("found %s; an object belongs there", kindWords[found])
	})
}

func (d *Decoder) duplicate(e int32) *millrace.Rejection {
	return d.fault(faultKey{millrace.ReasonDuplicateKey, e, aString}, d.edges[e].path, func() string {
		return "the object names this key twice"
	})
}

func (d *Decoder) tooDeep() *millrace.Rejection {
	return d.fault(faultKey{millrace.ReasonTooDeep, 0, anObject}, "", func() string {
		return fmt.Sprintf("the event is nested deeper than limits.depth, %d", d.limits.Depth)
	})
}

func (d *Decoder) tooLarge() *millrace.Rejection {
	return d.fault(faultKey{millrace.ReasonTooLarge, 0, aString}, "", func() string {
		return fmt.Sprintf("the event is larger than limits.event, %s", d.limits.Event)
	})
}

func (d *Decoder) empty() *millrace.Rejection {
	return d.fault(faultKey{millrace.ReasonEmpty, 0, aString}, "", func() string {
		return "the record has no value; a JSON object belongs there"
	})
}

func (d *Decoder) notObject(found kind) *millrace.Rejection {
	return d.fault(faultKey{millrace.ReasonNotObject, 0, found}, "", func() string {
		return fmt.Sprintf("found %s; an event is a JSON object", kindWords[found])
	})
}

// malformed says where JSON ends being JSON. Its text holds the offset, so it is made anew each time.
func malformed(data []byte, p int, expected string) *millrace.Rejection {
	found := "the end"
	if p < len(data) {
		found = fmt.Sprintf("byte %q", data[p])
	}
	return &millrace.Rejection{Reason: millrace.ReasonMalformed,
		Detail: fmt.Sprintf("found %s at offset %d; %s belongs there", found, p, expected)}
}

// unknownClass keeps the latest fault, because such labels mostly come in rows of one and the same.
func (d *Decoder) unknownClass(t int32, text []byte) *millrace.Rejection {
	if d.unknown == nil || string(text) != d.unknownText {
		// Only the start is kept and shown; the dead letter holds the whole event.
		d.unknownText = string(text[:min(len(text), int(d.limits.Text))])
		d.unknown = &millrace.Rejection{Reason: millrace.ReasonUnknownClass, Path: d.targets[t].path,
			Detail: fmt.Sprintf("found %s, which is none of the %d classes", quote(text), len(d.classes))}
	}
	return d.unknown
}
