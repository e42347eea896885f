package decode

import "bytes"

// scan reads a time's parts one after the other.
type scan struct{ rest []byte }

// digits takes a number of least to most digits; ok is false, and nothing is taken, when there are fewer or more.
func (s *scan) digits(least, most int) (value, places int, ok bool) {
	places = leadingDigits(s.rest)
	if places < least || places > most {
		return 0, 0, false
	}
	for _, c := range s.rest[:places] {
		value = value*10 + int(c-'0')
	}
	s.rest = s.rest[places:]
	return value, places, true
}

// next is the byte that comes next, 0 at the end.
func (s *scan) next() byte {
	if len(s.rest) == 0 {
		return 0
	}
	return s.rest[0]
}

// take takes a byte if it comes next.
func (s *scan) take(c byte) bool {
	if s.next() != c || len(s.rest) == 0 {
		return false
	}
	s.rest = s.rest[1:]
	return true
}

// spaces takes spaces, also those that do not break lines, as browsers write before AM and PM.
func (s *scan) spaces() (taken bool) {
	for {
		switch {
		case s.next() == ' ':
			s.rest = s.rest[1:]
		case bytes.HasPrefix(s.rest, []byte("\u00a0")):
			s.rest = s.rest[len("\u00a0"):]
		case bytes.HasPrefix(s.rest, []byte("\u202f")):
			s.rest = s.rest[len("\u202f"):]
		default:
			return taken
		}
		taken = true
	}
}

// letters takes a word of letters, of which others than ASCII's are not looked at closely.
func (s *scan) letters() []byte {
	n := 0
	for n < len(s.rest) && ((s.rest[n]|0x20)-'a' < 26 || s.rest[n] >= 0x80 && !bytes.HasPrefix(s.rest[n:], []byte("\u00a0")) && !bytes.HasPrefix(s.rest[n:], []byte("\u202f"))) {
		n++
	}
	word := s.rest[:n]
	s.rest = s.rest[n:]
	return word
}

// date takes a date and returns its days since 1970.
func (f TimeFormat) date(s *scan) (days int64, ok bool) {
	switch n := leadingDigits(s.rest); n {
	case 8, 14:
		number := s.rest[:8]
		s.rest = s.rest[8:]
		return daysOf(number4(number), number2(number[4:]), number2(number[6:]))
	case 4:
		return s.yearFirst()
	case 1, 2:
		return f.dayOrMonthFirst(s)
	case 0:
		return s.wordFirst()
	}
	return 0, false
}

// separator takes what stands between the parts of a date.
func (s *scan) separator() (c byte, ok bool) {
	c = s.next()
	if c != '-' && c != '/' && c != '.' {
		return 0, false
	}
	s.rest = s.rest[1:]
	return c, true
}

// yearFirst takes 2024-01-31.
func (s *scan) yearFirst() (days int64, ok bool) {
	year, _, _ := s.digits(4, 4)
	between, ok := s.separator()
	if !ok {
		return 0, false
	}
	month, _, ok := s.digits(1, 2)
	if !ok || !s.take(between) {
		return 0, false
	}
	day, _, ok := s.digits(1, 2)
	if !ok {
		return 0, false
	}
	return daysOf(year, month, day)
}

// dayOrMonthFirst takes 31.01.2024 or 01/31/2024, as the order says, or 31-Jan-2024 in any.
func (f TimeFormat) dayOrMonthFirst(s *scan) (days int64, ok bool) {
	day, _, _ := s.digits(1, 2)
	between, ok := s.separator()
	if !ok {
		if ok = s.spaces(); !ok {
			return 0, false
		}
		between = ' '
	}
	if between == '.' && s.spaces() { // 31. Januar 2024
		between = ' '
	}
	if (s.next()|0x20)-'a' < 26 {
		word := s.letters()
		if string(word) == "de" && between == ' ' && s.spaces() { // 31 de enero de 2024
			word = s.letters()
		}
		month := monthNamed(word)
		if between == ' ' {
			s.take('.')
			if ok = s.spaces(); !ok {
				return 0, false
			}
			if before := s.rest; string(s.letters()) == "de" {
				s.spaces()
			} else {
				s.rest = before
			}
		} else if !s.take(between) {
			return 0, false
		}
		return s.year(day, month, true)
	}
	if f.order == yearFirst || between == ' ' {
		return 0, false
	}
	month, _, ok := s.digits(1, 2)
	if !ok || !s.take(between) {
		return 0, false
	}
	if f.order == monthFirst {
		day, month = month, day
	}
	return s.year(day, month, true)
}

// year takes the year that a date ends in. Years of two digits are read as POSIX does: 69 to 99 are of the last
// century.
func (s *scan) year(day, month int, short bool) (days int64, ok bool) {
	year, places, ok := s.digits(2, 4)
	switch {
	case !ok || places == 3 || places == 2 && !short:
		return 0, false
	case places == 2 && year >= 69:
		year += 1900
	case places == 2:
		year += 2000
	}
	return daysOf(year, month, day)
}

// wordFirst takes Jan 31, 2024, or a day of the week before a date with the month's name.
func (s *scan) wordFirst() (days int64, ok bool) {
	word := s.letters()
	if weekday(word) {
		s.take(',')
		s.spaces()
		if leadingDigits(s.rest) > 0 {
			return TimeFormat{}.dayOrMonthFirst(s)
		}
		word = s.letters()
	}
	month := monthNamed(word)
	s.take('.')
	if month == 0 || !s.spaces() {
		return 0, false
	}
	day, _, ok := s.digits(1, 2)
	if !ok {
		return 0, false
	}
	if comma := s.take(','); !s.spaces() && !comma {
		return 0, false
	}
	return s.year(day, month, false)
}

// monthNamed is the number of a month by its English name or the first three letters of it, or by its German, French or
// Spanish name or what that is shortened to, 0 for other words.
func monthNamed(word []byte) int {
	const names = "januaryfebruarymarchaprilmayjunejulyaugustseptemberoctobernovemberdecember"
	lengths := [...]int{7, 8, 5, 5, 3, 4, 4, 6, 9, 7, 8, 8}
	at := 0
	for i, n := range lengths {
		if name := names[at : at+n]; named(word, name) || len(word) == 4 && named(word, "sept") && i == 8 {
			return i + 1
		}
		at += n
	}
	return monthElsewhere(word)
}

// monthElsewhere is monthNamed for the names that are not English.
func monthElsewhere(word []byte) int {
	var room [16]byte
	if len(word) > len(room) {
		return 0
	}
	lower := room[:copy(room[:], word)]
	for i, c := range lower {
		if c-'A' < 26 || c >= 0x80 && c < 0xa0 { // É is é but for the same bit
			lower[i] = c | 0x20
		}
	}
	switch string(lower) {
	case "januar", "jänner", "janvier", "janv", "enero", "ene":
		return 1
	case "februar", "février", "fevrier", "févr", "fév", "febrero":
		return 2
	case "märz", "maerz", "mär", "mrz", "mars", "marzo":
		return 3
	case "avril", "avr", "abril", "abr":
		return 4
	case "mai", "mayo":
		return 5
	case "juni", "juin", "junio":
		return 6
	case "juli", "juillet", "juil", "julio":
		return 7
	case "août", "aout", "agosto", "ago":
		return 8
	case "septembre", "septiembre", "setiembre":
		return 9
	case "oktober", "okt", "octobre", "octubre":
		return 10
	case "novembre", "noviembre":
		return 11
	case "dezember", "dez", "décembre", "decembre", "déc", "diciembre", "dic": //nolint:misspell // French without its accent
		return 12
	}
	return 0
}

// weekday reports whether a word is a day of the week, or the first three letters of one.
func weekday(word []byte) bool {
	const names = "mondaytuesdaywednesdaythursdayfridaysaturdaysunday"
	at := 0
	for _, n := range [...]int{6, 7, 9, 8, 6, 8, 6} {
		if named(word, names[at:at+n]) {
			return true
		}
		at += n
	}
	return false
}

// named reports whether a word is a name, or the first three letters of it, in any case.
func named(word []byte, name string) bool {
	if len(word) != 3 && len(word) != len(name) {
		return false
	}
	for i, c := range word {
		if c|0x20 != name[i] {
			return false
		}
	}
	return true
}

// clock takes the time of day behind a date, in milliseconds; none is midnight.
func (s *scan) clock() (millis int64, ok bool) {
	if len(s.rest) == 0 {
		return 0, true
	}
	comma := s.take(',')
	switch spaced := s.spaces(); {
	case spaced && leadingDigits(s.rest) == 0:
		return 0, !comma && len(s.rest) > 0 // an offset may follow
	case spaced:
	case !comma && (s.next()|0x20 == 't' || s.next() == ':'):
		s.rest = s.rest[1:]
	case leadingDigits(s.rest) != 6: // 20240131002100
		return 0, false
	}
	hour, minutes, ok := s.reading()
	if !ok {
		return 0, false
	}
	if hour, ok = s.half(hour); !ok || hour > 23 {
		return 0, false
	}
	return int64(hour)*3_600_000 + minutes, true
}

// reading takes hours, minutes and perhaps seconds with their fraction, with colons between or without; past is the
// milliseconds since the full hour.
func (s *scan) reading() (hour int, past int64, ok bool) {
	var minute, second int
	var seconds bool
	switch places := leadingDigits(s.rest); places {
	case 4, 6:
		hour, minute, seconds = number2(s.rest), number2(s.rest[2:]), places == 6
		if seconds {
			second = number2(s.rest[4:])
		}
		s.rest = s.rest[places:]
	default:
		if hour, _, ok = s.digits(1, 2); !ok || !s.take(':') {
			return 0, 0, false
		}
		if minute, _, ok = s.digits(2, 2); !ok {
			return 0, 0, false
		}
		if seconds = s.take(':'); seconds {
			if second, _, ok = s.digits(2, 2); !ok {
				return 0, 0, false
			}
		}
	}
	var millis int64
	if c := s.next(); seconds && (c == '.' || c == ',') {
		if millis, s.rest = fractionOf(s.rest[1:]); s.rest == nil {
			return 0, 0, false
		}
	}
	return hour, int64(minute*60+second)*1000 + millis, minute <= 59 && second <= 59
}

// half takes AM or PM, if it is there, and returns the hour of the day.
func (s *scan) half(hour int) (of24 int, ok bool) {
	before := s.rest
	s.spaces()
	c := s.next() | 0x20
	if c != 'a' && c != 'p' {
		s.rest = before
		return hour, true
	}
	s.rest = s.rest[1:]
	point := s.take('.')
	if s.next()|0x20 != 'm' || hour < 1 || hour > 12 {
		return 0, false
	}
	s.rest = s.rest[1:]
	if point {
		s.take('.')
	}
	hour %= 12
	if c == 'p' {
		hour += 12
	}
	return hour, true
}

// offset takes what the time is east of UTC, in seconds, if that is said; ok is false for anything else, and for what
// comes behind it.
func (s *scan) offset() (seconds int64, given, ok bool) {
	s.spaces()
	if len(s.rest) == 0 {
		return 0, false, true
	}
	sign := s.next()
	if sign != '+' && sign != '-' {
		word := s.letters()
		utc := len(word) == 1 && word[0]|0x20 == 'z' || named(word, "utc") || named(word, "gmt")
		return 0, true, utc && len(s.rest) == 0
	}
	s.rest = s.rest[1:]
	hours, minutes := 0, 0
	switch leadingDigits(s.rest) {
	case 2:
		hours = number2(s.rest)
		if s.rest = s.rest[2:]; s.take(':') {
			if minutes, _, ok = s.digits(2, 2); !ok {
				return 0, false, false
			}
		}
	case 4:
		hours, minutes = number2(s.rest), number2(s.rest[2:])
		s.rest = s.rest[4:]
	default:
		return 0, false, false
	}
	if hours > 23 || minutes > 59 || len(s.rest) > 0 {
		return 0, false, false
	}
	seconds = int64(hours)*3600 + int64(minutes)*60
	if sign == '-' {
		seconds = -seconds
	}
	return seconds, true, true
}
