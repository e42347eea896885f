package keyed

import (
	"math"

	"millrace"
)

// blank leaves out all windows of the group.
func (g *group) blank(fields []millrace.Field) {
	for i := range g.outputs {
		fields[g.outputs[i].field] = millrace.Field{}
	}
}

// unseen says what a window without an event is: no event, and of no event there is neither a mean nor a last one.
func (g *group) unseen(fields []millrace.Field) {
	for i := range g.outputs {
		o := &g.outputs[i]
		switch o.stat {
		case statCount, statSum, statDistinct:
			fields[o.field] = millrace.Field{Presence: millrace.Present}
		default:
			fields[o.field] = millrace.Field{}
		}
	}
}

// span is a run of panes of an entry in the ring: n from slot first on.
type span struct {
	panes    []uint64
	first, n int
}

// span is what of an entry lies in the window that ends at t: from the pane of t - over, unless that is gone, to t's.
func (g *group) span(entry []uint64, t, watermark int64) span {
	s := span{panes: entry[g.at+1 : g.at+1+g.ring*g.words]}
	newest := int64(entry[g.at])
	if entry[g.at] == nonePane {
		return s
	}
	to := g.pane(t)
	from := to - g.reach
	if g.reach == 0 || t < math.MinInt64+g.over {
		from = g.pane(less(t, g.over))
	}
	// The ring holds the newest pane and those before it.
	from = max(from, g.limitOf(watermark), less(newest, int64(g.ring-1)))
	if to = min(to, newest); from > to {
		return s
	}
	s.first, s.n = g.slot(from), int(to-from)+1
	return s
}

// fill sets the group's fields for an event at time t.
func (g *group) fill(fields []millrace.Field, entry []uint64, t, watermark int64) {
	s := g.span(entry, t, watermark)
	// All panes less those outside the window: so the processor fetches all lines of the entry at once, and need not
	// wait for the number of the newest pane to know which.
	events := uint64(0)
	for at := 0; at < len(s.panes); at += g.words {
		events += s.panes[at]
	}
	at := (s.first + s.n) % g.ring * g.words
	for k := s.n; k < g.ring; k++ {
		events -= s.panes[at]
		if at += g.words; at == len(s.panes) {
			at = 0
		}
	}
	if events == 0 {
		g.unseen(fields)
		return
	}
	for i := range g.outputs {
		o := &g.outputs[i]
		fields[o.field] = millrace.Field{Presence: millrace.Present, Number: g.statistic(o.stat, s, events, t)}
	}
}

// statistic merges the panes of a window that has events, the oldest first.
func (g *group) statistic(stat stat, s span, events uint64, t int64) float64 {
	switch stat {
	case statCount:
		return float64(events)
	case statSum:
		return g.total(s)
	case statMean:
		return g.total(s) / float64(events)
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
func (g *group) each(s span, visit func(pane []uint64) bool) {
	for k, at := 0, s.first*g.words; k < s.n; k++ {
		if s.panes[at] != 0 && !visit(s.panes[at:at+g.words]) {
			return
		}
		if at += g.words; at == len(s.panes) {
			at = 0
		}
	}
}

func (g *group) total(s span) float64 {
	all := 0.0
	for k, at := 0, s.first*g.words; k < s.n; k++ {
		all += number(s.panes[at+g.sum])
		if at += g.words; at == len(s.panes) {
			at = 0
		}
	}
	return all
}

// deviation is the standard deviation of all values: moments of panes are merged as in Chan, Golub and LeVeque,
// Updating Formulae and a Pairwise Algorithm for Computing Sample Variances (1979), equation 2.1.
func (g *group) deviation(s span) float64 {
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

func (g *group) extreme(s span, part int, better func(a, b float64) bool) float64 {
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
func (g *group) oldest(s span) (oldest []uint64) {
	g.each(s, func(pane []uint64) bool {
		oldest = pane
		return false
	})
	return oldest
}

func (g *group) newest(s span) (newest []uint64) {
	g.each(s, func(pane []uint64) bool {
		newest = pane
		return true
	})
	return newest
}
