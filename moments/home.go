package moments

import "math"

// A sensor that is replaced, or a field that was sent in another unit by mistake, comes back to what it was, mostly
// soon. What a column was before it moved is its home for that long, and to come home is to be again what it was, to
// the last bit: a second move would be found later, and goes by 32 values.

// The floats of a column's home.
const (
	homeFrozen    = iota // what trees saw by
	homeUnit             //
	homeOrigin           // of the mean
	homeMean             //
	homeDeviation        // 0 while there is no home
	homeCount            // how many values the mean and the deviation are of
	restMean             // the mean, from the origin, of a block before hardly any recent value was outside
	restUnit             // and the deviation
	calmMean             // the mean, from the origin, of when hardly any recent value was outside
	homeLen
)

const (
	// homeLeast is the fewest values that tell of a column that came home, by a likelihood that is e^homeSure times as
	// large; and homeEvery how often, in values, they are asked while the column has just moved.
	homeLeast, homeSure, homeEvery = 12, 12, 8
	// homeTail are the degrees of freedom of Student's distribution: a value far from both places says little.
	homeTail = 3
)

// place is where a column was before it moved, by when hardly any recent value was outside.
type place struct {
	origin, mean float64 // from the origin
	centre       float64
	deviation    float64
	values       uint64
}

func (c *Columns) homeOf(i int) []float64 { return c.home[i*homeLen : (i+1)*homeLen] }

// place is where column i was until it moves now.
func (c *Columns) place(i int) place {
	f, home := c.floats[i*floatsLen:], c.homeOf(i)
	p := place{f[origin], home[restMean], f[origin] + home[restMean], home[restUnit], c.words[i*wordsLen+stored]}
	switch {
	case p.deviation > 0:
	case f[calmUnit] > 0:
		p.mean, p.centre, p.deviation = f[calm]-f[origin], f[calm], f[calmUnit]
	default:
		p.mean, _, _ = c.total(i)
		p.centre, p.deviation = c.Centre(i), c.Deviation(i)
	}
	return p
}

// rest takes note that few of the recent values were outside, and of what was so a block before: the latest values of
// this one may be the first of a move.
func (c *Columns) rest(i int) {
	f, home := c.floats[i*floatsLen:], c.homeOf(i)
	home[restMean], home[restUnit] = home[calmMean], f[calmUnit]
	home[calmMean], _, _ = c.total(i)
	f[calm], f[calmUnit] = c.Centre(i), c.Deviation(i)
}

// unrest forgets both, of a column that begins again.
func (c *Columns) unrest(i int) {
	f := c.floats[i*floatsLen:]
	f[calm], f[calmUnit], c.homeOf(i)[restUnit] = 0, 0, 0
}

// leave makes where column i was its home. One with a mode has none, as it has two places already.
func (c *Columns) leave(i int, before place) {
	f, home := c.floats[i*floatsLen:], c.homeOf(i)
	home[homeDeviation] = 0
	if c.words[i*wordsLen+flags]&moded != 0 {
		return
	}
	home[homeFrozen], home[homeUnit] = f[frozen], f[unit]
	home[homeOrigin], home[homeMean], home[homeDeviation] = before.origin, before.mean, before.deviation
	home[homeCount] = float64(min(before.values, refit))
}

// asks reports whether it is time to ask if column i came home.
func (c *Columns) asks(i int, stored uint64) bool {
	return stored%homeEvery == 0 && c.home[i*homeLen+homeDeviation] > 0 && (stored <= refit || stored%block == 0)
}

// returned finds a column whose last values are of its home rather than of where it is, by the largest sum of
// log-likelihood ratios of the last k of them (E. S. Page, Continuous inspection schemes, Biometrika 41, 1954), and
// brings it home.
func (c *Columns) returned(i int) bool {
	w, f, home := c.words[i*wordsLen:], c.floats[i*floatsLen:], c.homeOf(i)
	now := place{centre: f[calm], deviation: f[calmUnit]}
	if now.deviation == 0 {
		now.centre, now.deviation = c.Centre(i), c.Deviation(i)
	}
	if now.deviation == 0 || w[spent] >= spentMax {
		return false
	}
	ring := c.recent[c.ring[i] : c.ring[i]+settleAt]
	var buffer [settleAt]float64
	each, sum := math.Log(now.deviation/home[homeDeviation]), 0.0
	for k := range min(w[stored], settleAt) {
		v := ring[(w[stored]-1-k)%settleAt]
		buffer[k] = v
		a, b := (v-now.centre)/now.deviation, (v-home[homeOrigin]-home[homeMean])/home[homeDeviation]
		sum += each + (homeTail+1)/2*math.Log((homeTail+a*a)/(homeTail+b*b))
		if k+1 >= homeLeast && sum >= homeSure && !halfEqual(buffer[:k+1]) {
			c.comeHome(i, int(k+1))
			return true
		}
	}
	return false
}

// comeHome makes column i what it was, its last n values being the latest there.
func (c *Columns) comeHome(i, n int) {
	w, f, home := c.words[i*wordsLen:], c.floats[i*floatsLen:], c.homeOf(i)
	at := i * c.stride
	ring := c.recent[c.ring[i] : c.ring[i]+settleAt]
	var buffer [settleAt]float64
	for k := range n {
		buffer[k] = ring[(w[stored]-uint64(n-k))%settleAt]
	}
	copy(ring, buffer[:])
	count := max(home[homeCount], float64(n))
	f[origin], c.count[at], c.mean[at] = home[homeOrigin], count, home[homeMean]
	c.squares[at] = count * home[homeDeviation] * home[homeDeviation]
	f[frozen], f[unit] = home[homeFrozen], home[homeUnit]
	f[imageUnit], home[homeDeviation], f[edge], f[farther] = 0, 0, 0, 0
	c.unrest(i)
	w[stored], w[history], w[narrow] = uint64(n), 0, 0
	w[flags] &^= burstsMost
	w[moved]++
	w[spent]++
	f[tight] = c.spread(i, ring[:n])
	c.restartLimits(i, ring[:n])
	c.refresh(i)
}
