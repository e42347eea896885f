package files

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"millrace"
)

// lines reads JSON lines: one object a line, passed on as it is. What is no object is the decoder's
// to reject.
type lines struct {
	v     *window
	bytes int // that a batch takes, about
}

func (l *lines) line() int64 { return l.v.line }

func (l *lines) row(dst []byte) ([]byte, *RowError, error) {
	line, fault, err := l.v.next()
	if err != nil {
		return dst, nil, err
	}
	if fault == nil {
		fault = l.check(line)
	}
	if fault != nil {
		return appendRaw(dst, line), fault, nil
	}
	return append(dst, line...), nil, nil
}

// check says what is wrong with a line before anybody decodes it.
func (l *lines) check(line []byte) *RowError {
	if fault := l.v.check(line); fault != nil {
		return fault
	}
	// JSON allows a carriage return between any two words of it, but an object ends its line.
	if several(line) {
		return l.v.fault(0, macText)
	}
	return nil
}

// batch cuts rows out of a block that m keeps, so that none is copied: as many as there may be, or until the block
// holds no more whole ones. Offsets begin at first.
func (l *lines) batch(m *memory, topic string, first int64, most int) (faults int64, err error) {
	v := l.v
	if l.bytes == 0 {
		l.bytes = chunkBytes
	}
	m.lend(v, l.bytes)
	defer func() { m.block = v.buf[:cap(v.buf)] }() // which may have grown
	reads, clean := -1, false
	for len(m.records) < most {
		if reads != v.reads { // to look at all lines of a block at once costs less than at each of them
			reads, clean = v.reads, unmixed(v.unread()) && !v.cr
		}
		end := bytes.IndexByte(v.unread(), v.ending())
		if end < 0 && len(m.records) > 0 {
			// What was cut out of the block must not move any more.
			if 2*v.w >= len(v.buf) || v.fill() != nil {
				l.bytes = min(2*l.bytes, chunkBytes)
				return faults, nil
			}
			continue
		}
		var line []byte
		var fault *RowError
		if clean && end >= 0 && end <= rowBytesMax {
			v.line++
			line = trim(v.cut(end))
		} else if line, fault, err = v.any(); err != nil {
			return faults, err
		} else if fault == nil {
			fault = l.check(line)
		}
		if len(line) == 0 {
			continue
		}
		rec := millrace.Record{Topic: topic, Offset: first + int64(len(m.records)), Value: line[:len(line):len(line)]}
		if fault != nil {
			faults++
			rec.Value, rec.Fault = appendRaw(nil, line), rejection(fault.Error(), true)
		}
		m.records = append(m.records, rec)
	}
	l.bytes = min(v.r+v.r/8, chunkBytes)
	return faults, nil
}

// values reads a JSON file: an array of objects, perhaps within an object, or objects one after the other, on as many
// lines as they like. It only looks for where a value ends; the decoder checks what it is.
type values struct {
	v       *window
	started bool
	array   bool
	within  bool   // of an object around the rows
	note    string // that says so
}

// line counts the one that a value ends in: what follows there may be another.
func (s *values) line() int64 { return s.v.line + 1 }

func (s *values) row(dst []byte) ([]byte, *RowError, error) {
	for {
		c, err := s.peek()
		if err != nil {
			return dst, nil, err
		}
		switch {
		case c == '[' && !s.started:
			s.array = true
			s.v.skip(1)
		case c == '{' && !s.started:
			if err := s.unwrap(); err != nil {
				return dst, nil, err
			}
			if !s.within {
				s.started = true
				return s.value(dst)
			}
		case s.within && c == ']':
			s.within = false
			fault, err := s.leave()
			return dst, fault, err
		case s.array && (c == ',' || c == ']'):
			s.v.skip(1)
		default:
			s.started = true
			return s.value(dst)
		}
		s.started = true
	}
}

// peek skips white space and returns the byte after it.
func (s *values) peek() (byte, error) {
	for {
		for i, c := range s.v.unread() {
			if c == '\n' {
				s.v.line++
			} else if !blank(c) {
				s.v.skip(i)
				return c, nil
			}
		}
		s.v.skip(s.v.w - s.v.r)
		if err := s.v.more(); err != nil {
			return 0, err
		}
	}
}

// value appends the value that starts at the first unread byte. One that the file's end, or the limit
// on a row, cuts off is a fault or an error: what follows inside it could only be misread.
func (s *values) value(dst []byte) ([]byte, *RowError, error) {
	first := s.v.line + 1
	var scan scanner
	for {
		n, done := scan.scan(s.v.unread())
		if done {
			text := s.v.unread()[:n]
			s.v.line += int64(bytes.Count(text, []byte{'\n'}))
			s.v.skip(n)
			if fault := s.v.check(text); fault != nil {
				fault.Line++ // the line that the value ends in is not counted yet
				return appendRaw(dst, text), fault, nil
			}
			return append(dst, text...), nil, nil
		}
		if n > rowBytesMax {
			return dst, nil, fmt.Errorf("line %d: a value of more than %d MiB", first, rowBytesMax>>20)
		}
		err := s.v.more()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return dst, nil, err
		}
	}
	rest := s.v.unread()
	s.v.skip(len(rest))
	if scan.depth == 0 && !scan.quoted {
		return append(dst, rest...), nil, nil // a bare word at the end of the file
	}
	s.v.line = first
	return appendRaw(dst, rest[:min(len(rest), faultBytesMax)]),
		s.v.fault(0, "a JSON value that the file's end cuts off"), nil
}

// scanner finds where a JSON value ends, a stretch at a time: at its closing bracket or quote, or,
// for a number or a word, before what cannot belong to it.
type scanner struct {
	at              int // bytes looked at
	depth           int
	quoted, escaped bool
}

// scan goes on in value, which holds the bytes already looked at and more behind them. It returns the
// value's length and true, or how far it got and false.
func (s *scanner) scan(value []byte) (int, bool) {
	for ; s.at < len(value); s.at++ {
		c := value[s.at]
		switch {
		case s.escaped:
			s.escaped = false
		case s.quoted && c == '\\':
			s.escaped = true
		case c == '"':
			s.quoted = !s.quoted
			if !s.quoted && s.depth == 0 {
				return s.at + 1, true
			}
		case s.quoted:
		case c == '{' || c == '[':
			s.depth++
		case c == '}' || c == ']':
			s.depth--
			if s.depth == 0 {
				return s.at + 1, true
			}
			if s.depth < 0 { // closes what was never opened, or the array around a bare word
				return max(s.at, 1), true
			}
		case s.depth == 0 && (blank(c) || c == '\n' || c == ','):
			return max(s.at, 1), true
		}
	}
	return s.at, false
}
