package infer

import (
	"slices"
	"strings"
)

// pairsMax fields that are times are compared with each other.
const pairsMax = 8

// pairing counts, of the rows that have both, those in which one time is not after another.
type pairing struct{ both, before int64 }

// compare notes how the times of a row stand to each other.
func (s *seen) compare() {
	for i, a := range s.timed {
		x, okX := a.newest()
		for j, b := range s.timed {
			y, okY := b.newest()
			if i == j || !okX || !okY || a.latest != s.rows || b.latest != s.rows {
				continue
			}
			if s.pairs[i][j].both++; x <= y {
				s.pairs[i][j].before++
			}
		}
	}
}

// enter has a field that reads as times compared with others.
func (s *seen) enter(c *column) {
	if _, ok := c.newest(); ok && c.pair == 0 && len(s.timed) < pairsMax {
		s.timed = append(s.timed, c)
		c.pair = len(s.timed)
	}
}

// named says whether a key is one that times go by.
func named(key string) bool {
	k := strings.ToLower(key)
	for _, word := range []string{"time", "timestamp", "ts", "epoch", "datetime", "date", "created", "updated", "modified"} {
		if k == word || strings.HasSuffix(k, "_"+word) || strings.HasSuffix(k, "-"+word) {
			return true
		}
	}
	for _, word := range []string{"time", "timestamp", "ts", "epoch"} {
		if strings.HasPrefix(k, word+"_") { // time_ms, ts_ns
			return true
		}
	}
	return strings.HasSuffix(k, "_at") || strings.HasSuffix(k, "timestamp") || strings.HasSuffix(key, "At") || strings.HasSuffix(key, "Time")
}

// otherTime says whether a key is one of times that are not those of events.
func otherTime(c *column) bool {
	k := strings.ToLower(c.last())
	for _, word := range []string{"birth", "born", "dob", "due", "expir", "valid", "until", "end", "deadline"} {
		if strings.Contains(k, word) {
			return true
		}
	}
	return false
}

// chooseTime takes the first time that rises with the rows, one named so before others. One that does neither is not
// the time of events.
func (p *plan) chooseTime() {
	names := []string{"time", "timestamp", "ts", "event_time"}
	rank := func(c *column) int {
		_, r, ok, _ := timeOf(c)
		if !ok || c == p.label || c.bag != nil || float64(c.gone) > (1-timesShare)*float64(c.values()+c.gone) {
			return -1 // events whose time is a word are rejected
		}
		if i := slices.Index(names, strings.ToLower(c.name)); i >= 0 {
			return i
		}
		switch {
		case r.rising() && !otherTime(c):
			return len(names)
		case c.dated && !otherTime(c):
			return len(names) + 1
		case r.rising() || r.steps == 0:
			return len(names) + 2
		}
		return -1
	}
	best := -1
	for _, c := range p.seen.columns {
		if at := rank(c); at >= 0 && (best < 0 || at < best) {
			p.time, best = c, at
		}
	}
}
