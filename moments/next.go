package moments

import (
	"math"
	"math/bits"
)

// Next is what a column would be with one more value.
type Next struct {
	Centre, Deviation, Bound float64
}

// told is what a usual value makes of a column with tails: who asked Next mostly has that very value observed then.
// What the value does beside that is left to then.
type told struct {
	ready     bool
	isMode    bool
	i         int
	v, weight float64

	count, mean, squares, modes float64
	centre, deviation, bound    float64 // the centre from the origin
}

// Next returns what column i would be once Observe took the value in, and changes nothing: for who may yet refuse it.
// Nobody may read the columns meanwhile, as it may write what it then takes back.
func (c *Columns) Next(i int, v, weight float64) Next {
	if len(c.tracks) != len(c.kinds) {
		c.follow()
	}
	t, at := &c.tracks[i], i*c.stride
	w, f := t.words, t.floats
	if !t.tails || w[flags]&(settled|opening) != settled || !(weight > 0) || !(math.Abs(v) <= ValueMax) {
		return c.nextByCopy(i, v, weight)
	}
	to := &c.told
	to.ready = false
	u := v - f[origin]
	k, mean, squares, z, h, usually := c.count[at], c.mean[at], c.squares[at], f[modes], w[history], f[often]
	if to.isMode = u == 0 && w[flags]&moded != 0; to.isMode {
		if z += weight; z >= 2*window {
			return c.nextByCopy(i, v, weight)
		}
	} else {
		d, s := u-mean, w[stored]+1
		if d*d*k > usual*usual*squares || farFromCalm(f, v) || s%half == 0 && c.mayLook(i, s, v) || s%homeEvery == 0 && c.asks(i, s) {
			return c.nextByCopy(i, v, weight)
		}
		h <<= 1
		usually += (0 - usually) / oftenOf
		k += weight
		next := mean + d*(weight*(1/k))
		if square := weight * d * (u - next); square > 0 {
			squares += square
		}
		mean = next
	}
	to.count, to.mean, to.squares, to.modes = k, mean, squares, z
	mean, squares, k = withMode(k, mean, squares, z)
	to.centre, to.deviation, to.bound = mean, math.Sqrt(squares/k), c.tailBound(i, k)
	if bits.OnesCount64(h) > outsideFew && w[spent] < spentMax {
		to.bound = min(to.bound, c.boundAfter(i, h, usually, to.deviation))
	}
	if !(to.deviation <= math.MaxFloat64) {
		to.deviation = 0
	}
	to.ready, to.i, to.v, to.weight = true, i, v, weight
	return Next{f[origin] + mean, to.deviation, to.bound}
}

// observeTold is Observe of the value that Next was told of last, and reports whether this is it.
func (c *Columns) observeTold(i int, v, weight float64) bool {
	to := &c.told
	to.ready = false // whatever is observed, what Next found holds no more
	if to.i != i || math.Float64bits(to.v) != math.Float64bits(v) || to.weight != weight {
		return false
	}
	t, at := &c.tracks[i], i*c.stride
	w, f := t.words, t.floats
	if to.isMode {
		f[modes] = to.modes
		w[gap] = 0
	} else {
		s := w[stored]
		t.recent[s%settleAt] = v
		w[stored] = s + 1
		w[history] <<= 1
		if w[flags]&moded != 0 {
			w[gap]++
		}
		f[often] += (0 - f[often]) / oftenOf
		if c.options.Limits {
			c.limit(f, f[origin]+(v-f[origin]))
		}
		c.count[at], c.mean[at], c.squares[at] = to.count, to.mean, to.squares
	}
	scale := &c.scales[i]
	scale.Centre, scale.deviation, scale.Bound = to.centre, to.deviation, to.bound
	return true
}

// nextByCopy is Next for a value that may change anything of column i.
func (c *Columns) nextByCopy(i int, v, weight float64) Next {
	at := i * c.stride
	count, mean, squares, scale, doubtful := c.count[at], c.mean[at], c.squares[at], c.scales[i], c.doubtful
	floats, words := [floatsLen]float64(c.floats[i*floatsLen:]), [wordsLen]uint64(c.words[i*wordsLen:])
	home := [homeLen]float64(c.home[i*homeLen:])
	var recent [settleAt]float64
	if c.ring[i] >= 0 {
		recent = [settleAt]float64(c.recent[c.ring[i]:])
	}
	c.Observe(i, v, weight)
	next := Next{c.Centre(i), c.Deviation(i), c.Bound(i)}
	c.count[at], c.mean[at], c.squares[at], c.scales[i], c.doubtful = count, mean, squares, scale, doubtful
	copy(c.floats[i*floatsLen:], floats[:])
	copy(c.words[i*wordsLen:], words[:])
	copy(c.home[i*homeLen:], home[:])
	if c.ring[i] >= 0 {
		copy(c.recent[c.ring[i]:], recent[:])
	}
	return next
}
