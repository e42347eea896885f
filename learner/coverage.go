package learner

import (
	"errors"
	"math"

	"millrace"
	"millrace/conformal"
)

// coverage counts which labels intervals or sets held, made just before each event was learned, and how wide they were:
// over all events and over recent ones.
type coverage struct {
	sums []float64 // [windows, covered]
}

// What is summed of each window.
const (
	coveredEvents  = iota
	coveredHeld    // whose label was held
	coveredBounded // whose interval had bounds; of sets all
	coveredWidth   // of those; of sets the classes
	covered
)

func newCoverage() *coverage { return &coverage{make([]float64, 2*covered)} }

func (c *coverage) add(held bool, width float64) {
	d := [covered]float64{coveredEvents: 1, coveredHeld: float64(one(held))}
	if !math.IsInf(width, 1) {
		d[coveredBounded], d[coveredWidth] = 1, clampError(width)
	}
	all, fading := c.sums[:covered], c.sums[covered:]
	for i, v := range d {
		all[i] += v
		fading[i] = fading[i]*fadeFactor + v
	}
}

// Coverage says what intervals or sets have held.
type Coverage struct {
	Held float64 // share of labels
	// Width is the mean of intervals that had bounds, in the label's units, or the mean number of classes of sets.
	Width float64
	// Unbounded is the share of intervals without bounds.
	Unbounded float64
}

// Coverage returns what intervals or sets have held over a window; ok is false where there are none, and before the
// first event.
func (p *Progressive) Coverage(w Window) (c Coverage, ok bool) {
	if p.covered == nil {
		return c, false
	}
	s := p.covered.sums[int(w)*covered:]
	if s[coveredEvents] == 0 {
		return c, false
	}
	c = Coverage{Held: s[coveredHeld] / s[coveredEvents], Unbounded: 1 - s[coveredBounded]/s[coveredEvents]}
	if s[coveredBounded] > 0 {
		c.Width = s[coveredWidth] / s[coveredBounded]
	}
	return c, true
}

// CoverageState begins the names of the tensors of [Progressive.Coverage].
const CoverageState = "interval."

func (c *coverage) state(visit func(string, millrace.Tensor, millrace.Role)) {
	visit(CoverageState+"sums", millrace.Tensor{Shape: []int{2, covered}, F64: c.sums, Added: true}, millrace.Training)
}

func (c *coverage) restored() error {
	for _, v := range c.sums {
		if !(v >= 0) || math.IsInf(v, 1) {
			return errors.New("a sum of coverage is negative or not finite")
		}
	}
	return nil
}

// SetIntervals has the trainer learn intervals, or sets of classes, and measure them. It is to be called before
// anything is learned.
func (t *Trainer) SetIntervals(p *conformal.Predictor) {
	t.Intervals, t.Progressive.covered = p, newCoverage()
}

// learnInterval measures the interval of a prediction, made just before its event was learned, and learns the label.
func (t *Trainer) learnInterval(prediction []float64, l millrace.Label) {
	switch {
	case t.Intervals == nil:
	case t.value != nil:
		t.Progressive.covered.add(t.Intervals.LearnNumber(prediction[0], l.Value))
	default:
		held, size := t.Intervals.LearnClass(prediction, int(l.Class))
		t.Progressive.covered.add(held, float64(size))
	}
}
