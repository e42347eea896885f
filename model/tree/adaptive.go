package tree

import "math"

// learnAdaptive is learn for a tree whose branches are replaced when their errors grow (Bifet and Gavaldà
// 2009, HAT-ADWIN). Every node on the way has a window of the tree's errors there; where an inner node's
// shrinks and the errors have grown, a new branch grows beside the old one and takes its place when it
// errs less. Branches that grow beside another have none beside them.
func (t *arena) learnAdaptive(w *work, x []float32, z []float64, y target, weight float64, s *shared, spare *work) {
	step := min(weight, stepMax)
	e := t.failure(w, y)
	leaf := w.leaf
	t.learn(w, x, z, y, weight, step, s)
	for n := int32(0); ; n = t.first[n] + t.side(n, x) {
		before := t.drift.Mean(n)
		grown := !y.wild && t.drift.Add(n, e) && t.drift.Mean(n) > before
		if n == leaf {
			return // it may have been split just now
		}
		a := t.alternate[n]
		if a == 0 {
			if grown {
				t.branch(n, leaf, s)
			}
			continue
		}
		to := t.find(a, x)
		t.predict(spare, to, x, z)
		t.drift.Add(a, t.failure(spare, y))
		t.learn(spare, x, z, y, weight, step, s)
		if t.compete(n, a) {
			return
		}
	}
}

// branch begins a new branch beside inner node n: a leaf with leaf's linear model.
func (t *arena) branch(n, leaf int32, s *shared) {
	a := t.take()
	if a == 0 {
		return
	}
	t.alternate[n] = a
	t.depth[a] = t.depth[n]
	t.open(a)
	copy(t.linearOf(a), t.linearOf(leaf))
	t.promise[a] = t.promise[leaf]
	t.occupy(a, s.random)
}

const (
	// competeWidth is how many errors both windows hold before they are compared.
	competeWidth = 300
	// competeDelta is the probability that a branch is replaced by one that is not better.
	competeDelta = 0.05
	// competeWidthMax is when a branch that has not become better is given up.
	competeWidthMax = 5000
)

// compete replaces node n by its alternate when that errs less, and drops the alternate when it errs more.
// It reports whether the branch was replaced.
func (t *arena) compete(n, a int32) bool {
	old, own := t.drift.Width(n), t.drift.Width(a)
	if old < competeWidth || own < competeWidth {
		return false
	}
	before, after := t.drift.Mean(n), t.drift.Mean(a)
	bound := competeBound(before, old, own)
	switch {
	case before-after > bound:
		t.replace(n, a)
		return true
	case after-before > bound || own > competeWidthMax:
		t.pruneBranch(n)
	}
	return false
}

// competeBound is Bifet and Gavaldà's (2009, section 4.3): √(2·F·(1−F)·ln(2/δ)·(1/n + 1/m)).
func competeBound(mean, n, m float64) float64 {
	return math.Sqrt(2 * mean * (1 - mean) * math.Log(2/competeDelta) * (1/n + 1/m))
}

// pruneBranch frees the branch beside n.
func (t *arena) pruneBranch(n int32) {
	a := t.alternate[n]
	t.prune(a)
	t.wipe(a)
	t.wipe(a + 1)
	t.taken[a/2] = false
	t.alternate[n] = 0
}

// replace frees everything beneath n but the branch beside it, which becomes n.
func (t *arena) replace(n, a int32) {
	t.alternate[n] = 0
	t.prune(n)
	t.first[n], t.feature[n], t.threshold[n] = t.first[a], t.feature[a], t.threshold[a]
	t.subset[n], t.heavier[n] = t.subset[a], t.heavier[a]
	t.slot[n], t.slot[a] = t.slot[a], 0
	if s := t.slot[n]; s != 0 {
		t.owner[s-1] = n + 1
	}
	copy(t.statsOf(n), t.statsOf(a))
	copy(t.recentOf(n), t.recentOf(a))
	copy(t.scoreOf(n), t.scoreOf(a))
	copy(t.linearOf(n), t.linearOf(a))
	t.seen[n], t.checked[n], t.promise[n] = t.seen[a], t.checked[a], t.promise[a]
	t.drift.Move(n, a)
	t.wipe(a)
	t.wipe(a + 1)
	t.taken[a/2] = false
}
