package moments

import "math/bits"

// While it is open whether a column has moved, who learns from its values learns what is wrong: where a few mistakes
// are all that a model learns from, thousands of rows are too few to undo those. Until it is known, in some dozens of
// values, examples are better left out.

const (
	// doubtOf of twice as many values outside leave it open whether a column has moved, and twice as many after each
	// two times that near as many came: what comes in bursts is in doubt no more, before much was left out for it.
	doubtOf = 4
	// doubtAfter is how many values tell what is usual.
	doubtAfter = 4 * narrowAfter
)

// Doubtful reports whether it is open if one of the columns has moved.
func (c *Columns) Doubtful() bool { return c != nil && c.doubtful > 0 }

// doubts is how many of twice as many values outside leave it open whether a column with these flags has moved; more
// than are remembered for never.
func doubts(flags uint64) int { return doubtOf << ((flags & burstsMost / bursts) / 2) }

// burst takes note of a column's value that is outside, the last of its history, where near as many others are as
// leave it open whether it has moved.
func burst(w *[wordsLen]uint64) {
	few := doubts(w[flags])
	near, h := few*3/4, w[history]<<(64-2*few)
	before := w[history] >> 1 << (64 - 2*few)
	if w[flags]&burstsMost < burstsMost && bits.OnesCount64(h) >= near && bits.OnesCount64(before) < near {
		w[flags] += bursts
	}
}

// mayHaveMoved reports whether it is open if column i, of this history and deviation, has moved.
func (c *Columns) mayHaveMoved(i int, h uint64, deviation float64) bool {
	w := c.words[i*wordsLen : (i+1)*wordsLen]
	few := doubts(w[flags])
	if w[stored] < doubtAfter || w[spent] == spentMax || w[narrow] < narrowDoubt && bits.OnesCount64(h<<(64-2*few)) < few {
		return false
	}
	return !c.wanders(i, deviation)
}
