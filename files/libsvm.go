package files

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
)

// sparse reads LIBSVM files: lines of `label index:value …` with rising indices. The label is called
// y, a ranking's group qid, a feature by its index, beside the label or within the object bag; an index that a line
// leaves out is zero and stays absent.
type sparse struct {
	v   *window
	bag []byte // `,"name":{`; nil for none
}

func newSparse(v *window, bag string) (*sparse, error) {
	s := &sparse{v: v}
	switch bag {
	case "":
	case "y":
		return nil, fmt.Errorf("reading %s: y is the label's name in a LIBSVM file; name the bag something else", v.name)
	default:
		s.bag = append(appendString([]byte{','}, []byte(bag)), ':', '{')
	}
	return s, nil
}

func (s *sparse) line() int64 { return s.v.line }

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
		dst, column, problem := appendSparse(dst, text, s.bag)
		if problem != "" {
			if lone(line) {
				problem += "; " + macText
			}
			return appendRaw(dst[:start], line), s.v.fault(column, problem), nil
		}
		return dst, nil, nil
	}
}

// appendSparse appends line as an object, or says what is wrong with it, and at which byte.
func appendSparse(dst, line, bag []byte) (object []byte, column int, problem string) {
	word, at := nextWord(line, 0)
	dst = append(dst, `{"y":`...)
	dst, ok := appendNumber(dst, word)
	if !ok && bytes.IndexByte(word, ':') >= 0 {
		return dst, at - len(word) + 1, fmt.Sprintf("the line starts with %q: the label before it is missing", clip(word))
	}
	if !ok {
		return dst, at - len(word) + 1, fmt.Sprintf("the label %q is no finite number", clip(word))
	}
	group, end := queryGroup(line, at)
	if at = end; len(group) > 0 {
		dst = append(dst, `,"qid":`...)
		dst = appendString(dst, group)
	}
	dst = append(dst, bag...)
	last, comma := int64(-1), bag == nil
	for at < len(line) {
		for at < len(line) && blank(line[at]) {
			at++
		}
		column = at + 1
		index, colon := leadingIndex(line, at)
		if index < 0 {
			return dst, column, notIndexed(line, at)
		}
		if index <= last {
			return dst, column, fmt.Sprintf("the index %d after %d: indices rise along a line; sort its entries", index, last)
		}
		last = index
		if comma {
			dst = append(dst, ',')
		}
		comma = true
		dst = append(dst, '"')
		if line[at] != '0' {
			dst = append(dst, line[at:colon]...)
		} else {
			dst = strconv.AppendInt(dst, index, 10)
		}
		dst = append(dst, '"', ':')
		if at = decimal(line, colon+1); at > 0 {
			dst = append(dst, line[colon+1:at]...)
			continue
		}
		word, at = nextWord(line, colon+1)
		if at-len(word) > colon+1 { // a blank after the colon
			word = nil
		}
		if dst, ok = appendNumber(dst, word); !ok {
			return dst, colon + 2, fmt.Sprintf("the value %q is no finite number", clip(word))
		}
	}
	if bag != nil {
		dst = append(dst, '}')
	}
	return append(dst, '}'), 0, ""
}

// queryGroup reads the group that rows of a ranking are in, as qid:7 behind the label, and where it ends; empty is
// none.
func queryGroup(line []byte, at int) ([]byte, int) {
	word, end := nextWord(line, at)
	if group, ok := bytes.CutPrefix(word, []byte("qid:")); ok && len(group) > 0 && digits(group) == len(group) {
		return group, end
	}
	return nil, at
}

// leadingIndex reads the index before a colon, and where the colon stands; the index is -1 when there is none.
func leadingIndex(line []byte, at int) (index int64, colon int) {
	from := at
	for ; at < len(line) && at-from < 18 && line[at]-'0' <= 9; at++ {
		index = index*10 + int64(line[at]-'0')
	}
	if at == from || at == len(line) || line[at] != ':' {
		return -1, at
	}
	return index, at
}

// notIndexed says what is wrong with a word that does not start with an index and a colon.
func notIndexed(line []byte, at int) string {
	word, _ := nextWord(line, at)
	if bytes.HasPrefix(word, []byte("qid:")) {
		return fmt.Sprintf("%q where index:value belongs: a group is a whole number behind the label, as qid:7", clip(word))
	}
	if colon := bytes.IndexByte(word, ':'); colon >= 0 {
		return fmt.Sprintf("the index %q is no whole number", clip(word[:colon]))
	}
	return fmt.Sprintf("%q where index:value belongs", clip(word))
}

// decimal returns where the word at a place ends when it is digits, perhaps with a point and more of them,
// as nearly all values are; 0 when it is anything else.
func decimal(line []byte, at int) int {
	from := at
	for at < len(line) && line[at]-'0' <= 9 {
		at++
	}
	if at == from || at > from+1 && line[from] == '0' {
		return 0
	}
	if at < len(line) && line[at] == '.' {
		from = at + 1
		for at = from; at < len(line) && line[at]-'0' <= 9; {
			at++
		}
		if at == from {
			return 0
		}
	}
	if at < len(line) && !blank(line[at]) {
		return 0
	}
	return at
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

// indicesMax bounds what Indices answers: larger ones are no columns but names.
const indicesMax = 1 << 32

// Indices returns how many columns the vectors of LIBSVM files have: the largest index and one more. It
// reads all of them, but of each row only the end, for indices rise along it; rows that are at fault
// do not count. It is 0 for files of other formats.
func Indices(path string, o Options) (int, error) {
	if format, err := formatOf(path, o.Format); err == nil && format != "" && format != formatLIBSVM {
		return 0, nil // without opening what can be read once only
	}
	s, err := Open(path, o)
	if err != nil {
		return 0, err
	}
	defer s.Close() //nolint:errcheck // a file that was only read
	for most := 0; ; {
		rows, ok := s.file.rows.(*sparse)
		if !ok {
			return 0, nil
		}
		here, err := rows.indices()
		if err != nil {
			return 0, fmt.Errorf("reading %s: %w", s.file.name, err)
		}
		if most = max(most, here); s.at+1 == len(s.paths) {
			return most, nil
		}
		if err := s.start(s.at + 1); err != nil {
			return 0, err
		}
	}
}

// indices is Indices of what is left of a file.
func (s *sparse) indices() (most int, err error) {
	for {
		line, fault, err := s.v.next()
		switch {
		case errors.Is(err, io.EOF):
			return most, nil
		case err != nil:
			return 0, err
		case fault != nil:
			continue
		}
		if i := bytes.IndexByte(line, '#'); i >= 0 {
			line = line[:i]
		}
		colon := bytes.LastIndexByte(line, ':')
		if colon < 0 {
			continue
		}
		from := 1 + bytes.LastIndexAny(line[:colon], " \t")
		if index, err := strconv.ParseUint(string(line[from:colon]), 10, 64); err == nil && index < indicesMax {
			most = max(most, int(index)+1)
		}
	}
}
