package tree

import "math"

// target is what an example is to be learned as: a class, or a number in standard deviations, with how far from it a
// prediction may be to count as an error of that size.
type target struct {
	class int
	value float64
	reach float64
	wild  bool // a feature is: it says nothing of linear models, nor of drift
}

// learn lets the tree learn an example that belongs to leaf w.leaf, which w was predicted by.
func (t *arena) learn(w *work, x []float32, z []float64, y target, weight, step float64, s *shared) {
	n := w.leaf
	t.adapt(w, n, z, y, weight, step)
	t.seen[n] += weight
	t.promise[n] += weight * t.loss(w, y)
	if t.clock[0]++; t.clock[0] >= promiseEvents {
		t.clock[0] = 0
		for i := range t.promise {
			t.promise[i] *= 0.5
		}
	}
	if slot := t.slot[n]; slot != 0 {
		t.observe(slot-1, x, y, weight, s)
	}
	if t.seen[n]-t.checked[n] >= t.Grace {
		t.attempt(n, s)
	}
}

// promiseEvents is how often promises are halved, in events of the tree.
const promiseEvents = 2048

// loss is what a prediction is worth improving by: the probability missed, or the squared error.
func (t *arena) loss(w *work, y target) float64 {
	if t.Classes > 0 {
		return 1 - w.blend[y.class]
	}
	d := y.value - w.blend[0]
	return min(d*d, 16)
}

// observe counts the example in the slot's observers. Missing values are not counted.
func (t *arena) observe(slot int32, x []float32, y target, weight float64, s *shared) {
	features, blocks := t.observed(slot)
	for i, f := range features {
		v := x[f]
		if v != v {
			continue
		}
		block := blocks[i*t.block : (i+1)*t.block]
		at := s.within(int(f), v)
		if t.Classes > 0 {
			t.observeClass(block, int(f), at, y.class, weight)
		} else {
			t.observeNumber(block, int(f), at, y.value, weight)
		}
	}
}

// attempt splits leaf n if it has seen enough to know how (Domingos and Hulten 2000, Table 1), or tries to
// get it observers.
func (t *arena) attempt(n int32, s *shared) {
	t.checked[n] = t.seen[n]
	slot := t.slot[n]
	if slot == 0 {
		// Half as much again, so that two leaves do not take each other's observers in turns.
		p := t.promise[n]
		t.promise[n] = p / 1.5
		t.occupy(n, s.random)
		t.promise[n] = p
		return
	}
	if int(t.depth[n]) >= t.Depth || t.pure(n) {
		return
	}
	t.search(s.finder, slot-1)
	f := s.finder
	if f.best <= 0 || !t.sure(f, n) {
		return
	}
	t.split(n, s)
}

// sure reports whether the best split is better than the second with probability 1 − Delta, or whether
// the two are too much alike for the choice to matter.
func (t *arena) sure(f *finder, n int32) bool {
	if t.Classes > 0 {
		bound := hoeffding(math.Log2(float64(t.Classes)), t.Delta, t.seen[n])
		return f.best-f.second > bound || bound < t.Tau*math.Log2(float64(t.Classes))
	}
	// Ikonomovska et al. 2011, section 4.1: the ratio of the two merits against 1 − ε.
	bound := hoeffding(1, t.Delta, t.seen[n])
	return f.second/f.best < 1-bound || bound < t.Tau
}

// pure reports whether the leaf has seen one class only, or numbers that are all the same.
func (t *arena) pure(n int32) bool {
	stats := t.statsOf(n)
	if t.Classes == 0 {
		return !(stats[2] > 1e-6*stats[0])
	}
	classes := 0
	for _, v := range stats {
		if v > 0 {
			classes++
		}
	}
	return classes < 2
}

// split makes leaf n an inner node with two leaves, which start with what is known of their share of n's
// examples and with n's linear model.
func (t *arena) split(n int32, s *shared) {
	first := t.take()
	if first == 0 {
		return
	}
	f := s.finder
	weights := [2]float64{}
	for i, stats := range [2][]float64{f.left, f.right} {
		c := first + int32(i)
		copy(t.statsOf(c), stats)
		copy(t.recentOf(c), t.recentOf(n))
		copy(t.scoreOf(c), t.scoreOf(n))
		copy(t.linearOf(c), t.linearOf(n))
		t.depth[c] = t.depth[n] + 1
		weights[i] = t.inherit(c, n)
		t.promise[c] = t.promise[n] / 2
	}
	if slot := t.slot[n]; slot != 0 {
		t.owner[slot-1] = 0
	}
	t.first[n], t.slot[n] = first, 0
	t.feature[n], t.threshold[n], t.subset[n] = f.found.feature, f.found.threshold, f.found.subset
	t.heavier[n] = 0
	if weights[1] > weights[0] || f.found.missing() {
		t.heavier[n] = 1
	}
	t.promise[n] = 0
	t.occupy(first, s.random)
	t.occupy(first+1, s.random)
}

// inherit gives child c the recent shares or mean that its statistics suggest, and returns its weight.
func (t *arena) inherit(c, parent int32) float64 {
	stats, recent := t.statsOf(c), t.recentOf(c)
	if t.Classes == 0 {
		if stats[0] > 0 {
			// What moved the parent's recent mean moves the child's.
			recent[0] = stats[1] + (t.recentOf(parent)[0] - t.statsOf(parent)[1])
		}
		return stats[0]
	}
	total := 0.0
	for _, v := range stats {
		total += v
	}
	for i, v := range stats {
		recent[i] = 0.5*recent[i] + 0.5*(v+1/float64(t.Classes))/(total+1)
	}
	return total
}
