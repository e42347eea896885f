package features

import (
	"fmt"
	"slices"

	"millrace"
)

const (
	// crossExactMax is the widest cross that keeps a column a pair; wider ones are hashed.
	crossExactMax = 1 << 12
	// crossedMax bounds the products of one cross of one event, where texts or bags meet.
	crossedMax = 1 << 12
)

// crosses are the features of type cross.
type crosses struct {
	plain
	all []cross
}

// cross holds the products of two features as they stand in the standard view: of two categories one
// column a pair of values, of a number and a category the number in the category's column.
type cross struct {
	own        int // field
	of         string
	a, b       block
	column     int
	hashed     bool
	mask, seed uint64
	most       int // products of an event; further ones are left out
	naming     func(column uint32) []string
}

func (*crosses) check(c *Column, report report) {
	if len(c.Of) != 2 {
		report("of", "a cross has two features, as [hour, country]; found %d", len(c.Of))
	}
}

func (*crosses) checkSources(s Columns, i int, report report) {
	for k, name := range s[i].Of {
		at := fmt.Sprintf("of[%d]", k)
		switch j := s.find(name); {
		case j < 0:
			report(at, "there is no feature %q", name)
		case s[j].Type == Cross:
			report(at, "%q is a cross itself", name)
		case slices.Contains(s[i].Of[:k], name):
			report(at, "%q is listed twice", name)
		}
	}
}

func (*crosses) size(s Columns, i int) size {
	c := &s[i]
	if len(c.Of) != 2 {
		return size{}
	}
	a, b := s.find(c.Of[0]), s.find(c.Of[1])
	if a < 0 || b < 0 || s[a].Type == Cross || s[b].Type == Cross {
		return size{}
	}
	left, right := s.size(a), s.size(b)
	out := size{nonZeros: min(left.nonZeros*right.nonZeros, crossedMax), single: left.single && right.single}
	width, other := s.width(a), s.width(b)
	if out.values = width * other; width > crossExactMax || out.values > crossExactMax {
		out.values, out.sparse = 1<<atMost(c.Bits, BitsMax), true
	}
	return out
}

func (xs *crosses) add(p place) {
	xs.all = append(xs.all, cross{
		own: p.field, of: p.Of[0] + " × " + p.Of[1], a: p.blocks[p.columns.find(p.Of[0])], b: p.blocks[p.columns.find(p.Of[1])],
		column: p.first, hashed: p.size.sparse, mask: 1<<p.Bits - 1, most: p.size.nonZeros, naming: p.naming,
	})
}

func (xs *crosses) reseed(seeds []uint64) {
	for i := range xs.all {
		xs.all[i].seed = seeds[xs.all[i].own]
	}
}

func (xs *crosses) extract(dst *millrace.Vector, _ *millrace.Event) {
	for i := range xs.all {
		xs.all[i].extract(dst)
	}
}

func (xs *crosses) raw(dst []float32, _ *millrace.Event) {
	for i := range xs.all {
		dst[xs.all[i].own] = noNumber()
	}
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

func (xs *crosses) names(field, k int) []string {
	c := &xs.all[slices.IndexFunc(xs.all, func(c cross) bool { return c.own == field })]
	if c.hashed {
		return []string{c.of + " (hashed)"}
	}
	width := c.b.end - c.b.first
	return productNames(nil, c.naming(uint32(c.a.first+k/width)), c.naming(uint32(c.b.first+k%width)), false)
}
