package decode

import "bytes"

const secondsADay = 86400

// parseDuration reads a text that says how long something took, and returns seconds. It never guesses:
//   - Hours, minutes and seconds with colons, 00:12:30 or 100:00:00.5, perhaps behind days: 2 days 03:00:00. 12:30 is
//     none, for it may be minutes and seconds as well.
//   - Numbers with units of time, the larger first, each once: 1h30m, 1 h 30 min, 90s, 2 days, 500ms, 3 Std. A lone m
//     is none, for it may be metres. Months and years are none: they are not always as long.
//   - ISO 8601's PT1H30M, P1DT12H, P2W.
//   - A minus before all of it.
//
// It allocates nothing.
func parseDuration(text []byte) (seconds float64, ok bool) {
	if len(text) > numberTextMax {
		return 0, false
	}
	text = trimSpace(text)
	sign := 1.0
	if len(text) > 0 {
		if n := minus(text); n > 0 {
			text, sign = trimSpace(text[n:]), -1
		} else if text[0] == '+' {
			text = trimSpace(text[1:])
		}
	}
	switch {
	case len(text) == 0:
		return 0, false
	case text[0] == 'P':
		seconds, ok = isoDuration(text[1:])
	default:
		seconds, ok = parts(text)
	}
	if !ok {
		return 0, false
	}
	return sign * seconds, true
}

// isoDuration reads what stands behind the P.
func isoDuration(text []byte) (seconds float64, ok bool) {
	last, clock := 0.0, false
	for len(text) > 0 {
		if text[0] == 'T' && !clock && len(text) > 1 {
			clock, last, text = true, 0, text[1:]
		}
		v, n := decimal(text)
		if n == 0 || n == len(text) {
			return 0, false
		}
		each := isoSeconds(text[n], clock)
		if each == 0 || last != 0 && each >= last {
			return 0, false
		}
		last, seconds, ok, text = each, seconds+v*each, true, text[n+1:]
	}
	return seconds, ok
}

// isoSeconds is how long one of a unit's letter is, 0 for other letters; clock is behind the T.
func isoSeconds(letter byte, clock bool) float64 {
	switch {
	case clock && letter == 'H':
		return 3600
	case clock && letter == 'M':
		return 60
	case clock && letter == 'S':
		return 1
	case !clock && letter == 'W':
		return 7 * secondsADay
	case !clock && letter == 'D':
		return secondsADay
	}
	return 0
}

// parts reads numbers with units, and what has colons at the end.
func parts(text []byte) (seconds float64, ok bool) {
	last, alone := 0.0, false
	for len(text) > 0 {
		if v, isClock := clockSeconds(text); isClock {
			if last != 0 && last != secondsADay {
				return 0, false
			}
			return seconds + v, true
		}
		v, n := decimal(text)
		if n == 0 {
			return 0, false
		}
		text = trimSpace(text[n:])
		n = unitLetters(text)
		each := unitSeconds(text[:n])
		if each == 0 || last != 0 && each >= last {
			return 0, false
		}
		alone = last == 0 && n == 1 && text[0] == 'm'
		last, seconds = each, seconds+v*each
		text = trimSpace(bytes.TrimPrefix(text[n:], []byte(",")))
	}
	return seconds, last != 0 && !alone
}

// decimal reads a number as 12 or 1.5 that text begins with, and returns its bytes; 0 for none.
func decimal(text []byte) (v float64, n int) {
	if n = leadingDigits(text); n == 0 {
		return 0, 0
	}
	start := 0
	for start < n-1 && text[start] == '0' { // 05 minutes are five
		start++
	}
	end := n
	if end+1 < len(text) && text[end] == '.' && text[end+1]-'0' <= 9 {
		end += 1 + leadingDigits(text[end+1:])
	}
	v, _, fault := parseNumber(text[start:end], 0)
	if fault != numberOK {
		return 0, 0
	}
	return v, end
}

// clockSeconds reads hours, minutes and seconds with colons, and nothing behind them.
func clockSeconds(text []byte) (seconds float64, ok bool) {
	const hoursDigitsMax = 6
	n := leadingDigits(text)
	if n == 0 || n > hoursDigitsMax || len(text) < n+len(":00:00") || text[n] != ':' || text[n+3] != ':' {
		return 0, false
	}
	hours, _ := decimal(text[:n])
	minutes, whole := number2(text[n+1:]), number2(text[n+4:])
	if uint(minutes) > 59 || uint(whole) > 59 {
		return 0, false
	}
	v, end := decimal(text[n+4:])
	return hours*3600 + float64(minutes)*60 + v, end == len(text)-n-4
}

// unitLetters are the bytes of the word that text begins with.
func unitLetters(text []byte) int {
	n := 0
	for n < len(text) && ((text[n]|0x20)-'a' < 26 || text[n] >= 0x80) {
		n++
	}
	return n
}

// unitSeconds is how long a unit of time is, 0 for other words.
func unitSeconds(word []byte) float64 {
	switch string(word) {
	case "w", "week", "weeks", "Woche", "Wochen":
		return 7 * secondsADay
	case "d", "D", "day", "days", "Day", "Days", "Tag", "Tage", "Tagen", "jour", "jours":
		return secondsADay
	case "h", "H", "hr", "hrs", "hour", "hours", "Hour", "Hours", "Std", "Stunde", "Stunden", "heure", "heures":
		return 3600
	case "m", "min", "mins", "minute", "minutes", "Min", "Mins", "Minute", "Minutes", "Minuten":
		return 60
	case "s", "S", "sec", "secs", "second", "seconds", "Sec", "Second", "Seconds", "Sek", "Sekunde", "Sekunden":
		return 1
	case "ms", "msec", "millisecond", "milliseconds":
		return 1e-3
	case "us", "µs", "μs":
		return 1e-6
	case "ns":
		return 1e-9
	}
	return 0
}
