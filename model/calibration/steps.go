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

// stepWidth is the width of a bin, in log-odds.
const stepWidth = 2 * stepReach / stepBins

// stepEdges are the probabilities between bins.
var stepEdges = func() (edges [stepBins + 1]float64) {
	for i := range edges {
		edges[i] = sigmoid(float64(i)*stepWidth - stepReach)
	}
	return edges
}()

func newSteps() *steps {
	s := &steps{bins: make([]float64, 3*stepBins), fit: make([]float64, 2*stepBins), seen: make([]uint64, 1)}
	s.refit()
	return s
}

func (s *steps) predict(of *said) float64 {
	at, to, z := (*[stepBins]float64)(s.fit[:stepBins]), (*[stepBins]float64)(s.fit[stepBins:]), of.z
	const low, high = 0, stepBins - 1
	switch {
	case z <= at[low]:
		return bound(z-at[low]+to[low], logitMax)
	case z >= at[high]:
		return bound(z-at[high]+to[high], logitMax)
	}
	// Means lie within their bins, so that z is between that of its own bin and one beside it.
	i := binOf(z)
	if z < at[i] {
		i--
	}
	part := (z - at[i]) / (at[i+1] - at[i])
	return to[i] + part*(to[i+1]-to[i])
}

// binOf is the bin of log-odds.
func binOf(z float64) int {
	return max(0, min(stepBins-1, int((z+stepReach)*(1/stepWidth))))
}

func (s *steps) learn(of *said, _, y, w float64) {
	bin := binOf(of.z)
	s.bins[bin] += w
	s.bins[stepBins+bin] += w * of.p
	s.bins[2*stepBins+bin] += w * y
	if s.seen[0]++; s.seen[0]%stepEvery != 0 {
		return
	}
	s.forget()
	s.refit()
}

const (
	// stepKeep is what remains of a bin after stepEvery events.
	stepKeep = 1 - float64(stepEvery)/stepForgets
	// stepLeast of an event is none: numbers that shrink for ever become slow ones.
	stepLeast = 1e-9
)

func (s *steps) forget() {
	events, sums, positive := (*[stepBins]float64)(s.bins), (*[stepBins]float64)(s.bins[stepBins:]), (*[stepBins]float64)(s.bins[2*stepBins:])
	for i := range events {
		keep := stepKeep
		if events[i] < stepLeast {
			keep = 0
		}
		events[i] *= keep
		sums[i] *= keep
		positive[i] *= keep
	}
}

// refit finds the function from the bins.
func (s *steps) refit() {
	const margin = 1e-6 // a mean stays within its bin, so that means rise
	var shares, weights [stepBins]float64
	for i := range stepBins {
		low := float64(i)*stepWidth - stepReach
		// Within a bin log-odds are taken for a line in probabilities, which is exact at both ends.
		mean, part := (stepEdges[i]+stepEdges[i+1])/2, 0.5
		events := s.bins[i]
		weights[i] = events + stepPrior
		shares[i] = mean
		if events > 0 {
			each := 1 / (events * weights[i])
			mean = s.bins[stepBins+i] * weights[i] * each
			shares[i] = (s.bins[2*stepBins+i] + stepPrior*mean) * events * each
			part = (mean - stepEdges[i]) / (stepEdges[i+1] - stepEdges[i])
		}
		s.fit[i] = low + stepWidth*max(margin, min(1-margin, part))
	}
	pool(shares[:], weights[:])
	last := math.NaN()
	for i, share := range shares {
		if share == last {
			s.fit[stepBins+i] = s.fit[stepBins+i-1]
			continue
		}
		last = share
		s.fit[stepBins+i] = sayOf(share).z
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
