package moments

// Next is what a column would be with one more value.
type Next struct {
	Centre, Deviation, Bound float64
	scale                    Scale
}

// Next returns what column i would be once Observe took the value in, and changes nothing: for who may yet refuse it.
// It writes what it then takes back, so nobody may read the columns meanwhile.
func (c *Columns) Next(i int, v, weight float64) Next {
	at := i * c.stride
	count, mean, squares, scale := c.count[at], c.mean[at], c.squares[at], c.scales[i]
	floats, words := [floatsLen]float64(c.floats[i*floatsLen:]), [wordsLen]uint64(c.words[i*wordsLen:])
	home := [homeLen]float64(c.home[i*homeLen:])
	var recent [settleAt]float64
	if c.ring[i] >= 0 {
		recent = [settleAt]float64(c.recent[c.ring[i]:])
	}
	c.Observe(i, v, weight)
	next := Next{c.Centre(i), c.Deviation(i), c.Bound(i), c.scales[i]}
	c.count[at], c.mean[at], c.squares[at], c.scales[i] = count, mean, squares, scale
	copy(c.floats[i*floatsLen:], floats[:])
	copy(c.words[i*wordsLen:], words[:])
	copy(c.home[i*homeLen:], home[:])
	if c.ring[i] >= 0 {
		copy(c.recent[c.ring[i]:], recent[:])
	}
	return next
}

// Standard is v in deviations from the centre, held within the bound; 0 while there is no deviation.
func (n Next) Standard(v float64) float64 { return n.scale.standard(v) }
