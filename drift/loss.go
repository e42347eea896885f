package drift

import (
	"errors"
	"math"

	"millrace"
)

// lossDetector watches the losses of predictions made before learning, for better and for worse: an ADWIN over the
// means of blocks of events. Losses of neighbours are alike in most streams, so what the window takes their spread for
// is measured at a larger scale, and not only from one block to the next.
type lossDetector struct {
	classes bool
	window  *Windows
	sums    []float64 // see the loss… indices
	counts  []uint64  // see the losses… indices
}

const (
	lossBlock = 32 // events
	lossClock = 4  // blocks between two looks
	lossWide  = 8  // blocks whose mean says how far losses spread at that scale
	// lossClip bounds a log-loss in nats: a probability of one in fifty is as wrong as can be.
	lossClip = 4.0
	leastOf  = 0.01831563888873418 // e^−4
	// lossMemory is how many wide blocks the spreads remember.
	lossMemory = 200
	// lossGrace is before which no alarm is told: a new model's losses fall because it learns.
	lossGrace = 4096
	// lossQuiet is for how many events after an alarm another one is the same drift going on.
	lossQuiet = 2048
	// winsor bounds what one difference adds to a spread, in squared deviations, so that a drift does not hide itself.
	winsor = 9
)

const (
	lossSum      = iota // of the block that is being filled; of classes the product of what was predicted of each
	lossLast            // mean of the block before
	lossSpread          // half the mean squared difference of neighbouring blocks
	lossWideSum         // of the wide block that is being filled
	lossWideLast        // mean of the one before
	lossWideSpread
	lossScale // of numbers: the error that counts as a half
	lossesLen
)

const (
	lossesSeen   = iota // events
	lossesWides         // wide blocks in the spread
	lossesQuiet         // event before which nothing is told
	lossesScaled        // errors in the scale
	lossesCounts
)

// newLossDetector returns one that errs with this probability an event.
func newLossDetector(classes bool, rate float64) *lossDetector {
	d := &lossDetector{classes: classes, window: NewWindows(1, rate*lossBlock*lossClock), sums: make([]float64, lossesLen), counts: make([]uint64, lossesCounts)}
	d.window.size, d.window.clock = lossBlock, lossClock
	d.empty()
	return d
}

// empty begins a block.
func (d *lossDetector) empty() {
	d.sums[lossSum] = 0
	if d.classes {
		d.sums[lossSum] = 1
	}
}

// addClass takes in what was predicted of the class that came, as its log-loss. One logarithm does for a whole block.
func (d *lossDetector) addClass(probability float64) (c change, alarm bool) {
	d.sums[lossSum] *= max(probability, leastOf)
	if d.counts[lossesSeen]++; d.counts[lossesSeen]%lossBlock != 0 {
		return c, false
	}
	return d.full(max(-math.Log(d.sums[lossSum])/(lossBlock*lossClip), 0))
}

// addNumber takes in the error of a number.
func (d *lossDetector) addNumber(err float64) (c change, alarm bool) {
	d.sums[lossSum] += d.relative(err)
	if d.counts[lossesSeen]++; d.counts[lossesSeen]%lossBlock != 0 {
		return c, false
	}
	return d.full(d.sums[lossSum] / lossBlock)
}

// relative is the error of a number in [0, 1): a half where it is as large as errors were when this began.
func (d *lossDetector) relative(err float64) float64 {
	err = min(math.Abs(err), millrace.NumberMax)
	if n := d.counts[lossesScaled]; n < 1024 {
		d.counts[lossesScaled]++
		d.sums[lossScale] += (err - d.sums[lossScale]) / float64(n+1)
	}
	if err == 0 {
		return 0
	}
	return err / (err + d.sums[lossScale])
}

// change is what an alarm of losses says.
type change struct {
	before, after float64 // mean losses, in what they are clipped to
	since         uint64  // events that the newer part holds
}

// full takes in the mean loss in [0, 1] of a block and reports whether losses have changed.
func (d *lossDetector) full(mean float64) (c change, alarm bool) {
	d.empty()
	d.spread(mean)
	if !d.window.take(0, mean) || !d.window.cut(0) {
		return c, false
	}
	before, after, newest := d.window.best(0)
	for d.window.Width(0) > newest || d.window.cut(0) {
		d.window.drop(0)
	}
	c = change{before: before, after: after, since: uint64(newest) * lossBlock}
	told := d.counts[lossesSeen] > max(lossGrace, d.counts[lossesQuiet])
	if told {
		d.counts[lossesQuiet] = d.counts[lossesSeen] + lossQuiet
	}
	return c, told
}

// spread measures how far means of blocks and of wide blocks differ from the ones before: differences of neighbours
// know nothing of a drift but at its one place. The window's bound takes the wider one, where that is wider than
// independent events would have it (as overlapping batch means do; Alexopoulos and Seila 1998).
func (d *lossDetector) spread(mean float64) {
	s, n := d.sums, d.counts[lossesSeen]/lossBlock
	if n > 1 {
		update(&s[lossSpread], mean-s[lossLast], min(n-1, lossMemory*lossWide))
	}
	s[lossLast] = mean
	s[lossWideSum] += mean
	if n%lossWide != 0 {
		return
	}
	wide := s[lossWideSum] / lossWide
	s[lossWideSum] = 0
	if n > lossWide {
		d.counts[lossesWides] = min(d.counts[lossesWides]+1, lossMemory)
		update(&s[lossWideSpread], wide-s[lossWideLast], d.counts[lossesWides])
	}
	s[lossWideLast] = wide
	d.inflate()
}

// update moves a spread by a difference that is the n-th.
func update(spread *float64, difference float64, n uint64) {
	v := difference * difference / 2
	if n > 8 && *spread > 0 {
		v = min(v, winsor**spread)
	}
	*spread += (v - *spread) / float64(n)
}

func (d *lossDetector) inflate() {
	d.window.inflation = 1
	if s := d.sums; s[lossSpread] > 0 {
		d.window.inflation = max(1, lossWide*s[lossWideSpread]/s[lossSpread])
	}
}

func (d *lossDetector) reset() {
	d.window.Clear()
	clear(d.sums)
	clear(d.counts)
	d.empty()
	d.inflate()
}

func (d *lossDetector) state(visit func(string, millrace.Tensor, millrace.Role)) {
	d.window.State(func(name string, t millrace.Tensor) {
		t.Added = true
		visit("loss."+name, t, millrace.Training)
	})
	visit("loss.sums.block", millrace.Tensor{Shape: []int{lossesLen}, F64: d.sums, Added: true}, millrace.Training)
	visit("loss.counts", millrace.Tensor{Shape: []int{lossesCounts}, U64: d.counts, Added: true}, millrace.Training)
}

func (d *lossDetector) restored() error {
	for _, v := range d.sums {
		if !(v >= 0 && v <= millrace.NumberMax) {
			return errors.New("a sum of losses is none")
		}
	}
	if !d.window.Check() {
		return errors.New("the window of losses is none")
	}
	d.inflate()
	return nil
}
