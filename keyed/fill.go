package keyed

import (
	"math"

	"millrace"
)

// blank leaves out all windows of the group.
func (g *group) blank(fields []millrace.Field) {
	for i := range g.outputs {
		leave(&fields[g.outputs[i].field])
	}
}

// set and leave write a field that is a number and never anything else.
func set(f *millrace.Field, v float64) { f.Presence, f.Number = millrace.Present, v }
func leave(f *millrace.Field)          { f.Presence, f.Number = millrace.Absent, 0 }

// unseen says what a window without an event is: no event, and of no event there is neither a mean nor a last one.
func (g *group) unseen(fields []millrace.Field) {
	for i := range g.outputs {
		o := &g.outputs[i]
		switch o.stat {
		case statCount, statSum, statDistinct:
			set(&fields[o.field], 0)
		default:
			leave(&fields[o.field])
		}
	}
}

// span is what of an entry lies in a window: a run of panes in the ring, how many events they have, and the sum of
// their values where the group keeps sums.
type span struct {
	panes    []uint64
	first, n int // slot of the oldest, and how many panes
	events   uint64
	total    float64
}

// find sets the span of the window that ends at t: from the pane of t - over, unless that is gone, to t's.
//
// Where the oldest stands follows from the times alone, but for late events. So the processor can fetch all lines of
// the entry at once, and need not wait for the first, which has the number of the newest pane.
func (s *span) find(g *group, entry []uint64, t, watermark int64) {
	s.panes, s.n = entry[g.at+1:g.at+1+g.ring*g.words], 0
	from, to := max(g.from(t), g.from(watermark)), g.pane(t)
	s.first = g.slot(from)
	newest := int64(entry[g.at])
	if entry[g.at] == nonePane {
		return
	}
	if held := newest - int64(g.ring-1); from < held { // the ring holds the newest pane and those before it
		from, s.first = held, g.slot(held)
	}
	if to > newest {
		to = newest
	}
	s.n = int(max(0, to-from+1))
}

// add adds up counts and sums, the oldest pane first: those up to the end of the ring, and then those at its beginning.
func (s *span) add(g *group) {
	from, to := s.first*g.words, (s.first+s.n)*g.words
	if to <= len(s.panes) {
		s.events, s.total = g.add(s.panes[from:to], 0, 0)
		return
	}
	s.events, s.total = g.add(s.panes[from:], 0, 0)
	s.events, s.total = g.add(s.panes[:to-len(s.panes)], s.events, s.total)
}

// add adds the counts and sums of panes to what there is.
func (g *group) add(panes []uint64, events uint64, total float64) (uint64, float64) {
	switch {
	case g.words == 2 && g.sum == 1: // what most windows are
		for ; len(panes) >= 2; panes = panes[2:] {
			events += panes[0]
			total += number(panes[1])
		}
	case g.sum == 0:
		for at := 0; at < len(panes); at += g.words {
			events += panes[at]
		}
	default:
		for at, sum := 0, g.sum; at < len(panes); at += g.words {
			events += panes[at]
			total += number(panes[at+sum])
		}
	}
	return events, total
}

// fill sets the group's fields for an event at time t.
func (g *group) fill(fields []millrace.Field, entry []uint64, t, watermark int64) {
	var s span
	s.find(g, entry, t, watermark)
	s.add(g)
	if s.events == 0 {
		g.unseen(fields)
		return
	}
	for i := range g.outputs {
		o := &g.outputs[i]
		switch f := &fields[o.field]; o.stat {
		case statCount:
			set(f, float64(s.events))
		case statSum:
			set(f, s.total)
		case statMean:
			set(f, s.total/float64(s.events))
		default:
			set(f, g.statistic(o.stat, &s, t))
		}
	}
}

// statistic merges the panes of a window that has events, the oldest first, where count and sum do not say enough.
func (g *group) statistic(stat stat, s *span, t int64) float64 {
	switch stat {
	case statStd:
		return g.deviation(s)
	case statMin:
		return g.extreme(s, g.least, func(a, b float64) bool { return a < b })
	case statMax:
		return g.extreme(s, g.most, func(a, b float64) bool { return a > b })
	case statLast:
		return number(g.newest(s)[g.last])
	case statFirst:
		return number(g.oldest(s)[g.first])
	case statSince:
		return float64(max(0, t-int64(g.newest(s)[g.lastTime]))) / second
	}
	return g.distinct.union(g, s)
}

// each calls visit with the panes that have events, the oldest first, until it is false.
func (g *group) each(s *span, visit func(pane []uint64) bool) {
	for k, at := 0, s.first*g.words; k < s.n; k++ {
		if s.panes[at] != 0 && !visit(s.panes[at:at+g.words]) {
			return
		}
		if at += g.words; at == len(s.panes) {
			at = 0
		}
	}
}

// deviation is the standard deviation of all values: moments of panes are merged as in Chan, Golub and LeVeque,
// Updating Formulae and a Pairwise Algorithm for Computing Sample Variances (1979), equation 2.1.
func (g *group) deviation(s *span) float64 {
	n, all, squares := 0.0, 0.0, 0.0
	g.each(s, func(pane []uint64) bool {
		m, more := float64(pane[0]), number(pane[g.sum])
		if n > 0 {
			d := more/m - all/n
			squares += d * d * (n / (n + m) * m)
		}
		n, all, squares = n+m, all+more, squares+number(pane[g.squares])
		return true
	})
	return math.Sqrt(squares / n)
}

func (g *group) extreme(s *span, part int, better func(a, b float64) bool) float64 {
	var best float64
	some := false
	g.each(s, func(pane []uint64) bool {
		if v := number(pane[part]); !some || better(v, best) {
			best, some = v, true
		}
		return true
	})
	return best
}

// oldest and newest are panes of a window that has events.
func (g *group) oldest(s *span) (oldest []uint64) {
	g.each(s, func(pane []uint64) bool {
		oldest = pane
		return false
	})
	return oldest
}

func (g *group) newest(s *span) (newest []uint64) {
	g.each(s, func(pane []uint64) bool {
		newest = pane
		return true
	})
	return newest
}
