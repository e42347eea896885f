package decode

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"
)

// eachByte times a byte is that byte in all eight places of a word.
const eachByte = 0x0101010101010101

// scanString reads a JSON string whose opening quote stands before data[p]. It returns the place of
// the closing quote and whether the text holds escapes; ok is false when it is malformed (a control
// character, a bad escape, half a surrogate pair, invalid UTF-8 or no end), and end is then the byte
// at fault.
func scanString(data []byte, p int) (end int, escaped, ok bool) {
	for {
		// Eight bytes at a time: the high bit of each byte of m says that it is a quote, a backslash, a
		// control character or not ASCII. A borrow can only mark bytes after a true mark, and only the
		// first mark counts.
		for p+8 <= len(data) {
			w := binary.LittleEndian.Uint64(data[p:])
			m := (w - ' '*eachByte) | ((w ^ '"'*eachByte) - eachByte) | ((w ^ '\\'*eachByte) - eachByte) | w
			m &= 0x80 * eachByte
			if m != 0 {
				p += bits.TrailingZeros64(m) / 8
				break
			}
			p += 8
		}
		if p >= len(data) {
			return p, escaped, false
		}
		switch c := data[p]; {
		case c == '"':
			return p, escaped, true
		case c == '\\':
			n := escapeLength(data[p:])
			if n == 0 {
				return p, escaped, false
			}
			escaped = true
			p += n
		case c < ' ':
			return p, escaped, false
		case c < utf8.RuneSelf:
			p++ // within the last seven bytes
		default:
			r, n := utf8.DecodeRune(data[p:])
			if r == utf8.RuneError && n == 1 {
				return p, escaped, false
			}
			p += n
		}
	}
}

// escapeLength is the length of the escape at the start of b, 0 when it is none. Half of a surrogate
// pair is no text, so it is refused (RFC 7493, 2.1) rather than replaced: two keys or categories that
// differ only there would become one.
func escapeLength(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	switch b[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
	default:
		return 0
	}
	r := hex4(b[2:])
	switch {
	case r < 0:
		return 0
	case !utf16.IsSurrogate(r):
		return 6
	}
	if len(b) < 12 || b[6] != '\\' || b[7] != 'u' || utf16.DecodeRune(r, hex4(b[8:])) == utf8.RuneError {
		return 0
	}
	return 12
}

// hex4 reads four hexadecimal digits, -1 when there are not four.
func hex4(b []byte) rune {
	if len(b) < 4 {
		return -1
	}
	var r rune
	for _, c := range b[:4] {
		switch {
		case c-'0' <= 9:
			c -= '0'
		case (c|0x20)-'a' <= 5:
			c = c | 0x20 - 'a' + 10
		default:
			return -1
		}
		r = r<<4 | rune(c)
	}
	return r
}

// unescape appends the text of a string that scanString found good.
func unescape(dst, s []byte) []byte {
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			dst = append(dst, s[i])
			continue
		}
		i++
		switch s[i] {
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		case 'u':
			r := hex4(s[i+1:])
			i += 4
			if utf16.IsSurrogate(r) {
				r = utf16.DecodeRune(r, hex4(s[i+3:]))
				i += 6
			}
			dst = utf8.AppendRune(dst, r)
		default: // a quote, a backslash or a slash
			dst = append(dst, s[i])
		}
	}
	return dst
}
