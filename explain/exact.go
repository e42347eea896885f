package explain

import "math/bits"

// exact predicts every set of active players, each one step from the set before (a Gray code), so that one player
// changes between two predictions:
//
//	φᵢ = Σ_S |S|! (n−|S|−1)! / n! · (v(S ∪ i) − v(S))
//
// over all sets S without i (Shapley 1953).
func (e *Explainer) exact(dst *Explanation) {
	n := len(e.active)
	if e.values == nil {
		e.values = make([]float64, 1<<ExactMax)
	}
	values := e.values[:1<<n]
	e.all(true)
	e.predict(dst)
	values[0] = e.score(dst.Class)
	values[len(values)-1] = dst.Score
	set := 0
	for k := 1; k < len(values); k++ {
		i := bits.TrailingZeros(uint(k))
		set ^= 1 << i
		e.blend.Take(e.active[i], set&(1<<i) == 0)
		if set == len(values)-1 {
			continue // the event itself
		}
		e.predict(dst)
		values[set] = e.score(dst.Class)
	}
	dst.Base, dst.Method = values[0], Exact
	var weights [ExactMax]float64 // by how many players a set has
	weights[0] = 1 / float64(n)
	for k := 1; k < n; k++ {
		weights[k] = weights[k-1] * float64(k) / float64(n-k)
	}
	for i, player := range e.active {
		var share float64
		for set, v := range values {
			if set&(1<<i) == 0 {
				share += weights[bits.OnesCount(uint(set))] * (values[set|1<<i] - v)
			}
		}
		dst.Shares[player] = share
	}
}
