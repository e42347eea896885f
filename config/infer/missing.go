package infer

import (
	"maps"
	"slices"
	"strings"
)

// word counts a text that may mean that there is no value.
func (c *column) word(text string) {
	if c.unknown == nil {
		c.unknown = make(map[string]int64)
	}
	c.unknown[text]++
}

// settleMissing takes the words out of columns that are numbers or booleans without them, as the source will.
func (p *plan) settleMissing() {
	for _, c := range p.seen.columns {
		if len(c.unknown) == 0 {
			continue
		}
		var n int64
		for _, times := range c.unknown {
			n += times
		}
		rest, strays := c.values()-n, c.texts-n
		if c.numbers > 0 && float64(strays+c.booleans) <= strayShare*float64(rest) || c.booleans > 0 && c.booleans == rest {
			c.settle()
		}
	}
}

// settleLabel takes the words out of the label, whatever it is: nothing can be learned from them.
func (p *plan) settleLabel() {
	if p.label.values() > 0 {
		p.label.settle()
	}
}

// settle moves the words from the values to what is missing.
func (c *column) settle() {
	for word, times := range c.unknown {
		c.texts -= times
		delete(c.distinct, word)
		if !slices.Contains(c.gaps, word) {
			c.gaps = append(c.gaps, word)
		}
	}
	slices.Sort(c.gaps)
	c.unknown = nil
	if slices.Contains(c.gaps, c.sample) {
		c.sample = ""
		if rest := slices.Sorted(maps.Keys(c.distinct)); len(rest) > 0 {
			c.sample = rest[0]
		}
	}
}

// gapText lists the words that were settled.
func (c *column) gapText() string { return strings.Join(c.gaps, " and ") }
