package calibration

import (
	"errors"
	"math"
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

func newMix(n int) *mix {
	m := &mix{weights: make([]float64, n)}
	m.weights[0] = priorNone
	for i := 1; i < n; i++ {
		m.weights[i] = (1 - priorNone) / float64(n-1)
	}
	return m
}

// probabilityMin bounds what one event can cost a method, as logitMax does: a model's own probability may be less.
const probabilityMin = 1e-7

func (m *mix) learn(w *work, class int, weight float64) {
	m.weights[0] *= power(w.p[class], weight)
	for i := range w.q {
		m.weights[1+i] *= power(w.q[i][class], weight)
	}
	var sum float64
	for _, v := range m.weights {
		sum += v
	}
	if !(sum > math.SmallestNonzeroFloat64/floorOther) { // an event of enormous weight that all were wrong of
		*m = *newMix(len(m.weights))
		return
	}
	var total float64
	for i, v := range m.weights {
		m.weights[i] = math.Max(v/sum, floorOther)
		if i == 0 {
			m.weights[i] = math.Max(v/sum, floorNone)
		}
		total += m.weights[i]
	}
	for i := range m.weights {
		m.weights[i] /= total
	}
}

// power is the likelihood of an event that counts as much as weight.
func power(p, weight float64) float64 {
	p = math.Max(p, probabilityMin)
	if weight == 1 {
		return p
	}
	return math.Pow(p, weight)
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
