package infer

const (
	// distinctMax different texts of a field are told apart; with more, only about how many there are matters.
	distinctMax = 20_000
	// distinctNumbersMax numbers are told apart: enough to know whether they could be classes.
	distinctNumbersMax = classesMax + 1
	// distinctLeast of every field are told apart, however many fields there are: more than few whole numbers may be.
	distinctLeast = integerClassesMax + 14
	// distinctRoom bounds what all fields together keep beyond that, in bytes: distinctBytes and the value itself
	// each.
	distinctRoom, distinctBytes = 256 << 20, 80
)

// count counts one value: by itself as long as there are not too many, then in a sketch.
func (c *column) count(value []byte) {
	if c.sample == "" {
		c.sample = string(value)
	}
	if c.many {
		c.sketch.add(value)
		return
	}
	if n, ok := c.distinct[string(value)]; ok {
		c.distinct[string(value)] = n + 1
		c.again = true
		return
	}
	if c.fits(value) {
		c.distinct[string(value)] = 1
		return
	}
	c.many, c.sketch = true, new(sketch)
	for known := range c.distinct {
		c.sketch.add([]byte(known))
	}
	c.sketch.add(value)
}

// fits reports whether one more value may be kept, and takes its room.
func (c *column) fits(value []byte) bool {
	n := len(c.distinct)
	if n >= c.most {
		return false
	}
	if n < distinctLeast || c.room == nil {
		return true
	}
	*c.room -= distinctBytes + int64(len(value))
	return *c.room >= 0
}

// different is how many different values there were; about so, if there were many.
func (c *column) different() int64 {
	if c.many {
		return c.sketch.count()
	}
	return int64(len(c.distinct))
}

// nearlyAll reports whether nearly every value was another one.
func (c *column) nearlyAll() bool {
	return float64(c.different()) > differentShare*float64(c.values())
}

// allDifferent reports whether no value came twice, as far as can be told.
func (c *column) allDifferent() bool {
	if c.many {
		return !c.again && c.nearlyAll()
	}
	return int64(len(c.distinct)) == c.values()
}
