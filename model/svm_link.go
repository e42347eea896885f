package model

import (
	"fmt"
	"math"
	"slices"

	"millrace"
	"millrace/model/kernel"
)

// link turns margins into probabilities: σ(Σ aᵣzᵣ + b) for two classes, the softmax of Σ aᵣzᵣ for more,
// where r counts the rungs. With one rung and two classes it is Platt scaling (Platt 1999); a shift a
// class would add what several classes' biases have. It is learned online by AdaGrad on the
// cross-entropy of the margins that were predicted before their event was learned, so they are as far
// out of sample as those to come. AdaGrad's sums forget, so that the link keeps following a drift.
//
// Numbers of several rungs are predicted by Σ aᵣzᵣ + b too, learned on the squared error; one rung
// predicts them as it is.
type link struct {
	weights []float64 // [rungs]
	shift   []float64 // [1]
	squares []float64 // [rungs + 1], AdaGrad's sums, of the shift last
	counts  []float64 // [2], of two classes: events of each
	form    []uint64  // [1], of classes: 1 where no event adds more than a share to the sums, 0 in snapshots of before
	classes int
	fixed   bool

	weightsShape, squaresShape []int
}

const (
	linkRate = 0.3
	// linkForget makes AdaGrad's sums averages over some ten thousand events.
	linkForget = 0.9999
	// linkSquares is what AdaGrad's sums start from and never fall below, so that the first gradients
	// do not turn the link over, nor those after a long time without a mistake.
	linkSquares = 1
	// linkShare is how much of AdaGrad's sums, and 1, one event adds to them at most.
	linkShare = 0.02
	// linkGradientMax bounds a gradient: one wild margin must not end AdaGrad's steps for long.
	linkGradientMax = 100
	linkWeightMax   = 50
	linkShiftMax    = 50
	// linkWeightMin keeps a single weight positive: the likeliest of several classes is always the one
	// with the largest margin.
	linkWeightMin = 1e-3
)

func newLink(rungs, classes int) link {
	l := link{
		weights: make([]float64, rungs), shift: make([]float64, 1), squares: make([]float64, rungs+1),
		counts: make([]float64, 2), form: make([]uint64, 1), classes: classes, fixed: classes == 0 && rungs == 1,
		weightsShape: []int{rungs}, squaresShape: []int{rungs + 1},
	}
	// A margin of 1, which is enough, starts as odds of e² to 1.
	start := 2.0
	if classes == 0 {
		start = 1
	}
	for i := range l.weights {
		l.weights[i] = start / float64(rungs)
	}
	return l
}

// combine writes what the link makes of the margins z, rung by rung, before σ or softmax.
func (l *link) combine(logits, z []float32) {
	if len(logits) == 1 {
		sum := l.shift[0]
		for i, a := range l.weights {
			sum += a * float64(z[i])
		}
		logits[0] = float32(sum)
		return
	}
	n := len(logits)
	for i := range logits {
		var sum float64
		for r, a := range l.weights {
			sum += a * float64(z[r*n+i])
		}
		logits[i] = float32(sum)
	}
}

func (l *link) predict(k *kernel.Set, dst, logits []float32) {
	if len(logits) == 1 {
		dst[0], dst[1] = logistic(logits[0])
		return
	}
	k.Softmax(dst, logits, 1)
}

// learnClass takes the margins z and the probabilities p that were predicted from them.
func (l *link) learnClass(z, p []float32, class int32, weight float32) {
	if l.form[0] == 0 && slices.Max(l.squares) == 0 {
		l.form[0] = 1
	}
	if l.classes > 2 {
		for r := range l.weights {
			one := z[r*l.classes:][:l.classes]
			g := -float64(one[class])
			for i, v := range one {
				g += float64(p[i]) * float64(v)
			}
			l.weights[r] = l.bound(l.step(l.weights[r], r, g*float64(weight)))
		}
		return
	}
	// Platt's targets: not 0 and 1 but what is likely after so many of each, so that margins without
	// a mistake do not drive the weights up for ever.
	l.counts[class]++
	n := l.counts[class]
	e := float64(p[1]) - 1/(n+2)
	if class == 1 {
		e = 1/(n+2) - float64(p[0])
	}
	l.learn(z, e*float64(weight))
}

// learnNumber takes the margins z and the standardised prediction that was made from them.
func (l *link) learnNumber(z, prediction []float32, t float64, weight float32) {
	if !l.fixed {
		l.learn(z, (float64(prediction[0])-t)*float64(weight))
	}
}

// learn steps against the derivative e by the link's output.
func (l *link) learn(z []float32, e float64) {
	for i, a := range l.weights {
		l.weights[i] = l.bound(l.step(a, i, e*float64(z[i])))
	}
	l.shift[0] = clamped(l.step(l.shift[0], len(l.weights), e), -linkShiftMax, linkShiftMax)
}

// clamped is v between two bounds. Of finite numbers it costs half of what min and max do.
func clamped(v, least, most float64) float64 {
	if v < least {
		return least
	}
	if v > most {
		return most
	}
	return v
}

// step is a step of AdaGrad (Duchi, Hazan and Singer 2011) for v against g. Of classes no event adds more than a share
// to the sums: some margins of a column whose unit changed would hold the link for longer than the change lasts.
func (l *link) step(v float64, i int, g float64) float64 {
	g = clamped(g, -linkGradientMax, linkGradientMax)
	taken := g * g
	if l.form[0] > 0 {
		taken = min(taken, 1+linkShare*(linkSquares+l.squares[i]))
	}
	square := linkForget*l.squares[i] + taken
	l.squares[i] = square
	return v - linkRate*g/math.Sqrt(linkSquares+square)
}

func (l *link) bound(a float64) float64 {
	least := -float64(linkWeightMax)
	if len(l.weights) == 1 {
		least = linkWeightMin
	}
	return clamped(a, least, linkWeightMax)
}

func (l *link) state(visit func(string, millrace.Tensor, millrace.Role)) {
	if l.fixed {
		return
	}
	visit("link.weights", millrace.Tensor{Shape: l.weightsShape, F64: l.weights}, millrace.Serving)
	visit("link.shift", millrace.Tensor{Shape: scalarShape, F64: l.shift}, millrace.Serving)
	visit("link.squares", millrace.Tensor{Shape: l.squaresShape, F64: l.squares}, millrace.Training)
	visit("link.counts", millrace.Tensor{Shape: pairShape, F64: l.counts}, millrace.Training)
	if l.classes > 0 {
		visit("link.form", millrace.Tensor{Shape: scalarShape, U64: l.form, Added: true}, millrace.Training)
	}
}

var pairShape = []int{2}

func (l *link) check() error {
	for i, a := range l.weights {
		if !(math.Abs(a) <= linkWeightMax) {
			return fmt.Errorf("link.weights[%d] is %g, outside ±%d", i, a, linkWeightMax)
		}
	}
	if b := l.shift[0]; !(math.Abs(b) <= linkShiftMax) {
		return fmt.Errorf("link.shift is %g, outside ±%d", b, linkShiftMax)
	}
	for i, s := range l.squares {
		if !(s >= 0) || math.IsInf(s, 1) {
			return fmt.Errorf("link.squares[%d] is %g, no sum of squares", i, s)
		}
	}
	if l.form[0] > 1 {
		return fmt.Errorf("link.form is %d, of a later release", l.form[0])
	}
	for i, n := range l.counts {
		if !(n >= 0) || math.IsInf(n, 1) {
			return fmt.Errorf("link.counts[%d] is %g, no count", i, n)
		}
	}
	return nil
}
