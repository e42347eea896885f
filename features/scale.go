package features

import (
	"fmt"
	"math"

	"millrace"
)

// scaling is how a numeric's values enter the standard view.
type scaling uint8

const (
	asIs    scaling = iota // booleans, and numbers with scale: none
	centred                // dense: (x - mean) / standard deviation
	divided                // sparse: x / root mean square
)

const (
	// settleAt is how many values a column has before outliers are held back, see Observe.
	settleAt = 32
	// numberMax is the largest magnitude that Observe counts: its square times 10^27 events is still
	// a finite float64, so no stream can make the moments overflow.
	numberMax = 1e140
	// outlier is how many standard deviations from the mean a settled column lets one value count.
	outlier = 100
)

// scale is what Extract needs of a column's moments: z = clip((x - centre) * factor, ±bound).
//
// For standard scaling after n values, centre and 1/factor are their mean and (population) standard
// deviation, and bound is min(Column.Clip, √n). The √n is the warm-up. By Samuelson's inequality
// (P. A. Samuelson, How Deviant Can You Be?, JASA 63, 1968) no value among N is farther than √(N-1)
// standard deviations from the mean of all N, so √n is the most that any value can be worth once
// it is counted itself. The first value becomes 0, the second at most ±1, the third at most ±1.41,
// and the default clip of 8 is reached after 64. That needs no prior guess of a column's units, is
// the same for x and a·x + b, and leaves no trace later, unlike pseudo-counts. A column that was
// constant so far gives 0, and ±bound for the first value that differs.
//
// Sparse views never centre, so the root mean square stands in for the standard deviation: a
// constant becomes ±1 instead of dividing by zero. The same reasoning gives the bound √(n+1).
type scale struct {
	centre, factor, bound float64
}

// refresh derives the scale from the moments: n values, their mean and sum of squared deviations.
func (s *scale) refresh(kind scaling, clip, n, mean, m2 float64) {
	switch kind {
	case asIs:
		*s = scale{factor: 1, bound: math.MaxFloat32}
	case centred:
		s.centre = mean
		s.spread(n, m2)
		s.bound = min(clip, math.Sqrt(n))
	case divided:
		s.spread(n, m2+n*mean*mean)
		s.bound = min(clip, math.Sqrt(n+1))
	}
}

// spread sets the factor from a sum of n squares. Without spread any difference is beyond the bound,
// but 0 times the factor must stay 0, so the factor is then the largest number, not infinity (or NaN,
// 0/0, before the first value).
func (s *scale) spread(n, squares float64) {
	s.factor = math.Sqrt(n / squares)
	if !(s.factor <= math.MaxFloat64) {
		s.factor = math.MaxFloat64
	}
}

// clip holds z within ±bound. It is written so that NaN, which a decoder never lets through, would
// become bound: whatever happens, views are finite.
func clip(z, bound float64) float64 {
	if !(z <= bound) {
		return bound
	}
	if z < -bound {
		return -bound
	}
	return z
}

// moments adds a value to a mean and a sum of squared deviations, see Extractor.Observe.
func moments(count, mean, m2 *float64, v float64) {
	k := *count
	delta := v - *mean
	if k+1 > settleAt && delta*delta*k > outlier*outlier**m2 && *m2 > 0 {
		delta = math.Copysign(outlier*math.Sqrt(*m2/k), delta)
		v = *mean + delta
	}
	*count = k + 1
	*mean += delta / *count
	if square := delta * (v - *mean); square > 0 {
		*m2 += square
	}
}

// checkMoments refuses a count, a mean and a sum of squared deviations that no values have.
func checkMoments(name string, n, mean, m2 float64) error {
	switch {
	case !(n >= 0) || n != math.Floor(n) || math.IsInf(n, 0):
		return fmt.Errorf("%w: %s was seen %v times", millrace.ErrCorrupt, name, n)
	case !(math.Abs(mean) <= numberMax):
		return fmt.Errorf("%w: %s has a mean of %v", millrace.ErrCorrupt, name, mean)
	case !(m2 >= 0) || math.IsInf(m2, 0):
		return fmt.Errorf("%w: %s has squared deviations of %v", millrace.ErrCorrupt, name, m2)
	case n < 2 && m2 != 0, n == 0 && mean != 0:
		return fmt.Errorf("%w: %s has moments without values", millrace.ErrCorrupt, name)
	}
	return nil
}
