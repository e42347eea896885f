package decode

import (
	"bytes"
	"math"
	"time"
)

// Unix times are told apart by their size: as seconds secondsMax is the year 5138, as milliseconds March 1973, and so
// on for milli-, micro- and nanoseconds, each bound the same far year.
const (
	secondsMax = 1e11
	millisMax  = 1e14
	microsMax  = 1e17
	nanosMax   = 1e20
)

// dateOrder is in which order a date without its year in front is written.
type dateOrder uint8

const (
	yearFirst dateOrder = iota // no other dates
	dayFirst
	monthFirst
)

// TimeFormat reads times of one column. What is read is said at Parse; the zero TimeFormat reads dates with the year in
// front, in UTC. It is a value without state: anybody may share it.
type TimeFormat struct {
	order dateOrder
	zone  *time.Location // nil for UTC
	// Numbers of eight places, or fourteen, are dates.
	digits bool
}

// Parse reads a time as people and programs write it, and returns Unix milliseconds, cut. It allocates nothing.
//
//   - A date is 2024-01-31, also with slashes or points, or 20240131; or with the month's English, German, French or
//     Spanish name, as 31-Jan-2024, Jan 31, 2024, 31. Januar 2024 or 31 de enero de 2024. With the order dmy it is
//     31.01.2024 as well, with mdy 01/31/2024, whatever stands between, and then years may have two digits: 69 to 99
//     are of the last century.
//   - A clock follows after T or spaces: 00:21, 00:21:00 or 00:21:00.123, perhaps with AM or PM; a date alone is its
//     midnight. There is no second 60, and no hour 24.
//   - An offset may follow: Z, UTC, GMT, +02:00, +0200 or +02. Without one the time is of the format's zone. Where
//     clocks are set forward a time that was left out, and where they are set back one that came twice, has the
//     offset of before the change: 02:30 is then an hour later by the new clock, or the first of the two.
//   - Digits of nine places or more, perhaps with a fraction, are a Unix time, as a number is: see [Decoder.Decode].
//     Eight are a date, fourteen a date and a clock.
func (f TimeFormat) Parse(text []byte) (unixMilli int64, ok bool) {
	if wall, millis, offset, ok := usualTime(text); ok {
		if offset == noOffset {
			return f.instant(wall)*1000 + millis, true
		}
		return (wall-offset)*1000 + millis, true
	}
	s := scan{rest: bytes.TrimSpace(text)}
	if ms, ok := unixText(s.rest); ok {
		return ms, true
	}
	day, ok := f.date(&s)
	if !ok {
		return 0, false
	}
	millis, ok := s.clock()
	if !ok {
		return 0, false
	}
	wall := day*86400 + millis/1000
	offset, given, ok := s.offset()
	switch {
	case !ok:
		return 0, false
	case given:
		wall -= offset
	default:
		wall = f.instant(wall)
	}
	return wall*1000 + millis%1000, true
}

// instant is the Unix time, in seconds, of what the clocks of the format's zone show.
func (f *TimeFormat) instant(wall int64) int64 {
	if f.zone == nil {
		return wall
	}
	return instantOf(wall, f.zone)
}

// instantOf is the Unix time, in seconds, of a clock's reading in a zone, which is given as if it were of UTC.
func instantOf(wall int64, zone *time.Location) int64 {
	offset := func(at int64) int64 {
		_, seconds := time.Unix(at, 0).In(zone).Zone()
		return int64(seconds)
	}
	// No offset is as long as a day, so this is before the reading, and before a change that is near it.
	before := offset(wall - 86400)
	at := wall - before
	after := offset(at)
	if after == before {
		return at
	}
	if later := wall - after; offset(later) == after {
		return later
	}
	return at // the clock never read so
}

// UnixTime takes a number by its size for Unix seconds, milli-, micro- or nanoseconds, and returns milliseconds,
// rounded; ok is false for what is beyond them.
func UnixTime(v float64) (ms int64, ok bool) {
	switch size := math.Abs(v); {
	case size < secondsMax:
		v *= 1e3
	case size < millisMax:
	case size < microsMax:
		v /= 1e3
	case size < nanosMax:
		v /= 1e6
	default: // not a number, too
		return 0, false
	}
	// Rounded, because 1700000000.123 seconds are a hair less or more than 123 milliseconds in binary.
	return int64(math.Round(v)), true
}

// unixText reads a Unix time that is written as text.
func unixText(s []byte) (ms int64, ok bool) {
	const placesLeast = 9 // from March 1973 on; what is shorter is rather a year, or a number of something else
	digits := s
	if len(digits) > 0 && digits[0] == '-' {
		digits = digits[1:]
	}
	whole := leadingDigits(digits)
	if whole < placesLeast || whole == len("20060102150405") {
		return 0, false
	}
	if rest := digits[whole:]; len(rest) > 0 && (rest[0] != '.' || len(rest) == 1 || leadingDigits(rest[1:]) < len(rest)-1) {
		return 0, false
	}
	v, end, fault := parseNumber(s, 0)
	if fault != numberOK || end != len(s) {
		return 0, false
	}
	return UnixTime(v)
}

func leadingDigits(s []byte) int {
	for i, c := range s {
		if c-'0' > 9 {
			return i
		}
	}
	return len(s)
}

// daysOf is the days from 1970 to a date of the calendar as it is now, also of years before it was; ok is false for a
// day that does not exist. See H. Hinnant, chrono-Compatible Low-Level Date Algorithms (2013), days_from_civil.
func daysOf(year, month, day int) (days int64, ok bool) {
	if month < 1 || month > 12 || day < 1 || day > daysIn(year, month) {
		return 0, false
	}
	if month <= 2 {
		year--
	}
	era := year / 400
	if year < 0 {
		era = -1 // of the year 0, whose January is of the year before
	}
	ofEra := year - era*400
	ofYear := (153*((month+9)%12)+2)/5 + day - 1
	return int64(era*146097 + ofEra*365 + ofEra/4 - ofEra/100 + ofYear - 719468), true
}

func daysIn(year, month int) int {
	switch {
	case month == 2 && year%4 == 0 && (year%100 != 0 || year%400 == 0):
		return 29
	case month == 2:
		return 28
	case month == 4 || month == 6 || month == 9 || month == 11:
		return 30
	}
	return 31
}

// noOffset stands for the offset of a time that has none.
const noOffset = math.MinInt64

// usualTime reads a time as RFC 3339 has it, also without its offset: what clocks show, in seconds as if it were UTC,
// the milliseconds, cut, and the offset in seconds. It is written out beside the general way because most times are
// written so.
func usualTime(s []byte) (wall, millis, offset int64, ok bool) {
	if len(s) < len("2006-01-02 15:04:05") || s[4] != '-' || s[7] != '-' || s[13] != ':' || s[16] != ':' ||
		(s[10]|0x20 != 't' && s[10] != ' ') {
		return 0, 0, 0, false
	}
	hour, minute, second := number2(s[11:]), number2(s[14:]), number2(s[17:])
	if uint(hour) > 23 || uint(minute) > 59 || uint(second) > 59 {
		return 0, 0, 0, false
	}
	year := number4(s)
	days, ok := daysOf(year, number2(s[5:]), number2(s[8:]))
	if !ok || year < 0 {
		return 0, 0, 0, false
	}
	millis, rest := fraction(s[19:])
	if rest != nil && len(rest) == 0 {
		offset = noOffset
	} else if offset, ok = zone(rest); !ok {
		return 0, 0, 0, false
	}
	return days*86400 + int64(hour*3600+minute*60+second), millis, offset, true
}

// fraction reads the optional fraction of a second, cut to milliseconds; rest is nil when a dot has no
// digits behind it.
func fraction(s []byte) (millis int64, rest []byte) {
	if len(s) == 0 || s[0] != '.' {
		return 0, s
	}
	return fractionOf(s[1:])
}

// fractionOf is fraction from behind the point.
func fractionOf(s []byte) (millis int64, rest []byte) {
	weight := int64(100)
	i := 0
	for ; i < len(s) && s[i]-'0' <= 9; i++ {
		millis += weight * int64(s[i]-'0')
		weight /= 10
	}
	if i == 0 {
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
