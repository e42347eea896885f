package features

import (
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
		return x.standardName(uint32(column))
	case kind == millrace.ViewLevels:
		return x.levelName(column - x.standard.Width)
	case kind == millrace.ViewPairs && column < x.pairs.shape.Width:
		return x.productName(uint32(column))
	}
	return nil
}

func (x *Extractor) standardName(column uint32) []string {
	at := x.block(column)
	c, k, values := &x.columns[at], int(column)-x.blocks[at].first, x.blocks[at].values-x.blocks[at].first
	switch {
	case k < values:
		return x.encoders[at].names(at, k)
	// The first indicator is the absent's, unless only nulls have one.
	case k == values && c.Missing == policyIndicator:
		return []string{c.Name + " (missing)"}
	}
	return []string{c.Name + " (null)"}
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
	return productNames(names, x.standardName(i), x.standardName(j), i == j)
}

// productNames appends the names of the products of two columns by theirs; of a column with itself they are squares.
func productNames(names, first, second []string, square bool) []string {
	for _, a := range first {
		for _, b := range second {
			switch {
			case len(names) == namesMax:
			case square:
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
