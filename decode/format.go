package decode

import (
	"bytes"
	"unicode"
	"unicode/utf8"
)

// NumberFormat says how numbers are written in texts. A column has one: whether 1.234 is a thousand or one and a bit
// cannot be seen from the value.
type NumberFormat string

// The formats of numbers.
const (
	// NumberPlain reads numbers as JSON writes them: 12, -1.5, 1e3.
	NumberPlain NumberFormat = ""
	// NumberUS reads these, and 1,234.50, $ 1,200, (1,200), 12.5 % and 1'234.5.
	NumberUS NumberFormat = "us"
	// NumberEU reads 1.234,50, 1 234,5, 1.200 €, 1.200,00- and 12,5 %; 1.234 is a thousand and more, 1.5 nothing.
	NumberEU NumberFormat = "eu"
	// NumberDuration reads 1h30m, 90 min, 00:12:30, PT5M and 2 days 03:00:00 as seconds: see parseDuration.
	NumberDuration NumberFormat = "duration"
)

// numberTextMax bytes are more than anybody writes a number with, affixes apart.
const numberTextMax = 64

// Parse reads a text that is a number and nothing else; ok is false where it is none. It never guesses:
//   - Thousands are groups of three digits after one to three, all parted by one mark: a comma (us), a point (eu), an
//     apostrophe or a space (either). No number of several digits begins with 0, so 0,123 is no us number, 007 none.
//   - A currency's sign or code, or a percent sign, may stand before or behind; 12.5 % is 12.5.
//   - An apostrophe may stand in front, with which spreadsheets mark a text.
//   - A minus stands before or behind, parentheses are one. There is one of them at most.
//
// It allocates nothing and keeps nothing of text.
func (f NumberFormat) Parse(text []byte) (value float64, ok bool) { return f.ParseUnit(text, nil) }

// ParseUnit is Parse for a column whose numbers have a unit, which stands before or behind them or is left out: its
// spellings, as year and years. Where there is one, no other is passed over, nor a currency or a percent sign.
func (f NumberFormat) ParseUnit(text []byte, unit []string) (value float64, ok bool) {
	if f == NumberDuration {
		return parseDuration(text)
	}
	if f != NumberEU || bytes.IndexByte(text, '.') < 0 { // a point is between thousands there
		if value, ok = plainNumber(text); ok || f == NumberPlain && len(unit) == 0 {
			return value, ok
		}
	}
	if len(text) > numberTextMax {
		return 0, false
	}
	if f == NumberPlain {
		core, factor := withoutUnit(trimSpace(text), unit)
		value, ok = plainNumber(trimSpace(core))
		return value * factor, ok
	}
	core, factor, negative := bare(text, unit)
	var room [numberTextMax + 2]byte
	plain, ok := f.plain(room[:0], core)
	if !ok {
		return 0, false
	}
	if value, ok = plainNumber(plain); negative {
		value = -value
	}
	return value * factor, ok
}

// example says in a message how the format's numbers look.
func (f NumberFormat) example() string {
	switch f {
	case NumberUS:
		return ", as 1,234.50"
	case NumberEU:
		return ", as 1.234,50"
	case NumberDuration:
		return " of seconds, or a duration as 1h30m, 00:12:30 or PT5M"
	}
	return ""
}

// plainNumber reads a text that is one JSON number.
func plainNumber(text []byte) (value float64, ok bool) {
	if len(text) == 0 {
		return 0, false
	}
	value, end, fault := parseNumber(text, 0)
	return value, fault == numberOK && end == len(text)
}

// bare takes what may stand around a number off it: space, one sign, one unit, or without such
// one currency or percent sign.
func bare(text []byte, unit []string) (core []byte, factor float64, negative bool) {
	if text = trimSpace(text); len(text) > 1 && text[0] == '\'' { // spreadsheets mark a text so
		text = text[1:]
	}
	factor = 1
	var signed, affixed bool
	for text = trimSpace(text); len(text) > 0; text = trimSpace(text) {
		last := len(text) - 1
		switch n := minus(text); {
		case !signed && n > 0:
			text, signed, negative = text[n:], true, true
			continue
		case !signed && text[0] == '+':
			text, signed = text[1:], true
			continue
		case !signed && text[0] == '(' && text[last] == ')':
			text, signed, negative = text[1:last], true, true
			continue
		case !signed && text[last] == '-':
			text, signed, negative = text[:last], true, true
			continue
		}
		if affixed {
			break
		}
		if len(unit) > 0 {
			rest, times := withoutUnit(text, unit)
			if affixed = len(rest) < len(text); !affixed {
				break
			}
			text, factor = rest, times
		} else if n := affixBefore(text); n > 0 {
			text, affixed = text[n:], true
		} else if n := affixBehind(text); n > 0 {
			text, affixed = text[:len(text)-n], true
		} else {
			break
		}
	}
	return text, factor, negative
}

// plain appends the number to dst as JSON writes it, without a sign.
func (f NumberFormat) plain(dst, core []byte) (plain []byte, ok bool) {
	point, thousands := byte('.'), byte(',')
	if f == NumberEU {
		point, thousands = ',', '.'
	}
	dst, rest, ok := whole(dst, core, thousands)
	if !ok {
		return nil, false
	}
	digits := len(dst)
	if digits == 0 {
		dst = append(dst, '0')
	}
	if len(rest) > 0 && rest[0] == point {
		n := skipDigits(rest, 1)
		if digits == 0 && n == 1 {
			return nil, false
		}
		if n > 1 {
			dst = append(append(dst, '.'), rest[1:n]...)
		}
		rest = rest[n:]
	} else if digits == 0 {
		return nil, false
	}
	if len(rest) > 0 && rest[0]|0x20 == 'e' {
		return append(dst, rest...), true // what is wrong with it the reader of plain numbers sees
	}
	return dst, len(rest) == 0
}

// whole appends the digits before the point, and returns what stands behind them.
func whole(dst, core []byte, thousands byte) (digits, rest []byte, ok bool) {
	end := skipDigits(core, 0)
	if end > 1 && core[0] == '0' {
		return nil, nil, false
	}
	dst, core = append(dst, core[:end]...), core[end:]
	if end == 0 || end > 3 || dst[0] == '0' {
		return dst, core, true
	}
	for first := byte(0); ; {
		mark, n := groupMark(core, thousands)
		if n == 0 || first != 0 && mark != first {
			return dst, core, true
		}
		first = mark
		if skipDigits(core, n) != n+3 {
			return nil, nil, false
		}
		dst, core = append(dst, core[n:n+3]...), core[n+3:]
	}
}

// groupMark returns the mark between thousands that b starts with, all kinds of space as one, and its bytes.
func groupMark(b []byte, thousands byte) (mark byte, n int) {
	if len(b) == 0 {
		return 0, 0
	}
	if b[0] == thousands || b[0] == '\'' {
		return b[0], 1
	}
	if bytes.HasPrefix(b, []byte("’")) {
		return '\'', len("’")
	}
	return ' ', spaceBefore(b)
}

// minus returns the bytes of the minus that b starts with: a hyphen, or the sign that is made for it.
func minus(b []byte) int {
	if b[0] == '-' {
		return 1
	}
	if bytes.HasPrefix(b, []byte("−")) {
		return len("−")
	}
	return 0
}

// spaceBefore returns the bytes of the space that b starts with: plain, no-break (U+00A0), thin (U+2009) or both.
func spaceBefore(b []byte) int {
	if len(b) > 0 && b[0] == ' ' {
		return 1
	}
	if len(b) < utf8.UTFMax-2 || b[0] < utf8.RuneSelf {
		return 0
	}
	switch r, n := utf8.DecodeRune(b); r {
	case 0xa0, 0x2009, 0x202f:
		return n
	}
	return 0
}

func trimSpace(b []byte) []byte {
	for n := spaceBefore(b); n > 0; n = spaceBefore(b) {
		b = b[n:]
	}
	for len(b) > 0 {
		r, n := utf8.DecodeLastRune(b)
		if r != ' ' && r != 0xa0 && r != 0x2009 && r != 0x202f {
			break
		}
		b = b[:len(b)-n]
	}
	return b
}

// affixBefore returns the bytes of the currency or percent sign that b starts with.
func affixBefore(b []byte) int {
	letters := 0
	for letters < len(b) {
		r, n := utf8.DecodeRune(b[letters:])
		if !unicode.IsLetter(r) && !(r == '.' && letters > 0) {
			break
		}
		letters += n
	}
	if letters > 0 && currencyWord(b[:letters]) {
		return letters
	}
	r, n := utf8.DecodeRune(b[letters:])
	if r == '%' && letters == 0 || unicode.Is(unicode.Sc, r) && (letters == 0 || dollarOf(b[:letters])) {
		return letters + n
	}
	return 0
}

// affixBehind returns the bytes of the currency or percent sign that b ends with.
func affixBehind(b []byte) int {
	if r, n := utf8.DecodeLastRune(b); r == '%' || unicode.Is(unicode.Sc, r) {
		before := b[:len(b)-n]
		if from := lettersBehind(before); r == '$' && dollarOf(before[from:]) {
			return len(before) - from + n
		}
		return n
	}
	from := lettersBehind(b)
	if from < len(b) && currencyWord(b[from:]) {
		return len(b) - from
	}
	return 0
}

// lettersBehind returns where the letters, and the point behind them, begin that b ends with.
func lettersBehind(b []byte) int {
	from := len(b)
	if from > 0 && b[from-1] == '.' {
		from--
	}
	end := from
	for from > 0 {
		r, n := utf8.DecodeLastRune(b[:from])
		if !unicode.IsLetter(r) {
			break
		}
		from -= n
	}
	if from == end {
		return len(b)
	}
	return from
}

// dollarOf reports whether the letters before a dollar sign say whose it is: US$, R$.
func dollarOf(b []byte) bool {
	switch string(b) {
	case "US", "R", "A", "AU", "C", "CA", "HK", "MX", "NT", "NZ", "S":
		return true
	}
	return false
}

// currencyWord reports whether a word is a currency: a code of those in trade (ISO 4217), or what people write. Any
// three letters would make numbers of article numbers.
func currencyWord(b []byte) bool {
	switch string(b) {
	case "AED", "ARS", "AUD", "BDT", "BGN", "BRL", "CAD", "CHF", "CLP", "CNY", "COP", "CZK", "DKK", "EGP", "EUR", "GBP", "HKD",
		"HRK", "HUF", "IDR", "ILS", "INR", "ISK", "JPY", "KES", "KRW", "KZT", "MAD", "MXN", "MYR", "NGN", "NOK", "NZD", "PEN",
		"PHP", "PKR", "PLN", "QAR", "RON", "RSD", "RUB", "SAR", "SEK", "SGD", "THB", "TRY", "TWD", "UAH", "USD", "UYU", "VND", "ZAR",
		"DM", "Eur", "Euro", "Fr.", "Ft", "Kč", "RM", "Rs", "Rs.", "SFr.", "TL", "eur", "euro", "kr", "kr.", "lei", "usd", "zł", "лв", "лв.", "руб", "руб.":
		return true
	}
	return false
}
