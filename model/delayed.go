package model

import "millrace"

// FakeNegativeWeight is what the loss of an event is multiplied by that is learned at once as the class that is assumed
// (the paper's negative), and once more as the other class when a label says so. With p the probability of the other
// class that the learning model gives the event before the update, held constant in it,
//
//	assumed:   (1 − p)·(1 + p)
//	corrected: 1 + p
//
// (Ktena, Tejani, Theis, Myana, Dilipkumar, Huszár, Yoo and Shi 2019, "Addressing Delayed Feedback for Continuous
// Training with Neural Networks in CTR prediction", arXiv 1907.06558, the fake negative weighted loss).
//
// Events are learned from a biased distribution b: every one comes as assumed, those of the other class come a second
// time. So b(other|x) = p/(1+p) and b(assumed|x) = 1/(1+p), and the weights are the ratios of the true to the biased
// probabilities. With them the expected gradient of the log-loss is zero where the model's probability is the true one;
// without, where it is p/(1+p).
func FakeNegativeWeight(p float64, corrected bool) float64 {
	if corrected {
		return 1 + p
	}
	return (1 - p) * (1 + p)
}

// delayed weighs the losses of a model of two classes whose labels are assumed at once and corrected later.
type delayed struct{ Model }

// delayedScratch also keeps what the model predicted.
type delayedScratch struct {
	inner Scratch
	last  [2]float32
}

// Delayed returns m, a model of two classes, with the losses of targets that are Assumed or Corrected weighed by its
// own predictions; others are learned as they are. A mixture wraps each of its experts so, and weighs what its mixers
// learn itself.
func Delayed(m Model) Model {
	if m.Outputs() != 2 {
		panic("model: labels are assumed of two classes only")
	}
	return &delayed{m}
}

// Unwrap is the model that learns with the weights.
func (m *delayed) Unwrap() Model { return m.Model }

// NewChunk returns nil: what an event is learned with follows from its prediction, so that each has to have its turn.
func (m *delayed) NewChunk() Chunk { return nil }

func (m *delayed) NewScratch() Scratch { return &delayedScratch{inner: m.Model.NewScratch()} }

func (m *delayed) Predict(dst []float32, x millrace.Input, s Scratch) {
	sc := s.(*delayedScratch)
	m.Model.Predict(dst, x, sc.inner)
	copy(sc.last[:], dst)
}

func (m *delayed) Learn(x millrace.Input, y millrace.Target, weight float32, s Scratch) error {
	sc := s.(*delayedScratch)
	return m.Model.Learn(x, y, weight*float32(DelayWeight(y, sc.last[:])), sc.inner)
}

// DelayWeight is what the loss of a target is multiplied by, given what the learning model predicts for its event: 1
// unless it is Assumed or Corrected.
func DelayWeight(y millrace.Target, prediction []float32) float64 {
	switch {
	case y.Delay == millrace.Told || !y.Known || y.Class < 0 || y.Class > 1:
		return 1
	case y.Delay == millrace.Corrected:
		return FakeNegativeWeight(float64(prediction[y.Class]), true)
	default:
		return FakeNegativeWeight(float64(prediction[1-y.Class]), false)
	}
}
