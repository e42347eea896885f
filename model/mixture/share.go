package mixture

import (
	"fmt"
	"math"
)

// share is a mixture of predictors by fixed share (Herbster and Warmuth 1998, section 5, with losses
// instead of mistakes; Vovk's aggregating algorithm is what it becomes at rate 0): weights follow the
// predictors' likelihoods, and after each event a part of all weight is dealt out evenly, so that a
// predictor that was bad for long can lead again at once when the stream changes.
type share struct {
	rate   float64   // part of all weight that is dealt out at each event
	weight []float64 // of each predictor; they sum to 1, those outside the active set are 0
}

// newShare starts with equal weights on n predictors.
func newShare(n int, rate float64) share {
	s := share{rate: rate, weight: alone[float64](n)}
	for i := range s.weight {
		s.weight[i] = 1 / float64(n)
	}
	return s
}

// learn multiplies every active weight by its predictor's likelihood, which need not be normalised, and
// deals out the fixed share. Likelihoods are above 0 and at most 1, and at least one is 1.
func (s *share) learn(likelihood []float64, active []int) {
	var sum float64
	for _, i := range active {
		s.weight[i] *= likelihood[i]
		sum += s.weight[i]
	}
	keep := (1 - s.rate) / sum
	deal := s.rate / float64(len(active))
	for _, i := range active {
		s.weight[i] = s.weight[i]*keep + deal
	}
}

// restrict moves all weight onto the active predictors. Those that were outside begin with what from
// gives them.
func (s *share) restrict(active []int, inside []bool, from mixer) {
	var sum float64
	for i, in := range inside {
		switch {
		case !in:
			s.weight[i] = 0
		case s.weight[i] == 0:
			s.weight[i], _ = from.place(i)
		}
		sum += s.weight[i]
	}
	for _, i := range active {
		s.weight[i] /= sum
	}
}

// split halves parent's weight between it and its copy. What the copy weighed before, as another predictor,
// goes to all in proportion, so that the weights go on summing to 1.
func (s *share) split(parent, child int) {
	s.weight[parent] /= 2
	s.weight[child] = s.weight[parent]
	var sum float64
	for _, w := range s.weight {
		sum += w
	}
	for i := range s.weight {
		s.weight[i] /= sum
	}
}

// likelihoods turns losses into likelihoods exp(−η·loss), scaled so that the smallest loss has 1.
func likelihoods(dst, loss []float64, active []int, eta float64) {
	least := math.Inf(1)
	for _, i := range active {
		least = min(least, loss[i])
	}
	for _, i := range active {
		// Nothing may become 0: a weight of 0 means outside.
		dst[i] = max(math.Exp(-eta*(loss[i]-least)), 1e-30)
	}
}

// slack covers rounding in bounds of what sums to 1, and of rates.
const slack = 1.01

// checkShare reports weights that no run could have left.
func checkShare(name string, weight []float64, active []int) error {
	var sum float64
	for _, i := range active {
		if !(weight[i] > 0 && weight[i] <= slack) {
			return fmt.Errorf("%s[%d] is %g, outside (0, 1]", name, i, weight[i])
		}
		sum += weight[i]
	}
	if math.Abs(sum-1) > 1e-6 {
		return fmt.Errorf("%s sums to %g, not to 1", name, sum)
	}
	return checkOutside(name, weight, active)
}

// checkOutside reports weights of predictors outside the active set, given in ascending order, whose predictions may be
// those of another event.
func checkOutside(name string, weight []float64, active []int) error {
	for i, w := range weight {
		if len(active) > 0 && active[0] == i {
			active = active[1:]
		} else if w != 0 {
			return fmt.Errorf("%s[%d] is %g, and it is not active", name, i, w)
		}
	}
	return nil
}
