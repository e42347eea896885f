package keyed

import (
	"math"
	"slices"

	"millrace"
	"millrace/features"
)

const (
	// nonePane stands for the newest pane of an entry that has none: smaller than any, as an int64.
	nonePane = 1 << 63
	// valueMax is the largest magnitude that counts, so that no stream makes sums or squares overflow.
	valueMax = millrace.NumberMax
	second   = 1000 // milliseconds
	// timeMax is the largest magnitude of a time, so that differences of two never overflow.
	timeMax = 1 << 61
	// noTime is no event's time, nor near one.
	noTime = math.MinInt64 / 2
)

// group are the windows of one table that share panes: of one feature, as long and as finely divided as each other.
//
// In an entry it has the number of its newest pane and then a ring of panes: pane p stands at p modulo ring, which
// holds all that one window may reach. A pane is its count of events and what else the group's statistics need.
type group struct {
	of          int   // field of the values; -1 for none
	over, width int64 // of the window and of a pane, in milliseconds
	reach       int64 // panes from that of t - over to t's, where width divides over; else 0
	ring        int
	parts
	words   int // of a pane
	at      int // word of an entry with the newest pane's number; panes follow
	outputs []output

	// Of the event that is being observed, or was last: its pane, when that starts and where it stands in the ring; and
	// the first pane that was not gone.
	current, start int64
	currentSlot    int
	limit          int64
	distinct       sets
}

// parts are which word of a pane has what; 0, where the count of events is, for what no statistic of the group needs.
type parts struct{ sum, squares, least, most, lastTime, last, firstTime, first, set int }

// output is a field that a group fills.
type output struct {
	field int
	stat  stat
}

// stat is a statistic: an index into the words that a pipeline file has for it.
type stat uint8

const (
	statCount stat = iota
	statSum
	statMean
	statMin
	statMax
	statStd
	statDistinct
	statLast
	statFirst
	statSince
)

func words() []string {
	return []string{features.StatCount, features.StatSum, features.StatMean, features.StatMin, features.StatMax, features.StatStd,
		features.StatDistinct, features.StatLast, features.StatFirst, features.StatSince}
}

// group returns the group for a window, a new one when there is none.
func (t *table) group(c *features.Column, of int) *group {
	over := c.Over.Milliseconds()
	width := (over + int64(c.Panes) - 1) / int64(c.Panes)
	for i := range t.groups {
		if g := &t.groups[i]; g.of == of && g.over == over && g.width == width {
			return g
		}
	}
	// From the pane of t - over to t's there are over/width and one, and one more where width does not divide over.
	g := group{of: of, over: over, width: width, ring: int((over+width-1)/width) + 1, start: noTime}
	if over%width == 0 {
		g.reach = over / width
	}
	t.groups = append(t.groups, g)
	return &t.groups[len(t.groups)-1]
}

func (g *group) output(field int, word string) {
	g.outputs = append(g.outputs, output{field: field, stat: stat(slices.Index(words(), word))})
}

// layOut gives the parts of a pane that the outputs need their words, and the group its place in an entry.
func (g *group) layOut(at int, whole bool) {
	g.at, g.words = at, 1
	need := func(part *int, words int, stats ...stat) {
		if slices.ContainsFunc(g.outputs, func(o output) bool { return slices.Contains(stats, o.stat) }) {
			*part = g.words
			g.words += words
		}
	}
	need(&g.sum, 1, statSum, statMean, statStd)
	need(&g.squares, 1, statStd)
	need(&g.least, 1, statMin)
	need(&g.most, 1, statMax)
	need(&g.lastTime, 1, statLast, statSince)
	need(&g.last, 1, statLast)
	need(&g.firstTime, 1, statFirst)
	need(&g.first, 1, statFirst)
	g.distinct = newSets(whole)
	need(&g.set, g.distinct.words(), statDistinct)
}

// pane is the number of the pane that a time lies in: mostly the one of the event that was observed last, which saves
// a division.
func (g *group) pane(t int64) int64 {
	if uint64(t-g.start) < uint64(g.width) {
		return g.current
	}
	p := t / g.width
	if p*g.width > t {
		p--
	}
	return p
}

// slot is where a pane stands in the ring; likewise.
func (g *group) slot(p int64) int {
	if back := uint64(g.current - p); back < uint64(g.ring) {
		k := g.currentSlot - int(back)
		if k < 0 {
			k += g.ring
		}
		return k
	}
	k := int(p % int64(g.ring))
	if k < 0 {
		k += g.ring
	}
	return k
}

// from is the first pane of the window that ends at t.
func (g *group) from(t int64) int64 {
	if g.reach > 0 {
		return g.pane(t) - g.reach
	}
	return g.pane(t - g.over)
}

// begin prepares for an event, and reports whether its pane is there for an entry that has none.
func (g *group) begin(t, watermark int64) bool {
	if uint64(t-g.start) >= uint64(g.width) || g.start == noTime {
		p := g.pane(t)
		g.currentSlot = g.slot(p)
		g.current, g.start = p, p*g.width
	}
	if uint64(watermark-g.start) < uint64(g.width) && g.reach > 0 {
		g.limit = g.current - g.reach
		return true
	}
	g.limit = g.from(watermark)
	return g.current >= g.limit
}

// observe takes an event at time t into its pane. It is false when that is gone, or is no longer in the ring.
func (g *group) observe(entry []uint64, e *millrace.Event, t int64) bool {
	var f *millrace.Field
	if g.of >= 0 {
		if f = &e.Fields[g.of]; f.Presence != millrace.Present {
			return true
		}
	}
	p := g.current
	if p < g.limit {
		return false
	}
	panes := entry[g.at+1 : g.at+1+g.ring*g.words]
	if newest := int64(entry[g.at]); p > newest {
		if newest != math.MinInt64 { // it has none yet, nor anything in the ring
			g.clear(panes, newest, p)
		}
		entry[g.at] = uint64(p)
	} else if uint64(newest)-uint64(p) >= uint64(g.ring) {
		return false
	}
	k := g.currentSlot * g.words
	pane := panes[k : k+g.words]
	switch {
	case len(pane) == 1:
		pane[0]++
	case len(pane) == 2 && g.sum == 1:
		pane[0]++
		pane[1] = math.Float64bits(number(pane[1]) + value(f))
	default:
		g.take(pane, t, f)
	}
	return true
}

// clear empties the slots of the panes after newest, up to p.
func (g *group) clear(panes []uint64, newest, p int64) {
	n := uint64(p) - uint64(newest) // may be more than an int64 holds
	if n >= uint64(g.ring) {
		clear(panes)
		return
	}
	from := g.slot(newest+1) * g.words
	to := from + int(n)*g.words
	if to > len(panes) {
		clear(panes[:to-len(panes)])
		to = len(panes)
	}
	for k := from; k < to; k++ { // a few words
		panes[k] = 0
	}
}

// take adds an event to a pane.
func (g *group) take(pane []uint64, t int64, f *millrace.Field) {
	n := pane[0]
	pane[0] = n + 1
	if g.sum != 0 {
		v := value(f)
		before := number(pane[g.sum])
		pane[g.sum] = math.Float64bits(before + v)
		if g.squares != 0 && n > 0 {
			// Welford's update, with means from sums; the product is negative only by a rounding error.
			if square := (v - before/float64(n)) * (v - (before+v)/float64(n+1)); square > 0 {
				pane[g.squares] = math.Float64bits(number(pane[g.squares]) + square)
			}
		}
	}
	if g.least != 0 {
		if v := value(f); n == 0 || v < number(pane[g.least]) {
			pane[g.least] = math.Float64bits(v)
		}
	}
	if g.most != 0 {
		if v := value(f); n == 0 || v > number(pane[g.most]) {
			pane[g.most] = math.Float64bits(v)
		}
	}
	if g.lastTime != 0 && (n == 0 || t >= int64(pane[g.lastTime])) {
		pane[g.lastTime] = uint64(t)
		if g.last != 0 {
			pane[g.last] = math.Float64bits(value(f))
		}
	}
	if g.first != 0 && (n == 0 || t < int64(pane[g.firstTime])) {
		pane[g.firstTime], pane[g.first] = uint64(t), math.Float64bits(value(f))
	}
	if g.set != 0 {
		g.distinct.add(pane[g.set:g.set+g.distinct.words()], f.Text)
	}
}

func number(word uint64) float64 { return math.Float64frombits(word) }

// value is what counts of a number, which is finite.
func value(f *millrace.Field) float64 {
	if v := f.Number; v >= -valueMax && v <= valueMax {
		return v
	}
	return math.Copysign(valueMax, f.Number)
}

// bounded is a time or watermark within what the tables reckon with. math.MinInt64, no watermark yet, is before all.
func bounded(t int64) int64 { return min(max(t, -timeMax), timeMax) }
