package tree

import (
	"errors"
	"math"

	"millrace/drift"
)

// member is one tree with what a forest keeps beside it.
type member struct {
	tree *arena
	// Of a forest. quality is the faded loss of the tree's predictions.
	quality []float64 // [1]
	// Of a forest that replaces trees (Gomes et al. 2017, Algorithm 2): detectors of the tree's errors, the
	// first one warns and lets a tree grow in the background, the second one replaces.
	monitor    *drift.Windows // 2 places
	background *arena
	growing    []uint8   // [1] what the background is
	rival      []float64 // [rivalLen] of the tree and the one that it replaced
}

// What the background of a member is.
const (
	backgroundNone  = iota
	backgroundGrows // it may become the tree
	backgroundWas   // the tree before, which may come back
)

// The confidences of a forest's two detectors: of classes 0.01 and 0.001, as in River; of numbers a tenth of
// them, because errors grow and shrink with the numbers themselves, and a tree that only meets larger ones is
// worth keeping. That of a branch's is as in Bifet and Gavaldà (2009).
const (
	warnDelta   = 0.01
	driftDelta  = 0.001
	branchDelta = 0.002
	numberDelta = 0.1
)

const (
	placeWarn  = 0
	placeDrift = 1
)

func newMember(p *plan) member {
	b := member{tree: newArena(p), quality: make([]float64, 1)}
	if p.forest && p.Drift {
		b.monitor, b.background, b.growing = drift.NewWindows(2, driftDelta), newArena(p), make([]uint8, 1)
		b.rival = make([]float64, rivalLen)
	}
	return b
}

// qualityFade keeps about 1,000 events.
const qualityFade = 0.999

// share is the tree's weight in a vote.
func (b *member) share(p *plan) float64 {
	if !p.forest {
		return 1
	}
	q := b.quality[0] + 0.01
	if p.Classes > 0 {
		q *= q // a number's loss is a square already
	}
	return 1 / (q * q)
}

// vote is the weighted mean of the trees' probabilities.
func (m *Trees) vote(dst []float32, w *Work) {
	sum := w.spare.blend
	clear(sum)
	total := 0.0
	for i := range m.members {
		share := m.members[i].share(m.plan)
		total += share
		for c, p := range w.works[i].blend {
			sum[c] += share * p
		}
	}
	for c, p := range sum {
		dst[c] = float32(p / total)
	}
}

// learn lets one tree learn: as often as a Poisson variable says when it is one of a forest (Oza and
// Russell 2001).
func (b *member) learn(w *work, x []float32, y target, weight float64, s *shared, all *Work) {
	if !s.forest {
		if s.Drift {
			b.tree.learnAdaptive(w, x, all.z, y, weight, s, all.spare)
			return
		}
		b.tree.learn(w, x, all.z, y, weight, min(weight, stepMax), s)
		return
	}
	loss := b.tree.loss(w, y)
	b.quality[0] += (1 - qualityFade) * (loss - b.quality[0])
	k := float64(s.random.poisson(s.poisson))
	if b.monitor != nil && !y.wild {
		b.watch(w, y, s)
		if b.growing[0] == backgroundWas {
			b.contest(w, x, y, s, all)
		}
	}
	if k == 0 {
		return
	}
	step := min(weight*k/s.Lambda, stepMax)
	b.tree.learn(w, x, all.z, y, weight*k, step, s)
	if b.monitor != nil && b.growing[0] == backgroundGrows {
		t := b.background
		t.predict(all.spare, t.find(0, x), x, all.z)
		t.learn(all.spare, x, all.z, y, weight*k, step, s)
	}
}

// restart makes the tree one that has learned nothing.
func (b *member) restart(s *shared) {
	b.tree.reset(s.random)
	b.quality[0] = 0
	if b.monitor != nil {
		b.alone()
	}
}

// stepMax bounds the weight of an example where weights are rates.
const stepMax = 8

// watch gives the detectors the tree's error, and replaces the tree when it drifts.
func (b *member) watch(w *work, y target, s *shared) {
	e := b.tree.failure(w, y)
	before := b.monitor.Mean(placeWarn)
	factor := 1.0
	if s.Classes == 0 {
		factor = numberDelta
	}
	b.monitor.Delta = warnDelta * factor
	warned := b.monitor.Add(placeWarn, e) && b.monitor.Mean(placeWarn) > before
	before = b.monitor.Mean(placeDrift)
	b.monitor.Delta = driftDelta * factor
	drifted := b.monitor.Add(placeDrift, e) && b.monitor.Mean(placeDrift) > before
	switch {
	case drifted:
		b.replace(before, s)
		b.show(w, s)
	case warned:
		b.background.reset(s.random)
		b.growing[0] = backgroundGrows
		b.monitor.Reset(placeWarn)
	}
}

// show has w hold what the tree that has just become the member's says of the example.
func (b *member) show(w *work, s *shared) {
	w.leaf = b.tree.find(0, s.input)
	b.tree.predict(w, w.leaf, s.input, s.z)
}

// failure is the error of a prediction in [0, 1], for detectors.
func (t *arena) failure(w *work, y target) float64 {
	if t.Classes == 0 {
		return min(min(math.Abs(y.value-w.blend[0]), y.reach)/failureReach, 1)
	}
	best := 0
	for c, p := range w.blend {
		if p > w.blend[best] {
			best = c
		}
	}
	if best == y.class {
		return 0
	}
	return 1
}

// failureReach is how many standard deviations of the target count as a whole error.
const failureReach = 3

func (b *member) restored() error {
	if err := b.tree.restored(); err != nil {
		return err
	}
	if q := b.quality[0]; !(q >= 0 && q <= 16) {
		return errors.New("its quality is out of bounds")
	}
	if b.monitor == nil {
		return nil
	}
	if !b.monitor.Check() || b.growing[0] > backgroundWas || !b.rivalled() {
		return errors.New("its detectors hold what no errors leave")
	}
	return b.background.restored()
}
