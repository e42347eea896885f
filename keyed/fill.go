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

// window is the first and the last pane of the window that ends at t, and where the first stands: from the pane of
// t - over, unless that is gone, to t's. Both follow from the times alone, mostly from those of the event that was
// observed last. So the processor can fetch all lines of an entry at once, and need not wait for the first, which has
// the number of the newest pane.
func (g *group) window(t, watermark int64) (from, to int64, first int) {
	if uint64(t-g.start) < uint64(g.width) && uint64(watermark-g.start) < uint64(g.width) && g.reach > 0 {
		if first = g.currentSlot + 1; first == g.ring {
			first = 0
		}
		return g.current - g.reach, g.current, first
	}
	from = max(g.from(t), g.from(watermark))
	return from, g.pane(t), g.slot(from)
}

// fill sets the group's fields for an event at time t.
func (g *group) fill(fields []millrace.Field, entry []uint64, t, watermark int64) {
	newest := int64(entry[g.at])
	if newest == math.MinInt64 {
		g.unseen(fields)
		return
	}
	from, to, first := g.window(t, watermark)
	if held := newest - int64(g.ring-1); from < held { // the ring has no older ones
		from, first = held, g.slot(held)
	}
	n := int(max(0, min(to, newest)-from+1))
	panes := entry[g.at+1 : g.at+1+g.ring*g.words]
	events, total := g.add(panes, first, n)
	if events == 0 {
		g.unseen(fields)
		return
	}
	for i := range g.outputs {
		o := &g.outputs[i]
		switch f := &fields[o.field]; o.stat {
		case statCount:
			set(f, float64(int64(events)))
		case statSum:
			set(f, total)
		case statMean:
			set(f, total/float64(int64(events)))
		default:
			set(f, g.statistic(o.stat, &span{panes, first, n, events, total}, t))
		}
	}
}

// add adds up counts and sums of n panes, the oldest first: those up to the end of the ring, and then those at its
// beginning.
func (g *group) add(panes []uint64, first, n int) (events uint64, total float64) {
	from, to := first*g.words, (first+n)*g.words
	rest := panes[:max(0, to-len(panes))]
	panes = panes[from:min(to, len(panes))]
	if g.words != 2 || g.sum != 1 {
		events, total = g.more(panes, 0, 0)
		return g.more(rest, events, total)
	}
	for ; len(panes) >= 2; panes = panes[2:] { // what most windows are
		events += panes[0]
		total += number(panes[1])
	}
	for ; len(rest) >= 2; rest = rest[2:] {
		events += rest[0]
		total += number(rest[1])
	}
	return events, total
}

// more adds the counts and sums of panes to what there is.
func (g *group) more(panes []uint64, events uint64, total float64) (uint64, float64) {
	words, sum := g.words, g.sum
	if sum == 0 {
		for at := 0; at < len(panes); at += words {
			events += panes[at]
		}
		return events, total
	}
	for at := 0; at < len(panes); at += words {
		events += panes[at]
		total += number(panes[at+sum])
	}
	return events, total
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
