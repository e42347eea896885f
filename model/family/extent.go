package family

import (
	"errors"
	"math"
)

// extent is from where to where trees lately learned labels. By moments a label beyond 16 deviations is wild, and most
// are, but a tail may come there step by step, or one series in many sell a thousand times as much: trees tell these by
// how far off predictions are, and then may predict them.
type extent []float64

// The entries of an extent. Snapshots of before had none: all are 0.
const (
	extentLow       = iota // of this generation
	extentHigh             // the same
	extentLowBefore        // of the one before it, or of this one where it is the first
	extentHighBefore
	extentEvents // since this generation began, 0 before the first
	extentLen
)

// extentGeneration is how many labels a generation has; what no label of the last two was is forgotten.
const extentGeneration = 4096

func newExtent() extent { return make(extent, extentLen) }

// observe takes in what a label was learned as, NaN where it was not.
func (e extent) observe(v float64) {
	if math.IsNaN(v) {
		return
	}
	switch e[extentEvents] {
	case 0:
		e[extentLow], e[extentHigh], e[extentLowBefore], e[extentHighBefore] = v, v, v, v
	case extentGeneration:
		e[extentLowBefore], e[extentHighBefore] = e[extentLow], e[extentHigh]
		e[extentLow], e[extentHigh], e[extentEvents] = v, v, 0
	}
	e[extentLow], e[extentHigh] = min(e[extentLow], v), max(e[extentHigh], v)
	e[extentEvents]++
}

// limits are the least and the most of the last two generations; the most is less where nothing is known.
func (e extent) limits() (least, most float64) {
	if e[extentEvents] == 0 {
		return math.Inf(1), math.Inf(-1)
	}
	return min(e[extentLow], e[extentLowBefore]), max(e[extentHigh], e[extentHighBefore])
}

// restored reports what no labels leave.
func (e extent) restored() error {
	if n := e[extentEvents]; !(n >= 0 && n <= extentGeneration) || n != math.Trunc(n) {
		return errors.New("what trees learned of labels is not of a number of them")
	}
	for _, v := range e[:extentEvents] {
		if !(math.Abs(v) <= math.MaxFloat64) {
			return errors.New("trees learned labels that are no numbers")
		}
	}
	if e[extentLow] > e[extentHigh] || e[extentLowBefore] > e[extentHighBefore] {
		return errors.New("the least label that trees learned is above the largest")
	}
	return nil
}
