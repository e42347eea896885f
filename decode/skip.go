package decode

import "millrace"

// skip checks any value and says what it is; depth is the level of the object it stands in.
func (d *Decoder) skip(p, depth int) (int, kind, *millrace.Rejection) {
	data := d.data
	if p == len(data) {
		return p, aNull, malformed(data, p, "a value")
	}
	// What is skipped is checked in full: an event is good or bad whichever columns a pipeline reads.
	switch c := data[p]; {
	case c == '"':
		end, _, ok := scanString(data, p+1)
		if !ok {
			return end, aString, malformed(data, end, "text in quotes")
		}
		return end + 1, aString, nil
	case c == '-' || c-'0' <= 9:
		end, ok := skipNumber(data, p)
		if !ok {
			return end, aNumber, malformed(data, end, "a number's digit")
		}
		return end, aNumber, nil
	case c == '{':
		end, fault := d.skipObject(p+1, depth+1)
		return end, anObject, fault
	case c == '[':
		end, fault := d.skipArray(p+1, depth+1)
		return end, anArray, fault
	}
	if _, end := boolean(data, p); end >= 0 {
		return end, aBoolean, nil
	}
	if len(data)-p >= 4 && string(data[p:p+4]) == "null" {
		return p + 4, aNull, nil
	}
	return p, aNull, malformed(data, p, "a value")
}

// skipObject checks an object that no path goes through, from behind its opening brace.
func (d *Decoder) skipObject(p, depth int) (int, *millrace.Rejection) {
	if depth > d.limits.Depth {
		return p, d.tooDeep()
	}
	data := d.data
	// Each object has a number of its own, under which its keys are told from those of others.
	object := d.keys.open()
	if p = space(data, p); p < len(data) && data[p] == '}' {
		return p + 1, nil
	}
	for {
		var fault *millrace.Rejection
		if p, _, fault = d.key(-1, p, object); fault != nil {
			return p, fault
		}
		if p, _, fault = d.skip(space(data, p), depth); fault != nil {
			return p, fault
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

// skipArray checks an array from behind its opening bracket.
func (d *Decoder) skipArray(p, depth int) (int, *millrace.Rejection) {
	if depth > d.limits.Depth {
		return p, d.tooDeep()
	}
	data := d.data
	if p = space(data, p); p < len(data) && data[p] == ']' {
		return p + 1, nil
	}
	for {
		var fault *millrace.Rejection
		if p, _, fault = d.skip(p, depth); fault != nil {
			return p, fault
		}
		p = space(data, p)
		if p == len(data) || (data[p] != ',' && data[p] != ']') {
			return p, malformed(data, p, "a comma or a closing bracket")
		}
		p++
		if data[p-1] == ']' {
			return p, nil
		}
		p = space(data, p)
	}
}
