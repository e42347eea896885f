package decode

import (
	"encoding/binary"
	"math"
	"math/bits"
	"strconv"
	"unsafe"
)

type numberFault uint8

const (
	numberOK numberFault = iota
	numberMalformed
	numberNotFinite
)

// pow10 are the powers of ten that float64 holds exactly.
var pow10 = [...]float64{
	1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
	1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
}

// tenTo are the powers of ten that shift a mantissa by up to eight digits.
var tenTo = [9]uint64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8}

// eightDigits reads the digits that a word of eight characters starts with, the first in its lowest
// byte: their value and how many they are. It has no branch, because the number of decimals changes
// from value to value and a mispredicted loop costs more than reading all of them.
func eightDigits(w uint64) (value uint64, n int) {
	w, other := digits(w)
	if n = bits.TrailingZeros64(other) / 8; n > 0 {
		value = joined(w, n)
	}
	return value, n
}

// digits makes numbers of eight characters, each less '0', and marks the high bit of those that are no digits.
func digits(w uint64) (numbers, other uint64) {
	w ^= '0' * eachByte
	// 10 and more carry into the bit, and so do 128 and more.
	return w, (w + 0x76*eachByte | w) & (0x80 * eachByte)
}

// joined is the value of the first n digits of a word, one to eight of them.
func joined(w uint64, n int) uint64 {
	// Move the digits to the high end, so that zeros stand before them, then add neighbours up: pairs,
	// fours (in the two 32-bit halves, whose weights the factors hold) and all eight.
	w <<= (64 - 8*n) & 63
	w = w*10 + w>>8
	const low = 0x000000FF000000FF
	return ((w&low)*(100+1000000<<32) + (w>>16&low)*(1+10000<<32)) >> 32
}

// parseNumber reads the JSON number that starts at data[p], which exists. It returns the correctly
// rounded value, the same bits as strconv, and where the number ends or, when malformed, the byte at
// fault. Numbers of at most 19 digits whose digits fit 53 bits and whose exponent is small, nearly
// all in practice, take one exact conversion and one correctly rounded product or quotient
// (W. D. Clinger, How to Read Floating Point Numbers Accurately, PLDI 1990); the rest go to strconv.
func parseNumber(data []byte, p int) (float64, int, numberFault) {
	start := p
	negative := data[p] == '-'
	if negative {
		p++
	}
	digits := p
	var mantissa uint64
	switch {
	case p == len(data) || data[p]-'0' > 9:
		return 0, p, numberMalformed
	case data[p] == '0': // no digit may follow a leading zero
		p++
		if p < len(data) && data[p]-'0' <= 9 {
			return 0, p, numberMalformed
		}
	default:
		for ; p < len(data) && data[p]-'0' <= 9; p++ {
			mantissa = mantissa*10 + uint64(data[p]-'0')
		}
	}
	count, exponent := p-digits, 0
	if p < len(data) && data[p] == '.' {
		p++
		fraction := p
		for p+8 <= len(data) {
			value, n := eightDigits(binary.LittleEndian.Uint64(data[p:]))
			mantissa = mantissa*tenTo[n] + value
			p += n
			if n < 8 {
				break
			}
		}
		for ; p < len(data) && data[p]-'0' <= 9; p++ {
			mantissa = mantissa*10 + uint64(data[p]-'0')
		}
		if p == fraction {
			return 0, p, numberMalformed
		}
		count += p - fraction
		exponent = fraction - p
	}
	if p < len(data) && data[p]|0x20 == 'e' {
		e, end, ok := parseExponent(data, p+1)
		if !ok {
			return 0, end, numberMalformed
		}
		exponent += e
		p = end
	}
	// 19 digits never overflow 64 bits; whatever mantissa holds for more is not looked at.
	if count <= 19 && mantissa < 1<<53 && exponent >= -22 && exponent <= 22 {
		v := float64(mantissa)
		if exponent < 0 {
			v /= pow10[-exponent]
		} else {
			v *= pow10[exponent]
		}
		if negative {
			v = -v
		}
		return v, p, numberOK
	}
	return parseSlowly(data[start:p], p)
}

// parseExponent reads the sign and digits after e. Exponents beyond a million are cut there: they are
// zero or overflow all the same, whatever the digits before them within one event.
func parseExponent(data []byte, p int) (e, end int, ok bool) {
	negative := false
	if p < len(data) && (data[p] == '+' || data[p] == '-') {
		negative = data[p] == '-'
		p++
	}
	start := p
	for ; p < len(data) && data[p]-'0' <= 9; p++ {
		if e < 1e6 {
			e = e*10 + int(data[p]-'0')
		}
	}
	if negative {
		e = -e
	}
	return e, p, p > start
}

// parseSlowly hands a well-formed literal to strconv without copying it: ParseFloat does not keep
// its argument, and its errors hold a copy.
func parseSlowly(literal []byte, end int) (float64, int, numberFault) {
	text := unsafe.String(unsafe.SliceData(literal), len(literal)) //nolint:gosec // literal does not change while text is used, and text is not kept
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsInf(v, 0) {
		return 0, end, numberNotFinite
	}
	return v, end, numberOK
}

// integer reports whether a well-formed JSON number is written without fraction and exponent.
func integer(literal []byte) bool {
	for _, c := range literal {
		if c != '-' && c-'0' > 9 {
			return false
		}
	}
	return true
}

// skipNumber checks the JSON number at data[p] without its value; end is the byte at fault when it
// is malformed.
func skipNumber(data []byte, p int) (end int, ok bool) {
	if data[p] == '-' {
		p++
	}
	first := p
	p = skipDigits(data, p)
	if p == first || (data[first] == '0' && p > first+1) {
		return min(p, first+1), false
	}
	if p < len(data) && data[p] == '.' {
		first = p + 1
		if p = skipDigits(data, first); p == first {
			return p, false
		}
	}
	if p < len(data) && data[p]|0x20 == 'e' {
		_, p, ok = parseExponent(data, p+1)
		return p, ok
	}
	return p, true
}

func skipDigits(data []byte, p int) int {
	for p < len(data) && data[p]-'0' <= 9 {
		p++
	}
	return p
}
