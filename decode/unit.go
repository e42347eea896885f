package decode

import "bytes"

// withoutUnit takes the unit off that stands before or behind a number, in the longest of its spellings. What is not
// there is not taken off: a column's numbers may come without.
func withoutUnit(text []byte, unit []string) []byte {
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
		return text[:len(text)-behind]
	}
	return text[before:]
}
