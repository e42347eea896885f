package infer

import (
	"math"
	"math/bits"

	"millrace/features"
)

// sketchBits make 4096 registers: a count of different values that is right to 2 % or so, in 4 KiB.
const sketchBits = 12

// sketch counts different values without keeping them (HyperLogLog: Flajolet, Fusy, Gandouet, Meunier 2007).
type sketch [1 << sketchBits]uint8

func (s *sketch) add(value []byte) {
	h := features.Hash(0, value)
	at := h >> (64 - sketchBits)
	rank := uint8(bits.LeadingZeros64(h<<sketchBits|1<<(sketchBits-1)) + 1)
	s[at] = max(s[at], rank)
}

// count is about how many different values were added.
func (s *sketch) count() int64 {
	const m = 1 << sketchBits
	const alpha = 0.7213 / (1 + 1.079/m)
	sum, empty := 0.0, 0
	for _, rank := range s {
		sum += math.Ldexp(1, -int(rank))
		if rank == 0 {
			empty++
		}
	}
	estimate := alpha * m * m / sum
	if estimate <= 2.5*m && empty > 0 {
		estimate = m * math.Log(m/float64(empty)) // small counts, by the share of registers that are used
	}
	return int64(math.Round(estimate))
}
