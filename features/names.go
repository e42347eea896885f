package features

import "millrace"

// namesMax bounds how many values FeatureName lists for one hashed column; explanations show a few.
const namesMax = 8

// FeatureName says, for people, what feeds a column of a view: the feature's name, "country=DE" for a
// value, "country (other)" for values beyond the cap, "amount (missing)" or "amount (null)" for an
// indicator. A hashed column lists all known values that fall into it, eight at most, or the
// feature's name when none is known. It is nil for a column outside the view.
func (x *Extractor) FeatureName(v millrace.ViewID, column int) []string {
	if v < 0 || int(v) >= len(x.views) || column < 0 {
		return nil
	}
	if x.views[v] == millrace.ViewRaw {
		if column >= len(x.columns) {
			return nil
		}
		return []string{x.columns[column].Name}
	}
	first, category := 0, 0
	for _, c := range x.columns {
		if column < first+c.width() {
			return x.name(c, category, column-first)
		}
		first += c.width()
		if c.Type == Category {
			category++
		}
	}
	return nil
}

// name names the k-th column of a feature; category is its number among the categories.
func (x *Extractor) name(c Column, category, k int) []string {
	values := c.width() - c.indicators()
	switch {
	case k >= values:
		// The first indicator is the absent's, unless only nulls have one.
		if k == values && c.Missing == policyIndicator {
			return []string{c.Name + " (missing)"}
		}
		return []string{c.Name + " (null)"}
	case c.Type != Category:
		return []string{c.Name}
	case c.Encode == encodeHash:
		return x.collisions(c, category, uint64(k))
	case k == c.Cap:
		return []string{c.Name + " (other)"}
	case k < int(x.words.size[category]):
		return []string{c.Name + "=" + x.words.value(category, k)}
	}
	return []string{c.Name} // not learned yet
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
