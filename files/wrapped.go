package files

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// unwrap moves into the array that holds the rows where a file is one object around it, as {"data": [{…}, …]}: the
// first array of objects in it. An object that ends soon, with others behind it, is a row that may hold such an array
// itself.
func (s *values) unwrap() error {
	head, whole, err := s.v.head(headBytes)
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("reading %s: %w", s.v.name, err)
	}
	key, at, end := wrapped(head)
	if at < 0 || end > 0 && !(whole && len(bytes.TrimSpace(head[end:])) == 0) {
		return nil
	}
	s.v.line += int64(bytes.Count(head[:at], []byte{'\n'}))
	s.v.skip(at)
	s.array, s.within = true, true
	s.note = fmt.Sprintf("%s: the rows are those of %.40s, an array within the file's one object; what stands beside it is left out", s.v.name, key)
	return nil
}

// wrapped finds the first array of objects within the object that text begins with: its key, and the place behind its
// bracket, -1 for none. The object ends at end, 0 where text ends before.
func wrapped(text []byte) (key []byte, at, end int) {
	at = -1
	depth, from, last := 0, 0, []byte(nil)
	for i := 0; i < len(text); i++ {
		switch c := text[i]; c {
		case '"':
			from = i
			for i++; i < len(text) && text[i] != '"'; i++ {
				if text[i] == '\\' {
					i++
				}
			}
			if depth == 1 {
				last = text[from:min(i+1, len(text))]
			}
		case '{', '[':
			if depth++; c == '[' && depth == 2 && at < 0 && bytes.HasPrefix(bytes.TrimSpace(text[i+1:]), []byte{'{'}) {
				key, at = last, i+1
			}
		case '}', ']':
			if depth--; depth <= 0 {
				return key, at, i + 1
			}
		}
	}
	return key, at, 0
}

// leave reads the rest of the object around the rows, and whatever follows it, which would be lost.
func (s *values) leave() (*RowError, error) {
	s.v.skip(1) // the bracket
	scan := scanner{depth: 1}
	for {
		n, done := scan.scan(s.v.unread())
		if done {
			s.v.line += int64(bytes.Count(s.v.unread()[:n], []byte{'\n'}))
			s.v.skip(n)
			break
		}
		if err := s.v.more(); errors.Is(err, io.EOF) {
			return s.v.fault(0, "the object around the rows is cut off by the file's end: rows may be missing"), nil
		} else if err != nil {
			return nil, err
		}
		if n > rowBytesMax {
			return nil, fmt.Errorf("line %d: more than %d MiB behind the array of rows", s.v.line, rowBytesMax>>20)
		}
	}
	if _, err := s.peek(); err != nil {
		return nil, err
	}
	s.v.skip(s.v.w - s.v.r)
	s.v.line++
	return s.v.fault(0, "something stands behind the object that holds the rows, and is not read"), nil
}
