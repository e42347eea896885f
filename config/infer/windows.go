package infer

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"millrace"
	"millrace/features"
)

const (
	// keyValuesMin different values make a category one whose values do things of their own: a card, a user, a machine.
	// Where nearly every value is another one it is no feature to begin with.
	keyValuesMin = 100
	// amountsMax numbers are summed for each of them, the largest ones.
	amountsMax = 2
)

// proposals are windows that may help, as lines for a person to choose from.
type proposals struct {
	plan  *plan
	names map[string]bool
	lines []proposal
}

type proposal struct {
	column features.Column
	note   string
}

// windowLines writes windows in comments: count and since for each category of many values, and what the largest
// amounts come to. They are no features until somebody takes the marks away, for each takes memory and a longer log.
func (w *writer) windowLines() {
	p := w.plan
	switch {
	case !p.options.Windows:
		return
	case p.time == nil:
		w.line("  # No windows are proposed: they go by time, and no field is one. Without events.time they take the record's.")
		return
	}
	keys := p.keys()
	if len(keys) == 0 {
		w.line("  # No windows are proposed: no category has %d different values or more.", keyValuesMin)
		return
	}
	w.line("  # Windows: what the same key did lately, of what came before the event. Take the marks away from those that you")
	w.line("  # want. Each takes memory by key (check says how much), and the log must reach as far back as the longest.")
	props := &proposals{plan: p, names: map[string]bool{}}
	for _, f := range p.features {
		props.names[f.Name] = true
	}
	over := p.windowLength()
	for _, f := range keys {
		props.forKey(f, over)
	}
	lines, width := make([]string, len(props.lines)), 0
	for i := range props.lines {
		lines[i] = fmt.Sprintf("  # %s: %s", key(props.lines[i].column.Name), windowSettings(&props.lines[i].column))
		width = max(width, len([]rune(lines[i])))
	}
	for i := range lines {
		w.line("%-*s  # %s", min(width, 100), lines[i], oneLine(props.lines[i].note))
	}
}

// forKey proposes windows of a key.
func (s *proposals) forKey(f *feature, over time.Duration) {
	length := millrace.FormatDuration(over)
	add := func(c features.Column, name, note string, args ...any) string {
		c.Name = name
		for n := 2; s.names[c.Name]; n++ {
			c.Name = fmt.Sprintf("%s_%d", name, n)
		}
		s.names[c.Name] = true
		s.lines = append(s.lines, proposal{c, fmt.Sprintf(note, args...)})
		return c.Name
	}
	window := func(over time.Duration, of string, stats ...string) features.Column {
		c := features.DefaultColumn("", features.Window)
		c.Key, c.Over, c.Stat = f.Name, over, stats
		if of != "" {
			c.Of = []string{of}
		}
		return c
	}
	base := plainName(f.Name)
	add(window(over, "", features.StatCount), base+"_"+length, "how many events of the same %.40s in the last %s", f.Name, length)
	add(window(7*24*time.Hour, "", features.StatSince), base+"_idle", "seconds since its last event, if that is no more than a week ago")
	for _, amount := range s.plan.amounts() {
		long := max(over, 24*time.Hour)
		name := add(window(long, amount, features.StatSum, features.StatMean), plainName(amount)+"_by_"+base+"_"+millrace.FormatDuration(long),
			"how much of %.40s that came to, and on average", amount)
		ratio := features.DefaultColumn("", features.Ratio)
		ratio.Of = []string{amount, name + "." + features.StatMean}
		add(ratio, plainName(amount)+"_vs_"+base, "this event's beside that average; needs the line above")
	}
}

// plainName is a name without what would need quotes in a longer one.
func plainName(name string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' || r == '-' {
			return r
		}
		return '_'
	}, name)
}

// windowSettings writes a window or a ratio as the pipeline file has it.
func windowSettings(c *features.Column) string {
	words := []string{"type: " + string(c.Type)}
	if c.Key != "" {
		words = append(words, "key: "+scalar(c.Key))
	}
	switch {
	case c.Type == features.Ratio:
		words = append(words, "of: ["+scalars(c.Of)+"]")
	case len(c.Of) > 0:
		words = append(words, "of: "+scalar(c.Of[0]))
	}
	if c.Type == features.Window {
		words = append(words, "over: "+millrace.FormatDuration(c.Over))
		if len(c.Stat) == 1 {
			words = append(words, "stat: "+c.Stat[0])
		} else {
			words = append(words, "stat: ["+strings.Join(c.Stat, ", ")+"]")
		}
	}
	return "{" + strings.Join(words, ", ") + "}"
}

// keys are the categories of many values that come back.
func (p *plan) keys() []*feature {
	var keys []*feature
	for i := range p.features {
		f := &p.features[i]
		c := p.columnOf(f)
		if f.Type != features.Category || c == nil || len(c.distinct) < keyValuesMin {
			continue
		}
		keys = append(keys, f)
	}
	return keys
}

// amounts are the names of the numbers with the largest values: what is neither a few whole numbers nor a flag.
func (p *plan) amounts() []string {
	type amount struct {
		name string
		size float64
	}
	var all []amount
	for i := range p.features {
		f := &p.features[i]
		if c := p.columnOf(f); f.Type == features.Number && c != nil && !c.binary && !fewIntegers(c) {
			all = append(all, amount{f.Name, max(math.Abs(c.min), math.Abs(c.max))})
		}
	}
	slices.SortStableFunc(all, func(a, b amount) int { return cmp.Compare(b.size, a.size) })
	names := make([]string, 0, amountsMax)
	for _, a := range all[:min(len(all), amountsMax)] {
		names = append(names, a.name)
	}
	return names
}

// columnOf is the field that a feature reads.
func (p *plan) columnOf(f *feature) *column {
	if len(p.byPath) != len(p.seen.columns) {
		p.byPath = make(map[string]*column, len(p.seen.columns))
		for _, c := range p.seen.columns {
			p.byPath[c.path] = c
		}
	}
	path := f.EventPath()
	if f.Type == features.Since {
		if of := p.featureNamed(path); of != nil && of.Type == features.Time {
			path = of.EventPath()
		}
	}
	return p.byPath[path]
}

// windowLength is an hour, or less where the events that were looked at are of less than some hours.
func (p *plan) windowLength() time.Duration {
	_, r, _, _ := timeOf(p.time)
	span := time.Duration(r.to-r.from) * time.Millisecond
	for _, over := range []time.Duration{time.Hour, 10 * time.Minute} {
		if span >= 4*over {
			return over
		}
	}
	return time.Minute
}
