package tree

import (
	"errors"
	"math"
	"math/bits"
	"slices"

	"millrace"
)

// Machines stop and start again. Three labels in a row that are off by about the same say so as plainly as half of the
// latest 64 do of any level: the level jumps at once, and leaves that learned next to nothing from these labels still
// know all they knew. Where it was before is its home, to which it returns as three labels in a row fit there.

// The entries of level.home, of the label's level before it last moved.
const (
	homeMean      = iota
	homeDeviation // 0 while there is no home
	homeUsual     // errors.levelUsual there
	homeLen
)

// The entries of level.tail.
const (
	tailOften = iota // faded share of large errors
	tailEdge         // how many deviations off labels were that came there step by step
	tailLen
)

const (
	// jumpRun labels in a row are a new level, and from jumpMaybe on they may be its first ones.
	jumpRun, jumpMaybe = 3, 2
	// Where errors are often large, as many more as are by chance one time in e^jumpSure, jumpRunMost at most.
	jumpSure, jumpRunMost = 9, 8
	// They are off by jumpLeast deviations at least, as noise seldom is, and by jumpMost at most, as what stands for no
	// value mostly is more.
	jumpLeast, jumpMost = 2.5, 1000
	// jumpNear is how far they may lie apart, in parts of how far the nearest is off, and what part of an error may be
	// left where the level returns.
	jumpNear = 0.25
	// tailStep is how many times as far off as any before the next label of a tail may be.
	tailStep  = 3
	oftenFade = 1.0 / 512
)

// leave makes the level as it is its home.
func (l *level) leave() {
	l.home[homeMean], l.home[homeDeviation], l.home[homeUsual] = l.moments.centre[0], l.moments.deviation(), l.errors[levelUsual]
}

// offBy is by how many deviations the last n labels are off, which all are so by about the same, or are about the same,
// as of a machine that stands still; 0 when neither is so.
func (l *level) offBy(n int) float64 {
	if bits.TrailingZeros64(^l.history[0]) < n {
		return 0
	}
	var memory [2][jumpRunMost]float64
	off, labels := memory[0][:n], memory[1][:n]
	for k := range off {
		p, y := l.back(k)
		labels[k] = l.moments.deviations(y)
		off[k] = labels[k] - l.moments.deviations(p)
	}
	by := median(off) // of what it leaves in order
	first, last := off[0], off[n-1]
	nearest := min(math.Abs(first), math.Abs(last))
	apart := min(last-first, slices.Max(labels)-slices.Min(labels))
	if first*last <= 0 || apart > jumpNear*nearest || math.Abs(by) < jumpLeast || math.Abs(by) > jumpMost {
		return 0
	}
	// Predictions that are off since features moved are off alike, too: then labels stand where they stood.
	if centre := median(labels); 2*math.Abs(centre-by) > math.Abs(centre) {
		return 0
	}
	return by
}

// back is what was predicted k events before the last, and its label.
func (l *level) back(k int) (prediction, label float64) {
	at := 2 * ((l.history[1] - 1 - uint64(k)) % levelEvents)
	return l.recent[at], l.recent[at+1]
}

// run is how many labels in a row tell of a new level.
func (l *level) run() int {
	run := jumpSure / -math.Log(l.tail[tailOften])
	return int(math.Ceil(min(max(run, jumpRun), jumpRunMost)))
}

// maybe reports whether the last labels, not many yet, are all far off to one side, so that the level or a feature may
// have moved.
func (l *level) maybe() bool {
	run, side := 0, 0.0
	for large := l.history[0]; large&1 != 0 && run <= jumpRunMost; large >>= 1 {
		p, y := l.back(run)
		off := l.moments.deviations(y) - l.moments.deviations(p)
		if run == 0 {
			side = math.Copysign(1, off)
		}
		if side*off < jumpLeast {
			break
		}
		run++
	}
	return run >= jumpMaybe && run <= jumpRunMost
}

// jumped moves the level by what the last labels are all off by.
func (l *level) jumped() bool {
	by := l.offBy(l.run())
	if by == 0 {
		return false
	}
	l.leave()
	l.moments.move(1, by)
	l.calm()
	return true
}

// returned brings the level home when the last labels fit there and not where it is.
func (l *level) returned() bool {
	mean, deviation, usual := l.home[homeMean], l.home[homeDeviation], l.home[homeUsual]
	if deviation == 0 || bits.TrailingZeros64(^l.history[0]) < jumpRun {
		return false
	}
	for k := range jumpRun {
		predicted, y := l.back(k)
		p := l.moments.deviations(predicted)
		there := math.Abs((y-mean)/deviation - p)
		if there > largeErrors*usual || there*deviation > jumpNear*math.Abs(y-predicted) {
			return false
		}
	}
	l.leave()
	m := l.moments.moments
	m[1], m[2] = mean, m[0]*deviation*deviation
	l.moments.refresh(0)
	l.errors[levelUsual] = usual
	l.calm()
	return true
}

// calm forgets errors that were those of another level.
func (l *level) calm() {
	run := bits.TrailingZeros64(^l.history[0])
	l.tail[tailOften] = max(l.tail[tailOften]-oftenFade*float64(run), 0)
	l.history[0] = 0
	l.errors[levelSigned], l.errors[levelMean], l.far[0] = 0, 0, 0
}

// stretch takes note of whether the last error, of so many deviations, was large, and how far off labels come step by
// step: those are of a tail, which trees are to learn, and what stands for no value is farther off at once.
func (l *level) stretch(off float64) {
	l.tail[tailOften] += oftenFade * (float64(l.history[0]&1) - l.tail[tailOften])
	if l.settled() && !l.wild(off) {
		l.tail[tailEdge] = max(l.tail[tailEdge], off)
	}
}

// restoredJumps reports what no labels leave.
func (l *level) restoredJumps() error {
	mean, deviation, usual := l.home[homeMean], l.home[homeDeviation], l.home[homeUsual]
	if !(math.Abs(mean) <= valueMax) || !(deviation >= 0 && deviation <= math.MaxFloat64) || !(usual >= 0 && usual <= targetReach) {
		return errors.New("the label's level comes from where no labels are")
	}
	if often, edge := l.tail[tailOften], l.tail[tailEdge]; !(often >= 0 && often <= 1) || !(edge >= 0 && edge <= 2*valueMax) {
		return errors.New("the tail of labels is none")
	}
	return nil
}

// listJumps is the state of jumps and tails. Trees of before had none.
func (l *level) listJumps() []entry {
	return []entry{
		{"level.home", millrace.Tensor{Shape: []int{homeLen}, F64: l.home, Added: true}, millrace.Training},
		{"level.tail", millrace.Tensor{Shape: []int{tailLen}, F64: l.tail, Added: true}, millrace.Training},
	}
}
