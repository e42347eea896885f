package files

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
)

const (
	// headBytes of a file tell how it is written. A table of wide rows has few of them there, and one is enough.
	headBytes = chunkBytes
	// sampleRows of a table settle its delimiter and its header.
	sampleRows = 100
)

// dialect is how a table is written.
type dialect struct {
	comma   byte
	quote   byte // 0 for none
	comment byte // lines that begin with it are skipped; 0 for none
	seen    bool // comments are known by those before the header alone: later ones only where they are no row
	top     int  // lines before the header
	titles  int  // of them, those that are neither comments nor empty
	units   bool // the row below the header says units or names once more
	header  bool
	guessed bool // that there is no header was found out
	remark  bool // the header begins with a # that is no part of its first name
	shift   bool // rows have one more cell in front than the header has names, as R writes them
	tail    bool // rows end with a delimiter, the header does not
}

// sample is the first rows of a table as a dialect has them.
type sample struct {
	rows   [][]string
	faults int
}

// sampled reads the first rows of a table out of its head. The last of them may be cut off where the file goes on.
func sampled(head []byte, whole, cr bool, d dialect) (s sample) {
	t := &table{v: &window{in: bytes.NewReader(nil), buf: head, w: len(head), cr: cr, err: io.EOF}, dialect: d}
	t.dialect.seen = false
	for len(s.rows)+s.faults < sampleRows {
		row, fault, err := t.next()
		last := t.v.r == t.v.w && !whole
		if errors.Is(err, io.EOF) || last && len(s.rows) > 0 {
			break
		}
		if err != nil || fault != nil {
			s.faults++
			continue
		}
		cells := make([]string, len(t.cells))
		for i, c := range t.cells {
			cells[i] = string(trim(t.text(row, c)))
		}
		s.rows = append(s.rows, cells)
	}
	return s
}

// width is the number of cells that most rows below the first have, or the first alone.
func (s *sample) width() int {
	if len(s.rows) == 0 {
		return 0
	}
	counts, best := map[int]int{}, len(s.rows[0])
	for _, row := range s.rows[1:] {
		counts[len(row)]++
		if counts[len(row)] > counts[best] {
			best = len(row)
		}
	}
	if first := len(s.rows[0]); counts[first] == counts[best] {
		return first
	}
	return best
}

// fit is which share of rows, the first among them, has the same number of cells, of two at least; slack is how many
// cells the first may lack, of several.
func (s *sample) fit(slack int) float64 {
	width, good := s.width(), 0
	if width < 2 || len(s.rows[0]) != width && (len(s.rows[0])+slack != width || width < 3) {
		return 0
	}
	for i, row := range s.rows {
		if i == 0 || len(row) == width {
			good++
		}
	}
	return float64(good) / float64(len(s.rows)+s.faults)
}

// typed is which share of the cells is numbers or times, whose delimiters the right dialect leaves whole.
func (s *sample) typed() float64 {
	all, typed := 0, 0
	for _, row := range s.rows {
		for _, cell := range row {
			all++
			if strings.ContainsAny(cell, "0123456789") && strings.Trim(cell, "0123456789.,-+eE:/% TZ$€") == "" {
				typed++
			}
		}
	}
	return float64(typed) / float64(max(1, all))
}

// enclosed reports whether a column has all of its cells in these quotes, some of them with text.
func (s *sample) enclosed(quote string) bool {
	for column := range s.width() {
		all, some := true, false
		for _, row := range s.rows[min(1, len(s.rows)):] {
			if column >= len(row) || row[column] == "" {
				continue
			}
			cell := row[column]
			some = true
			all = all && len(cell) >= 2 && strings.HasPrefix(cell, quote) && strings.HasSuffix(cell, quote)
		}
		if all && some {
			return true
		}
	}
	return false
}

// quoted reports whether any cell stands in these quotes.
func (s *sample) quoted(quote string) bool {
	return slices.ContainsFunc(s.rows, func(row []string) bool {
		return slices.ContainsFunc(row, func(cell string) bool {
			return len(cell) >= 2 && strings.HasPrefix(cell, quote) && strings.HasSuffix(cell, quote)
		})
	})
}

// begins reports whether any cell begins with a quote.
func (s *sample) begins(quote string) bool {
	return slices.ContainsFunc(s.rows, func(row []string) bool {
		return slices.ContainsFunc(row, func(cell string) bool { return strings.HasPrefix(cell, quote) })
	})
}

// delimited finds the delimiter and the quotes of a table: those under which most rows have as many cells as the first.
// What is asked for is taken; comma is what the file's name promises, and taken where nothing fits better.
func delimited(head []byte, whole, cr bool, d dialect, comma byte, o *Shape) (dialect, sample) {
	commas := []byte{comma}
	for _, c := range []byte{',', ';', '\t', '|'} {
		if asked, _ := o.delimiter(); asked != 0 {
			commas = []byte{asked}
			break
		}
		if c != comma {
			commas = append(commas, c)
		}
	}
	d.comma = commas[0]
	best, bestSample := quotedBy(head, whole, cr, d, o)
	bestFit, bestTyped := bestSample.fit(0), bestSample.typed()
	for slack := 0; slack < 2; slack++ {
		for _, c := range commas {
			d.comma = c
			got, s := quotedBy(head, whole, cr, d, o)
			fit, typed := s.fit(slack), s.typed()
			if slack > 0 && fit < 0.9 {
				continue
			}
			if fit > bestFit || fit == bestFit && fit > 0 && slack == 0 && typed > bestTyped {
				best, bestSample, bestFit, bestTyped = got, s, fit, typed
			}
		}
		if bestFit >= 0.5 {
			break
		}
	}
	return best, bestSample
}

// quotedBy finds the quotes of a table whose delimiter is settled: double ones, unless single ones enclose a column or
// no cell begins with a quote and rows fit only without.
func quotedBy(head []byte, whole, cr bool, d dialect, o *Shape) (dialect, sample) {
	if quote, asked, _ := o.quote(); asked {
		d.quote = quote
		return d, sampled(head, whole, cr, d)
	}
	d.quote = '"'
	double := sampled(head, whole, cr, d)
	single, none := d, d
	single.quote, none.quote = '\'', 0
	if bytes.IndexByte(head, '\'') >= 0 {
		s := sampled(head, whole, cr, single)
		if s.fit(1) >= double.fit(1) && s.faults <= double.faults && (double.enclosed("'") || s.fit(1) > double.fit(1) && double.quoted("'")) {
			return single, s
		}
	}
	if double.faults > 0 {
		if s := sampled(head, whole, cr, none); s.fit(1) > double.fit(1) && !s.begins(`"`) {
			return none, s
		}
	}
	return d, double
}
