package tree

import (
	"math"
)

// A leaf's observers are one block of float64 a feature. Three kinds of blocks:
//
//   - a Gaussian a class (Pfahringer et al. 2008): weight, mean, sum of squared deviations, smallest and
//     largest value of each class;
//   - a histogram for classes: where it begins, how wide a bin is, each class's weight, and then in each
//     bin each class's weight;
//   - a histogram for numbers: the same, with weight, sum and sum of squares of the target in each bin.
//
// A histogram fits itself to the values: its first two make its range, and whatever lies outside doubles
// it by adding up pairs of bins, which is exact. A category has a bin a value, without a range.

const (
	gaussianSize  = 5
	histogramHead = 2
)

func (p *plan) histogramSize(channels int) int { return histogramHead + channels*(1+p.bins) }

// channels is how many numbers a bin holds.
func (p *plan) channels() int { return p.stats }

// gaussian reports whether feature f has Gaussians.
func (p *plan) gaussian(f int) bool {
	return p.Classes > 0 && p.Observer == Gaussian && !p.category[f]
}

// bin is the bin of a category's value: those beyond the last share it, and so do unknown ones (below 0)
// with the first value that has none of its own.
func (p *plan) bin(v float32) int {
	if !(v >= 0) || v >= float32(p.bins-1) {
		return p.bins - 1
	}
	return int(v)
}

// place returns the bin of v, after the range was made to hold it.
func place(block []float64, channels, bins int, v float64) int {
	start, step := block[0], block[1]
	total := 0.0
	for _, n := range block[histogramHead : histogramHead+channels] {
		total += math.Abs(n)
	}
	switch {
	case total == 0:
		block[0], block[1] = v, 0
		return 0
	case step == 0 && v == start:
		return 0
	case step == 0:
		step = math.Abs(v-start) / float64(bins/2)
		if step == 0 { // the difference underflowed
			return 0
		}
		block[1] = step
	}
	for doublings := 0; doublings < 2200; doublings++ {
		at := (v - block[0]) / block[1]
		if at >= 0 && at < float64(bins) {
			return int(at)
		}
		double(block, channels, bins, at < 0)
	}
	return 0
}

// double makes the range twice as wide, downward or upward.
func double(block []float64, channels, bins int, down bool) {
	cells := block[histogramHead+channels:]
	half := bins / 2
	if down {
		block[0] -= float64(bins) * block[1]
		for b := bins - 1; b >= half; b-- {
			from := 2*b - bins
			for c := range channels {
				cells[b*channels+c] = cells[from*channels+c] + cells[(from+1)*channels+c]
			}
		}
		clear(cells[:half*channels])
	} else {
		for b := range half {
			for c := range channels {
				cells[b*channels+c] = cells[2*b*channels+c] + cells[(2*b+1)*channels+c]
			}
		}
		clear(cells[half*channels : bins*channels])
	}
	block[1] *= 2
}

// observeClass counts a value of feature f of an example of a class.
func (p *plan) observeClass(block []float64, f int, v float64, class int, w float64) {
	if p.gaussian(f) {
		g := block[gaussianSize*class : gaussianSize*class+gaussianSize]
		if g[0] == 0 {
			g[3], g[4] = v, v
		}
		g[0] += w
		d := v - g[1]
		g[1] += d * (w / g[0])
		g[2] += w * d * (v - g[1])
		g[3], g[4] = min(g[3], v), max(g[4], v)
		return
	}
	var b int
	if p.category[f] {
		b = p.bin(float32(v))
	} else {
		b = place(block, p.Classes, p.bins, v)
	}
	block[histogramHead+class] += w
	block[histogramHead+p.Classes*(1+b)+class] += w
}

// observeNumber counts a value of feature f of an example whose standardised target is y.
func (p *plan) observeNumber(block []float64, f int, v, y, w float64) {
	var b int
	if p.category[f] {
		b = p.bin(float32(v))
	} else {
		b = place(block, 3, p.bins, v)
	}
	for _, at := range [2]int{histogramHead, histogramHead + 3*(1+b)} {
		cell := block[at : at+3]
		cell[0] += w
		cell[1] += w * y
		cell[2] += w * y * y
	}
}

// likelihood multiplies s by what a value of feature f says of each class: its density, up to a factor
// that all classes share. The factors are between 1e-20 and 1e20.
func (p *plan) likelihood(s []float64, block []float64, f int, v float64) {
	k := p.Classes
	totals := block[histogramHead : histogramHead+k]
	var b int
	if p.category[f] {
		b = p.bin(float32(v))
	} else {
		if block[1] == 0 {
			return
		}
		at := (v - block[0]) / block[1]
		b = int(min(max(at, 0), float64(p.bins-1)))
	}
	cells := block[histogramHead+k:]
	all, here := 0.0, 0.0
	var low, high []float64
	mid := cells[b*k : b*k+k]
	low, high = mid, mid
	if !p.category[f] {
		low, high = cells[max(b-1, 0)*k:], cells[min(b+1, p.bins-1)*k:]
	}
	for c, total := range totals {
		all += total
		here += (low[c] + 2*mid[c] + high[c]) / 4
	}
	if all == 0 {
		return
	}
	// Each class's share of the bin is shrunk toward all classes' share, which cancels.
	share := (here + 0.5) / (all + 1)
	for c, total := range totals {
		own := (low[c] + 2*mid[c] + high[c]) / 4
		s[c] *= min(max((own/share+likelihoodPrior)/(total+likelihoodPrior), 1e-20), 1e20)
	}
}

// likelihoodPrior is how many examples of a class the shrinkage is worth.
const likelihoodPrior = 2

// gaussianLikelihood is that of Gaussians whose variances are shrunk toward their pooled variance, so
// that the first examples of a class do not make a spike.
func gaussianLikelihood(s []float64, block []float64, v float64) {
	n, squares := 0.0, 0.0
	for i := 0; i < len(s)*gaussianSize; i += gaussianSize {
		n += block[i]
		squares += block[i+2]
	}
	if n < 2 || squares <= 0 {
		return
	}
	pooled := squares / n
	for c := range s {
		g := block[gaussianSize*c : gaussianSize*c+3]
		variance, d2 := pooled, 4.0
		if g[0] > 0 {
			variance = (g[2] + likelihoodPrior*pooled) / (g[0] + likelihoodPrior)
			variance += 1e-3 * pooled
			d := v - g[1]
			d2 = min(d*d/variance, 36)
		}
		s[c] -= 0.5 * (d2 + math.Log(variance/pooled))
	}
}
