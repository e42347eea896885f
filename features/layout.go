package features

import (
	"fmt"
	"math"

	"millrace"
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

// layOut gives each feature a range of columns of the standard view, hashed ones as well, so that values of two
// features never collide; WidthMax bounds the sum.
func (x *Extractor) layOut() []size {
	sizes := make([]size, len(x.columns))
	column, nonZeroMax, others, loose := 0, 0, 0, 0
	sparse := false
	for i := range x.columns {
		s := x.columns.size(i)
		end := column + s.values + x.columns[i].indicators()
		x.blocks = append(x.blocks, block{first: column, values: column + s.values, end: end, numeric: s.numeric, single: s.single})
		sizes[i] = s
		column = end
		nonZeroMax += s.nonZeros
		sparse = sparse || s.sparse
		if loose += s.loose; s.loose == 0 {
			others++
		}
	}
	x.standard = millrace.ViewShape{Width: column, Sparse: sparse || column > DenseMax, NonZeroMax: nonZeroMax,
		// Nobody says how many of the loose columns an event has. The square root of them is of the right size for
		// the sets that are published in LIBSVM's format.
		NonZeroUsual: max(1, others+int(math.Ceil(math.Sqrt(float64(loose)))))}
	if !x.standard.Sparse {
		x.standard.NonZeroMax = column
	}
	return sizes
}

// addFeatures compiles all features, each with the encoder of its type.
func (x *Extractor) addFeatures(sizes []size) {
	// Windows and ratios are numbers that somebody else wrote into the event.
	used := map[Type]encoder{Number: &x.numbers, Boolean: &x.numbers, Window: &x.numbers, Ratio: &x.numbers, Since: &x.numbers,
		Category: &x.categories}
	for i := range x.columns {
		c := &x.columns[i]
		if used[c.Type] == nil {
			used[c.Type] = c.Type.encoder()
		}
		used[c.Type].add(place{Column: c, block: x.blocks[i], size: sizes[i], field: i, fills: c.fills(x.blocks[i].values),
			columns: x.columns, blocks: x.blocks, sparse: x.standard.Sparse, naming: x.standardName})
		x.encoders = append(x.encoders, used[c.Type])
		if c.Type == Ratio {
			x.ratios = append(x.ratios, newRatio(x.columns, i))
		}
		if b, ok := c.bounded(i); ok {
			x.bounded = append(x.bounded, b)
		}
		if r, ok := c.rejecting(i, x.columns.TimeSource(i).EventPath()); ok {
			x.rejecting = append(x.rejecting, r)
		}
	}
	for _, t := range []Type{Number, Boolean, Window, Ratio, Since, Category} {
		delete(used, t)
	}
	for _, known := range types() {
		if enc := used[known.name]; enc != nil {
			x.others = append(x.others, enc)
		}
	}
	x.blanks = x.standard.Width > len(x.numbers.all)
	x.beyond = len(x.categories.all)+len(x.others) > 0
}

// reseed makes the hashes of every feature its own, and all of them those of the seed.
func (x *Extractor) reseed() {
	seed := x.seed[0]
	x.seeded = seed
	seeds := make([]uint64, len(x.columns))
	for i := range x.columns {
		seeds[i] = hash64(seed, []byte(x.columns[i].Name))
	}
	x.categories.reseed(seeds)
	for _, enc := range x.others {
		enc.reseed(seeds)
	}
	if x.pairs != nil {
		x.pairs.reseed(seed)
	}
}

// rejecting is a feature whose absence or null refuses the event. The rejections are made once and
// shared: nobody changes them.
type rejecting struct {
	field      int
	rejections [2]*millrace.Rejection // by Presence; nil where it is allowed
}

func (c Column) rejecting(field int, path string) (rejecting, bool) {
	r := rejecting{field: field}
	if c.Derived() {
		return r, false
	}
	if c.Missing == policyReject {
		r.rejections[millrace.Absent] = &millrace.Rejection{Reason: millrace.ReasonMissingFeature, Path: path,
			Detail: fmt.Sprintf("feature %s is absent; a %s belongs there", c.Name, c.Type)}
	}
	if c.nulls() == policyReject {
		r.rejections[millrace.Null] = &millrace.Rejection{Reason: millrace.ReasonMissingFeature, Path: path,
			Detail: fmt.Sprintf("feature %s is null; a %s belongs there", c.Name, c.Type)}
	}
	return r, r.rejections != [2]*millrace.Rejection{}
}
