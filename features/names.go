package features

import (
	"fmt"
	"strconv"

	"millrace"
)

const (
	// namesMax bounds how many values FeatureName lists for one hashed column; explanations show a few.
	namesMax = 8
	// namesSearched columns are multiplied in search of what falls into a hashed column of products:
	// half a million hashes take a millisecond.
	namesSearched = 1000
)

// FeatureName says, for people, what feeds a column of a view: the feature's name, "country=DE" for a
// value, "country (other)" for values beyond the cap, "amount (missing)" or "amount (null)" for an
// indicator, "hour=17" for a level, "temp × humidity" or "temp²" for a product. A hashed column lists
// what is known to fall into it, eight at most, or says that it is hashed or, for a category, the
// feature's name when nothing is known. It is nil for a column outside the view.
func (x *Extractor) FeatureName(v millrace.ViewID, column int) []string {
	if v < 0 || int(v) >= len(x.views) || column < 0 {
		return nil
	}
	kind := x.views[v]
	switch {
	case kind == millrace.ViewRaw:
		if column >= len(x.columns) {
			return nil
		}
		return []string{x.columns[column].Name}
	case column < x.standard.Width:
		return x.standardName(column)
	case kind == millrace.ViewLevels:
		return x.levelName(column - x.standard.Width)
	case kind == millrace.ViewPairs && column < x.pairs.shape.Width:
		return x.productName(uint32(column))
	}
	return nil
}

func (x *Extractor) standardName(column int) []string {
	at := x.block(uint32(column))
	category := 0
	for _, c := range x.columns[:at] {
		if c.Type == Category {
			category++
		}
	}
	return x.name(at, category, column-x.blocks[at].first)
}

// levelName names the k-th column behind the standard ones.
func (x *Extractor) levelName(k int) []string {
	l := x.levels
	i, level := k/levelsMax, k%levelsMax
	switch {
	case i >= len(l.fields):
		return nil
	case level >= int(l.size[i]):
		return []string{x.columns[l.fields[i]].Name} // not learned yet
	}
	return []string{x.columns[l.fields[i]].Name + "=" + strconv.FormatFloat(l.value[k], 'f', -1, 64)}
}

// productName names a column of products.
func (x *Extractor) productName(column uint32) []string {
	p := x.pairs
	if p.hashed {
		return x.hashedProducts(column)
	}
	at := column - p.width
	for i := range p.width {
		if p.rows == nil {
			if n := p.width - i; at >= n {
				at -= n
				continue
			}
			return x.products(nil, i, i+at)
		}
		r := &p.rows[i]
		if r.square {
			if at == 0 {
				return x.products(nil, i, i)
			}
			at--
		}
		if n := p.width - uint32(r.from); at >= n {
			at -= n
			continue
		}
		return x.products(nil, i, uint32(r.from)+at)
	}
	return nil
}

// products appends the names of the product of two columns of the standard view.
func (x *Extractor) products(names []string, i, j uint32) []string {
	for _, a := range x.standardName(int(i)) {
		for _, b := range x.standardName(int(j)) {
			switch {
			case len(names) == namesMax:
			case i == j:
				names = append(names, a+"²")
			default:
				names = append(names, a+" × "+b)
			}
		}
	}
	return names
}

// hashedProducts lists the products of numbers, booleans and indicators that fall into a column. Those
// of features with many columns are not searched for: these may be millions.
func (x *Extractor) hashedProducts(column uint32) []string {
	var names []string
	var plain []uint32
	for i := range x.blocks {
		b := &x.blocks[i]
		first := b.first
		if b.values-b.first > namesMax {
			first = b.values
		}
		for c := first; c < b.end && len(plain) < namesSearched; c++ {
			plain = append(plain, uint32(c))
		}
	}
	for a, i := range plain {
		for _, j := range plain[a:] {
			if at, _ := x.pairs.column(i, j); at == column && (i != j || x.blocks[x.block(i)].squares(int(i))) {
				names = x.products(names, i, j)
			}
		}
	}
	if len(names) == 0 {
		return []string{"a product (hashed)"}
	}
	return names
}

// name names the k-th column of feature at; category is its number among the categories.
func (x *Extractor) name(at, category, k int) []string {
	c := x.columns[at]
	values := x.blocks[at].values - x.blocks[at].first
	switch {
	case k >= values:
		// The first indicator is the absent's, unless only nulls have one.
		if k == values && c.Missing == policyIndicator {
			return []string{c.Name + " (missing)"}
		}
		return []string{c.Name + " (null)"}
	case c.Type == Cross:
		return x.crossName(at, k)
	case c.Type != Category:
		return []string{c.plainName(k)}
	case c.Encode == encodeHash:
		return x.collisions(c, category, uint64(k))
	case k == c.Cap:
		return []string{c.Name + " (other)"}
	case k < int(x.words.size[category]):
		return []string{c.Name + "=" + x.words.value(category, k)}
	}
	return []string{c.Name} // not learned yet
}

// plainName names the k-th column of a feature whose columns have names without anything learned.
func (c Column) plainName(k int) string {
	switch {
	case c.Type == Text, c.Type == Bag && c.Indices == 0:
		return c.Name + " (hashed)"
	case c.Type == Bag:
		return fmt.Sprintf("%s[%d]", c.Name, k)
	case c.Type == Time && k%2 == 0:
		return c.Name + " (" + c.parts()[k/2] + ", sine)"
	case c.Type == Time:
		return c.Name + " (" + c.parts()[k/2] + ", cosine)"
	case c.Type == Lag:
		return fmt.Sprintf("%s (%d back)", c.Name, c.Steps[k])
	}
	return c.Name
}

func (x *Extractor) collisions(c Column, category int, column uint64) []string {
	var names []string
	base := x.words.words[category].base
	for k := range int(x.words.size[category]) {
		if x.words.hashes[base+k]&x.categories[category].mask == column && len(names) < namesMax {
			names = append(names, c.Name+"="+x.words.value(category, k))
		}
	}
	if len(names) == 0 {
		return []string{c.Name}
	}
	return names
}
