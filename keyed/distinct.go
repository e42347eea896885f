package keyed

import (
	"math"
	"math/bits"

	"millrace/features"
)

// sets are how a pane counts different values: the hashes of the first ones, and once they have no more room a sketch
// in their place, HyperLogLog (Flajolet, Fusy, Gandouet, Meunier, AofA 2007) with 2^bits registers of four bits. Both
// can be merged from pane to pane. A set's first word is how many hashes it has, sketched for a sketch.
//
// 128 registers take as much room as sixteen hashes of 32 bits and err by 1.04/sqrt(128), 9 %; windows of the whole
// topic, of which there is only one entry, have 1,024 (3 %). Four bits tell up to 2^14 values a register apart.
type sets struct{ bits int }

const (
	sketched = 1 << 32
	// rankMax is the largest rank that a register holds, of that one or any higher.
	rankMax = 15
	// setMax is how many different values the sets of a window are merged to exactly.
	setMax = 256
)

func newSets(whole bool) sets {
	if whole {
		return sets{10}
	}
	return sets{7}
}

func (s sets) data() int  { return 1 << s.bits / 16 }
func (s sets) words() int { return 1 + s.data() }
func (s sets) room() int  { return 2 * s.data() }

// add enters a value.
func (s sets) add(set []uint64, text []byte) {
	h := uint32(features.Hash(0, text) >> 32)
	n := int(set[0])
	if n == sketched {
		s.rank(set[1:], h)
		return
	}
	for k := range n {
		if hashAt(set, k) == h {
			return
		}
	}
	if n < s.room() {
		set[1+n/2] |= uint64(h) << (n % 2 * 32)
		set[0]++
		return
	}
	var hashes [128]uint32
	for k := range n {
		hashes[k] = hashAt(set, k)
	}
	clear(set)
	set[0] = sketched
	for _, known := range hashes[:n] {
		s.rank(set[1:], known)
	}
	s.rank(set[1:], h)
}

// hashAt is the k-th hash of a set that is none of sketches.
func hashAt(set []uint64, k int) uint32 { return uint32(set[1+k/2] >> (k % 2 * 32)) }

// rank enters a hash into registers: its first bits choose one, which keeps the largest rank so far, the place of the
// first one among the bits after them.
func (s sets) rank(registers []uint64, h uint32) {
	at := int(h >> (32 - s.bits))
	rank := uint64(min(bits.LeadingZeros32(h<<s.bits)+1, rankMax))
	shift := at % 16 * 4
	if word := &registers[at/16]; *word>>shift&15 < rank {
		*word = *word&^(15<<shift) | rank<<shift
	}
}

// union is how many different values the panes of a window have: exact while every pane has room for its own and there
// are not more than setMax together, else an estimate.
func (s sets) union(g *group, panes *span) float64 {
	var only []uint64
	filled, total, exact := 0, 0, true
	g.each(panes, func(pane []uint64) bool {
		only = pane[g.set : g.set+s.words()]
		filled++
		if only[0] == sketched {
			exact = false
			return false
		}
		total += int(only[0])
		return true
	})
	if exact && filled == 1 {
		return float64(only[0])
	}
	if exact {
		if n, ok := s.merged(g, panes); ok {
			return float64(n)
		}
	}
	return s.estimate(g, panes)
}

// merged counts the different hashes of all panes; ok is false beyond setMax.
func (s sets) merged(g *group, panes *span) (n int, ok bool) {
	var slots [2 * setMax]uint32 // open addressing, 0 for free
	zero, ok := false, true
	g.each(panes, func(pane []uint64) bool {
		set := pane[g.set:]
		for k := range int(set[0]) {
			h := hashAt(set, k)
			if h == 0 {
				zero = true
				continue
			}
			at := h % uint32(len(slots))
			for slots[at] != 0 && slots[at] != h {
				at = (at + 1) % uint32(len(slots))
			}
			if slots[at] == 0 {
				if n == setMax {
					ok = false
					return false
				}
				slots[at] = h
				n++
			}
		}
		return true
	})
	if zero {
		n++
	}
	return n, ok
}

// estimate merges the registers of all panes.
func (s sets) estimate(g *group, panes *span) float64 {
	var all [64]uint64
	registers := all[:s.data()]
	g.each(panes, func(pane []uint64) bool {
		set := pane[g.set : g.set+s.words()]
		if set[0] != sketched {
			for k := range int(set[0]) {
				s.rank(registers, hashAt(set, k))
			}
			return true
		}
		for k, word := range set[1:] {
			registers[k] = larger(registers[k], word)
		}
		return true
	})
	var counts [rankMax + 1]int
	for _, word := range registers {
		for range 16 {
			counts[word&15]++
			word >>= 4
		}
	}
	return math.Round(cardinality(counts, float64(int(1)<<s.bits)))
}

// larger is the larger of each four bits of two words: of the even ones, in bytes whose top bit stays when nothing is
// borrowed, and of the odd ones.
func larger(a, b uint64) uint64 {
	const low, top = 0x0f0f0f0f0f0f0f0f, 0x8080808080808080
	of := func(a, b uint64) uint64 {
		keep := ((a | top) - b) & top // where a is not smaller
		mask := keep >> 7 * 255
		return a&mask | b&^mask
	}
	return of(a&low, b&low) | of(a>>4&low, b>>4&low)<<4
}

// cardinality is the estimator of O. Ertl, New cardinality estimation algorithms for HyperLogLog sketches (2017,
// arXiv 1702.01284), algorithm 6: right also for few values, and while not nearly all of the m registers are at
// rankMax.
func cardinality(counts [rankMax + 1]int, m float64) float64 {
	z := m * tau(1-float64(counts[rankMax])/m)
	for k := rankMax - 1; k >= 1; k-- {
		z = 0.5 * (z + float64(counts[k]))
	}
	z += m * sigma(float64(counts[0])/m)
	// With all registers at rankMax nothing is left to tell how many there are; the bound keeps that finite.
	return min(m*m/(2*math.Ln2*z), m*(1<<rankMax))
}

func sigma(x float64) float64 {
	if x == 1 {
		return math.Inf(1)
	}
	y, z := 1.0, x
	for {
		x *= x
		before := z
		z += x * y
		y += y
		if z == before {
			return z
		}
	}
}

func tau(x float64) float64 {
	if x == 0 || x == 1 {
		return 0
	}
	y, z := 1.0, 1-x
	for {
		x = math.Sqrt(x)
		before := z
		y *= 0.5
		z -= (1 - x) * (1 - x) * y
		if z == before {
			return z / 3
		}
	}
}
