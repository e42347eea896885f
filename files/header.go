package files

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
)

// detect finds out how a table is written from its head; whole is that the head is all of it. Whatever the person says
// is taken as it is.
func detect(head []byte, whole, cr bool, comma byte, o *Options) (dialect, sample) {
	d := dialect{header: true}
	d.comment, _ = o.comment() // as Check found it
	if name := hinted(head); name != 0 && o.Delimiter == "" {
		d.top, comma = 1, name
		head = rest(head, cr, 1)
	}
	top := 0
	if o.Comment == "" {
		for body := head; len(body) > 0 && body[0] == '#'; body = rest(head, cr, top) {
			top++
		}
	}
	d, s := delimited(rest(head, cr, top), whole, cr, d, comma, &o.Shape)
	if top > 0 {
		d, s = d.remarked(head, whole, cr, top, s)
	}
	if top == 0 && d.top == 0 && o.NoHeader == nil {
		d, s = d.titled(head, whole, cr, comma, s, o)
	}
	d.headed(&s, o)
	return d, s
}

// hinted is the delimiter that Excel is told by a first line such as sep=; 0 is none.
func hinted(head []byte) byte {
	if line, _, ok := bytes.Cut(head, []byte{'\n'}); ok {
		if line = trim(line); len(line) == 5 && bytes.EqualFold(line[:4], []byte("sep=")) {
			return line[4]
		}
	}
	return 0
}

// rest is what follows so many lines of text.
func rest(text []byte, cr bool, lines int) []byte {
	end := byte('\n')
	if cr {
		end = '\r'
	}
	for range lines {
		i := bytes.IndexByte(text, end)
		if i < 0 {
			return nil
		}
		text = text[i+1:]
	}
	return text
}

// remarked says what the lines that begin with # at the top of a file are: comments, of which the last may be the
// header. It has as many cells then as rows have, and what follows it is no header.
func (d dialect) remarked(head []byte, whole, cr bool, top int, s sample) (dialect, sample) {
	first := sampled(rest(head, cr, top-1), whole, cr, d)
	if len(first.rows) > 0 && len(s.rows) == 0 && len(first.rows[0]) > 1 && !d.blankRemark(first.rows[0][0]) {
		s = first // a header, and nothing else
	} else if len(first.rows) == 0 || len(first.rows[0]) != s.width() || s.width() < 2 {
		first.rows = nil
	} else if numbers := numeric(&s); d.clearHeader(s.rows[0], numbers) || d.blankRemark(first.rows[0][0]) && !slices.ContainsFunc(s.rows[0], figure) {
		first.rows = nil
	}
	if first.rows == nil {
		d.comment, d.seen = '#', true
		d.top += top
		return d, s
	}
	if d.top += top - 1; top > 1 {
		d.comment, d.seen = '#', true
	}
	d.remark = d.blankRemark(first.rows[0][0])
	return d, first
}

// blankRemark reports whether a line's first cell begins as comments do, and no name does.
func (dialect) blankRemark(cell string) bool {
	return len(cell) > 1 && cell[0] == '#' && (blank(cell[1]) || cell[1] == '#')
}

// clearHeader reports whether a row has a word where the column holds numbers.
func (dialect) clearHeader(row []string, numbers []bool) bool {
	for i, cell := range row {
		if i < len(numbers) && numbers[i] && cell != "" && !figure(cell) && !Missing([]byte(cell)) {
			return true
		}
	}
	return false
}

// headed settles whether the first row names the columns: not where a person says so, or where it looks like data. A
// pipeline that reads a column by a name in it settles it as well.
func (d *dialect) headed(s *sample, o *Options) {
	if len(s.rows) == 0 {
		return
	}
	width := s.width()
	switch {
	case o.NoHeader != nil:
		d.header = !*o.NoHeader
	case o.Known != nil && known(s.rows[0], o):
	case dataRow(s):
		d.header, d.guessed = false, true
	}
	d.units = d.unitRow(s)
	if d.header && len(s.rows) > 1 && width == len(s.rows[0])+1 {
		d.tail = true
		for _, row := range s.rows[1:] {
			d.tail = d.tail && (len(row) != width || row[width-1] == "")
		}
		d.shift = !d.tail && distinct(s, 0)
	}
}

// known reports whether a pipeline reads one of these columns.
func known(names []string, o *Options) bool {
	for _, name := range names {
		if name != "" && o.Known(name) {
			return true
		}
	}
	return false
}

// numeric says which columns hold numbers below the first row, and nothing else.
func numeric(s *sample) []bool {
	out := make([]bool, s.width())
	for column := range out {
		figures, words := 0, 0
		for _, row := range s.rows[1:] {
			switch {
			case column >= len(row) || row[column] == "" || Missing([]byte(row[column])):
			case figure(row[column]):
				figures++
			default:
				words++
			}
		}
		out[column] = figures > 0 && words*20 <= figures
	}
	return out
}

// figure reports whether a cell is a number, however people write them, or a time.
func figure(cell string) bool {
	return cell != "" && strings.ContainsAny(cell, "0123456789") && strings.Trim(cell, "0123456789.,-+eE:/% TZ$€") == ""
}

// dataRow reports whether the first row looks like those below it: numbers where they have numbers, and no name in it.
// Whole numbers in a row, or years, are names that tables do have.
func dataRow(s *sample) bool {
	if len(s.rows) < 3 || len(s.rows[0]) != s.width() {
		return false
	}
	row, numbers := s.rows[0], numeric(s)
	if slices.ContainsFunc(s.rows[1:], func(other []string) bool { return slices.Equal(row, other) }) {
		return false // the header of a file that was appended, perhaps
	}
	figures, again, names := 0, 0, 0
	var whole []int
	for i, cell := range row {
		switch {
		case cell == "":
		case numbers[i] && figure(cell):
			figures++
			if n, err := strconv.Atoi(cell); err == nil {
				whole = append(whole, n)
			}
		case numbers[i] && !Missing([]byte(cell)):
			return false
		case recurs(s, i, cell):
			again++
		default:
			names++
		}
	}
	if figures == 0 { // words alone: names do not come again below themselves
		return again > 1 && names*10 <= again
	}
	return !counting(whole, figures) && (names == 0 || figures > names+1)
}

// counting reports whether all figures of a row are whole numbers that follow each other, or years.
func counting(whole []int, figures int) bool {
	if len(whole) < figures {
		return false
	}
	steps, years := len(whole) > 1, true
	for i, n := range whole {
		steps = steps && (i == 0 || n == whole[i-1]+1)
		years = years && n >= 1900 && n <= 2100
	}
	return steps || years
}

// recurs reports whether a cell of the first row stands in a row below, too.
func recurs(s *sample, column int, cell string) bool {
	for _, row := range s.rows[1:] {
		if column < len(row) && row[column] == cell {
			return true
		}
	}
	return false
}

// distinct reports whether a column counts the rows below the first: whole numbers, none of them twice.
func distinct(s *sample, column int) bool {
	seen := map[string]bool{}
	for _, row := range s.rows[min(1, len(s.rows)):] {
		if column >= len(row) {
			continue
		}
		cell := row[column]
		if cell == "" || digits([]byte(cell)) != len(cell) || seen[cell] {
			return false
		}
		seen[cell] = true
	}
	return len(seen) > 0
}
