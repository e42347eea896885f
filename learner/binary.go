package learner

import (
	"errors"
	"math"

	"millrace"
)

// Bins of the histograms of scores: logits from -binsReach to binsReach, those beyond in the outermost ones. Two scores
// in one bin count as equal, so an area under the ROC curve is off by at most half the chance of that.
const (
	binsCount = 1000
	binsReach = 25.0 // a probability of 1.4e-11: float32 holds less, and no stream is long enough to tell
)

// binaryFade is the weight of each older event of its kind in the fading figures: they remember about the last two
// hundred positives for recall, alarms for precision, and events of each class for the ROC curve. A window over all
// events would not do: at one fraud in a thousand the last thousand events hold one.
const binaryFade = 0.995

// Binary are the figures of two classes that accuracy hides when the positive one is rare.
type Binary struct {
	// Precision is the share of positives among the events that were predicted positive; 0 before the first.
	Precision float64
	// Recall is the share of predicted positives among the positive events; 0 before the first.
	Recall float64
	// ROCAUC is the area under the ROC curve: the chance that a positive event has a higher score than a negative one,
	// half of equals (Hanley and McNeil 1982). It is 0.5 before both classes were seen.
	ROCAUC float64
	// AveragePrecision is the area under the precision-recall curve, as steps: the precision at each score that has
	// positives, weighed by their share (Boyd, Eng and Page 2013, "Area under the precision-recall curve"). Where
	// positives are rare it tells models apart that the ROC curve does not. It is 0 before the first positive. The
	// fading one takes the classes' shares from all events, as its histograms hold about as many of either.
	AveragePrecision float64
}

// twoClasses keeps what Binary follows from, over all events and fading. Fading histograms would cost a pass over all
// bins an event; in place of that newer events count more, by a unit that grows with every event of the class, and all
// is divided by it before it leaves the range of float64 (the forward decay of Cormode, Shkapenyuk, Srivastava and Xu
// 2009).
type twoClasses struct {
	positive int       // the class; state is kept of negatives and positives, in this order
	bins     []float64 // [windows, classes, binsCount]
	unit     []float64 // [2] of each class's fading histogram; 0 before its first event
	hits     []float64 // [windows, see the hit… indices]
}

// Indices into one half of hits.
const (
	hitAlarms    = iota // predicted positive
	hitTrue             // … and positive
	hitPositives        // positive
	hitFound            // … and predicted so
	hitsLen
)

// unitMax is far below where a sum of bins would overflow.
const unitMax = 1e100

func newTwoClasses() *twoClasses {
	return &twoClasses{positive: 1, bins: make([]float64, 2*2*binsCount), unit: make([]float64, 2), hits: make([]float64, 2*hitsLen)}
}

func (b *twoClasses) reset() {
	clear(b.bins)
	clear(b.unit)
	clear(b.hits)
}

// add counts a prediction: the log-odds of the positive class, the class that came, and the likelier one.
func (b *twoClasses) add(logOdds float64, class, best int) {
	bin := binOf(logOdds, binsReach, binsCount)
	class, best = one(class == b.positive), one(best == b.positive)
	b.bins[class*binsCount+bin]++
	fading := b.bins[2*binsCount:]
	if b.unit[class] == 0 {
		b.unit[class] = 1
	}
	fading[class*binsCount+bin] += b.unit[class]
	if b.unit[class] /= binaryFade; b.unit[class] > unitMax {
		shrink(fading[class*binsCount:(class+1)*binsCount], &b.unit[class])
	}
	b.hit(hitAlarms, best, class)
	b.hit(hitPositives, class, best)
}

// hit counts an event of a kind, if it is one, and whether it was right.
func (b *twoClasses) hit(kind, is, right int) {
	all, fading := b.hits[:hitsLen], b.hits[hitsLen:]
	keep, counted, hit := [2]float64{1, binaryFade}[is], float64(is), float64(is&right) // no branch, as in one
	all[kind] += counted
	all[kind+1] += hit
	fading[kind] = fading[kind]*keep + counted
	fading[kind+1] = fading[kind+1]*keep + hit
}

// binOf is the bin of log-odds among so many within the reach; those beyond are in the outermost ones.
func binOf(logOdds, reach, bins float64) int {
	bin := (logOdds + reach) * (bins / (2 * reach))
	if !(bin > 0) { // no number, too: nothing at all is positive of 0 / 0
		return 0
	}
	return int(min(bin, bins-1))
}

// shrink brings the unit of fading bins back to 1.
func shrink(bins []float64, unit *float64) {
	for i := range bins {
		bins[i] /= *unit
	}
	*unit = 1
}

// SetPositive makes class the positive one of two; the last one is otherwise. It is called before the first event, and
// has no effect where there are no two classes.
func (p *Progressive) SetPositive(class int) {
	if p.binary != nil {
		p.binary.positive = class
	}
}

// report returns the figures over a window.
func (b *twoClasses) report(w Window) Binary {
	hits := b.hits[int(w)*hitsLen : (int(w)+1)*hitsLen]
	return Binary{Precision: share(hits[hitTrue], hits[hitAlarms]), Recall: share(hits[hitFound], hits[hitPositives]),
		ROCAUC: b.area(w), AveragePrecision: b.averagePrecision(w)}
}

func share(part, whole float64) float64 {
	if whole == 0 {
		return 0
	}
	return part / whole
}

// area goes through the bins from the lowest scores up. Either class's counts may be in any unit: it cancels out.
func (b *twoClasses) area(w Window) float64 {
	bins := b.bins[int(w)*2*binsCount : (int(w)+1)*2*binsCount]
	negatives, positives := bins[:binsCount], bins[binsCount:]
	var below, seen, wins float64
	for i, p := range positives {
		wins += p * (below + negatives[i]/2)
		below += negatives[i]
		seen += p
	}
	if below == 0 || seen == 0 {
		return 0.5
	}
	return wins / below / seen
}

// averagePrecision goes through the bins from the highest scores down: at each, it and those above are called
// positive.
func (b *twoClasses) averagePrecision(w Window) float64 {
	all, bins := b.bins, b.bins[int(w)*2*binsCount:(int(w)+1)*2*binsCount]
	var total, held [2]float64 // events of a class, and what the window's histogram holds of it
	for i := range binsCount {
		for class := range 2 {
			total[class] += all[class*binsCount+i]
			held[class] += bins[class*binsCount+i]
		}
	}
	if held[1] == 0 {
		return 0
	}
	perNegative, perPositive := share(total[0], held[0]), total[1]/held[1]
	var negatives, positives, area float64
	for i := binsCount - 1; i >= 0; i-- {
		negatives += bins[i] * perNegative
		step := bins[binsCount+i] * perPositive
		if step == 0 {
			continue
		}
		positives += step
		area += step * positives / (positives + negatives)
	}
	return area / positives
}

// state is marked as added: snapshots made before there were figures for two classes go on being read, and these start
// with them. They say how well the model does, not what it has learned, so an operator loses nothing that could not be
// seen again within some events, where refusing would lose the model.
func (b *twoClasses) state(visit func(string, millrace.Tensor, millrace.Role)) {
	visit("binary.bins", millrace.Tensor{Shape: []int{2, 2, binsCount}, F64: b.bins, Added: true}, millrace.Training)
	visit("binary.hits", millrace.Tensor{Shape: []int{2, hitsLen}, F64: b.hits, Added: true}, millrace.Training)
	visit("binary.unit", millrace.Tensor{Shape: []int{2}, F64: b.unit, Added: true}, millrace.Training)
}

// restored checks that no figure is anything but a share.
func (b *twoClasses) restored() error {
	for _, v := range b.bins {
		if !(v >= 0 && v <= unitMax*1e50) {
			return errors.New("a histogram of scores is negative or not finite")
		}
	}
	for _, v := range b.unit {
		if v != 0 && !(v >= 1 && v <= unitMax) {
			return errors.New("a unit of fading scores is out of range")
		}
	}
	for i, v := range b.hits {
		if !(v >= 0) || math.IsInf(v, 1) || i%2 == 1 && v > b.hits[i-1] {
			return errors.New("a count of hits is negative, not finite or larger than its whole")
		}
	}
	return nil
}
