// Package conformal says how far off a model's predictions may be: an interval around each number, or a set of classes,
// that holds a given share of labels, whatever the model and however the stream changes. What it knows it learns from
// the same events as the model, one at a time, from the prediction made just before each was learned.
//
// It is online conformal inference (Gibbs and Candès 2021, arXiv 2106.00170) in the form of a controller. A slow part
// follows the level's quantile of past scores by gradient steps on the pinball loss, of a size that falls to a floor,
// so that it never ceases to adapt (Bhatnagar et al. 2023, arXiv 2302.07869). The fast part is what bounds coverage:
// the excess is how many more events were missed than the level allows, and the threshold rises and falls with it.
// Beyond a bound of the excess every label is held, or none but an exact prediction; so over any run of events the
// misses are those allowed to within two bounds, which is 1 % of 5,000 events, even if an adversary picks the labels.
package conformal

import (
	"errors"
	"math"

	"millrace"
)

const (
	// gain is how much the logarithm of the threshold rises for each event that was missed in excess.
	gain = 0.1
	// excessMax bounds the excess on either side. An event takes it less than 1 further: over any run of events it
	// moves by less than 2·excessMax + 2 = 50.
	excessMax = 24
	// The steps of the quantile are stepFirst/n^stepPower, and stepLeast at least, as from stepEvents on: in
	// logarithms, so 2 % of the width.
	stepFirst, stepPower, stepLeast, stepEvents = 2.0, 0.6, 0.02, 2200
	// At a bound of the excess the quantile is far off, and moves up to so far towards the score of an event.
	jumpUp, jumpDown = 3.0, 0.5
)

// Indices of tracker.
const (
	atLevel = iota
	atQuantile
	atExcess
	trackerLen
)

// Predictor makes intervals or sets, and learns. What makes them is pure. It is not for use while it learns.
type Predictor struct {
	level   float64
	classes int
	tracker []float64
	seen    []uint64 // events
	scales  *scales  // of numbers
	least   float64  // of classes: the probability of those in a set; follows from the rest
}

// New returns a predictor of sets of classes, or of intervals when classes is 0, that hold the share level of labels.
func New(level float64, classes int) *Predictor {
	p := &Predictor{level: level, classes: classes, tracker: make([]float64, trackerLen), seen: make([]uint64, 1)}
	if classes == 0 {
		p.scales = newScales()
	}
	p.reset()
	return p
}

func (p *Predictor) reset() {
	clear(p.tracker)
	p.tracker[atLevel], p.seen[0] = p.level, 0
	if p.scales != nil {
		p.scales.reset()
	}
	p.prepare()
}

// Level is the share of labels that intervals and sets are to hold.
func (p *Predictor) Level() float64 { return p.level }

// Seen is how many events were learned. Before [Predictor.Needs] of them intervals are unbounded and sets hold all.
func (p *Predictor) Seen() uint64 { return p.seen[0] }

// Needs is how many events it takes before there can be a bound that holds the level's share of labels: the first
// tells nothing, for the model knew nothing, and of fewer others than 1/(1 − level) none need be beyond it.
func (p *Predictor) Needs() uint64 { return 1 + uint64(math.Ceil(1/(1-p.level)-1e-9)) }

// reach is the logarithm of the threshold that scores of what is held must not exceed.
func (p *Predictor) reach() float64 {
	switch excess := p.tracker[atExcess]; {
	case p.seen[0] < p.Needs() || excess > excessMax:
		return math.Inf(1)
	case excess < -excessMax:
		return math.Inf(-1)
	default:
		return p.tracker[atQuantile] + gain*excess
	}
}

// Interval holds the label of an event that was predicted as value. It is infinite on both sides where it has no bound.
func (p *Predictor) Interval(value float64) (low, high float64) {
	width := math.Exp(p.reach() + p.scales.offset(value))
	if low, high = value-width, value+width; math.IsInf(low, 0) || math.IsInf(high, 0) {
		return math.Inf(-1), math.Inf(1)
	}
	return low, high
}

// Least is the probability of classes that are in a set. The most likely class is in it in any case.
func (p *Predictor) Least() float64 { return p.least }

func (p *Predictor) prepare() {
	if p.classes > 0 {
		p.least = 1 / (1 + math.Exp(p.reach()))
	}
}

// LearnNumber takes in the label of an event that was predicted as value. It returns whether its interval held that,
// and how wide it was, infinite without bounds.
func (p *Predictor) LearnNumber(value, label float64) (held bool, width float64) {
	low, high := p.Interval(value)
	held, width = low <= label && label <= high, high-low
	if p.seen[0] == 0 { // the model knew nothing
		p.seen[0]++
		return held, width
	}
	p.learn(p.scales.learn(value, label), !held)
	return held, width
}

// LearnClass takes in the class of an event that was predicted with these probabilities. It returns whether its set
// held that, and how many classes were in it.
func (p *Predictor) LearnClass(probabilities []float64, class int) (held bool, size int) {
	best := 0
	for c, v := range probabilities {
		if v > probabilities[best] {
			best = c
		}
		if v >= p.least {
			size++
		}
	}
	held, size = class == best || probabilities[class] >= p.least, max(size, 1)
	if p.seen[0] == 0 { // the model knew nothing
		p.seen[0]++
	} else {
		const floor = 1e-7
		own := math.Max(floor, math.Min(1-floor, probabilities[class]))
		p.learn(math.Log((1-own)/own), !held)
	}
	p.prepare()
	return held, size
}

// learn takes in an event of a score, and whether its label was missed.
func (p *Predictor) learn(score float64, missed bool) {
	alpha, q, excess := 1-p.level, p.tracker[atQuantile], p.tracker[atExcess]
	n := p.seen[0]
	switch {
	case n == 1:
		q = score
	case n < p.Needs():
		q = math.Max(q, score)
	case excess > excessMax:
		q = math.Max(q, math.Min(score, q+jumpUp))
	case excess < -excessMax:
		q = math.Min(q, math.Max(score, q-jumpDown))
	default:
		step := stepLeast
		if n -= p.Needs(); n < stepEvents {
			step = math.Max(step, stepFirst*math.Pow(float64(n+4), -stepPower))
		}
		q += step * (one(score > q) - alpha)
	}
	p.tracker[atQuantile] = q
	p.tracker[atExcess] = math.Max(-excessMax-1, excess+one(missed)-alpha)
	p.seen[0]++
}

func one(is bool) float64 {
	if is {
		return 1
	}
	return 0
}

// State implements millrace.Stateful. All of it was added to snapshots of before.
func (p *Predictor) State(visit func(name string, t millrace.Tensor, role millrace.Role)) {
	visit("tracker", millrace.Tensor{Shape: []int{trackerLen}, F64: p.tracker, Added: true}, millrace.Serving)
	visit("seen", millrace.Tensor{Shape: []int{1}, U64: p.seen, Added: true}, millrace.Serving)
	if p.scales != nil {
		p.scales.state(visit)
	}
}

// Restored implements millrace.Stateful. What was learned for another level is forgotten.
func (p *Predictor) Restored() error {
	for _, v := range p.tracker {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return errors.New("a threshold of intervals is not finite")
		}
	}
	if e := p.tracker[atExcess]; e < -excessMax-1 || e > excessMax+1 {
		return errors.New("the misses of intervals are out of bounds")
	}
	if p.scales != nil {
		if err := p.scales.restored(); err != nil {
			return err
		}
	}
	if p.tracker[atLevel] != p.level {
		p.reset()
	}
	p.prepare()
	return nil
}
