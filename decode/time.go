package decode

import (
	"math"
	"time"

	"millrace"
)

// secondsMax tells seconds from milliseconds: as seconds it is the year 5138, as milliseconds March
// 1973. millisMax is the same far year in milliseconds; beyond it stand micro- and nanoseconds, which
// would be a date in the far future if they were taken for what they are not.
const (
	secondsMax = 1e11
	millisMax  = 1e14
)

// timestamp reads the event's own time.
func (d *Decoder) timestamp(t int32, p, depth int) (int, *millrace.Rejection) {
	ms, end, found, fault := d.instant(t, p, depth)
	if fault == nil && found != aNull { // else the record's timestamp stands since the beginning
		d.event.Time = ms
	}
	return end, fault
}

// moment reads a time that is a feature.
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
		ms, ok := parseRFC3339(text)
		if !ok {
			return 0, end, found, d.mismatch(t, badText)
		}
		return ms, end, found, nil
	case aNumber, aFraction:
		v, _, bad := parseNumber(text, 0)
		if bad != numberOK || !(math.Abs(v) < millisMax) {
			return 0, end, found, d.mismatch(t, outRange)
		}
		if math.Abs(v) < secondsMax {
			v *= 1000
		}
		// Rounded, because 1700000000.123 seconds are a hair less or more than 123 milliseconds in binary.
		return int64(math.Round(v)), end, found, nil
	}
	return 0, end, found, d.mismatch(t, found)
}

// parseRFC3339 reads a date and time with its offset and returns Unix milliseconds, cut. It is
// written out because time.Parse allocates for offsets other than UTC. A leap second (:60) is refused,
// as the time package does.
func parseRFC3339(s []byte) (int64, bool) {
	if len(s) < len("2006-01-02T15:04:05Z") || s[4] != '-' || s[7] != '-' || s[13] != ':' || s[16] != ':' ||
		(s[10]|0x20 != 't' && s[10] != ' ') {
		return 0, false
	}
	year, ok := number4(s), true
	part := func(at, low, high int) int {
		v := number2(s[at:])
		ok = ok && v >= low && v <= high
		return v
	}
	month, day := part(5, 1, 12), part(8, 1, 31)
	hour, minute, second := part(11, 0, 23), part(14, 0, 59), part(17, 0, 59)
	if !ok || year < 0 {
		return 0, false
	}
	millis, rest := fraction(s[19:])
	offset, ok := zone(rest)
	if !ok {
		return 0, false
	}
	// time.Date turns February 30 into March: days that do not exist come back as another day.
	at := time.Date(year, time.Month(month), day, hour, minute, second, 0, time.UTC)
	if at.Day() != day {
		return 0, false
	}
	return (at.Unix()-offset)*1000 + millis, true
}

// fraction reads the optional fraction of a second, cut to milliseconds; rest is nil when a dot has no
// digits behind it.
func fraction(s []byte) (millis int64, rest []byte) {
	if len(s) == 0 || s[0] != '.' {
		return 0, s
	}
	weight := int64(100)
	i := 1
	for ; i < len(s) && s[i]-'0' <= 9; i++ {
		millis += weight * int64(s[i]-'0')
		weight /= 10
	}
	if i == 1 {
		return 0, nil
	}
	return millis, s[i:]
}

// zone reads Z or ±hh:mm as seconds east of UTC.
func zone(s []byte) (seconds int64, ok bool) {
	if len(s) == 1 && s[0]|0x20 == 'z' {
		return 0, true
	}
	if len(s) != 6 || (s[0] != '+' && s[0] != '-') || s[3] != ':' {
		return 0, false
	}
	hours, minutes := number2(s[1:]), number2(s[4:])
	if hours < 0 || hours > 23 || minutes < 0 || minutes > 59 {
		return 0, false
	}
	seconds = int64(hours)*3600 + int64(minutes)*60
	if s[0] == '-' {
		seconds = -seconds
	}
	return seconds, true
}

// number2 reads two digits, -1 when they are none.
func number2(s []byte) int {
	if s[0]-'0' > 9 || s[1]-'0' > 9 {
		return -1
	}
	return int(s[0]-'0')*10 + int(s[1]-'0')
}

// number4 reads four digits, negative when they are none.
func number4(s []byte) int {
	high, low := number2(s), number2(s[2:])
	if high < 0 || low < 0 {
		return -1
	}
	return high*100 + low
}
