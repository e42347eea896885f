package decode

import "bytes"

// withoutUnit takes the unit off that stands before or behind a number, in the longest of its spellings, and returns
// what it multiplies the number by. What is not there is not taken off: a column's numbers may come without.
func withoutUnit(text []byte, unit []string) (rest []byte, factor float64) {
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
	if behind > 0 {
		return text[:len(text)-behind], Magnitude(string(text[len(text)-behind:]))
	}
	return text[before:], 1
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
