package pipeline

import (
	"cmp"
	"strconv"
	"strings"
)

// RowAt says which row of which files a record is, as its header millrace-row does. The zero value is none.
type RowAt struct {
	Digest    string // of the files, see files.Digest
	Pass, Row int64  // from 0; faulty rows count
}

// before orders rows of the same files as they are sent.
func (at RowAt) before(other RowAt) bool {
	return cmp.Or(cmp.Compare(at.Pass, other.Pass), cmp.Compare(at.Row, other.Row)) < 0
}

// blockRows are sent together: none of them before all rows of the blocks before are acknowledged. So topics lack rows
// of their newest block only, and who goes on there has so few to compare. Larger ones would cost less in waiting for
// acknowledgements, and more to find again: all of a block must still be in a log.
const blockRows = 2048

// block is the first row of the block that a row is of.
func (at RowAt) block() RowAt {
	at.Row -= at.Row % blockRows
	return at
}

// append appends the header's value.
func (at RowAt) append(dst []byte) []byte {
	dst = append(append(dst, at.Digest...), '/')
	dst = append(strconv.AppendInt(dst, at.Pass, 10), '/')
	return strconv.AppendInt(dst, at.Row, 10)
}

// parseRowAt reads a header's value.
func parseRowAt(text string) (at RowAt, ok bool) {
	digest, rest, _ := strings.Cut(text, "/")
	pass, row, _ := strings.Cut(rest, "/")
	p, passErr := strconv.ParseInt(pass, 10, 64)
	r, rowErr := strconv.ParseInt(row, 10, 64)
	if digest == "" || passErr != nil || rowErr != nil || p < 0 || r < 0 {
		return RowAt{}, false
	}
	return RowAt{Digest: digest, Pass: p, Row: r}, true
}
