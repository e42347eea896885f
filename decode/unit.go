package decode

import "bytes"

// withoutUnit takes the unit off that stands before or behind a number, in the longest of its spellings, and returns
// what it multiplies the number by. What is not there is not taken off: a column's numbers may come without. A
// magnitude and another unit may stand together, as in $1.5M and 1.5 Mio. €.
func withoutUnit(text []byte, unit []string) (rest []byte, factor float64) {
	rest, first := withoutOne(text, unit)
	if first == 0 {
		return rest, 1
	}
	if inner, second := withoutOne(bytes.TrimSpace(rest), unit); second > 0 && (first > 1) != (second > 1) {
		return inner, first * second
	}
	return rest, first
}

// withoutOne takes one unit off; factor is 0 where there is none.
func withoutOne(text []byte, unit []string) (rest []byte, factor float64) {
	var before, behind int
	for _, u := range unit {
		if n := len(u); n > behind && n < len(text) && string(text[len(text)-n:]) == u {
			behind = n
		}
		// The 2 of m2 would run into the number's digits.
		if n := len(u); n > before && n < len(text) && u[n-1]-'0' > 9 && bytes.HasPrefix(text, []byte(u)) {
			before = n
		}
	}
	switch {
	case behind > 0:
		return text[:len(text)-behind], Magnitude(string(text[len(text)-behind:]))
	case before > 0:
		return text[before:], 1
	}
	return text, 0
}

// Magnitude is what a unit multiplies a number by, as k does in 2k; 1 for all that are none of the magnitudes. A lone m
// may be metres and a B bytes, so they are none.
func Magnitude(unit string) float64 {
	switch unit {
	case "k", "K", "Tsd", "Tsd.", "thousand":
		return 1e3
	case "M", "Mio", "Mio.", "mn", "mln", "million":
		return 1e6
	case "bn", "Mrd", "Mrd.", "mrd", "billion":
		return 1e9
	}
	return 1
}
