package features

import "millrace/moments"

// numberMax is the largest magnitude of a number that Observe remembers.
const numberMax = moments.ValueMax

// clip holds z within ±bound. It is written so that NaN, which a decoder never lets through, would
// become bound: whatever happens, views are finite.
func clip(z, bound float64) float64 {
	if !(z <= bound) {
		return bound
	}
	if z < -bound {
		return -bound
	}
	return z
}
