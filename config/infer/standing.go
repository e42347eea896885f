package infer

import (
	"math"
	"slices"
)

const (
	// standingShare and standingRows of a field's numbers that are one such as -999, and far from all others, stand for
	// no value.
	standingShare, standingRows = 0.002, 5
)

// standIns are the numbers that people and programs write where there is no value.
var standIns = [...]float64{-99, -999, -9999, -99999, -999999, 999, 9999, 99999, 999999, 99999999}

// standing is what is known of a field's numbers that may stand for no value, and of the others.
type standing struct {
	times    [len(standIns)]int64
	rest     int64 // numbers that are none of them
	low, top float64
}

func (s *standing) add(x float64) {
	if magnitude := math.Abs(x); magnitude >= 99 && math.Mod(magnitude+1, 100) == 0 {
		if i := slices.Index(standIns[:], x); i >= 0 {
			s.times[i]++
			return
		}
	}
	if s.rest == 0 {
		s.low, s.top = x, x
	}
	s.rest++
	s.low, s.top = min(s.low, x), max(s.top, x)
}

// merge adds what is known of other numbers of the field.
func (s *standing) merge(other *standing) {
	for i, n := range other.times {
		s.times[i] += n
	}
	switch {
	case other.rest == 0:
		return
	case s.rest == 0:
		s.low, s.top = other.low, other.top
	}
	s.rest += other.rest
	s.low, s.top = min(s.low, other.low), max(s.top, other.top)
}

// found are the numbers that stand for no value: below all others where those are no less than zero, or farther from
// them than they are from each other. Above them a number may as well be a large amount, where the name is that of one.
func (s *standing) found(amount bool) (found []int) {
	all, spread := s.rest, s.top-s.low
	for _, n := range s.times {
		all += n
	}
	for i, n := range s.times {
		if n < standingRows || float64(n) < standingShare*float64(all) || s.rest < differentRows {
			continue
		}
		switch x := standIns[i]; {
		case x < 0 && (s.low >= 0 || s.low-x > spread),
			x > 0 && !amount && spread > 0 && x-s.top > spread:
			found = append(found, i)
		}
	}
	return found
}

// settleStandIns takes the numbers that stand for no value out of features. A label has no such words.
func (p *plan) settleStandIns() {
	for _, c := range p.seen.columns {
		if c == p.label || c.lists > 0 || c.booleans > 0 || float64(c.numbers) < (1-strayShare)*float64(c.values()) || c.numbers == 0 || timeLike(c) {
			continue
		}
		r := &c.by[c.format]
		found := r.found(amountWords.any(nameWords(c.last())))
		if len(found) == 0 {
			continue
		}
		c.min, c.max = r.low, r.top
		for i, n := range r.times {
			x := standIns[i]
			if !slices.Contains(found, i) {
				if n > 0 {
					c.min, c.max = min(c.min, x), max(c.max, x)
				}
				continue
			}
			word := string(spelt(nil, x))
			c.numbers, c.integers, c.sum = c.numbers-n, max(0, c.integers-n), c.sum-float64(n)*x
			c.bare, c.whole = max(0, c.bare-n), max(0, c.whole-n)
			delete(c.distinct, word)
			c.gaps = append(c.gaps, word)
		}
		slices.Sort(c.gaps)
		if slices.Contains(c.gaps, c.sample) {
			c.sample = string(spelt(nil, r.low))
		}
	}
}
