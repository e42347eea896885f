package files

import (
	"unicode/utf8"

	"millrace"
)

// appendCell appends a cell as a JSON value: a number as it is written, a boolean, or a string.
// Space around a number or boolean is dropped, for many files have it after each comma.
func appendCell(dst, cell []byte, text bool) []byte {
	if !text {
		switch word := trim(cell); {
		case number(word):
			return append(dst, word...)
		case is(word, "true"), is(word, "True"), is(word, "TRUE"):
			return append(dst, "true"...)
		case is(word, "false"), is(word, "False"), is(word, "FALSE"):
			return append(dst, "false"...)
		}
	}
	return appendString(dst, cell)
}

// Missing says whether a cell holds one of the words that tables write where a number is not known. An empty cell is
// missing without a word.
func Missing(cell []byte) bool { return len(cell) > 0 && millrace.MissingWord(cell) }

// is compares without the copy that a conversion might make.
func is(b []byte, s string) bool { return string(b) == s }

// number says whether b is a number as JSON writes them (RFC 8259, section 6): no leading plus or
// zeros, digits on both sides of the point. Others (01, .5, 1., 0x1F, NaN) are codes or
// misspellings, and the pipeline file says which of the two. So may digits around an e be (12345678e9012345), which
// stay a text as well: features that are numbers read those, and an id keeps what is written.
func number(b []byte) bool {
	if len(b) > 0 && b[0] == '-' {
		b = b[1:]
	}
	whole := digits(b)
	if whole == 0 || whole > 1 && b[0] == '0' {
		return false
	}
	b = b[whole:]
	point := 0
	if len(b) > 0 && b[0] == '.' {
		if point = digits(b[1:]); point == 0 {
			return false
		}
		b = b[1+point:]
	}
	if len(b) > 0 && (b[0] == 'e' || b[0] == 'E') {
		if whole > 1 && point == 0 || len(b) > len("e+308") {
			return false
		}
		b = b[1:]
		if len(b) > 0 && (b[0] == '+' || b[0] == '-') {
			b = b[1:]
		}
		power := digits(b)
		return power > 0 && power == len(b)
	}
	return len(b) == 0
}

// digits counts the digits that b starts with.
func digits(b []byte) int {
	for i, c := range b {
		if c < '0' || c > '9' {
			return i
		}
	}
	return len(b)
}

const hex = "0123456789abcdef"

// appendString appends b as a JSON string. What is not UTF-8 becomes U+FFFD, for JSON has no bytes.
func appendString(dst, b []byte) []byte {
	dst = append(dst, '"')
	from := 0
	for i := 0; i < len(b); {
		c := b[i]
		if c >= ' ' && c < utf8.RuneSelf && c != '"' && c != '\\' {
			i++
			continue
		}
		size := 1
		if c >= utf8.RuneSelf {
			var r rune
			if r, size = utf8.DecodeRune(b[i:]); r != utf8.RuneError || size > 1 {
				i += size
				continue
			}
		}
		dst = append(dst, b[from:i]...)
		switch {
		case c >= utf8.RuneSelf:
			dst = append(dst, "\uFFFD"...)
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c == '\n':
			dst = append(dst, '\\', 'n')
		case c == '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
		i += size
		from = i
	}
	dst = append(dst, b[from:]...)
	return append(dst, '"')
}
