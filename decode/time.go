package decode

import (
	"millrace"
)

// timestamp reads the event's own time.
func (d *Decoder) timestamp(t int32, p, depth int) (int, *millrace.Rejection) {
	ms, end, found, fault := d.instant(t, p, depth)
	if fault == nil && found != aNull { // else the record's timestamp stands since the beginning
		d.event.Time, d.timed = ms, true
	}
	return end, fault
}

// moment reads a time that is a feature, or that one is counted from.
func (d *Decoder) moment(t int32, p, depth int) (int, *millrace.Rejection) {
	ms, end, found, fault := d.instant(t, p, depth)
	if fault != nil {
		return end, fault
	}
	f := &d.event.Fields[d.targets[t].field]
	*f = millrace.Field{Presence: millrace.Null}
	if found != aNull {
		*f = millrace.Field{Presence: millrace.Present, Number: float64(ms)}
	}
	d.set++
	return end, nil
}

// instant reads a time as Unix milliseconds; found is aNull when there is none.
func (d *Decoder) instant(t int32, p, depth int) (ms int64, end int, found kind, fault *millrace.Rejection) {
	text, end, found, fault := d.scalar(p, depth)
	if fault != nil {
		return 0, end, found, fault
	}
	switch found {
	case aNull:
		return 0, end, found, nil
	case aString:
		ms, ok := d.formats[d.targets[t].times].Parse(text)
		if !ok {
			return 0, end, found, d.mismatch(t, badText, text)
		}
		return ms, end, found, nil
	case aNumber, aFraction:
		if format := &d.formats[d.targets[t].times]; format.digits {
			ms, ok := format.Parse(text)
			if !ok {
				return 0, end, found, d.mismatch(t, outRange, text)
			}
			return ms, end, found, nil
		}
		v, _, bad := parseNumber(text, 0)
		ms, ok := UnixTime(v)
		if bad != numberOK || !ok {
			return 0, end, found, d.mismatch(t, outRange, text)
		}
		return ms, end, found, nil
	}
	return 0, end, found, d.mismatch(t, found, text)
}

// sinces turns times that a feature counts from into seconds from them to the event, which is read whole by now. An
// event without the time that the pipeline says it has is at no distance of anything.
func (d *Decoder) sinces() {
	for _, i := range d.since {
		f := &d.event.Fields[i]
		switch {
		case f.Presence != millrace.Present:
		case d.time && !d.timed:
			*f = millrace.Field{}
		default:
			// In floating point, where times of any two years are at a distance.
			f.Number = (float64(d.event.Time) - f.Number) / 1000
		}
	}
}
