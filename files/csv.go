package files

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// table reads CSV (RFC 4180, with line feeds as well as CRLF) or TSV with the same quoting. A row
// becomes one flat object.
type table struct {
	v       *window
	comma   byte
	columns []column
	cells   []cell
	plain   []byte // a quoted cell without its doubled quotes
}

// cell is where a cell stands in its row.
type cell struct {
	from, to int
	escaped  bool // holds doubled quotes or line endings
}

// newTable reads the header.
func newTable(v *window, comma byte, o *Options) (*table, error) {
	t := &table{v: v, comma: comma}
	row, fault, err := t.next()
	switch {
	case errors.Is(err, io.EOF):
		return nil, fmt.Errorf("reading %s: it has no header: the first line names the columns", v.name)
	case err != nil:
		return nil, fmt.Errorf("reading the header of %s: %w", v.name, err)
	case fault != nil:
		return nil, fmt.Errorf("reading the header: %w", fault)
	}
	// Programs of countries that write 1,5 for one and a half separate by semicolons.
	if len(t.cells) == 1 && comma == ',' && bytes.IndexByte(row, ';') > 0 && row[0] != '"' {
		t.comma = ';'
		t.cells = t.cells[:0]
		if fault := t.split(row); fault != nil {
			return nil, fmt.Errorf("reading the header: %w", fault)
		}
	}
	names := make([]string, len(t.cells))
	for i, c := range t.cells {
		names[i] = string(trim(t.text(row, c)))
	}
	if t.columns, err = columnsOf(names, o); err != nil {
		return nil, fmt.Errorf("reading the header of %s: %w", v.name, err)
	}
	return t, nil
}

func (t *table) row(dst []byte) ([]byte, *RowError, error) {
	row, fault, err := t.next()
	if err != nil {
		return dst, nil, err
	}
	if fault != nil {
		return appendRaw(dst, row), fault, nil
	}
	if len(t.cells) != len(t.columns) {
		return appendRaw(dst, row), t.v.fault(0, fmt.Sprintf("%s where the header names %d",
			plural(len(t.cells), "cell"), len(t.columns))), nil
	}
	return t.write(dst, row), nil, nil
}

// next cuts the next row out of the window and finds its cells; empty lines are skipped. With a
// fault it returns the row's raw text.
func (t *table) next() ([]byte, *RowError, error) {
	t.cells = t.cells[:0]
	for {
		end, err := t.v.end(0)
		switch {
		case errors.Is(err, errRowTooLong):
			return t.v.tooLong()
		case err != nil:
			return nil, nil, err
		}
		line := t.v.unread()[:end]
		if bytes.IndexByte(line, '"') >= 0 {
			return t.quoted(end)
		}
		t.v.line++
		if line = ending(t.v.cut(end)); len(line) == 0 {
			continue
		}
		t.fast(line)
		return line, nil, nil
	}
}

// fast finds the cells of a row without quotes.
func (t *table) fast(row []byte) {
	from := 0
	for i, c := range row {
		if c == t.comma {
			t.cells = append(t.cells, cell{from: from, to: i})
			from = i + 1
		}
	}
	t.cells = append(t.cells, cell{from: from, to: len(row)})
}

// quoted reads a row with quotes, whose first line ends at place first. In a well-formed row the
// line feed that ends it is the first one after an even number of quotes. When it is not well-formed,
// only its first line is given up: a stray quote must not take the lines that follow with it.
func (t *table) quoted(first int) ([]byte, *RowError, error) {
	end, seen, lines := first, 0, int64(1)
	quotes := bytes.Count(t.v.unread()[:first], []byte{'"'})
	for quotes%2 == 1 {
		seen = end + 1
		next, err := t.v.end(min(seen, t.v.w-t.v.r))
		if errors.Is(err, io.EOF) || errors.Is(err, errRowTooLong) {
			break
		}
		if err != nil {
			return nil, nil, err
		}
		end = next
		lines++
		quotes += bytes.Count(t.v.unread()[seen:end], []byte{'"'})
	}
	row := ending(t.v.unread()[:end])
	t.v.line++
	if fault := t.split(row); fault != nil {
		if fault.Column > first {
			fault.Column = 0 // on a later line than the one it names
		}
		return ending(t.v.cut(first)), fault, nil
	}
	t.v.line += lines - 1
	t.v.cut(end)
	return row, nil, nil
}

// split finds the cells of a row with quotes.
func (t *table) split(row []byte) *RowError {
	at := 0
	for {
		if at < len(row) && row[at] == '"' {
			c, ok := closing(row, at+1)
			if !ok {
				return t.v.fault(at+1, "a quoted cell that is not closed")
			}
			t.cells = append(t.cells, c)
			if at = c.to + 1; at == len(row) {
				return nil
			}
			if row[at] != t.comma {
				return t.v.fault(c.from, "a quoted cell with text after its closing quote; quotes inside it are doubled")
			}
		} else {
			end := len(row)
			if i := bytes.IndexByte(row[at:], t.comma); i >= 0 {
				end = at + i
			}
			if i := bytes.IndexByte(row[at:end], '"'); i >= 0 {
				return t.v.fault(at+i+1, "a quote inside a cell that does not start with one")
			}
			t.cells = append(t.cells, cell{from: at, to: end})
			if at = end; at == len(row) {
				return nil
			}
		}
		at++ // the comma
	}
}

// closing finds the quote that closes the cell whose text starts at from.
func closing(row []byte, from int) (cell, bool) {
	c := cell{from: from}
	for at := from; ; {
		i := bytes.IndexByte(row[at:], '"')
		if i < 0 {
			return c, false
		}
		at += i
		if at+1 == len(row) || row[at+1] != '"' {
			c.to = at
			c.escaped = c.escaped || bytes.IndexByte(row[from:at], '\r') >= 0
			return c, true
		}
		c.escaped = true
		at += 2
	}
}

// text is a cell's text: doubled quotes become one, and CRLF a line feed, as encoding/csv has it.
func (t *table) text(row []byte, c cell) []byte {
	raw := row[c.from:c.to]
	if !c.escaped {
		return raw
	}
	t.plain = t.plain[:0]
	for i := 0; i < len(raw); i++ {
		if raw[i] == '\r' && i+1 < len(raw) && raw[i+1] == '\n' {
			continue
		}
		t.plain = append(t.plain, raw[i])
		if raw[i] == '"' {
			i++ // the second of the pair
		}
	}
	return t.plain
}

// ending cuts off the carriage return of a line that ends in CRLF.
func ending(line []byte) []byte { return bytes.TrimSuffix(line, []byte{'\r'}) }

func plural(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
