package explain

import (
	"encoding/binary"
	"hash/fnv"
	"math"
	"math/rand/v2"

	"millrace"
)

const (
	// pairsMin and pairsMax bound how many pairs of orders are drawn, whatever the standard errors are.
	pairsMin, pairsMax = 6, 1000
	// evaluationsMax is how many predictions are made at most, beside those of pairsMin pairs.
	evaluationsMax = 3000
	// errorSmall is the standard error that is small enough, as a share of the range of what was found.
	errorSmall = .015
)

// sampler is the working memory of sample.
type sampler struct {
	order   []int
	pair    []float64 // shares by one pair of orders
	squares []float64 // sums of squared deviations from the means
}

// sample draws orders of the active players, each with its reverse (antithetic: Mitchell et al., "Sampling Permutations
// for Shapley Value Estimation", JMLR 2022, section 4.1). By an order a player's share is what it adds to those before
// it; the estimate is the mean (Castro, Gómez and Tejada 2009), whose standard error follows from how the pairs differ.
// Every order's shares add up to the score less the base, and so does their mean.
func (e *Explainer) sample(dst *Explanation, seed uint64) {
	n, s := len(e.active), &e.sampler
	e.all(true)
	e.predict(dst)
	dst.Base, dst.Method = e.score(dst.Class), Sampled
	random := rand.New(rand.NewPCG(seed, streamOrders))
	s.pair, s.squares = sized(s.pair, n), sized(s.squares, n)
	s.order = s.order[:0]
	for i := range n {
		s.order = append(s.order, i)
	}
	for pairs := 1; pairs <= pairsMax; pairs++ {
		clear(s.pair)
		random.Shuffle(n, func(i, j int) { s.order[i], s.order[j] = s.order[j], s.order[i] })
		// The first brings players from usual to the event's, the second takes them back in the same order, which is
		// what the reverse order would add: no step is made twice.
		e.walk(dst, false)
		e.walk(dst, true)
		e.take(dst, float64(pairs))
		if pairs >= pairsMin && (e.sure(dst) || dst.Evaluations+2*(n-1) > evaluationsMax) {
			break
		}
	}
}

// streamOrders tells the generator of orders from others with the same seed.
const streamOrders = 0x6f7264657273

// walk has the players, which all are usual, or all the event's, be the other, one by one in the order, and adds half
// of what each adds to the pair's shares.
func (e *Explainer) walk(dst *Explanation, usual bool) {
	from, to, sign := dst.Base, dst.Score, .5
	if usual {
		from, to, sign = dst.Score, dst.Base, -.5
	}
	for k, i := range e.sampler.order {
		e.blend.Take(e.active[i], usual)
		v := to
		if k < len(e.sampler.order)-1 {
			e.predict(dst)
			v = e.score(dst.Class)
		}
		e.sampler.pair[i] += sign * (v - from)
		from = v
	}
}

// take brings the n-th pair's shares into the means, and their deviations into the errors' sums (Welford 1962).
func (e *Explainer) take(dst *Explanation, n float64) {
	for i, player := range e.active {
		d := e.sampler.pair[i] - dst.Shares[player]
		dst.Shares[player] += d / n
		e.sampler.squares[i] += d * (e.sampler.pair[i] - dst.Shares[player])
		if n > 1 {
			dst.Errors[player] = math.Sqrt(math.Max(0, e.sampler.squares[i]) / (n * (n - 1)))
		}
	}
}

// sure reports whether the standard errors are small beside the range of the shares.
func (e *Explainer) sure(dst *Explanation) bool {
	low, high, most := 0.0, 0.0, 0.0
	for _, player := range e.active {
		low, high = math.Min(low, dst.Shares[player]), math.Max(high, dst.Shares[player])
		most = math.Max(most, dst.Errors[player])
	}
	return most <= errorSmall*(high-low)
}

// seedOf is a hash of an event and a version, which the reasons of the one by the other depend on.
func seedOf(ev *millrace.Event, version uint64) uint64 {
	h := fnv.New64a()
	var word [8]byte
	number := func(v uint64) {
		binary.LittleEndian.PutUint64(word[:], v)
		_, _ = h.Write(word[:]) // a hash takes anything
	}
	number(version)
	for i := range ev.Fields {
		f := &ev.Fields[i]
		number(uint64(f.Presence)<<32 | uint64(len(f.Text)))
		number(math.Float64bits(f.Number))
		_, _ = h.Write(f.Text)
		for _, entry := range ev.Bag(f) {
			number(entry.Key)
			number(math.Float64bits(entry.Value))
		}
	}
	return h.Sum64()
}
