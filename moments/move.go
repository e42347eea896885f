package moments

import (
	"math"
	"math/bits"
	"slices"
)

const (
	// fromLeast is the fewest values that a column that moved begins again from.
	fromLeast = settleAt / 2
	// spentMax moves may come in a row; each comes back when the moments are halved. A column that is in two places by
	// turns is thereby one with two places, after some turns.
	spentMax = 6
	// half of the values that are kept are looked at for whether they spread narrowBy times less than usual, as those
	// of a column do that moved without a value outside, as when milliseconds become seconds. narrowHalves in a row are
	// a move; one that spreads narrowFar times less counts for two, and narrowSure times less for four.
	half         = settleAt / 2
	narrowBy     = 3
	narrowFar    = 10
	narrowSure   = 30
	narrowHalves = 8
	// narrowDoubt of them leave it open whether the column has moved.
	narrowDoubt = narrowHalves / 2
	// narrowAfter is how many values tell what usual blocks are.
	narrowAfter = 8 * block
	// modeLost is how many times as many values as a mode had come without it when it is a mode no longer.
	modeLost = 8
	// modeLeast of a block's values equal are a mode.
	modeLeast = settleAt * 5 / 8
	// generation is how many values Limits tells of at least; it tells of twice as many at most.
	generation = 1 << 12
	// refit is up to how many values after a move what trees see is fitted better.
	refit = 1 << 12
)

// move begins column i again from its recent values, those whose bit is set, the newest at the lowest. It reports
// whether they could be.
func (c *Columns) move(i int, which uint64, far bool, weight float64) bool {
	if c.homeOf(i)[homeDeviation] > 0 && c.returned(i) {
		return true
	}
	w, f := c.words[i*wordsLen:], c.floats[i*floatsLen:]
	at := i * c.stride
	ring := c.recent[c.ring[i] : c.ring[i]+settleAt]
	var buffer [settleAt]float64
	values := buffer[:0]
	for k := min(w[stored], settleAt); k > 0; k-- { // the oldest first
		if which>>(k-1)&1 != 0 {
			values = append(values, ring[(w[stored]-k)%settleAt])
		}
	}
	if len(values) < fromLeast || halfEqual(values) && !(far && w[flags]&moded != 0) {
		return false // what is constant tells of no unit
	}
	z, k := f[modes], c.count[at]
	before := c.place(i)
	total := float64(len(values)) * weight
	if w[flags]&moded != 0 && w[gap] < movedAt {
		c.count[at], f[modes] = total, z/k*total
		c.begin(i, values)
	} else {
		c.begun(i, values, total)
	}
	copy(ring, values)
	clear(ring[len(values):])
	w[stored], w[history], w[narrow] = uint64(len(values)), 0, 0
	f[edge], f[farther] = 0, 0
	c.unrest(i)
	w[flags] &^= whole | burstsMost
	w[moved]++
	w[spent]++
	c.carry(i, which, before)
	c.restartLimits(i, values)
	c.settle(i)
	c.refresh(i)
	return true
}

// halfEqual reports whether half of some values are the same.
func halfEqual(values []float64) bool {
	var buffer [settleAt]float64
	sorted := buffer[:copy(buffer[:], values)]
	slices.Sort(sorted)
	for k := range (len(sorted) + 1) / 2 {
		if sorted[k] == sorted[k+len(sorted)/2-1] {
			return true
		}
	}
	return false
}

// looks reports whether the recent values of column i are looked at together once so many are stored.
func (c *Columns) looks(i int, stored uint64) bool {
	return stored%half == 0 && (stored%block == 0 || c.words[i*wordsLen+narrow] > 0 || c.isEarly(i, stored) ||
		c.isNarrow(i, c.latest(i, stored)))
}

// mayLook is looks once v is stored as value number stored, which it is not yet; it may also report what then is not
// so.
func (c *Columns) mayLook(i int, stored uint64, v float64) bool {
	w := c.words[i*wordsLen:]
	if stored%block == 0 || w[narrow] > 0 || c.isEarly(i, stored) {
		return true
	}
	slot := &c.recent[c.ring[i]+int((stored-1)%settleAt)]
	oldest := *slot
	*slot = v
	apart := c.latest(i, stored)
	*slot = oldest
	return apart*narrowBy < c.floats[i*floatsLen+tight]
}

// look looks at the recent values together, a block after the last time; at the first ones more often. It reports
// whether the column moved.
func (c *Columns) look(i int, weight float64) bool {
	w, f := c.words[i*wordsLen:], c.floats[i*floatsLen:]
	if w[stored]%settleAt == 0 && c.began(i, weight) {
		return true
	}
	if c.narrowed(i, weight) {
		return true
	}
	if w[stored]%block != 0 {
		return false
	}
	f[edge] *= 15. / 16
	if bits.OnesCount64(w[history]) <= outsideFew {
		c.rest(i)
	}
	if w[flags]&moded != 0 && float64(w[gap]) >= modeLost*f[modes] {
		f[modes] = 0
		w[flags] &^= moded
	}
	if w[flags]&legacy != 0 {
		w[flags] &^= legacy
		c.findMode(i)
	}
	if c.Count(i) >= 2*window {
		c.halve(i)
	}
	if c.options.Limits && w[stored]%generation == 0 {
		f[lowBefore], f[highBefore] = f[low], f[high]
		f[low], f[high] = f[high], f[low] // whatever comes is beyond one of them
	}
	if f[imageUnit] > 0 && w[stored] <= refit {
		c.refit(i)
	}
	return false
}

// latest is how far the latest values of column i lie apart, of half of those that are kept.
func (c *Columns) latest(i int, stored uint64) float64 {
	return span((*[half]float64)(c.recent[c.ring[i]+int((stored-half)%settleAt):]))
}

// isNarrow reports whether the latest values of column i, that lie so far apart, spread far less than usual. Blocks
// that usually spread less than the column does are of one that goes from place to place, and say nothing.
func (c *Columns) isNarrow(i int, apart float64) bool {
	w, at := c.words[i*wordsLen:], i*c.stride
	return apart*narrowBy < c.floats[i*floatsLen+tight] && apart > 0 && w[stored] > narrowAfter &&
		!c.wanders(i, math.Sqrt(c.squares[at]/c.count[at]))
}

// narrowed finds a column whose values spread far less than usual, all at once and for several halves of what is kept.
// Such ones that were no move are part of what is usual.
func (c *Columns) narrowed(i int, weight float64) bool {
	w, t := c.words[i*wordsLen:], &c.floats[i*floatsLen+tight]
	r := c.latest(i, w[stored])
	if c.isNarrow(i, r) {
		switch {
		case r*narrowSure < *t:
			w[narrow] += 4
		case r*narrowFar < *t:
			w[narrow] += 2
		default:
			w[narrow]++
		}
		if w[narrow] < narrowHalves {
			return false
		}
		w[narrow] = 0
		if w[spent] < spentMax && c.move(i, math.MaxUint64, false, weight) {
			return true
		}
		*t = c.spread(i, c.recent[c.ring[i]:c.ring[i]+settleAt])
		return false
	}
	if w[narrow] >= narrowDoubt && r > 0 {
		*t /= 2
	}
	w[narrow] = 0
	if w[stored]%block == 0 && bits.OnesCount32(uint32(w[history])) <= outsideFew {
		c.usualSpread(i)
	}
	return false
}

// usualSpread follows how far blocks of values usually spread.
func (c *Columns) usualSpread(i int) {
	r, t := c.spread(i, c.recent[c.ring[i]:c.ring[i]+settleAt]), &c.floats[i*floatsLen+tight]
	switch {
	case r == 0: // constant for a while: there is nothing to scale
	case *t == 0 || r < *t:
		*t = r
	default: // the usual is found in steps, as one block may hold a value of any size
		*t = min(r, *t*(1+1./64))
	}
}

// spread is how far values lie apart, those not outside what was usual: all of the ring, or its first.
func (c *Columns) spread(i int, values []float64) float64 {
	h, s := c.words[i*wordsLen+history], c.words[i*wordsLen+stored]
	least, most := math.Inf(1), math.Inf(-1)
	for k, v := range values {
		if h>>((s-1-uint64(k))%settleAt)&1 != 0 {
			continue
		}
		if v < least {
			least = v
		}
		if v > most {
			most = v
		}
	}
	return max(most-least, 0)
}

// findMode gives column i, of a snapshot that knew of no modes, one where most of its recent values are equal and its
// moments allow it. They stay the same.
func (c *Columns) findMode(i int) {
	ring := c.recent[c.ring[i] : c.ring[i]+settleAt]
	candidate, votes := 0.0, 0 // Boyer and Moore's vote
	for _, v := range ring {
		switch {
		case votes == 0:
			candidate, votes = v, 1
		case v == candidate:
			votes++
		default:
			votes--
		}
	}
	if votes == 0 {
		return
	}
	equal := 0
	for _, v := range ring {
		if v == candidate {
			equal++
		}
	}
	w, f := c.words[i*wordsLen:], c.floats[i*floatsLen:]
	at := i * c.stride
	n := c.count[at]
	z := n * float64(equal) / settleAt
	k := n - z
	// The others' moments are those that with the mode's make the whole: if there are any such.
	apart := c.mean[at] + (f[origin] - candidate)
	mean := apart * (n / k)
	squares := c.squares[at] - apart*mean*z
	if equal < modeLeast || !(squares >= 0) || math.IsInf(squares, 0) {
		return
	}
	w[flags] |= moded
	w[gap] = 0
	f[origin], f[modes] = candidate, z
	c.count[at], c.mean[at], c.squares[at] = k, mean, squares
}

// halve makes room for what comes: what was counts half as much, and where the column was before is forgotten.
func (c *Columns) halve(i int) {
	at := i * c.stride
	c.count[at] /= 2
	c.squares[at] /= 2
	c.floats[i*floatsLen+modes] /= 2
	c.homeOf(i)[homeDeviation] = 0
	if s := &c.words[i*wordsLen+spent]; *s > 0 {
		*s--
	}
}
