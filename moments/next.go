package moments

import "math"

// Next is what a column would be with one more value.
type Next struct {
	Centre, Deviation, Bound float64
}

// told is what a usual value makes of column i: who asked Next mostly has that very value observed then.
type told struct {
	ready     bool
	i         int
	v, weight float64

	count, mean, squares, modes, often, low, high float64
	stored, history, gap                          uint64
	scale                                         Scale
}

// Next returns what column i would be once Observe took the value in, and changes nothing: for who may yet refuse it.
// Nobody may read the columns meanwhile, as it may write what it then takes back.
func (c *Columns) Next(i int, v, weight float64) Next {
	w, f, at := (*[wordsLen]uint64)(c.words[i*wordsLen:]), (*[floatsLen]float64)(c.floats[i*floatsLen:]), i*c.stride
	if c.base == nil || w[flags]&(settled|opening) != settled || c.ring[i] < 0 || !(weight > 0) || !(math.Abs(v) <= ValueMax) {
		return c.nextByCopy(i, v, weight)
	}
	u := v - f[origin]
	d := u - c.mean[at]
	t := &c.told
	t.count, t.mean, t.squares, t.modes = c.count[at], c.mean[at], c.squares[at], f[modes]
	t.often, t.low, t.high = f[often], f[low], f[high]
	t.stored, t.history, t.gap = w[stored], w[history], w[gap]
	switch {
	case w[flags]&moded != 0 && u == 0:
		if t.modes += weight; t.modes >= 2*window {
			return c.nextByCopy(i, v, weight)
		}
		t.gap = 0
	case d*d*t.count > usual*usual*t.squares || c.kinds[i].Tails && farFromCalm(f, v) || (t.stored+1)%settleAt == 0 ||
		c.asks(i, t.stored+1):
		return c.nextByCopy(i, v, weight)
	default:
		c.tell(i, u, d, weight)
	}
	mean, squares, n := withMode(t.count, t.mean, t.squares, t.modes)
	t.scale = c.scales[i]
	c.derive(i, &t.scale, mean, squares, n, t.history, t.often)
	t.ready, t.i, t.v, t.weight = true, i, v, weight
	return Next{f[origin] + mean, deviation(squares, n), t.scale.Bound}
}

// tell is what Observe does with a usual value, u from the origin and d from the mean, beside the mode.
func (c *Columns) tell(i int, u, d, weight float64) {
	t, kind, w := &c.told, &c.kinds[i], c.words[i*wordsLen:]
	if w[flags]&moded != 0 {
		t.gap++
	}
	t.stored++
	t.history <<= 1
	if kind.Tails {
		t.often += (0 - t.often) / oftenOf
	}
	if c.options.Limits {
		v := c.floats[i*floatsLen+origin] + u
		if v < t.low {
			t.low = v
		}
		if v > t.high {
			t.high = v
		}
	}
	t.count += weight
	next := t.mean + d*(weight*(1/t.count))
	t.mean = next
	if square := weight * d * (u - next); square > 0 {
		t.squares += square
	}
}

// observeTold is Observe of the value that Next was told of last, and reports whether this is it.
func (c *Columns) observeTold(i int, v, weight float64) bool {
	t := &c.told
	t.ready = false // whatever is observed, what Next found holds no more
	if t.i != i || math.Float64bits(t.v) != math.Float64bits(v) || t.weight != weight {
		return false
	}
	w, f, at := (*[wordsLen]uint64)(c.words[i*wordsLen:]), (*[floatsLen]float64)(c.floats[i*floatsLen:]), i*c.stride
	if t.stored != w[stored] {
		c.recent[c.ring[i]+int(w[stored]%settleAt)] = v
	}
	c.count[at], c.mean[at], c.squares[at] = t.count, t.mean, t.squares
	f[modes], f[often], f[low], f[high] = t.modes, t.often, t.low, t.high
	w[stored], w[history], w[gap] = t.stored, t.history, t.gap
	c.scales[i] = t.scale
	return true
}

// nextByCopy is Next for a value that may change anything of column i.
func (c *Columns) nextByCopy(i int, v, weight float64) Next {
	at := i * c.stride
	count, mean, squares, scale := c.count[at], c.mean[at], c.squares[at], c.scales[i]
	floats, words := [floatsLen]float64(c.floats[i*floatsLen:]), [wordsLen]uint64(c.words[i*wordsLen:])
	home := [homeLen]float64(c.home[i*homeLen:])
	var recent [settleAt]float64
	if c.ring[i] >= 0 {
		recent = [settleAt]float64(c.recent[c.ring[i]:])
	}
	c.Observe(i, v, weight)
	next := Next{c.Centre(i), c.Deviation(i), c.Bound(i)}
	c.count[at], c.mean[at], c.squares[at], c.scales[i] = count, mean, squares, scale
	copy(c.floats[i*floatsLen:], floats[:])
	copy(c.words[i*wordsLen:], words[:])
	copy(c.home[i*homeLen:], home[:])
	if c.ring[i] >= 0 {
		copy(c.recent[c.ring[i]:], recent[:])
	}
	return next
}
