package features

import (
	"math"
)

// block is the range of standard columns that one feature takes: its values, then its indicators.
type block struct {
	first, values, end int // columns first to values hold values, from there to end indicators
	numeric            bool
	single             bool // at most one of its columns is not zero
}

// squares reports whether the square of a column of the block says anything: a number's does, zeros and
// ones are their own.
func (b *block) squares(column int) bool { return b.numeric && column < b.values }

// block finds the block that holds a standard column.
func (x *Extractor) block(column uint32) int {
	low, high := 0, len(x.blocks)-1
	for low < high {
		middle := int(uint(low+high+1) / 2)
		if x.blocks[middle].first <= int(column) {
			low = middle
		} else {
			high = middle - 1
		}
	}
	return low
}

// width is how many columns of the standard view the feature takes. A cross depends on others, see widths.
func (c Column) width() int {
	n := 1
	switch c.Type {
	case Category:
		n = bounded(c.Cap, CapMax) + 1
		if c.Encode == encodeHash {
			n = 1 << bounded(c.Bits, BitsMax)
		}
	case Text:
		n = 1 << bounded(c.Bits, BitsMax)
	case Bag:
		if n = bounded(c.Indices, WidthMax); n == 0 {
			n = 1 << bounded(c.Bits, BitsMax)
		}
	case Time:
		n = 2 * len(c.parts())
	case Lag:
		n = len(c.Steps)
	}
	return n + c.indicators()
}

// bounded keeps what a spec asks for from overflowing; Validate reports what is out of bounds.
func bounded(n, most int) int { return max(0, min(n, most)) }

// widths are the columns that each feature takes, crosses included.
func (s Columns) widths() []int {
	widths := make([]int, len(s))
	for i := range s {
		if s[i].Type != Cross {
			widths[i] = s[i].width()
		}
	}
	for i := range s {
		if s[i].Type == Cross {
			widths[i], _ = s.crossed(&s[i], widths)
		}
	}
	return widths
}

// crossExactMax is the widest cross that keeps a column a pair; wider ones are hashed.
const crossExactMax = 1 << 12

// crossed is how many columns a cross takes, and whether they are hashed.
func (s Columns) crossed(c *Column, widths []int) (width int, hashed bool) {
	if len(c.Of) != 2 {
		return 0, false
	}
	a, b := s.find(c.Of[0]), s.find(c.Of[1])
	if a < 0 || b < 0 {
		return 0, false
	}
	if widths[a] <= crossExactMax && widths[a]*widths[b] <= crossExactMax {
		return widths[a] * widths[b], false
	}
	return 1 << bounded(c.Bits, BitsMax), true
}

// nonZeros is how many entries of a sparse standard view the feature has at most.
func (s Columns) nonZeros(i int) int {
	c := &s[i]
	switch c.Type {
	case Text:
		return textTokensMax * c.Ngrams
	case Bag:
		return c.Entries
	case Time:
		return 2 * len(c.parts())
	case Lag:
		return len(c.Steps)
	case Cross:
		return min(s.nonZeros(s.find(c.Of[0]))*s.nonZeros(s.find(c.Of[1])), crossedMax)
	}
	return 1
}

// sparse reports whether the standard view is sparse: a feature is hashed, or a bag, or all are too wide.
func (s Columns) sparse(widths []int) bool {
	width := 0
	for i := range s {
		c := &s[i]
		width = min(width+widths[i], math.MaxInt32)
		switch c.Type {
		case Text, Bag:
			return true
		case Category:
			if c.Encode == encodeHash {
				return true
			}
		case Cross:
			if _, hashed := s.crossed(c, widths); hashed {
				return true
			}
		}
	}
	return width > DenseMax
}
