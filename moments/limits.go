package moments

import "slices"

// limit lets Limits know of a value as it counted.
func (*Columns) limit(f *[floatsLen]float64, v float64) {
	if v < f[low] {
		f[low] = v
	}
	if v > f[high] {
		f[high] = v
	}
}

// restartLimits makes the limits those of values alone, wild ones held within the bound.
func (c *Columns) restartLimits(i int, values []float64) {
	if !c.options.Limits || len(values) == 0 {
		return
	}
	f := c.floats[i*floatsLen:]
	centre, most := c.Centre(i), usual*c.Deviation(i)
	least, largest := slices.Min(values), slices.Max(values)
	if most > 0 {
		least, largest = max(least, centre-most), min(largest, centre+most)
	}
	f[low], f[high], f[lowBefore], f[highBefore] = least, largest, least, largest
}

// Limits are the least and the largest of column i's recent values, wild ones held within the bound. They are 0, 0
// before the first value, and want Options.Limits. Of a column restored from a snapshot without them they are ±ValueMax
// until there are new ones.
func (c *Columns) Limits(i int) (least, largest float64) {
	w, f := c.words[i*wordsLen:], c.floats[i*floatsLen:]
	if w[flags] == 0 && w[stored] == 0 && c.count[i*c.stride] > 0 {
		return -ValueMax, ValueMax
	}
	least, largest = min(f[low], f[lowBefore]), max(f[high], f[highBefore])
	if f[modes] > 0 {
		least, largest = min(least, f[origin]), max(largest, f[origin])
	}
	return least, largest
}

// Among reports at less cost than Limits that v lies within them, which most predictions do; not of all that do.
func (c *Columns) Among(i int, v float64) bool {
	f := c.floats[i*floatsLen:]
	return f[low] <= v && v <= f[high]
}
