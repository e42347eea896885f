package features

// block is the range of standard columns that one feature takes: its values, then its indicators.
type block struct {
	first, values, end int // columns first to values hold values, from there to end indicators
	numeric            bool
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
