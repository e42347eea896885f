package decode

import (
	"fmt"

	"millrace"
	"millrace/features"
)

// indexDigitsMax digits hold every index, and never overflow 64 bits.
const indexDigitsMax = 10

// bag reads an object of numbers or an array of strings and integers; data[p] exists.
func (d *Decoder) bag(t int32, p, depth int) (int, *millrace.Rejection) {
	c := d.data[p]
	if c != '{' && c != '[' {
		return d.other(t, p, depth)
	}
	if depth+1 > d.limits.Depth {
		return p, d.tooDeep()
	}
	first := len(d.event.Entries)
	var end int
	var fault *millrace.Rejection
	if c == '[' {
		end, fault = d.members(t, p+1, depth+1)
	} else if end, fault = d.indexed(t, p+1); fault == nil && end < 0 {
		d.event.Entries = d.event.Entries[:first]
		end, fault = d.named(t, p+1, depth+1)
	}
	if fault != nil {
		return end, fault
	}
	f := &d.event.Fields[d.targets[t].field]
	f.Presence = millrace.Present
	f.First, f.Count = uint32(first), uint16(len(d.event.Entries)-first)
	d.set++
	return end, nil
}

// indexed reads an object whose keys are rising indices, as in files of sparse vectors: no two of them can
// be equal, so none needs to be remembered. The end is -1 when the object is another one, or may be
// malformed: named then starts over.
func (d *Decoder) indexed(t int32, p int) (int, *millrace.Rejection) {
	data, most := d.data, len(d.event.Entries)+int(d.targets[t].entries)
	entries := d.event.Entries
	defer func() { d.event.Entries = entries }()
	if p = space(data, p); p < len(data) && data[p] == '}' {
		return p + 1, nil
	}
	next := uint64(0) // the least index that may come
	for {
		if p == len(data) || data[p] != '"' {
			return -1, nil
		}
		p++
		start, index := p, uint64(0)
		for ; p < len(data) && p-start <= indexDigitsMax && data[p]-'0' <= 9; p++ {
			index = index*10 + uint64(data[p]-'0')
		}
		if p == start || p-start > indexDigitsMax || index < next || index >= 1<<32 || data[start] == '0' && p-start > 1 ||
			p+1 >= len(data) || data[p] != '"' || data[p+1] != ':' {
			return -1, nil
		}
		next = index + 1
		if p = space(data, p+2); p == len(data) || data[p] != '-' && data[p]-'0' > 9 {
			return -1, nil
		}
		v, end, fault := parseNumber(data, p)
		if fault != numberOK {
			return -1, nil
		}
		if v != 0 {
			if len(entries) == most {
				return p, d.tooManyEntries(t)
			}
			entries = append(entries, millrace.Entry{Key: index, Value: v})
		}
		p = space(data, end)
		if p == len(data) || data[p] != ',' && data[p] != '}' {
			return -1, nil
		}
		p++
		if data[p-1] == '}' {
			return p, nil
		}
		p = space(data, p)
	}
}

// named reads any object of numbers; an entry that is null is absent.
func (d *Decoder) named(t int32, p, depth int) (int, *millrace.Rejection) {
	data := d.data
	object := d.keys.open()
	if p = space(data, p); p < len(data) && data[p] == '}' {
		return p + 1, nil
	}
	most := len(d.event.Entries) + int(d.targets[t].entries)
	for {
		if p == len(data) || data[p] != '"' {
			return p, malformed(data, p, "a key in quotes")
		}
		end, escaped, ok := scanString(data, p+1)
		if !ok {
			return p, malformed(data, end, "the text of a key")
		}
		key, offset := data[p+1:end], p+1
		if escaped {
			key, offset = d.keys.unescape(data, key)
		}
		if !d.keys.add(data, key, offset, object) {
			return p, &millrace.Rejection{Reason: millrace.ReasonDuplicateKey, Path: d.targets[t].path,
				Detail: fmt.Sprintf("the bag names the key %s twice", quote(key))}
		}
		if p = space(data, end+1); p == len(data) || data[p] != ':' {
			return p, malformed(data, p, "a colon")
		}
		var fault *millrace.Rejection
		if p, fault = d.entry(t, space(data, p+1), depth, key, most); fault != nil {
			return p, fault
		}
		p = space(data, p)
		if p == len(data) || data[p] != ',' && data[p] != '}' {
			return p, malformed(data, p, "a comma or a closing brace")
		}
		p++
		if data[p-1] == '}' {
			return p, nil
		}
		p = space(data, p)
	}
}

// entry reads the value of a key.
func (d *Decoder) entry(t int32, p, depth int, key []byte, most int) (int, *millrace.Rejection) {
	data := d.data
	if p == len(data) || data[p] != '-' && data[p]-'0' > 9 {
		end, found, fault := d.skip(p, depth)
		if fault != nil || found == aNull {
			return end, fault
		}
		return p, d.badEntry(t, found)
	}
	v, end, bad := parseNumber(data, p)
	switch {
	case bad != numberOK:
		return end, d.badNumber(t, p, end, bad)
	case v == 0:
		return end, nil
	case len(d.event.Entries) == most:
		return end, d.tooManyEntries(t)
	}
	d.event.Entries = append(d.event.Entries, millrace.Entry{Key: features.EntryKey(key), Value: v})
	return end, nil
}

// members reads an array of strings and whole numbers, each worth 1; what is there twice is worth 2.
func (d *Decoder) members(t int32, p, depth int) (int, *millrace.Rejection) {
	data := d.data
	if p = space(data, p); p < len(data) && data[p] == ']' {
		return p + 1, nil
	}
	most := len(d.event.Entries) + int(d.targets[t].entries)
	for {
		if p == len(data) {
			return p, malformed(data, p, "a value")
		}
		text, end, found, fault := d.scalar(p, depth)
		switch {
		case fault != nil:
			return end, fault
		case found > aFraction, found == aFraction && !integer(d.canonical(text, found)): // [1.5, 0.2] is no list of names
			return p, d.badEntry(t, found)
		case len(d.event.Entries) == most:
			return end, d.tooManyEntries(t)
		}
		d.event.Entries = append(d.event.Entries, millrace.Entry{Key: features.EntryKey(d.canonical(text, found)), Value: 1})
		p = space(data, end)
		if p == len(data) || data[p] != ',' && data[p] != ']' {
			return p, malformed(data, p, "a comma or a closing bracket")
		}
		p++
		if data[p-1] == ']' {
			return p, nil
		}
		p = space(data, p)
	}
}

func (d *Decoder) tooManyEntries(t int32) *millrace.Rejection {
	return d.fault(faultKey{millrace.ReasonTooManyEntries, t, anObject}, d.targets[t].path, func() string {
		return fmt.Sprintf("the bag has more than %d entries", d.targets[t].entries)
	})
}

func (d *Decoder) badEntry(t int32, found kind) *millrace.Rejection {
	return d.fault(faultKey{millrace.ReasonWrongType, -1 - t, found}, d.targets[t].path, func() string {
		return fmt.Sprintf("found %s in a bag; numbers by name, or an array of strings, belong there", kindWords[found])
	})
}
