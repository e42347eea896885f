package tree

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"
)

// split is a way to divide a leaf.
type split struct {
	merit     float64
	feature   int32
	threshold float32
	subset    uint64
}

// finder is the working memory of a search for splits. One serves all trees of a model, because only
// Learn searches.
type finder struct {
	best, second float64
	found        split
	left, right  []float64 // statistics of the children of the best split
	trial        []float64 // of the split that is looked at
	totals       []float64
	order        [binsMax]uint8
	rank         [binsMax]float64
}

func newFinder(p *plan) *finder {
	return &finder{
		left: make([]float64, p.stats), right: make([]float64, p.stats),
		trial: make([]float64, p.stats), totals: make([]float64, p.stats),
	}
}

// branchMin is the smallest share of a leaf's weight that a child gets: a split that only cuts off a few
// outliers says little.
const branchMin = 0.01

// search looks at every feature that the slot observes. The merit of not splitting is 0, so best and
// second are at least that.
func (t *arena) search(f *finder, slot int32) {
	f.best, f.second = 0, 0
	f.found.feature = -1
	features, blocks := t.observed(slot)
	whole := t.whole(features, blocks)
	for i, feature := range features {
		block := blocks[i*t.block : (i+1)*t.block]
		at := split{feature: feature}
		if whole != nil {
			t.searchMissing(f, whole, block, &at)
		}
		switch {
		case t.gaussian(int(feature)):
			t.searchGaussians(f, block, &at)
		case t.category[feature]:
			t.searchCategory(f, block, &at)
		default:
			t.searchHistogram(f, block, &at)
		}
		if at.merit > f.best {
			f.second = f.best
			f.best, f.found = at.merit, at
		} else if at.merit > f.second {
			f.second = at.merit
		}
	}
	if f.found.feature >= 0 {
		for i, feature := range features {
			if feature == f.found.feature {
				t.divide(f, blocks[i*t.block:(i+1)*t.block], whole)
			}
		}
	}
}

// merit is the information gain in bits of dividing totals into left and the rest, or for numbers the
// share of the variance that it takes away (Ikonomovska et al. 2011, equation 1, for the variance); 0 when
// a child would have too little.
func (t *arena) merit(totals, left []float64) float64 {
	if t.Classes == 0 {
		return varianceGain(totals, left)
	}
	return t.informationGain(totals, left)
}

// informationGain is the entropy of totals less the weighted entropy of left and totals − left, from weights as they
// are: gonum's stat.Entropy wants shares, which round otherwise, and splits could fall otherwise.
func (p *plan) informationGain(totals, left []float64) float64 {
	var n, l, all, first, second float64
	for c, v := range totals {
		a := left[c]
		b := max(v-a, 0)
		n += v
		l += a
		all += p.xlogx(v)
		first += p.xlogx(a)
		second += p.xlogx(b)
	}
	r := n - l
	if l < branchMin*n || r < branchMin*n || l <= 0 || r <= 0 {
		return 0
	}
	// −Σ v/n·log(v/n) = log n − (Σ v·log v)/n, for each of the three.
	return (p.xlogx(n) - all - (p.xlogx(l) - first) - (p.xlogx(r) - second)) / (n * math.Ln2)
}

// xlogx is v·log v, looked up when v is small and whole.
func (p *plan) xlogx(v float64) float64 {
	if v < logsMax {
		if n := int(v); float64(n) == v {
			return p.logs[n]
		}
	}
	return xlogx(v)
}

func xlogx(v float64) float64 {
	if v <= 0 {
		return 0
	}
	return v * math.Log(v)
}

func varianceGain(totals, left []float64) float64 {
	n, l := totals[0], left[0]
	r := n - l
	least := max(branchMin*n, numberBranchMin)
	if l < least || r < least {
		return 0
	}
	all := totals[2] - totals[1]*totals[1]/n
	if !(all > 0) {
		return 0
	}
	right := totals[1] - left[1]
	within := (left[2] - left[1]*left[1]/l) + (totals[2] - left[2] - right*right/r)
	return max(1-within/all, 0)
}

// numberBranchMin is the least weight that a child's mean is taken from.
const numberBranchMin = 5

// searchHistogram tries every edge between two bins that have values.
func (t *arena) searchHistogram(f *finder, block []float64, at *split) {
	k := t.channels()
	totals, cells := block[histogramHead:histogramHead+k], block[histogramHead+k:]
	clear(f.trial)
	last := -1 // the latest bin with values
	for b := range t.bins {
		cell := cells[b*k : (b+1)*k]
		if empty(cell, t.Classes == 0) {
			continue
		}
		if last >= 0 {
			if m := t.merit(totals, f.trial); m > at.merit {
				// In the middle of the gap: integers often fill one bin of several.
				at.merit = m
				at.threshold = float32(block[0] + block[1]*float64(last+1+b)/2)
			}
		}
		for c, v := range cell {
			f.trial[c] += v
		}
		last = b
	}
}

func empty(cell []float64, number bool) bool {
	if number {
		return cell[0] == 0
	}
	for _, v := range cell {
		if v != 0 {
			return false
		}
	}
	return true
}

// searchCategory tries the best sets of values: those that begin the list of values in the order of
// their mean target, which has the best set of all for two classes and for numbers (Breiman et al.,
// Classification and Regression Trees, 1984, theorem 4.5). For more classes the order is by the share of
// the commonest class.
func (t *arena) searchCategory(f *finder, block []float64, at *split) {
	k := t.channels()
	totals, cells := block[histogramHead:histogramHead+k], block[histogramHead+k:]
	of := 1 // which channel orders
	if t.Classes > 0 {
		for c, v := range totals {
			if v > totals[of] {
				of = c
			}
		}
	}
	order := f.order[:0]
	for b := range t.bins {
		cell := cells[b*k : (b+1)*k]
		weight := cell[0]
		if t.Classes > 0 {
			weight = 0
			for _, v := range cell {
				weight += v
			}
		}
		if weight > 0 {
			f.rank[b] = cell[of] / weight
			order = append(order, uint8(b))
		}
	}
	slices.SortStableFunc(order, func(a, b uint8) int {
		switch {
		case f.rank[a] < f.rank[b]:
			return -1
		case f.rank[a] > f.rank[b]:
			return 1
		default:
			return 0
		}
	})
	clear(f.trial)
	subset := uint64(0)
	for i, b := range order {
		if i > 0 {
			if m := t.merit(totals, f.trial); m > at.merit {
				at.merit, at.threshold, at.subset = m, 0, subset
			}
		}
		for c, v := range cells[int(b)*k : (int(b)+1)*k] {
			f.trial[c] += v
		}
		subset |= 1 << b
	}
}

// gaussianSplits is how many thresholds are tried between the smallest and the largest value, as in MOA
// and River.
const gaussianSplits = 10

func (t *arena) searchGaussians(f *finder, block []float64, at *split) {
	low, high := math.Inf(1), math.Inf(-1)
	for c := range t.Classes {
		g := block[gaussianSize*c : gaussianSize*(c+1)]
		f.totals[c] = g[0]
		if g[0] > 0 {
			low, high = min(low, g[3]), max(high, g[4])
		}
	}
	if !(low < high) {
		return
	}
	step := (high - low) / (gaussianSplits + 1)
	for i := range gaussianSplits {
		v := low + step*float64(i+1)
		if !(low < v && v < high) {
			continue
		}
		divideGaussians(f.trial, block, v)
		if m := t.merit(f.totals, f.trial); m > at.merit {
			at.merit, at.threshold = m, float32(v)
		}
	}
}

// divideGaussians writes each class's expected weight below v into left.
func divideGaussians(left, block []float64, v float64) {
	for c := range left {
		g := block[gaussianSize*c : gaussianSize*(c+1)]
		switch {
		case g[0] == 0 || v < g[3]:
			left[c] = 0
		case v >= g[4]:
			left[c] = g[0]
		default:
			left[c] = g[0] * normalBelow(v, g[1], gaussianDeviation(g))
		}
	}
}

// gaussianDeviation is the sample standard deviation of a class's values.
func gaussianDeviation(g []float64) float64 {
	if g[0] <= 1 {
		return 0
	}
	return math.Sqrt(g[2] / (g[0] - 1))
}

// normalBelow is the probability that a normal variable is at most v.
func normalBelow(v, mean, deviation float64) float64 {
	if deviation == 0 {
		if v >= mean {
			return 1
		}
		return 0
	}
	return distuv.Normal{Mu: mean, Sigma: deviation}.CDF(v)
}

// divideRest gives the right child what the left one leaves of all statistics.
func (t *arena) divideRest(f *finder, all []float64) {
	for c := range f.right {
		f.right[c] = all[c] - f.left[c]
		if c == 0 || t.Classes > 0 {
			f.right[c] = max(f.right[c], 0)
		}
	}
	if t.Classes == 0 {
		centre(f.left)
		centre(f.right)
	}
}

// divide sets the statistics of the children of the split that was found.
func (t *arena) divide(f *finder, block, whole []float64) {
	clear(f.left)
	found := &f.found
	if found.missing() {
		t.divideMissing(f, whole, block)
		return
	}
	if t.gaussian(int(found.feature)) {
		divideGaussians(f.left, block, float64(found.threshold))
		for c := range f.right {
			f.right[c] = max(block[gaussianSize*c]-f.left[c], 0)
		}
		return
	}
	k := t.channels()
	totals, cells := block[histogramHead:histogramHead+k], block[histogramHead+k:]
	unseen := uint64(0)
	for b := range t.bins {
		if empty(cells[b*k:(b+1)*k], t.Classes == 0) {
			unseen |= 1 << b
			continue
		}
		first := found.subset>>b&1 == 1
		if !t.category[found.feature] {
			first = block[0]+block[1]*(float64(b)+0.5) < float64(found.threshold)
		}
		if first {
			for c, v := range cells[b*k : (b+1)*k] {
				f.left[c] += v
			}
		}
	}
	t.divideRest(f, totals)
	if t.category[found.feature] && t.weightOf(f.left) > t.weightOf(f.right) {
		found.subset |= unseen // like missing values
	}
}

// weightOf is the weight of a node's statistics.
func (t *arena) weightOf(stats []float64) float64 {
	if t.Classes == 0 {
		return stats[0]
	}
	total := 0.0
	for _, v := range stats {
		total += v
	}
	return total
}

// centre turns weight, sum and sum of squares into weight, mean and sum of squared deviations.
func centre(s []float64) {
	if s[0] <= 0 {
		clear(s)
		return
	}
	mean := s[1] / s[0]
	s[1], s[2] = mean, max(s[2]-s[0]*mean*mean, 0)
}

// hoeffding is the bound of Hoeffding (1963) on how far a mean of n values within a range is from its
// expectation, with probability 1 − delta.
func hoeffding(span, delta, n float64) float64 {
	return math.Sqrt(span * span * math.Log(1/delta) / (2 * n))
}
