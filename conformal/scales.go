package conformal

import (
	"errors"
	"math"

	"millrace"
)

// scales say how much larger errors are where predictions are of some size: labels from one to a million are not
// missed by as much everywhere. In bins of half an octave of the prediction, by sign, they hold how far the logarithm
// of the error is from its mean over all events, and forget: what all errors have in common is the quantile's.
type scales struct {
	bins []float64 // [2, binsLen] weighted events, sums of offsets
	mean []float64 // of the logarithm of errors, less their offsets; its weight
}

const (
	// Predictions of 2^exponentMin to 2^exponentMax have bins of their own.
	exponentMin, exponentMax = -16, 48
	signLen                  = 2 * (exponentMax - exponentMin)
	binsLen                  = 2 * signLen

	// binFade is the weight of each older event of a bin: it remembers 50. binPrior are events without an offset that
	// it counts beside them always, so that it says seven tenths of what it has seen: intervals that follow errors all
	// the way are wider on average, for the few largest ones are not worth covering as often as all others.
	binFade   = 0.98
	binPrior  = 20
	meanFade  = 0.99
	offsetMax = 3.0 // logarithms that an event may be from what was expected of it
	// exact is the error of an exact prediction, as a share of the label: there is no logarithm of 0.
	exact = 1e-9
)

func newScales() *scales { return &scales{bins: make([]float64, 2*binsLen), mean: make([]float64, 2)} }

func (s *scales) reset() {
	clear(s.bins)
	clear(s.mean)
}

// binOf is the bin of a prediction.
func binOf(value float64) int {
	fraction, exponent := math.Frexp(math.Abs(value))
	bin := 2 * (exponent - exponentMin)
	if fraction >= math.Sqrt2/2 {
		bin++
	}
	if value == 0 {
		bin = 0
	}
	bin = max(0, min(signLen-1, bin))
	if value < 0 {
		bin += signLen
	}
	return bin
}

// offset is the logarithm of how much larger than elsewhere errors of such predictions are.
func (s *scales) offset(value float64) float64 {
	bin := binOf(value)
	return s.bins[binsLen+bin] / (s.bins[bin] + binPrior)
}

// learn takes in the error of a prediction and returns its score: the error's logarithm, less the offset from before.
func (s *scales) learn(value, label float64) (score float64) {
	size := math.Max(math.Abs(label-value), math.Max(math.Abs(label), math.Abs(value))*exact)
	l := math.Log(math.Max(1e-300, math.Min(math.MaxFloat64, size)))
	offset := s.offset(value)
	score = l - offset
	if s.mean[1] == 0 {
		s.mean[0] = score
	}
	d := math.Max(-offsetMax, math.Min(offsetMax, score-s.mean[0]))
	s.mean[1] = s.mean[1]*meanFade + 1
	s.mean[0] += d / s.mean[1]
	bin := binOf(value)
	s.bins[bin] = s.bins[bin]*binFade + 1
	s.bins[binsLen+bin] = s.bins[binsLen+bin]*binFade + d + offset
	return score
}

func (s *scales) state(visit func(string, millrace.Tensor, millrace.Role)) {
	visit("scales", millrace.Tensor{Shape: []int{2, binsLen}, F64: s.bins, Added: true}, millrace.Serving)
	visit("mean", millrace.Tensor{Shape: []int{2}, F64: s.mean, Added: true}, millrace.Training)
}

func (s *scales) restored() error {
	for _, v := range [][]float64{s.bins, s.mean} {
		for _, x := range v {
			if math.IsNaN(x) || math.IsInf(x, 0) {
				return errors.New("a scale of intervals is not finite")
			}
		}
	}
	for _, n := range append(s.bins[:binsLen:binsLen], s.mean[1]) {
		if n < 0 {
			return errors.New("a scale of intervals has a negative weight")
		}
	}
	return nil
}
