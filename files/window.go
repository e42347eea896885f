package files

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// chunkBytes are read at a time: a few system calls a megabyte, and still within a core's cache.
const chunkBytes = 128 << 10

// readsEmptyMax reads without a byte or an error are taken for a reader that hangs; bufio uses the
// same number.
const readsEmptyMax = 100

// errRowTooLong says that a row exceeds rowBytesMax.
var errRowTooLong = errors.New("row too long")

// window is a stretch of a file that moves on: rows are cut out of it without a copy. Places in it
// are counted from its first unread byte, so that they stay right when the buffer moves.
type window struct {
	in   io.Reader
	name string
	buf  []byte
	r, w int // unread bytes are buf[r:w]
	line int64
	cr   bool // lines end with carriage returns alone
	err  error
	// reads counts those that gave bytes.
	reads int
}

// unread are the bytes read from the file but not yet skipped. They are valid until more or skip.
func (v *window) unread() []byte { return v.buf[v.r:v.w] }

// ending is the byte that ends lines.
func (v *window) ending() byte {
	if v.cr {
		return '\r'
	}
	return '\n'
}

// head reads so many bytes, or all that there are, without moving on; whole is that no more follow.
func (v *window) head(n int) (head []byte, whole bool, err error) {
	for v.w-v.r < n {
		if err := v.more(); errors.Is(err, io.EOF) {
			return v.unread(), true, nil
		} else if err != nil && v.w == v.r {
			return nil, false, err
		} else if err != nil {
			break // whoever gets there is told
		}
	}
	return v.unread(), false, nil
}

// skip moves on by n bytes.
func (v *window) skip(n int) { v.r += n }

// more reads further bytes behind the unread ones; io.EOF says that there are none.
func (v *window) more() error {
	if v.err != nil {
		return v.err
	}
	if v.r > 0 {
		copy(v.buf, v.buf[v.r:v.w])
		v.r, v.w = 0, v.w-v.r
	}
	if v.w == len(v.buf) && v.w < cap(v.buf) {
		v.buf = v.buf[:cap(v.buf)]
	} else if v.w == len(v.buf) {
		grown := make([]byte, max(2*len(v.buf), chunkBytes))
		copy(grown, v.buf[:v.w])
		v.buf = grown
	}
	return v.fill()
}

// fill is more where there is room behind the unread bytes: nothing moves.
func (v *window) fill() error {
	if v.err != nil {
		return v.err
	}
	for range readsEmptyMax {
		n, err := v.in.Read(v.buf[v.w:])
		v.w += n
		v.err = err
		if n > 0 {
			v.reads++
			return nil
		}
		if err != nil {
			return err
		}
	}
	v.err = io.ErrNoProgress
	return v.err
}

// into has the window go on in another buffer, which has room for what is unread, and leaves what was cut so far to
// whoever has it.
func (v *window) into(buf []byte) {
	v.w = copy(buf, v.unread())
	v.r, v.buf = 0, buf
}

// end finds where the line that holds place from ends: the place of its line feed, or of the end of
// the file. It returns io.EOF when nothing is left from there on, and errRowTooLong beyond rowBytesMax.
func (v *window) end(from int) (int, error) {
	at := from
	for {
		if i := bytes.IndexByte(v.buf[v.r+at:v.w], v.ending()); i >= 0 && at+i <= rowBytesMax {
			return at + i, nil
		}
		at = v.w - v.r
		if at > rowBytesMax {
			return 0, errRowTooLong
		}
		switch err := v.more(); {
		case errors.Is(err, io.EOF) && at > from:
			return at, nil
		case err != nil:
			return 0, err
		}
	}
}

// cut returns the unread bytes up to place end and moves on beyond the line feed that stands there.
// They are valid until the next more.
func (v *window) cut(end int) []byte {
	text := v.buf[v.r : v.r+end]
	v.skip(min(end+1, v.w-v.r))
	return text
}

// next cuts the next line that holds more than spaces out of the window, without its ending. A
// line beyond rowBytesMax is skipped; its beginning comes back with a fault.
func (v *window) next() ([]byte, *RowError, error) {
	for {
		if line, fault, err := v.any(); len(line) > 0 || err != nil {
			return line, fault, err
		}
	}
}

// any is next for a line that may be empty.
func (v *window) any() ([]byte, *RowError, error) {
	end, err := v.end(0)
	switch {
	case errors.Is(err, errRowTooLong):
		return v.tooLong()
	case err != nil:
		return nil, nil, err
	}
	v.line++
	return trim(v.cut(end)), nil, nil
}

// tooLong skips to the next line without keeping this one in memory.
func (v *window) tooLong() ([]byte, *RowError, error) {
	v.line++
	start := bytes.Clone(v.unread()[:faultBytesMax])
	fault := v.fault(0, fmt.Sprintf("a row of more than %d MiB", rowBytesMax>>20))
	for {
		if i := bytes.IndexByte(v.unread(), v.ending()); i >= 0 {
			v.skip(i + 1)
			return start, fault, nil
		}
		v.skip(v.w - v.r)
		switch err := v.more(); {
		case errors.Is(err, io.EOF):
			return start, fault, nil
		case err != nil:
			return nil, nil, err
		}
	}
}

// fault reports what is wrong with the row that ends in the current line.
func (v *window) fault(column int, text string) *RowError {
	return &RowError{File: v.name, Line: v.line, Column: column, Text: text}
}

// trim cuts spaces, tabs and carriage returns off both ends.
func trim(b []byte) []byte {
	for len(b) > 0 && blank(b[0]) {
		b = b[1:]
	}
	for len(b) > 0 && blank(b[len(b)-1]) {
		b = b[:len(b)-1]
	}
	return b
}

func blank(c byte) bool { return c == ' ' || c == '\t' || c == '\r' }
