package files

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// table reads CSV (RFC 4180, with line feeds as well as CRLF) and its relatives: cells between delimiters, some of them
// in quotes. A row becomes one flat object.
type table struct {
	v *window
	dialect
	columns []column
	names   []string
	cells   []cell
	needed  int    // columns that are features
	plain   []byte // a quoted cell without its doubled quotes

	notes    []string // what was found out, and nobody asked for
	comments int64    // lines skipped
	headers  int64    // rows that are the header once more
	titled   []string // the header's cells as they stand, nil where there is none, or one of a column alone
}

// cell is where a cell stands in its row.
type cell struct {
	from, to int
	escaped  bool // holds doubled quotes or line endings
}

// newTable finds out how the table is written, and reads its header; comma is what delimits where nothing says
// otherwise.
func newTable(v *window, comma byte, o *Options) (*table, error) {
	head, whole, err := v.head(headBytes)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", v.name, err)
	}
	d, s := detect(head, whole, v.cr, comma, o)
	t := &table{v: v, dialect: d}
	if err := t.skipTop(); err != nil {
		return nil, err
	}
	if !d.header {
		if d.guessed {
			t.note("the first row looks like data, so there is no header and columns are called c1, c2 …: say so with --no-header, " +
				"or --no-header=false if it is one")
		}
		t.columnsOf(make([]string, s.width()), &s, o)
		return t, nil
	}
	names, err := t.readHeader()
	if err != nil {
		return nil, err
	}
	if t.titles > 0 {
		t.note("%s above the header skipped", plural(t.titles, "line"))
	}
	if err := t.skipUnits(); err != nil {
		return nil, err
	}
	if len(t.cells) == len(names) && len(names) > 1 { // nothing was read behind the header
		t.titled = slices.Clone(names)
	}
	t.columnsOf(names, &s, o)
	return t, nil
}

// repeats reports whether a row is the header once more, as where files with headers were joined.
func (t *table) repeats(row []byte) bool {
	for i := range t.titled {
		if string(trim(t.text(row, t.cells[i]))) != t.titled[i] {
			return false
		}
	}
	return len(t.titled) > 0
}

// reread reads a table's beginning once more: all is known of it.
func reread(v *window, before *table) (*table, error) {
	t := &table{v: v, dialect: before.dialect, columns: before.columns, names: before.names, titled: before.titled, needed: before.needed,
		notes: before.notes}
	if err := t.skipTop(); err != nil {
		return nil, err
	}
	if t.header {
		if _, _, err := t.next(); err != nil {
			return nil, fmt.Errorf("reading %s again: %w", v.name, err)
		}
		if err := t.skipUnits(); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// readHeader reads the names of columns.
func (t *table) readHeader() ([]string, error) {
	row, fault, err := t.next()
	switch {
	case errors.Is(err, io.EOF):
		return nil, fmt.Errorf("reading %s: it has no header: the first line names the columns", t.v.name)
	case err != nil:
		return nil, fmt.Errorf("reading the header of %s: %w", t.v.name, err)
	case fault != nil:
		return nil, fmt.Errorf("reading the header: %w", fault)
	}
	if fault := t.v.check(row); fault != nil {
		return nil, fmt.Errorf("reading the header: %w", fault)
	}
	names := make([]string, 0, len(t.cells)+1)
	if t.shift {
		names = append(names, "")
	}
	for _, c := range t.cells {
		names = append(names, string(trim(t.text(row, c))))
	}
	if t.remark {
		names[0] = strings.TrimSpace(strings.TrimLeft(names[0], "#"))
	}
	return names, nil
}

// skipUnits skips the row below the header that is a part of it.
func (t *table) skipUnits() error {
	if !t.units {
		return nil
	}
	row, _, err := t.next()
	if err != nil {
		return fmt.Errorf("reading %s below its header: %w", t.v.name, err)
	}
	if note := fmt.Sprintf("line %d, %.60q, belongs to the header and is skipped", t.v.line, row); !slices.Contains(t.notes, t.v.name+": "+note) {
		t.note("%s", note)
	}
	return nil
}

// skipTop skips the lines before the header.
func (t *table) skipTop() error {
	for range t.top {
		line, _, err := t.v.any()
		if err != nil {
			return fmt.Errorf("reading %s: %w", t.v.name, err)
		}
		if len(line) > 0 && line[0] == '#' {
			t.comments++
		}
	}
	return nil
}

// note says what was found out of the file.
func (t *table) note(format string, args ...any) {
	t.notes = append(t.notes, t.v.name+": "+fmt.Sprintf(format, args...))
}

func (t *table) line() int64 { return t.v.line }

func (t *table) row(dst []byte) ([]byte, *RowError, error) {
	var row []byte
	for {
		var fault *RowError
		var err error
		if row, fault, err = t.next(); err != nil {
			return dst, nil, err
		}
		if fault != nil {
			return appendRaw(dst, row), fault, nil
		}
		if len(t.cells) == len(t.columns) {
			if !t.repeats(row) {
				break
			}
			t.headers++
			continue
		}
		if t.seen && row[0] == t.comment {
			t.comments++
			continue
		}
		if t.tail && len(t.cells) == len(t.columns)+1 && len(trim(t.text(row, t.cells[len(t.columns)]))) == 0 {
			break
		}
		fault = t.v.fault(0, t.raggedText(row))
		return appendRaw(dst, row), fault, nil
	}
	if fault := t.v.check(row); fault != nil {
		return appendRaw(dst, row), fault, nil
	}
	start := len(dst)
	dst, found := t.write(dst, row)
	if found == 0 && t.needed > 0 || len(dst) == start {
		return appendRaw(dst[:start], row), t.v.fault(0, t.nothing(dst[start:])), nil
	}
	return dst, nil, nil
}

// nothing says what is wrong with a row that became this object, without a feature or anything else.
func (t *table) nothing(object []byte) string {
	if len(object) == 0 {
		return "all cells are empty or missing: remove the row"
	}
	return "the cells of all features are empty or missing: the row says nothing; fill them in, or remove it"
}

// raggedText says what is wrong with a row of another number of cells than the header's.
func (t *table) raggedText(row []byte) string {
	where := "the header names"
	if !t.header {
		where = "the first rows have"
	}
	text := fmt.Sprintf("%s where %s %d", plural(len(t.cells), "cell"), where, len(t.columns))
	switch {
	case lone(row):
		return text + ": " + macText
	case row[0] == '#':
		return text + ": if lines that start with # are comments, say --comment '#'"
	case len(t.cells) > len(t.columns):
		return text + ": a cell that holds the delimiter stands in quotes"
	}
	return text
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
		if t.comment != 0 && !t.seen && len(line) > 0 && line[0] == t.comment {
			t.v.line++
			t.comments++
			t.v.cut(end)
			continue
		}
		if t.quote != 0 && bytes.IndexByte(line, t.quote) >= 0 {
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
	quotes := bytes.Count(t.v.unread()[:first], []byte{t.quote})
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
		quotes += bytes.Count(t.v.unread()[seen:end], []byte{t.quote})
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
		at = t.spaces(row, at, t.quote)
		if at < len(row) && row[at] == t.quote {
			c, ok := closing(row, at+1, t.quote)
			if !ok {
				return t.v.fault(at+1, "a quoted cell that is not closed")
			}
			t.cells = append(t.cells, c)
			if at = t.spaces(row, c.to+1, t.comma); at == len(row) {
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
			if i := bytes.IndexByte(row[at:end], t.quote); i >= 0 {
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

// spaces is where mark or the row's end stands behind nothing but spaces, as where a space follows each delimiter; at
// where something else does.
func (t *table) spaces(row []byte, at int, mark byte) int {
	next := at
	for next < len(row) && row[next] == ' ' && t.comma != ' ' {
		next++
	}
	if next < len(row) && row[next] == mark || next == len(row) && mark == t.comma {
		return next
	}
	return at
}

// closing finds the quote that closes the cell whose text starts at from.
func closing(row []byte, from int, quote byte) (cell, bool) {
	c := cell{from: from}
	for at := from; ; {
		i := bytes.IndexByte(row[at:], quote)
		if i < 0 {
			return c, false
		}
		at += i
		if at+1 == len(row) || row[at+1] != quote {
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
		if raw[i] == t.quote {
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
