package decode

import (
	"slices"

	"millrace"
	"millrace/features"
)

// gaps are the texts that are no value where one target looks.
type gaps struct {
	usual   bool // those that are none among numbers
	words   []string
	numbers []float64 // of the words, those that are numbers
}

// gapsOf are a column's; nil where there are none.
func gapsOf(c *features.Column, format NumberFormat) *gaps {
	g := &gaps{words: c.Gaps}
	switch c.Type {
	case features.Number:
		g.usual = true
		for _, word := range c.Gaps {
			if v, ok := format.ParseUnit([]byte(word), c.Unit); ok {
				g.numbers = append(g.numbers, v)
			}
		}
	case features.Boolean, features.Time, features.Since:
		g.usual = true
	}
	if !g.usual && len(g.words) == 0 {
		return nil
	}
	return g
}

// gaps of a label are those among numbers; a class may be named as one.
func (l *LabelSpec) gaps() *gaps {
	if l.use() != useValue {
		return nil
	}
	return &gaps{usual: true}
}

func (g *gaps) has(text []byte) bool {
	text = trimSpace(text)
	if g.usual && millrace.MissingWord(text) {
		return true
	}
	for _, word := range g.words {
		if word == string(text) {
			return true
		}
	}
	return false
}

// isGap reports whether a number is one of the words, as -999.
func (g *gaps) isGap(v float64) bool { return g != nil && slices.Contains(g.numbers, v) }

// gap reads a text that is no value; end is -1 where another one, or what is no good text, stands at p.
func (d *Decoder) gap(t int32, p, depth int) (end int) {
	kept := len(d.event.Scratch)
	text, end, _, fault := d.scalar(p, depth)
	if fault != nil || !d.targets[t].gaps.has(text) {
		d.event.Scratch = d.event.Scratch[:kept]
		return -1
	}
	d.absent(t)
	return end
}

// absent makes a target's field one without a value.
func (d *Decoder) absent(t int32) {
	if target := &d.targets[t]; target.use <= useMoment {
		d.event.Fields[target.field] = millrace.Field{}
		d.set++
	}
}
