package features

import (
	"slices"

	"millrace"
)

// categories are the features of type category.
type categories struct {
	plain
	columns Columns
	all     []category
	// Every category has a vocabulary, hashed ones too: the raw view and explanations read it.
	words vocabulary
}

// category is a categorical feature: a range of columns, and perhaps indicators.
type category struct {
	field  int
	column int // the first of its range in the standard view
	hashed bool
	mask   uint64 // hashed: 2^bits - 1
	seed   uint64 // of its values' hashes; differs from feature to feature
	fills  [2]fill
}

func (*categories) check(c *Column, report report) { checkNoMean(c, report) }

func (*categories) size(s Columns, i int) size {
	c := &s[i]
	out := size{values: atMost(c.Cap, CapMax) + 1, nonZeros: 1, single: true}
	if c.Encode == encodeHash {
		out.values, out.sparse = 1<<atMost(c.Bits, BitsMax), true
	}
	return out
}

func (cs *categories) add(p place) {
	cs.columns = p.columns
	cs.all = append(cs.all, category{
		field: p.field, column: p.first, hashed: p.Encode == encodeHash, mask: 1<<p.Bits - 1, fills: p.fills})
	cs.words.add(p.Cap)
}

func (cs *categories) reseed(seeds []uint64) {
	for i := range cs.all {
		cs.all[i].seed = seeds[cs.all[i].field]
	}
}

func (cs *categories) dense(dst []float32, e *millrace.Event) {
	for i := range cs.all {
		if column, _, ok := cs.encode(i, e); ok {
			dst[column] = 1 // hashed categories, which have signs, make the view sparse
		}
	}
}

func (cs *categories) extract(dst *millrace.Vector, e *millrace.Event) {
	if dst.Dense != nil {
		cs.dense(dst.Dense, e)
		return
	}
	index, value := dst.Index, dst.Value
	for i := range cs.all {
		if column, sign, ok := cs.encode(i, e); ok {
			index, value = append(index, uint32(column)), append(value, sign)
		}
	}
	dst.Index, dst.Value = index, value
}

// encode returns the column that category i of e sets and what to; ok is false when it sets none.
func (cs *categories) encode(i int, e *millrace.Event) (column int, value float32, ok bool) {
	c := &cs.all[i]
	f := &e.Fields[c.field]
	if f.Presence != millrace.Present {
		column = c.fills[f.Presence].indicator
		return column, 1, column >= 0
	}
	h := hash64(c.seed, f.Text)
	if c.hashed {
		// The sign keeps collisions from adding up (Weinberger et al., Feature Hashing for Large Scale
		// Multitask Learning, ICML 2009, equation 1). Its bit is far from those of the index.
		return c.column + int(h&c.mask), 1 - 2*float32(h>>63), true
	}
	k := cs.words.find(i, h)
	if k < 0 {
		k = cs.words.words[i].cap
	}
	return c.column + k, 1, true
}

// raw has the number of a category's value in its vocabulary, -1 for one that is not there.
func (cs *categories) raw(dst []float32, e *millrace.Event) {
	nan := noNumber()
	for i := range cs.all {
		c := &cs.all[i]
		f := &e.Fields[c.field]
		dst[c.field] = nan
		if f.Presence == millrace.Present {
			dst[c.field] = float32(cs.words.find(i, hash64(c.seed, f.Text)))
		}
	}
}

func (cs *categories) observe(e *millrace.Event) {
	for i := range cs.all {
		c := &cs.all[i]
		if f := &e.Fields[c.field]; f.Presence == millrace.Present {
			cs.words.learn(i, hash64(c.seed, f.Text), f.Text)
		}
	}
}

func (cs *categories) state(visit visit) {
	if n := len(cs.words.size); n > 0 {
		values := len(cs.words.hashes)
		visit("categories.size", millrace.Tensor{Shape: []int{n}, I32: cs.words.size}, millrace.Serving)
		visit("categories.hash", millrace.Tensor{Shape: []int{values}, U64: cs.words.hashes}, millrace.Serving)
		visit("categories.count", millrace.Tensor{Shape: []int{values}, U32: cs.words.counts, Added: true}, millrace.Serving)
		visit("categories.text", millrace.Tensor{Shape: []int{values, textMax}, U8: cs.words.text}, millrace.Serving)
		visit("categories.length", millrace.Tensor{Shape: []int{values}, U8: cs.words.length}, millrace.Serving)
	}
}

func (cs *categories) restored() error {
	if err := cs.words.restored(); err != nil {
		return err
	}
	for i := range cs.all {
		cs.words.canonical(i, cs.all[i].seed)
	}
	return nil
}

func (cs *categories) names(field, k int) []string {
	c := &cs.columns[field]
	i := slices.IndexFunc(cs.all, func(c category) bool { return c.field == field })
	switch {
	case c.Encode == encodeHash:
		return cs.collisions(i, uint64(k))
	case k == c.Cap:
		return []string{c.Name + " (other)"}
	case k < int(cs.words.size[i]):
		return []string{c.Name + "=" + cs.words.value(i, k)}
	}
	return []string{c.Name} // not learned yet
}

// collisions lists the values known that fall into a column of a hashed category.
func (cs *categories) collisions(i int, column uint64) []string {
	var names []string
	name := cs.columns[cs.all[i].field].Name
	base := cs.words.words[i].base
	for k := range int(cs.words.size[i]) {
		if cs.words.hashes[base+k]&cs.all[i].mask == column && len(names) < namesMax {
			names = append(names, name+"="+cs.words.value(i, k))
		}
	}
	if len(names) == 0 {
		return []string{name}
	}
	return names
}
