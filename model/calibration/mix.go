package calibration

import (
	"errors"
	"math"
	"slices"

	"millrace/elementary"
)

// mix weighs the methods by how well they predict: the mean of their probabilities, each multiplied by its share of
//
//	wᵢ ∝ priorᵢ · Πₜ qᵢ(yₜ)
//
// (the mixture of Vovk 1990, "Aggregating strategies", under the log-loss). Its log-loss exceeds that of none by at
// most ln(1/prior of none), whatever comes: a half costs 0.7 nats over the whole stream. No weight falls below a
// floor, so that after a change a method is found again that was useless before; that costs floorOther a method and
// event at most.
type mix struct{ weights []float64 } // of none, and of each method

const (
	priorNone  = 0.5
	floorNone  = 1e-4 // costs none nothing
	floorOther = 1e-9
)

// mixMax is how many there are at most, none among them.
const mixMax = 4

func newMix(n int) *mix {
	m := &mix{weights: make([]float64, n)}
	m.weights[0] = priorNone
	for i := 1; i < n; i++ {
		m.weights[i] = (1 - priorNone) / float64(n-1)
	}
	return m
}

func (m *mix) learn(w *work, class int, weight float64) {
	var of [mixMax]float64
	q := of[:len(m.weights)]
	q[0] = clamp(w.p[class])
	for i := range w.alone {
		q[1+i] = clamp(w.of(i, class))
	}
	if weight != 1 {
		powers(q, weight)
	}
	var sum float64
	for i := range q {
		q[i] *= m.weights[i]
		sum += q[i]
	}
	scale, floor, raised := 1/sum, floorNone, 0.0
	for i := range q {
		if q[i] *= scale; q[i] < floor {
			raised += floor - q[i]
			q[i] = floor
		}
		floor = floorOther
	}
	if raised > 0 {
		for i := range q {
			q[i] /= 1 + raised
		}
	}
	copy(m.weights, q)
}

// powers makes the likelihoods of one event those of one that counts as much as weight, beside the largest: however
// much it counts, one remains.
func powers(q []float64, weight float64) {
	most := slices.Max(q)
	for i, v := range q {
		q[i] = elementary.Exp(weight * elementary.Log(v/most))
	}
}

// weightsTolerance is how far from 1 the sum of restored weights may be.
const weightsTolerance = 1e-9

func (m *mix) restored() error {
	var sum float64
	for _, v := range m.weights {
		if !(v > 0) {
			return errors.New("the weight of a method of calibration is not positive")
		}
		sum += v
	}
	if !(math.Abs(sum-1) <= weightsTolerance) {
		return errors.New("the weights of the methods of calibration do not add up to 1")
	}
	return nil
}
