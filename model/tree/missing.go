package tree

import "math"

// That a value is missing may tell more than any value does. A leaf counts no missing values, but some of its features
// mostly have none: what such a one counted and another did not are the examples in which that one is missing.

// missing reports whether the split is of missing values from all others, which go to the first child.
func (s *split) missing() bool { return s.threshold == math.MaxFloat32 }

// whole is what the feature that is missing least counted, nil where that is not known, as with Gaussians.
func (t *arena) whole(features []int32, blocks []float64) []float64 {
	k, most := t.channels(), 0.0
	var found []float64
	for i, f := range features {
		if t.gaussian(int(f)) {
			return nil
		}
		totals := blocks[i*t.block+histogramHead:][:k]
		if n := t.weightOf(totals); n > most {
			found, most = totals, n
		}
	}
	return found
}

// searchMissing tries to divide examples in which a feature is missing from those in which it is not.
func (t *arena) searchMissing(f *finder, whole, block []float64, at *split) {
	present := block[histogramHead : histogramHead+t.channels()]
	if t.weightOf(present) >= t.weightOf(whole) {
		return
	}
	copy(f.trial, present)
	if m := t.merit(whole, f.trial); m > at.merit {
		at.merit, at.threshold, at.subset = m, math.MaxFloat32, math.MaxUint64
	}
}

// divideMissing sets the statistics of the children of such a split.
func (t *arena) divideMissing(f *finder, whole, block []float64) {
	copy(f.left, block[histogramHead:histogramHead+t.channels()])
	t.divideRest(f, whole)
}
