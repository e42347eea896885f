package tree

import "math"

// Errors that grow are mostly of a stream that has changed, and a tree is replaced. But they also grow while a column
// that has moved is not yet found to have, or are large by chance; then the tree that was replaced is the better one
// again, and what it learned in thousands of events would be lost. So it stays in the background, learns on, and comes
// back where it errs no more than it used to, and less than the one that took its place.

const (
	// contestDelta is the probability that one of two trees that err alike is taken for the better one.
	contestDelta = 0.01
	// contestMax events are enough to tell.
	contestMax = 5000
	// contestFade is the rate at which errors of the tree of before are averaged.
	contestFade = 1.0 / 32
)

// What a contest goes by.
const (
	rivalSum     = iota // of how much more the tree erred than the one that it replaced
	rivalSquares        // and of the squares of that
	rivalBefore         // the mean error of the one that was replaced, before
	rivalNow            // the faded one since then
	rivalLen
)

// replace puts the tree that has grown in the background in the place of the member's, whose mean error was so much, or
// one that has learned nothing.
func (b *member) replace(before float64, s *shared) {
	was := b.growing[0]
	if was != backgroundWas {
		b.tree.swap(b.background)
		b.rival[rivalSum], b.rival[rivalSquares], b.rival[rivalBefore], b.rival[rivalNow] = 0, 0, before, 1
	}
	if was != backgroundGrows {
		b.tree.reset(s.random)
	}
	b.growing[0] = backgroundWas
	b.monitor.Clear()
}

// contest compares the member's tree with the one before it by an example that w holds the first one's prediction of.
func (b *member) contest(w *work, x []float32, y target, s *shared, all *Work) {
	t := b.background
	t.predict(all.spare, t.find(0, x), x, all.z)
	e := t.failure(all.spare, y)
	t.adapt(all.spare, all.spare.leaf, all.z, y, 1, 1)
	r, d := b.rival, b.tree.failure(w, y)-e
	r[rivalSum] += d
	r[rivalSquares] += d * d
	r[rivalNow] += contestFade * (e - r[rivalNow])
	sure := r[rivalSum]*r[rivalSum] > 2*r[rivalSquares]*math.Log(1/contestDelta)
	switch {
	case sure && r[rivalSum] > 0 && r[rivalNow] <= r[rivalBefore]:
		b.tree.swap(t)
		b.alone()
		b.show(w, s)
	case sure && r[rivalSum] < 0, b.monitor.Ticks(placeDrift) >= contestMax:
		b.background.blank()
		b.growing[0] = backgroundNone
	}
}

// alone leaves the member its tree, of whose errors nothing is known yet.
func (b *member) alone() {
	b.background.blank()
	b.growing[0] = backgroundNone
	clear(b.rival)
	b.monitor.Clear()
}

// rivalled reports whether what a contest goes by can be.
func (b *member) rivalled() bool {
	r := b.rival
	return math.Abs(r[rivalSum]) <= accumulatedMax && r[rivalSquares] >= 0 && r[rivalSquares] <= accumulatedMax &&
		r[rivalBefore] >= 0 && r[rivalBefore] <= 1 && r[rivalNow] >= 0 && r[rivalNow] <= 1
}
