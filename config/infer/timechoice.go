package infer

import (
	"fmt"
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
	for _, word := range []string{"birth", "born", "dob", "due", "expir", "valid", "until", "end", "deadline", "signup", "sign_up", "regist", "hire"} {
		if strings.Contains(k, word) {
			return true
		}
	}
	return false
}

// chooseTime takes the first time that rises with the rows, one named so before others. Where none does, rows may stand
// in any order: one that is named so is taken all the same, and stepsBack says it.
func (p *plan) chooseTime() {
	names := []string{"time", "timestamp", "ts", "event_time"}
	rank := func(c *column) int {
		_, r, ok, _ := timeOf(c)
		if !ok || c == p.label || c.bag != nil || float64(c.gone) > (1-timesShare)*float64(c.values()+c.gone) {
			return -1 // events whose time is a word are rejected
		}
		at, most := slices.Index(names, strings.ToLower(c.name)), len(names)
		rises := r.rising() || r.steps == 0
		switch {
		case at >= 0 && rises:
			return at
		case r.rising() && !otherTime(c):
			return most
		case at >= 0:
			return most + 1
		case c.dated && !otherTime(c):
			return most + 2
		case rises:
			return most + 3
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

// stepsBack says of events whose time does not rise with the rows how often it steps back; empty where it rises.
func (p *plan) stepsBack() (text string, part float64) {
	if p.time == nil {
		return "", 0
	}
	_, r, _, _ := timeOf(p.time)
	if r.steps == 0 || r.rising() {
		return "", 0
	}
	return fmt.Sprintf("from row to row the events' time (%s) steps back in %s of its changes: sort the rows by it, as windows and what is learned go by their "+
		"order; if it is another time than that of the events, take it out of events", p.time.path, percent(r.falls, r.steps)), share(r.falls, r.steps)
}
