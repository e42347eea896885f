package features

import (
	"fmt"
	"math"
	"slices"

	"millrace"
)

// more are the features beyond numbers, booleans and categories. They come after those in a sparse
// standard view, in the order of these fields.
type more struct {
	times   []timing
	lags    []lag
	texts   []text
	bags    []bag
	crosses []cross
}

func (m *more) any() bool {
	return len(m.times)+len(m.lags)+len(m.texts)+len(m.bags)+len(m.crosses) > 0
}

// addMore compiles column i when it is of one of those types.
func (x *Extractor) addMore(i int, fills [2]fill) {
	c := &x.columns[i]
	b := x.blocks[i]
	seed := hash64(x.seed, []byte(c.Name))
	switch c.Type {
	case Time:
		x.more.times = append(x.more.times, timing{field: i, column: b.first, parts: c.parts(), fills: fills})
	case Text:
		x.more.texts = append(x.more.texts, text{
			field: i, column: b.first, ngrams: c.Ngrams, mask: 1<<c.Bits - 1, seed: seed, fills: fills})
	case Bag:
		x.more.bags = append(x.more.bags, newBag(c, i, b, seed, fills))
	case Lag:
		x.more.lags = append(x.more.lags, newLag(x.columns, i, b.first, seed))
	}
}

// addCrosses compiles the crosses, when all blocks are known.
func (x *Extractor) addCrosses(widths []int) {
	for i := range x.columns {
		c := &x.columns[i]
		if c.Type != Cross {
			continue
		}
		_, hashed := x.columns.crossed(c, widths)
		a, b := x.columns.find(c.Of[0]), x.columns.find(c.Of[1])
		x.blocks[i].single = x.blocks[a].single && x.blocks[b].single
		x.more.crosses = append(x.more.crosses, cross{
			own: i, a: x.blocks[a], b: x.blocks[b], column: x.blocks[i].first, hashed: hashed,
			mask: 1<<c.Bits - 1, seed: hash64(x.seed, []byte(c.Name)), most: x.columns.nonZeros(i),
		})
	}
}

// extractMore adds to the standard view what is not there yet.
func (x *Extractor) extractMore(dst *millrace.Vector, e *millrace.Event) {
	for i := range x.more.times {
		x.more.times[i].extract(dst, e)
	}
	for i := range x.more.lags {
		x.more.lags[i].extract(dst, e)
	}
	for i := range x.more.texts {
		x.more.texts[i].extract(dst, e)
	}
	for i := range x.more.bags {
		x.more.bags[i].extract(dst, e)
	}
	for i := range x.more.crosses {
		x.more.crosses[i].extract(dst)
	}
}

// extractRaw fills the raw view's columns of what is neither number nor category.
func (m *more) extractRaw(dst []float32, e *millrace.Event) {
	nan := float32(math.NaN())
	for i := range m.times {
		t := &m.times[i]
		dst[t.field] = nan
		if f := &e.Fields[t.field]; f.Presence == millrace.Present {
			at, _ := position(t.parts[0], int64(f.Number))
			dst[t.field] = float32(at)
		}
	}
	for i := range m.lags {
		dst[m.lags[i].own] = m.lags[i].latest(e)
	}
	for i := range m.texts {
		dst[m.texts[i].field] = nan
	}
	for i := range m.bags {
		dst[m.bags[i].field] = nan
	}
	for i := range m.crosses {
		dst[m.crosses[i].own] = nan
	}
}

// observe learns from e.
func (m *more) observe(e *millrace.Event) {
	for i := range m.lags {
		m.lags[i].observe(e)
	}
	for i := range m.bags {
		m.bags[i].observe(e)
	}
}

// state visits what lags and bags have learned.
func (m *more) state(visit func(name string, t millrace.Tensor, role millrace.Role)) {
	for i := range m.bags {
		if b := &m.bags[i]; b.largest != nil {
			visit(fmt.Sprintf("bags.%d.largest", i), millrace.Tensor{Shape: []int{len(b.largest)}, F32: b.largest}, millrace.Serving)
		}
	}
	for i := range m.lags {
		l := &m.lags[i]
		floats := func(name string, values []float64, shape ...int) {
			visit(fmt.Sprintf("lags.%d.%s", i, name), millrace.Tensor{Shape: shape, F64: values}, millrace.Serving)
		}
		whole := func(name string, values []uint64) {
			visit(fmt.Sprintf("lags.%d.%s", i, name), millrace.Tensor{Shape: []int{len(values)}, U64: values}, millrace.Serving)
		}
		floats("count", l.count, len(l.steps))
		floats("mean", l.mean, len(l.steps))
		floats("m2", l.m2, len(l.steps))
		whole("clock", l.clock)
		whole("hash", l.hash)
		whole("last", l.last)
		whole("seen", l.seen)
		floats("value", l.value, len(l.hash), l.depth)
	}
}

func (m *more) restored(columns Columns) error {
	for i := range m.bags {
		if err := m.bags[i].restored(); err != nil {
			return err
		}
	}
	for i := range m.lags {
		if err := m.lags[i].restored(columns[m.lags[i].own].Name); err != nil {
			return err
		}
	}
	return nil
}

// put sets a column of a standard view, dense or sparse.
func put(dst *millrace.Vector, column int, v float32) {
	if dst.Dense != nil {
		dst.Dense[column] = v
	} else if v != 0 {
		dst.Index, dst.Value = append(dst.Index, uint32(column)), append(dst.Value, v)
	}
}

// putMissing sets the indicator of a value that is not there, if it has one.
func putMissing(dst *millrace.Vector, f *millrace.Field, fills *[2]fill) {
	if column := fills[f.Presence].indicator; column >= 0 {
		put(dst, column, 1)
	}
}

// crossedMax bounds the products of one cross of one event, where texts or bags meet.
const crossedMax = 1 << 12

// cross holds the products of two features as they stand in the standard view: of two categories one
// column a pair of values, of a number and a category the number in the category's column.
type cross struct {
	own        int // field
	a, b       block
	column     int
	hashed     bool
	mask, seed uint64
	most       int // products of an event; further ones are left out
}

func (c *cross) extract(dst *millrace.Vector) {
	if dst.Dense != nil { // then it is exact
		out := dst.Dense[c.column:]
		for _, v := range dst.Dense[c.a.first:c.a.end] {
			others := dst.Dense[c.b.first:c.b.end]
			if v != 0 {
				multiplyClipped(out, others, v)
			}
			out = out[len(others):]
		}
		return
	}
	n, left := len(dst.Index), c.most
	for k := range n {
		i := int(dst.Index[k])
		if i < c.a.first || i >= c.a.end {
			continue
		}
		for l := range n {
			j := int(dst.Index[l])
			if j < c.b.first || j >= c.b.end {
				continue
			}
			if left--; left < 0 {
				return
			}
			column, sign := c.at(i-c.a.first, j-c.b.first)
			put(dst, column, clipProduct(dst.Value[k]*dst.Value[l])*sign)
		}
	}
}

// at is where the product of column i of the first feature and column j of the second goes.
func (c *cross) at(i, j int) (column int, sign float32) {
	if !c.hashed {
		return c.column + i*(c.b.end-c.b.first) + j, 1
	}
	h := mix(c.seed ^ (uint64(i)<<32 | uint64(j)))
	return c.column + int(h&c.mask), 1 - 2*float32(h>>63)
}

// crossName names the k-th column of a cross.
func (x *Extractor) crossName(at, k int) []string {
	c := &x.columns[at]
	i := slices.IndexFunc(x.more.crosses, func(c cross) bool { return c.own == at })
	cross := &x.more.crosses[i]
	if cross.hashed {
		return []string{c.Of[0] + " × " + c.Of[1] + " (hashed)"}
	}
	width := cross.b.end - cross.b.first
	return x.products(nil, uint32(cross.a.first+k/width), uint32(cross.b.first+k%width))
}
