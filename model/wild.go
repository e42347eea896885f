package model

import (
	"fmt"
	"math"

	"millrace"
)

const (
	// Examples with a wild feature are left out while no more than wildMost of the latest hundreds have one: a sentinel
	// that comes that often tells something.
	wildMost = 0.125
	wildFade = 1.0 / 512
	// wildLeast is where their share becomes exactly zero.
	wildLeast = 1e-6
	// wildEvidence is the logarithm of the odds from which on labels beside wild features are other than the rest: by
	// Ville's inequality, chance alone reaches them once in a thousand streams. Evidence is kept within wildSpan, so
	// that what comes later can outweigh it.
	wildEvidence = 6.9
	wildSpan     = 14
	// labelsMost labels make their counts be halved, so that they follow.
	labelsMost = 4096
	// wildTail bounds a label in standard deviations as evidence.
	wildTail = 3
)

// wilds are what is known of examples with a wild feature. What stands for such a value tells nothing in itself: who
// learned from it would blame the label on the other features, and where classes lie apart weights take thousands of
// events to forget that. So they are left out, unless many have one, or their labels are others than the rest has: then
// the value tells something, as -999 does where what failed was not measured.
//
// Whether they are is tested as a bet: q, what wild examples have had so far, against p, what all have; the sum of
// log(q/p) over wild examples is the logarithm of a martingale where both are the same (Shafer, Testing by betting,
// 2021). q is the Krichevsky–Trofimov estimate for classes, a normal of the mean so far for numbers.
type wilds struct {
	state  []float64 // [2]: the faded share of examples that have one, and the evidence
	with   []float64 // [classes] counts of labels beside wild features; numbers [2], how many and their sum, standardised
	labels []float64 // [classes] counts of all labels; none for numbers
	shapes [3][]int  // of state, with and labels
}

func newWilds(classes int) wilds {
	w := wilds{state: make([]float64, 2), with: make([]float64, 2)}
	if classes > 0 {
		w.with, w.labels = make([]float64, classes), make([]float64, classes)
	}
	w.shapes = [3][]int{{2}, {len(w.with)}, {classes}}
	return w
}

// leaves reports whether an example with a wild feature is left out. It changes nothing.
func (w *wilds) leaves() bool { return w.state[0] <= wildMost && w.state[1] < wildEvidence }

// note takes note of an example that was learned or left out: its label, a class or a standardised number, and whether
// a feature is wild.
func (w *wilds) note(wild bool, class int32, t float64) {
	if w.labels != nil {
		w.label(class)
	}
	share := 0.0
	switch {
	case wild:
		share = 1
		w.bet(class, t)
	case w.state[0] == 0:
		return
	}
	w.state[0] += wildFade * (share - w.state[0])
	if w.state[0] < wildLeast {
		w.state[0] = 0
	}
}

// label counts a class. With the count of one at its largest, all are halved.
func (w *wilds) label(class int32) {
	w.labels[class]++
	if w.labels[class] < labelsMost {
		return
	}
	for i := range w.labels {
		w.labels[i] /= 2
	}
}

// bet adds the evidence of one label beside a wild feature.
func (w *wilds) bet(class int32, t float64) {
	var gain float64
	if w.labels == nil {
		t = max(-wildTail, min(t, wildTail))
		mean := w.with[1] / (w.with[0] + 1)
		gain = t*mean - mean*mean/2
		w.with[0]++
		w.with[1] += t
	} else {
		q, p := estimate(w.with, class), estimate(w.labels, class)
		gain = math.Log(q / p)
		w.with[class]++
	}
	if w.with[0] >= labelsMost || w.labels != nil && w.with[class] >= labelsMost {
		for i := range w.with {
			w.with[i] /= 2
		}
	}
	w.state[1] = max(-wildSpan, min(w.state[1]+gain, wildSpan))
}

// estimate is the probability of a class by counts, Krichevsky and Trofimov's.
func estimate(counts []float64, class int32) float64 {
	sum := 0.0
	for _, n := range counts {
		sum += n
	}
	return (counts[class] + 0.5) / (sum + 0.5*float64(len(counts)))
}

func (w *wilds) visit(visit func(name string, t millrace.Tensor, role millrace.Role)) {
	visit("wild", millrace.Tensor{Shape: w.shapes[0], F64: w.state, Added: true}, millrace.Training)
	visit("wild.labels", millrace.Tensor{Shape: w.shapes[1], F64: w.with, Added: true}, millrace.Training)
	if w.labels != nil {
		visit("labels", millrace.Tensor{Shape: w.shapes[2], F64: w.labels, Added: true}, millrace.Training)
	}
}

// restored checks what a version brought.
func (w *wilds) restored() error {
	if v := w.state[0]; !(v >= 0 && v <= 1) {
		return fmt.Errorf("checking restored shares: %g of the examples were wild", v)
	}
	if v := w.state[1]; !(v >= -wildSpan && v <= wildSpan) {
		return fmt.Errorf("checking restored evidence on wild features: %g is not within %d", v, wildSpan)
	}
	for i, v := range w.with {
		if signed := w.labels == nil && i == 1; !(math.Abs(v) <= wildTail*labelsMost) || v < 0 && !signed {
			return fmt.Errorf("checking restored labels beside wild features: %g", v)
		}
	}
	for _, v := range w.labels {
		if !(v >= 0 && v <= labelsMost) {
			return fmt.Errorf("checking restored counts of labels: %g", v)
		}
	}
	return nil
}
