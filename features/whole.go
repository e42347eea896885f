package features

// Canonical is the text that tells a category's value from others: 1.0 is 1, and -0 is 0. Tables and programs write a
// column of whole numbers either way, with the zeros once a value of it is missing. All else stands as it is written:
// 1.10 may be a version, 007 a code, 1e3 both. It is a part of text.
func Canonical(text []byte) []byte {
	n := len(text)
	if n < 2 || text[n-1] != '0' || text[0]-'0' > 9 && text[0] != '-' {
		return text
	}
	end := n
	for end > 0 && text[end-1] == '0' {
		end--
	}
	whole := text
	if end > 0 && text[end-1] == '.' {
		whole = text[:end-1]
	}
	if string(whole) == "-0" {
		return whole[1:]
	}
	digits := whole
	if len(digits) > 0 && digits[0] == '-' {
		digits = digits[1:]
	}
	if len(digits) == 0 || digits[0] == '0' && len(digits) > 1 {
		return text
	}
	for _, c := range digits {
		if c-'0' > 9 {
			return text
		}
	}
	return whole
}
