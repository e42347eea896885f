package files

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
)

// sparse reads LIBSVM files: lines of `label index:value …` with rising indices. The label is called
// y, a feature by its index; an index that a line leaves out is zero and stays absent.
type sparse struct{ v *window }

func (s *sparse) row(dst []byte) ([]byte, *RowError, error) {
	for {
		line, fault, err := s.v.next()
		if err != nil {
			return dst, nil, err
		}
		if fault != nil {
			return appendRaw(dst, line), fault, nil
		}
		text := line
		if i := bytes.IndexByte(line, '#'); i >= 0 { // a remark
			if text = trim(line[:i]); len(text) == 0 {
				continue
			}
		}
		start := len(dst)
		dst, column, problem := appendSparse(dst, text)
		if problem != "" {
			return appendRaw(dst[:start], line), s.v.fault(column, problem), nil
		}
		return dst, nil, nil
	}
}

// appendSparse appends line as an object, or says what is wrong with it, and at which byte.
func appendSparse(dst, line []byte) (object []byte, column int, problem string) {
	word, at := nextWord(line, 0)
	dst = append(dst, `{"y":`...)
	dst, ok := appendNumber(dst, word)
	if !ok {
		return dst, at - len(word) + 1, fmt.Sprintf("the label %q is no finite number", clip(word))
	}
	last := int64(-1)
	for at < len(line) {
		word, at = nextWord(line, at)
		column = at - len(word) + 1
		colon := bytes.IndexByte(word, ':')
		if colon < 0 {
			return dst, column, fmt.Sprintf("%q where index:value belongs", clip(word))
		}
		index := int64(-1)
		if n := digits(word[:colon]); n == colon && n > 0 && n <= 18 {
			index = 0
			for _, c := range word[:colon] {
				index = index*10 + int64(c-'0')
			}
		}
		if index < 0 {
			return dst, column, fmt.Sprintf("the index %q is no whole number", clip(word[:colon]))
		}
		if index <= last {
			return dst, column, fmt.Sprintf("the index %d after %d: indices rise along a line", index, last)
		}
		last = index
		dst = append(dst, ',', '"')
		dst = strconv.AppendInt(dst, index, 10)
		dst = append(dst, '"', ':')
		if dst, ok = appendNumber(dst, word[colon+1:]); !ok {
			return dst, column + colon + 1, fmt.Sprintf("the value %q is no finite number", clip(word[colon+1:]))
		}
	}
	return append(dst, '}'), 0, ""
}

// nextWord returns the word at or after place at, and the place behind it. The line neither starts nor
// ends with space.
func nextWord(line []byte, at int) ([]byte, int) {
	for at < len(line) && blank(line[at]) {
		at++
	}
	from := at
	for at < len(line) && !blank(line[at]) {
		at++
	}
	return line[from:at], at
}

// appendNumber appends a number as JSON writes it. LIBSVM's tools write and read C's notation, so +1,
// 1. and .5 are numbers here; a feature or label has no other meaning that they could stand for.
func appendNumber(dst, word []byte) ([]byte, bool) {
	if number(word) {
		return append(dst, word...), true
	}
	// This copies, but words that need it are few; ParseFloat also takes hex and underscores, which
	// C's notation for decimals has not.
	if len(word) == 0 || bytes.ContainsAny(word, "xX_pPiInN") {
		return dst, false
	}
	if word[0] == '+' && number(word[1:]) && word[1] != '-' {
		return append(dst, word[1:]...), true
	}
	x, err := strconv.ParseFloat(string(word), 64)
	if err != nil || math.IsInf(x, 0) {
		return dst, false
	}
	return strconv.AppendFloat(dst, x, 'g', -1, 64), true
}

// clip shortens text for a message.
func clip(b []byte) []byte { return b[:min(len(b), 40)] }
