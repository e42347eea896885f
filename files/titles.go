package files

import (
	"slices"
	"strings"
	"unicode"
)

// titlesMost lines may stand above the header: what a report is called, when it was made, and over several columns what
// they have in common.
const titlesMost = 12

// titled finds the header where titles stand above it: lines that lack most of the cells that rows have.
func (d dialect) titled(head []byte, whole, cr bool, comma byte, s sample, o *Options) (dialect, sample) {
	if len(s.rows) > 0 && (s.fit(1) > 0 || len(s.rows[0]) == 1 && s.width() == 1 && s.faults == 0) && !titleRow(&s) {
		if !s.undivided(head, cr) {
			return d, s
		}
	}
	for top := 1; top <= titlesMost; top++ {
		body := rest(head, cr, top)
		if len(body) == 0 {
			return d, s
		}
		above := d
		above.top = 0
		found, below := delimited(body, whole, cr, above, comma, &o.Shape)
		if below.fit(0) < 0.9 || len(below.rows) < 3 || titleRow(&below) || !plainHeader(below.rows[0]) ||
			!found.clearHeader(below.rows[0], numeric(&below)) {
			continue
		}
		found.top, found.titles = top, top
		return found, below
	}
	return d, s
}

// undivided reports whether a table reads as one column though there are delimiters further down.
func (s *sample) undivided(head []byte, cr bool) bool {
	if s.width() > 1 {
		return false
	}
	body := rest(head, cr, titlesMost)
	return len(s.rows) > titlesMost && strings.ContainsAny(string(body[:min(len(body), 256)]), ",;\t|")
}

// titleRow reports whether the first row lacks two names or more, and as many as it has.
func titleRow(s *sample) bool {
	if len(s.rows) == 0 {
		return false
	}
	empty := 0
	for _, cell := range s.rows[0] {
		if cell == "" {
			empty++
		}
	}
	return empty > 1 && 2*empty >= len(s.rows[0])
}

// plainHeader reports whether a row is nothing but different names.
func plainHeader(row []string) bool {
	for i, cell := range row {
		if cell == "" && i > 0 && i < len(row)-1 || figure(cell) || cell != "" && slices.Contains(row[:i], cell) {
			return false
		}
	}
	return true
}

// unitRow reports whether the row below the header belongs to it: words in all columns that hold numbers below, two at
// least, and none that comes again.
func (d *dialect) unitRow(s *sample) bool {
	if !d.header || len(s.rows) < 5 || len(s.rows[1]) != s.width() {
		return false
	}
	under := sample{rows: s.rows[1:]}
	words := 0
	for i, number := range numeric(&under) {
		cell := s.rows[1][i]
		switch {
		case !number && cell != "" && recurs(&under, i, cell):
			return false
		case !number || cell == "":
		case figure(cell) || Missing([]byte(cell)) || cell[0] != '[' && !strings.ContainsFunc(cell, unicode.IsLetter):
			return false
		default:
			words++
		}
	}
	return words > 1
}
