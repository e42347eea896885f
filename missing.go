package millrace

// MissingWord reports whether a text says that a number is not known: nothing at all, NA as R and pandas have it, ? as
// the UCI repository does, NaN, N/A or null. Among numbers, booleans and times it is always an absent value, in files
// as in events.
func MissingWord(text []byte) bool {
	switch string(text) {
	case "", "NA", "?", "NaN", "nan", "N/A", "n/a", "null", "NULL":
		return true
	}
	return false
}
