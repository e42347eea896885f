package tree

import "math"

// generator is SplitMix64 (Steele, Lea and Flood, OOPSLA 2014): its whole state is one word, which is
// in the snapshot. gonum's prng.SplitMix64 draws the same, but keeps the word to itself.
type generator []uint64 // [1]

func (g generator) next() uint64 {
	g[0] += 0x9e3779b97f4a7c15
	z := g[0]
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// float is uniform in [0, 1).
func (g generator) float() float64 { return float64(g.next()>>11) * 0x1p-53 }

// below is uniform in [0, n), up to a bias of n / 2⁶⁴.
func (g generator) below(n int) int {
	return int(g.next() % uint64(n))
}

// poissonTable holds P(X <= k) of a Poisson distribution, until the rest is below what a float64 tells
// from 1. gonum's distuv.Poisson goes by the incomplete gamma function, whose last bits differ, and with them the
// draws of forests that are learned already.
func poissonTable(lambda float64) []float64 {
	var table []float64
	p, sum := math.Exp(-lambda), 0.0
	for k := 0; k < 256 && sum < 1-1e-15; k++ {
		if k > 0 {
			p *= lambda / float64(k)
		}
		sum += p
		table = append(table, sum)
	}
	return table
}

// poisson inverts the table.
func (g generator) poisson(table []float64) int {
	u := g.float()
	for k, sum := range table {
		if u < sum {
			return k
		}
	}
	return len(table)
}
