package decode

import (
	"millrace"
	"millrace/features"
)

// label reads the target; only malformed JSON is a fault of the event.
func (d *Decoder) label(t int32, p, depth int) (int, *millrace.Rejection) {
	// Text of any length is read, and then no class: limits.text is for what goes on into the state.
	l := &d.event.Label
	// Most classes that are numbers have one digit.
	if data := d.data; !d.number && len(data)-p > 1 && data[p]-'0' <= 9 && (data[p+1] == ',' || data[p+1] == '}') {
		if class, ok := d.lookupClass(data[p : p+1]); ok {
			l.Known, l.Class, l.Fault = true, class, nil
			return p + 1, nil
		}
	}
	text, end, found, fault := d.scalar(p, depth)
	switch {
	case fault != nil:
		return end, fault
	case found == aNull:
		return end, nil // as absent: what that means stands since the beginning
	case d.number:
		d.labelValue(t, text, found)
	case found == anObject || found == anArray:
		l.Fault = d.mismatch(t, found, text)
	default:
		class, ok := d.lookupClass(text)
		// 1, 1.0 and 1e0 are one JSON number, and which of them a writer puts is up to its library. Of texts only whole
		// numbers are: "1.10" may be a version.
		if !ok && found <= aFraction {
			number := text
			if found == aString {
				number = features.Canonical(text)
			}
			if v, isNumber := plainNumber(number); isNumber && (found != aString || integer(number)) {
				class, ok = d.numeric[v]
			}
		}
		if !ok && found == aString {
			class, ok = d.alikeClass(text)
		}
		if !ok {
			l.Fault = d.unknownClass(t, text)
			return end, nil
		}
		l.Known, l.Class, l.Fault = true, class, nil
	}
	return end, nil
}

// labelValue reads a numeric target, as numbers of features are read.
func (d *Decoder) labelValue(t int32, text []byte, found kind) {
	l := &d.event.Label
	var v float64
	var fault numberFault
	switch found {
	case aNumber, aFraction:
		if v, _, fault = parseNumber(text, 0); fault != numberOK {
			l.Fault = d.mismatch(t, outRange, text)
			return
		}
	case aString:
		var ok bool
		if v, ok = d.targets[t].format.ParseUnit(text, d.targets[t].unit); !ok {
			l.Fault = d.mismatch(t, badNumberText, text)
			return
		}
	default:
		l.Fault = d.mismatch(t, found, text)
		return
	}
	if v, l.Fault = d.held(t, v); l.Fault == nil {
		l.Known, l.Value = true, v
	}
}
