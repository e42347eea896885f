package decode

import (
	"bytes"
	"math"
	"strconv"

	"millrace"
	"millrace/features"
)

// value reads the value of an edge.
func (d *Decoder) value(e int32, p, depth int) (int, *millrace.Rejection) {
	edge := &d.edges[e]
	if edge.node >= 0 {
		return d.inner(edge.node, p, depth)
	}
	if p == len(d.data) {
		return p, malformed(d.data, p, "a value")
	}
	// A value with several uses is read once for each, from the same place.
	start, end := p, p
	for _, t := range edge.targets {
		var fault *millrace.Rejection
		if end, fault = d.target(t, start, depth); fault != nil {
			return end, fault
		}
	}
	return end, nil
}

// inner reads a value in which paths go on.
func (d *Decoder) inner(n int32, p, depth int) (int, *millrace.Rejection) {
	if p < len(d.data) && d.data[p] == '{' {
		return d.object(n, p+1, depth+1)
	}
	p, found, fault := d.skip(p, depth)
	switch {
	case fault != nil:
		return p, fault
	case found == aNull:
		return p, nil
	case d.nodes[n].below == belowWeight:
		d.weightFault = d.noObject(n, found)
		return p, nil
	case d.nodes[n].below&belowOther == 0: // no feature lies below, so the event is good for scoring
		d.event.Label.Fault = d.noObject(n, found)
		return p, nil
	}
	return p, d.noObject(n, found)
}

// target reads a value for one use; data[p] exists.
func (d *Decoder) target(t int32, p, depth int) (int, *millrace.Rejection) {
	data := d.data
	target := &d.targets[t]
	if target.gaps != nil && data[p] == '"' {
		if end := d.gap(t, p, depth); end >= 0 {
			return end, nil
		}
	}
	switch target.use {
	case useNumber:
		if c := data[p]; c != '-' && c-'0' > 9 {
			return d.written(t, p, depth)
		}
		v, end, fault := parseNumber(data, p)
		if fault != numberOK {
			return end, d.badNumber(t, p, end, fault)
		}
		if target.gaps.isGap(v) {
			d.absent(t)
			return end, nil
		}
		f := &d.event.Fields[target.field]
		// Text stays nil: a column never changes its type, so nothing else was ever there.
		f.Presence = millrace.Present
		f.Number = v
		d.set++
		return end, nil
	case useBoolean:
		v, end := boolean(data, p)
		if end < 0 {
			return d.other(t, p, depth)
		}
		f := &d.event.Fields[target.field]
		f.Presence = millrace.Present
		f.Number = v
		d.set++
		return end, nil
	case useCategory:
		return d.category(t, p, depth)
	case useText:
		return d.freeText(t, p, depth)
	case useBag:
		return d.bag(t, p, depth)
	case useMoment:
		return d.moment(t, p, depth)
	case useID:
		return d.id(t, p, depth)
	case useTime:
		return d.timestamp(t, p, depth)
	case useWeight:
		return d.weight(t, p, depth)
	}
	return d.label(t, p, depth)
}

// other reads a value that is not of a target's type: null, or a fault.
func (d *Decoder) other(t int32, p, depth int) (int, *millrace.Rejection) {
	end, found, fault := d.skip(p, depth)
	if fault != nil {
		return end, fault
	}
	target := &d.targets[t]
	if found != aNull {
		value := d.data[p:end]
		if found == aString {
			value = unescape(nil, value[1:len(value)-1])
		}
		return end, d.mismatch(t, found, value)
	}
	if target.use <= useMoment {
		d.event.Fields[target.field] = millrace.Field{Presence: millrace.Null}
		d.set++
	}
	return end, nil
}

// written reads a number that is no JSON number: a text that the target's format reads.
func (d *Decoder) written(t int32, p, depth int) (int, *millrace.Rejection) {
	if d.data[p] != '"' {
		return d.other(t, p, depth)
	}
	text, end, _, fault := d.scalar(p, depth)
	if fault != nil {
		return end, fault
	}
	target := &d.targets[t]
	v, ok := target.format.ParseUnit(text, target.unit)
	if !ok {
		return end, d.mismatch(t, badNumberText, text)
	}
	if target.gaps.isGap(v) {
		d.absent(t)
		return end, nil
	}
	f := &d.event.Fields[target.field]
	f.Presence = millrace.Present
	f.Number = v
	d.set++
	return end, nil
}

// badNumber is the fault of what begins at p as a number does, and ends at end.
func (d *Decoder) badNumber(t int32, p, end int, fault numberFault) *millrace.Rejection {
	if fault == numberMalformed {
		return malformed(d.data, end, "a number's digit")
	}
	return d.mismatch(t, outRange, d.data[p:end])
}

// boolean reads true or false; end is -1 when neither stands at p.
func boolean(data []byte, p int) (v float64, end int) {
	switch {
	case len(data)-p >= 4 && string(data[p:p+4]) == "true":
		return 1, p + 4
	case len(data)-p >= 5 && string(data[p:p+5]) == "false":
		return 0, p + 5
	}
	return 0, -1
}

// category reads a string, or the literal text of a number or boolean.
func (d *Decoder) category(t int32, p, depth int) (int, *millrace.Rejection) {
	text, end, found, fault := d.scalar(p, depth)
	if fault != nil {
		return end, fault
	}
	if found > aBoolean {
		return d.other(t, p, depth)
	}
	if text = d.canonical(text, found); len(text) > int(d.limits.Text) {
		return end, d.tooLong(t)
	}
	f := &d.event.Fields[d.targets[t].field]
	f.Presence = millrace.Present
	f.Text = text
	d.set++
	return end, nil
}

// canonical is the text of a category's value: see features.Canonical. A JSON number that is whole is its digits,
// however it is written, for that is up to the writer's library.
func (d *Decoder) canonical(text []byte, found kind) []byte {
	if found != aFraction || !bytes.ContainsAny(text, "eE") {
		return features.Canonical(text)
	}
	v, _, fault := parseNumber(text, 0)
	if fault != numberOK || v != math.Trunc(v) || math.Abs(v) > integerMax {
		return text
	}
	start := len(d.event.Scratch)
	d.event.Scratch = strconv.AppendInt(d.event.Scratch, int64(v), 10)
	return d.event.Scratch[start:len(d.event.Scratch):len(d.event.Scratch)]
}

// integerMax is where float64 no longer tells neighbouring integers apart.
const integerMax = 1 << 53

// freeText reads a string of any length.
func (d *Decoder) freeText(t int32, p, depth int) (int, *millrace.Rejection) {
	if d.data[p] != '"' {
		return d.other(t, p, depth)
	}
	text, end, _, fault := d.scalar(p, depth)
	if fault != nil {
		return end, fault
	}
	f := &d.event.Fields[d.targets[t].field]
	f.Presence = millrace.Present
	f.Text = text
	d.set++
	return end, nil
}

// scalar reads any value and returns its text: a string's unescaped, a number's or boolean's literal.
// The text of other kinds is meaningless. Numbers are told apart as aNumber, which are integers by
// their spelling, and aFraction.
func (d *Decoder) scalar(p, depth int) (text []byte, end int, found kind, fault *millrace.Rejection) {
	data := d.data
	if data[p] != '"' {
		end, found, fault = d.skip(p, depth)
		if fault != nil {
			return nil, end, found, fault
		}
		text = data[p:end:end]
		if found == aNumber && !integer(text) {
			found = aFraction
		}
		return text, end, found, nil
	}
	end, escaped, ok := scanString(data, p+1)
	if !ok {
		return nil, end, aString, malformed(data, end, "text in quotes")
	}
	// The capacity ends with the text, so that nobody can append into the record.
	text = data[p+1 : end : end]
	if escaped {
		scratch := d.event.Scratch
		start := len(scratch)
		d.event.Scratch = unescape(scratch, text)
		text = d.event.Scratch[start:len(d.event.Scratch):len(d.event.Scratch)]
	}
	return text, end + 1, aString, nil
}

// id keeps the text of a string or an integer.
func (d *Decoder) id(t int32, p, depth int) (int, *millrace.Rejection) {
	text, end, found, fault := d.scalar(p, depth)
	switch {
	case fault != nil:
		return end, fault
	case found == aNull:
		return end, nil
	case found == aFraction:
		// 17.0 is the id 17, as a table has it once an id is missing; strings are their sender's.
		if text = d.canonical(text, found); !integer(text) {
			return end, d.mismatch(t, found, text)
		}
		found = aNumber
	case found != aNumber && found != aString:
		return end, d.mismatch(t, found, text)
	}
	if len(text) > int(d.limits.Text) {
		return end, d.tooLong(t)
	}
	d.event.ID, d.event.IDNumber = text, found == aNumber
	return end, nil
}
