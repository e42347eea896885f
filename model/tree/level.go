package tree

import (
	"errors"
	"math"
	"math/bits"
	"slices"

	"millrace"
)

// level follows where a numeric label stands, by what was predicted of it. Leaves hold numbers in deviations from
// the label's mean, so when most of the latest labels are a·p + b of the predictions p, it is the level that moved
// and not what the trees know: the label's moments become those of the past at the new level, and every leaf moves
// at once, those too that see few events. Slow changes that all leaves share are followed in small steps. It counts
// events, never time.
type level struct {
	moments *scaler // of the label
	errors  []float64
	recent  []float64 // [levelEvents × 2] of the latest events: prediction and label, in the label's units
	far     []float64 // [1] faded share of wild labels
	home    []float64 // [homeLen] where it was before
	tail    []float64 // [tailLen] how far off labels usually are
	history []uint64  // [2] which of the latest 64 errors were large, the newest lowest; events until now
}

// The entries of level.errors, in deviations.
const (
	levelUsual  = iota // mean absolute error, large ones counted as largeErrors usual ones
	levelSigned        // mean error, bounded in the same way
	levelMean          // mean label, as far from what was predicted as such an error
	levelCount
)

const (
	levelEvents = 64
	// levelSettled is how many errors tell what is usual.
	levelSettled = 64
	// After powers of two events up to beginLast, from beginFirst, the moments are held against the median of the
	// latest labels: when they are off by more than beginOff of its deviations, labels were wild and all begins again.
	beginFirst, beginLast = 16, 256
	beginOff              = 1e4 // a log-uniform label's are off by hundreds
	// largeErrors is how many usual errors are large. By Markov's inequality no more than a third of a steady
	// stream's errors are that large, so when half of the latest ones are, something has moved.
	largeErrors = 3
	levelLarge  = levelEvents / 2
	levelFade   = 1.0 / 128
	// levelWild is how many deviations off a label is wild: tails as heavy as a log-uniform label's are nearer.
	levelWild = 16
	// levelCounted is how many deviations off a wild label counts at most.
	levelCounted = 2.5
	// Labels of which more than farMost are wild, of the latest hundreds, are no faults, and count in full.
	farFade       = 1.0 / 512
	farMost       = 0.08
	levelAccepted = 0.5 // share of the error that is left when the level is what moved
	// While that many of the latest few errors are large, and more than twice as many as usual and two by chance, the
	// level may be about to move: leaves learn carefully, and detectors wait. That costs nothing when it does not: half
	// a window later all are what they were.
	heldWindow = 0xff
	heldLarge  = 4
	heldOften  = 2 * 8
	heldChance = 2
	heldErrors = 8
	// levelTrend is the largest rate at which the level follows errors that have one sign (the tracking signal of
	// Trigg and Leach, Exponential smoothing with an adaptive response rate, 1967, squared).
	levelTrend = 0.05
)

func newLevel(moments *scaler) level {
	return level{moments: moments, errors: make([]float64, levelCount), far: make([]float64, 1),
		home: make([]float64, homeLen), tail: make([]float64, tailLen), recent: make([]float64, 2*levelEvents), history: make([]uint64, 2)}
}

// settled reports whether errors tell something.
func (l *level) settled() bool { return l.history[1] > levelSettled }

// begun reports whether the first labels were wild, and makes the moments those of the usual ones among the latest.
func (l *level) begun() bool {
	n := l.history[1]
	if n < beginFirst || n > beginLast || n&(n-1) != 0 {
		return false
	}
	n = min(n, levelEvents)
	var memory [2][levelEvents]float64
	y, apart := memory[0][:n], memory[1][:0]
	for i := range y {
		y[i] = l.recent[2*i+1]
	}
	middle := median(y)
	for _, v := range y {
		if v != middle {
			apart = append(apart, math.Abs(v-middle))
		}
	}
	if len(apart) < 3 {
		return false
	}
	deviation := median(apart)
	if l.moments.deviation() <= beginOff*deviation && math.Abs(l.moments.centre[0]-middle) <= beginOff*deviation {
		return false
	}
	m := newScaler(1)
	for _, v := range y {
		if math.Abs(v-middle) <= levelWild*deviation {
			m.observe(0, v)
		}
	}
	copy(l.moments.moments, m.moments)
	l.moments.refresh(0)
	clear(l.errors)
	clear(l.far)
	clear(l.home)
	clear(l.tail)
	clear(l.history)
	return true
}

// wild reports whether a label that is off by so much is: those of a tail come there step by step.
func (l *level) wild(off float64) bool {
	return off > max(levelWild, tailStep*l.tail[tailEdge]) && l.moments.moments[0] >= levelEvents/2
}

// reach is how far a label that is off by so much may be from what was predicted, to be counted in its moments, to be
// learned, and to count as an error: as far as it is, but for wild ones, and while the level may be about to move.
func (l *level) reach(off float64) (counted, learned, failed float64) {
	all := math.Inf(1)
	learned, failed = heldErrors*l.errors[levelUsual], largeErrors*l.errors[levelUsual]
	switch {
	// So that as many as farMost leave the deviation what it is.
	case l.maybe(), l.wild(off) && l.far[0] <= farMost:
		return min(learned, levelCounted), failed, failed
	case float64(bits.OnesCount64(l.history[0]&heldWindow)) >= max(heldLarge, heldChance+heldOften*l.tail[tailOften]):
		return all, learned, failed
	default:
		return all, all, all
	}
}

// within is y, but no farther from the prediction p than so many deviations.
func (l *level) within(y, p, deviations float64) float64 {
	if math.Abs(l.moments.deviations(y)-p) <= deviations {
		return y
	}
	return l.moments.value(p + math.Copysign(deviations, y-l.moments.value(p)))
}

// observe takes in that y was the label where p was predicted, and moves the level when it has moved.
func (l *level) observe(p, y float64) {
	t := l.moments.deviations(y)
	newest := l.history[1] % levelEvents
	l.recent[2*newest], l.recent[2*newest+1] = l.moments.value(p), y
	l.history[0] <<= 1
	usual := l.errors[levelUsual]
	size := min(math.Abs(t-p), targetReach)
	if l.settled() && size > largeErrors*usual {
		l.history[0] |= 1
		size = largeErrors * usual
	}
	l.history[1]++
	l.stretch(math.Abs(t - p))
	share := 0.0
	if l.wild(math.Abs(t - p)) {
		share = 1
	}
	rate := 1 / float64(l.history[1])
	l.far[0] += max(farFade, rate) * (share - l.far[0])
	rate = max(levelFade, rate)
	l.errors[levelUsual] += rate * (size - usual)
	signed := min(max(t-p, -size), size)
	l.errors[levelSigned] += rate * (signed - l.errors[levelSigned])
	l.errors[levelMean] += rate * (min(max(p+signed, -targetReach), targetReach) - l.errors[levelMean])
	switch {
	case l.returned(), l.jumped():
	case bits.OnesCount64(l.history[0]) >= levelLarge:
		l.decide(newest)
	case l.settled():
		l.follow(signed)
	}
}

// follow moves the level by part of an error when lately most had one sign, but never away from where labels are:
// leaves can be wrong by as much as the level is in the other direction, and both would go astray.
func (l *level) follow(signed float64) {
	usual, mean := l.errors[levelUsual], l.errors[levelSigned]
	if usual == 0 || mean*l.errors[levelMean] <= 0 {
		return
	}
	tracking := mean / usual
	by := levelTrend * tracking * tracking * signed
	l.moments.move(1, by)
	l.errors[levelMean] -= by
}

// decide is called when most of the latest errors are large: it finds the level at which they are not, if there is
// one.
func (l *level) decide(newest uint64) {
	var memory [2][levelEvents]float64
	p, t := memory[0][:0], memory[1][:0]
	// As many events as it took, but for two older ones, which may have been large by chance.
	for i, large := uint64(0), 0; large < levelLarge-2; i++ {
		at := 2 * ((newest - i) % levelEvents)
		p, t = append(p, l.moments.deviations(l.recent[at])), append(t, l.moments.deviations(l.recent[at+1]))
		large += int(l.history[0] >> i & 1)
	}
	l.history[0] = 0
	before := around(p, t, 1, 0)
	// Predictions that are off since features moved are a·p + b, too: then labels stand where they stood.
	centre, spread := spreadOf(t)
	a, b := 1.0, offset(p, t, 1)
	after := around(p, t, a, b)
	if math.Abs(centre-b) > math.Abs(centre) {
		after = before
	}
	if steep := slope(p, t); steep > 0 && math.Abs(math.Log(spread/steep)) < math.Abs(math.Log(spread)) {
		if c := offset(p, t, steep); around(p, t, steep, c) < levelAccepted*min(before, after) {
			a, b, after = steep, c, around(p, t, steep, c)
		}
	}
	if !(after < levelAccepted*before) {
		// Something else has changed, which the trees are to learn.
		l.errors[levelUsual] = min(before, targetReach)
		return
	}
	l.leave()
	l.moments.move(a, b)
	l.errors[levelSigned], l.far[0] = 0, 0
	l.errors[levelMean] = min(max((l.errors[levelMean]-b)/a, -targetReach), targetReach)
}

// spreadOf are the median of v and how far values usually are from it, in standard deviations of a normal distribution.
func spreadOf(v []float64) (centre, spread float64) {
	var memory [levelEvents]float64
	apart := memory[:copy(memory[:], v)]
	centre = median(apart)
	for i, x := range v {
		apart[i] = math.Abs(x - centre)
	}
	return centre, 1.4826 * median(apart)
}

// offset is the median of y − a·x.
func offset(x, y []float64, a float64) float64 {
	var memory [levelEvents]float64
	for i := range x {
		memory[i] = y[i] - a*x[i]
	}
	return median(memory[:len(x)])
}

// around is what three quarters of y are not farther from a·x + b than.
func around(x, y []float64, a, b float64) float64 {
	var memory [levelEvents]float64
	for i := range x {
		memory[i] = math.Abs(y[i] - a*x[i] - b)
	}
	slices.Sort(memory[:len(x)])
	return memory[len(x)*3/4]
}

// slope is the median slope between two points (Theil 1950, Sen 1968), which a few wild ones do not turn; 0 when all
// points stand above each other.
func slope(x, y []float64) float64 {
	var memory [levelEvents * levelEvents / 2]float64
	all := memory[:0]
	for i := range x {
		for j := range i {
			if d := x[i] - x[j]; d != 0 {
				all = append(all, (y[i]-y[j])/d)
			}
		}
	}
	if len(all) == 0 {
		return 0
	}
	return median(all)
}

// median reorders v, which is not empty.
func median(v []float64) float64 {
	slices.Sort(v)
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}

// list is the level's tensors. Trees of before had none and begin them at their next example.
func (l *level) list() []entry {
	return append(l.listJumps(), []entry{
		{"level.errors", millrace.Tensor{Shape: []int{levelCount}, F64: l.errors, Added: true}, millrace.Training},
		{"level.recent", millrace.Tensor{Shape: []int{levelEvents, 2}, F64: l.recent, Added: true}, millrace.Training},
		{"level.far", millrace.Tensor{Shape: []int{1}, F64: l.far, Added: true}, millrace.Training},
		{"level.history", millrace.Tensor{Shape: []int{2}, U64: l.history, Added: true}, millrace.Training},
	}...)
}

// restored reports what no labels leave.
func (l *level) restored() error {
	usual, signed, mean := l.errors[levelUsual], l.errors[levelSigned], l.errors[levelMean]
	if !(usual >= 0 && usual <= targetReach) || !(math.Abs(signed) <= targetReach) || !(math.Abs(mean) <= 2*targetReach) {
		return errors.New("the label's level has errors that none leave")
	}
	if far := l.far[0]; !(far >= 0 && far <= 1) {
		return errors.New("the share of wild labels is none")
	}
	if err := l.restoredJumps(); err != nil {
		return err
	}
	for _, v := range l.recent {
		if !(math.Abs(v) <= accumulatedMax) {
			return errors.New("the label's level holds what is no number")
		}
	}
	return nil
}
