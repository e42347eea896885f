package infer

import (
	"bytes"
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"

	"millrace/decode"
)

const (
	asPlain = iota
	asUS
	asEU
	asDuration
	formats
)

// formatOf are the decoder's names of the formats that are counted.
var formatOf = [formats]decode.NumberFormat{asPlain: decode.NumberPlain, asUS: decode.NumberUS, asEU: decode.NumberEU,
	asDuration: decode.NumberDuration}

// codeDigits digits in every text, as many in each, are a code rather than an amount: a postal code, an account.
const codeDigits = 5

// written is what is known of a field's values as numbers that somebody wrote, by format. A table's cells that look
// like JSON numbers count among them: 1.234 may be a thousand.
type written struct {
	cells   bool // of a table
	by      [formats]reading
	differ  int64  // values that read as us and as eu, as different numbers
	points  int64  // cells that have a point
	sample  string // the first text that reads only in a format
	format  int
	settled bool // format is decided
	unit    []string
	amounts
}

// reading is what a field's values are in one format.
type reading struct {
	n, integers int64
	min, max    float64
	sum         float64
	others      int64  // numbers that are neither 0 nor 1
	stray       string // the first text that is no number
	standing
}

func (r *reading) add(x float64) {
	if r.n == 0 {
		r.min, r.max = x, x
	}
	r.n++
	r.standing.add(x)
	r.sum += x
	r.min, r.max = min(r.min, x), max(r.max, x)
	if x == math.Trunc(x) && math.Abs(x) < integerMax {
		r.integers++
	}
	if x != 0 && x != 1 {
		r.others++
	}
}

// merge adds another reading of the same field to r.
func (r *reading) merge(other *reading) {
	switch {
	case other.n == 0:
		return
	case r.n == 0:
		r.min, r.max = other.min, other.max
	}
	r.n, r.integers, r.others, r.sum = r.n+other.n, r.integers+other.integers, r.others+other.others, r.sum+other.sum
	r.min, r.max = min(r.min, other.min), max(r.max, other.max)
	r.standing.merge(&other.standing)
}

// text looks at a row's text.
func (w *written) text(text []byte, row int64) {
	var values [formats]float64
	var ok [formats]bool
	for f, format := range formatOf {
		values[f], ok[f] = format.Parse(text)
	}
	by, unit := &w.by, ""
	if !ok[asPlain] {
		number := text
		passed := ok[asUS] || ok[asEU]
		if passed {
			unit = affixOf(text)
		} else {
			number, unit = splitUnit(text)
		}
		for f := range asDuration {
			if unit != "" && !passed {
				values[f], ok[f] = formatOf[f].Parse(number)
				values[f] *= decode.Magnitude(unit)
			}
		}
		if unit = w.unreadText(text, row, unit, ok[asUS], ok[asEU]); unit != "" {
			if by = w.place(unit, passed, text); by == nil {
				return
			}
		}
	}
	for f := range formatOf {
		switch {
		case f == asDuration && ok[f]:
			w.by[f].add(values[f])
		case ok[f]:
			by[f].add(values[f])
		case unit == "" && w.by[f].stray == "":
			w.by[f].stray = string(text[:min(len(text), textMax)])
		}
	}
	if ok[asUS] && ok[asEU] && values[asUS] != values[asEU] {
		w.differ++
	}
	if w.sample == "" && !ok[asPlain] && (ok[asUS] || ok[asEU]) {
		w.sample = string(text)
	}
}

// number looks at a row's JSON number. In a table it is a cell, which eu may read otherwise.
func (w *written) number(raw []byte, x float64, row int64) {
	w.by[asPlain].add(x)
	w.by[asUS].add(x)
	if !w.cells {
		w.by[asEU].add(x)
		w.by[asDuration].add(x)
		return
	}
	point := bytes.IndexByte(raw, '.') >= 0
	if point {
		w.points++
	}
	v, ok := decode.NumberEU.Parse(raw)
	switch {
	case !ok:
		if w.by[asEU].stray == "" {
			w.by[asEU].stray = string(raw)
		}
		w.us.add(raw, row)
	case ok:
		w.by[asEU].add(v)
		if v != x {
			w.differ++
		}
	}
}

// settleNumbers decides of every field whether its texts are numbers, and in which format. What a field does not say,
// for 1.234 may be either, the others do.
func (p *plan) settleNumbers() {
	votes := [formats]int{}
	var open []*column
	for _, c := range p.seen.columns {
		c.settleUnit()
		switch f, sure := c.numberFormat(); {
		case f < 0:
		case sure:
			votes[f]++
			if c.texts > c.wordsMissing() {
				c.settleFormat(f)
			}
		default:
			open = append(open, c)
		}
	}
	for _, c := range open {
		switch {
		case votes[asEU] > votes[asUS]:
			c.settleFormat(asEU)
		case c.texts > c.wordsMissing(): // of cells that are numbers as they stand nothing says otherwise
			c.settleFormat(asUS)
		}
	}
}

// wordsMissing counts the texts that may mean that there is no value.
func (c *column) wordsMissing() (n int64) {
	for _, times := range c.unknown {
		n += times
	}
	return n
}

// numberFormat says in which format the field's values are numbers, -1 for none. It is not sure where two read all of
// them alike; of a table's numbers it is us when they cannot be eu, and open when they can.
func (c *column) numberFormat() (format int, sure bool) {
	texts := c.texts - c.wordsMissing()
	total := c.numbers + texts
	if total == 0 || c.lists > 0 || c.bag != nil || c.booleans > 0 || timeLike(c) || idLike(c.last()) {
		return -1, false
	}
	if texts == 0 {
		switch {
		case !c.cells || c.points == 0:
			return -1, false
		case c.by[asEU].n == total:
			return asPlain, false
		}
		return asUS, true // a vote; the cells are numbers as they stand
	}
	best := max(c.by[asPlain].n, c.by[asUS].n, c.by[asEU].n, c.by[asDuration].n)
	if float64(best) < (1-strayShare)*float64(total) || c.coded(texts) {
		return -1, false
	}
	switch {
	case c.by[asPlain].n == best:
		return asPlain, true
	case c.by[asDuration].n == best:
		return asDuration, true
	case c.by[asUS].n == c.by[asEU].n:
		return asUS, false
	case c.by[asUS].n == best:
		return asUS, true
	}
	return asEU, true
}

// coded reports whether the field's values are codes, or texts of nothing but digits that are so few that they may be.
func (c *column) coded(texts int64) bool {
	if c.code() != "" || c.phones > 0 && float64(c.phones) > strayShare*float64(texts) {
		return true
	}
	few := !c.many && len(c.distinct) <= integerClassesMax
	return c.numbers == 0 && c.digitTexts >= texts && (few || c.fewestDigits == c.mostDigits && c.fewestDigits >= codeDigits)
}

// settleFormat makes numbers of the values that read in a format, and texts of the others.
func (c *column) settleFormat(format int) {
	words := c.wordsMissing()
	total, r := c.numbers+c.texts-words, c.by[format]
	c.format, c.settled = format, true
	c.numbers, c.texts = r.n, total-r.n+words
	c.integers, c.bare = r.integers, 0
	c.min, c.max, c.sum, c.binary = r.min, r.max, r.sum, r.others == 0
	distinct := c.distinct
	c.distinct = make(map[string]int64, len(distinct))
	for text, n := range distinct {
		key := []byte(text)
		if x, ok := formatOf[format].ParseUnit(key, c.unit); ok {
			key = spelt(key[:0], x)
		}
		c.distinct[string(key)] += n
	}
}

// measured is a number of a field whose format is settled.
func (c *column) measured(raw []byte) bool {
	x, ok := formatOf[c.format].ParseUnit(raw, c.unit)
	if !ok {
		return false
	}
	c.numeric(x, spelt(nil, x))
	return true
}

// spelt writes a number as it is told apart.
func spelt(dst []byte, x float64) []byte { return strconv.AppendFloat(dst, x, 'f', -1, 64) }

// formatNote says how a field's texts read as numbers.
func (c *column) formatNote() string {
	switch {
	case !c.settled || c.format == asPlain:
		return ""
	case c.format == asDuration:
		return fmt.Sprintf("durations in seconds, as %.40q", example(c))
	}
	note := fmt.Sprintf("%s numbers, as %q", formatOf[c.format], c.written.sample)
	if c.written.sample == "" {
		note = fmt.Sprintf("%s numbers, as those of other fields are: 1.234 is a thousand and more", formatOf[c.format])
	}
	if c.units["%"] != nil {
		note += "; 12.5 % counts as 12.5"
	} else if len(c.units) > 0 && len(c.unit) == 0 {
		note += "; currencies are passed over"
	}
	return note
}

// strayNote says which values do not read.
func (c *column) strayNote() string {
	strays := c.values() - c.numbers
	if strays == 0 {
		return ""
	}
	if note := c.otherFormatNote(); note != "" {
		return fmt.Sprintf("%s of %s do not read as %s numbers: such events are rejected; %s", digitsOf(strays), count(c.values(), "value"), formatOf[c.format], note)
	}
	stray := cmp.Or(c.by[c.format].stray, c.otherUnit())
	if slices.Contains(c.gaps, stray) || stray == "" {
		return fmt.Sprintf("%s of %s do not read as numbers: such events are rejected", digitsOf(strays), count(c.values(), "value"))
	}
	return fmt.Sprintf("%s of %s do not read as numbers, as %.40q: such events are rejected", digitsOf(strays), count(c.values(), "value"), stray)
}
