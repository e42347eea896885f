package calibration

import (
	"errors"
	"math"

	"millrace"
)

// steps predicts by a rising function of the model's log-odds, found from the shares of events in bins of them by
// pooling neighbours that fall (pool adjacent violators, Ayer et al. 1955; Zadrozny and Elkan 2002). Between the
// means of two bins it is a line, so that few scores become equal. Bins forget, and begin with some events whose
// labels are as the model says.
type steps struct {
	bins []float64 // [3, stepBins] events, sums of the model's probabilities, positive ones
	fit  []float64 // [2, stepBins] log-odds of the model, and what they are replaced by; both rise
	seen []uint64  // events
}

const (
	stepBins  = 80
	stepReach = 10.0 // log-odds; beyond it is as at the end
	// stepPrior are the events that a bin begins with.
	stepPrior = 4
	// stepEvery is after how many events the function is found anew; stepForgets how many events bins remember.
	stepEvery   = 100
	stepForgets = 10000
)

func newSteps() *steps {
	s := &steps{bins: make([]float64, 3*stepBins), fit: make([]float64, 2*stepBins), seen: make([]uint64, 1)}
	s.refit()
	return s
}

// centre is the middle of a bin.
func centre(bin int) float64 { return (float64(bin)+0.5)*(2*stepReach/stepBins) - stepReach }

func (s *steps) predict(z float64) float64 {
	at, to := s.fit[:stepBins], s.fit[stepBins:]
	low, high := 0, stepBins-1
	switch {
	case z <= at[low]:
		return bound(z-at[low]+to[low], logitMax)
	case z >= at[high]:
		return bound(z-at[high]+to[high], logitMax)
	}
	// Means lie within their bins, so that z is between that of its own bin and one beside it.
	low = binOf(z)
	if z < at[low] {
		low--
	}
	part := (z - at[low]) / (at[low+1] - at[low])
	return to[low] + part*(to[low+1]-to[low])
}

// binOf is the bin of log-odds.
func binOf(z float64) int {
	return int(bound((z+stepReach)*(stepBins/(2*stepReach))-stepBins/2, stepBins/2-0.5) + stepBins/2)
}

func (s *steps) learn(z, _, y, w float64) {
	bin := binOf(z)
	s.bins[bin] += w
	s.bins[stepBins+bin] += w * sigmoid(z)
	s.bins[2*stepBins+bin] += w * y
	if s.seen[0]++; s.seen[0]%stepEvery != 0 {
		return
	}
	for i := range s.bins {
		s.bins[i] *= stepKeep
	}
	s.refit()
}

// stepKeep is what remains of a bin after stepEvery events.
const stepKeep = 1 - float64(stepEvery)/stepForgets

// refit finds the function from the bins.
func (s *steps) refit() {
	const half = stepReach/stepBins - 1e-6 // a mean stays within its bin, so that means rise
	var shares, weights [stepBins]float64
	for i := range stepBins {
		events, mean := s.bins[i], sigmoid(centre(i))
		if events > 0 {
			mean = s.bins[stepBins+i] / events
		}
		s.fit[i] = centre(i) + bound(logit(mean)-centre(i), half)
		weights[i] = events + stepPrior
		shares[i] = (s.bins[2*stepBins+i] + stepPrior*mean) / weights[i]
	}
	pool(shares[:], weights[:])
	for i, share := range shares {
		s.fit[stepBins+i] = logit(share)
	}
}

// pool replaces shares by the rising ones that are nearest to them, in weighted squares, by pooling neighbours that
// fall. There are stepBins of them at most.
func pool(shares, weights []float64) {
	type block struct {
		share, weight float64
		of            int
	}
	var blocks [stepBins]block
	n := 0
	for i, share := range shares {
		blocks[n] = block{share, weights[i], 1}
		for n++; n > 1 && blocks[n-2].share >= blocks[n-1].share; n-- {
			a, b := blocks[n-2], blocks[n-1]
			sum := a.weight + b.weight
			blocks[n-2] = block{(a.share*a.weight + b.share*b.weight) / sum, sum, a.of + b.of}
		}
	}
	i := 0
	for _, b := range blocks[:n] {
		for range b.of {
			shares[i] = b.share
			i++
		}
	}
}

func (s *steps) state(visit func(string, millrace.Tensor, millrace.Role)) {
	visit("fit", added([]int{2, stepBins}, s.fit), millrace.Serving)
	visit("bins", added([]int{3, stepBins}, s.bins), millrace.Training)
	visit("seen", millrace.Tensor{Shape: []int{1}, U64: s.seen, Added: true}, millrace.Training)
}

func (s *steps) restored() error {
	for i, v := range s.fit {
		if math.IsNaN(v) || math.IsInf(v, 0) || i%stepBins > 0 && (v < s.fit[i-1] || i < stepBins && v == s.fit[i-1]) {
			return errors.New("steps are not finite or fall")
		}
	}
	for i, v := range s.bins {
		if !(v >= 0) || math.IsInf(v, 1) || i >= stepBins && v > s.bins[i%stepBins]*(1+1e-9) {
			return errors.New("a bin of steps holds what no events leave")
		}
	}
	return nil
}
