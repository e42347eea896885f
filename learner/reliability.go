package learner

import (
	"errors"
	"math"

	"millrace"
)

// reliability counts how often what was predicted with some probability came true, in bins of that probability's
// log-odds, over all events and over recent ones. The probability is that of the positive one of two classes, of the
// predicted one of more.
type reliability struct {
	bins []float64 // [windows, relied, reliedBins]
	unit []float64 // what a recent event counts, see twoClasses
	seen []uint64  // events
}

// What a bin holds.
const (
	reliedEvents = iota
	reliedSum    // of predicted probabilities
	reliedHits   // that came true
	relied
)

const (
	reliedBins  = 250
	reliedReach = 12.5 // log-odds; a bin is a tenth wide
	// reliedFade is the weight of each older event in recent figures: they remember about ten thousand, as fewer say
	// little of whether a probability was right.
	reliedFade = 0.9999
	// curveBins are the groups of as many events each that the calibration error is taken over.
	curveBins = 15
)

func newReliability() *reliability {
	return &reliability{bins: make([]float64, 2*relied*reliedBins), unit: []float64{1}, seen: make([]uint64, 1)}
}

func (r *reliability) reset() {
	clear(r.bins)
	r.unit[0], r.seen[0] = 1, 0
}

// add counts an event that was predicted with probability p, of these log-odds.
func (r *reliability) add(p, logOdds float64, hit int) {
	bin := binOf(logOdds, reliedReach, reliedBins)
	all, recent := r.bins[bin*relied:], r.bins[(reliedBins+bin)*relied:]
	all[reliedEvents]++
	all[reliedSum] += p
	all[reliedHits] += float64(hit)
	unit := r.unit[0]
	recent[reliedEvents] += unit
	recent[reliedSum] += unit * p
	recent[reliedHits] += unit * float64(hit)
	r.seen[0]++
	if r.unit[0] /= reliedFade; r.unit[0] > unitMax {
		r.shrink()
	}
}

// shrink brings the unit of recent events back to 1.
func (r *reliability) shrink() { shrink(r.bins[reliedBins*relied:], &r.unit[0]) }

// Calibration says how far probabilities are from the shares of events that came true.
type Calibration struct {
	// ECE is the expected calibration error: over [curveBins] groups of as many events each, by rising probability, the
	// mean difference between the mean probability and the share that came true (Naeini, Cooper and Hauskrecht 2015,
	// equation 3, with groups of equal mass as in Nguyen and O'Connor 2015).
	ECE float64
	// Expected is what ECE would be of events drawn with the very probabilities that were predicted: with few events no
	// model has 0 (the consistency resampling of Bröcker and Smith 2007, in closed form: the mean absolute deviation of
	// a binomial, De Moivre 1730).
	Expected float64
	Curve    []CurvePoint
}

// CurvePoint is one group of the calibration curve.
type CurvePoint struct {
	Events    float64 // fractions of them where they fade
	Predicted float64 // mean probability
	Observed  float64 // share that came true
}

// report returns the figures over a window; ok is false before the first event.
func (r *reliability) report(w Window) (c Calibration, ok bool) {
	bins, unit, squares := r.bins[:reliedBins*relied], 1.0, 1.0
	if w == Fading {
		bins, unit = r.bins[reliedBins*relied:], r.unit[0]*reliedFade
		// Σw² / Σw, as far as it has come, which turns a sum of weights into a number of events.
		squares = (1 + math.Pow(reliedFade, float64(r.seen[0]))) / (1 + reliedFade)
	}
	var total float64
	for i := 0; i < len(bins); i += relied {
		total += bins[i+reliedEvents]
	}
	if total == 0 {
		return c, false
	}
	var group [relied]float64
	var gone float64
	for i := 0; i < len(bins); i += relied {
		for j := range group {
			group[j] += bins[i+j]
		}
		gone += bins[i+reliedEvents]
		last := i+relied == len(bins)
		if group[reliedEvents] == 0 || !last && gone < total*float64(len(c.Curve)+1)/curveBins {
			continue
		}
		n := group[reliedEvents]
		p := CurvePoint{Events: n / unit, Predicted: group[reliedSum] / n, Observed: group[reliedHits] / n}
		c.Curve = append(c.Curve, p)
		c.ECE += n / total * math.Abs(p.Predicted-p.Observed)
		c.Expected += n / total * meanDeviation(p.Events/squares, p.Predicted)
		group = [relied]float64{}
	}
	return c, true
}

// meanDeviation is the mean absolute deviation of the share of n events of probability p that come true,
//
//	2·m·C(n,m)·pᵐ·(1−p)ⁿ⁻ᵐ⁺¹ / n,   m = ⌊np⌋ + 1
//
// (De Moivre's; Diaconis and Zabell 1991, equation 1.1).
func meanDeviation(n, p float64) float64 {
	m := math.Floor(n*p) + 1
	if !(p > 0 && p < 1) || m > n {
		return 2 * p * (1 - p) // fewer than one event
	}
	gamma := func(x float64) float64 {
		v, _ := math.Lgamma(x)
		return v
	}
	return 2 / n * math.Exp(math.Log(m)+gamma(n+1)-gamma(m+1)-gamma(n-m+1)+m*math.Log(p)+(n-m+1)*math.Log1p(-p))
}

// state is marked as added, as that of two classes is.
func (r *reliability) state(visit func(string, millrace.Tensor, millrace.Role)) {
	visit("reliability.bins", millrace.Tensor{Shape: []int{2, reliedBins, relied}, F64: r.bins, Added: true}, millrace.Training)
	visit("reliability.unit", millrace.Tensor{Shape: []int{1}, F64: r.unit, Added: true}, millrace.Training)
	visit("reliability.seen", millrace.Tensor{Shape: []int{1}, U64: r.seen, Added: true}, millrace.Training)
}

// restored checks that no bin holds what no events leave.
func (r *reliability) restored() error {
	if u := r.unit[0]; !(u >= 1 && u <= unitMax) {
		return errors.New("the unit of recent probabilities is out of range")
	}
	for i, v := range r.bins {
		if whole := r.bins[i-i%relied]; !(v >= 0 && v <= whole*(1+1e-9)) || math.IsInf(v, 1) {
			return errors.New("a bin of probabilities is negative, not finite or larger than its whole")
		}
	}
	return nil
}
