package features

import (
	"math"

	"millrace/moments"
)

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

// single is what trees see of a value: a missing one stays missing.
func single(v float64) float32 {
	if v != v {
		return noNumber()
	}
	return float32(clip(v, math.MaxFloat32))
}
