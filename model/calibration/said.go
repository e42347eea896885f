package calibration

import (
	"math"

	"millrace/elementary"
)

// probabilityMin is the least probability that methods see and predict, and 1 − probabilityMin the greatest; logitMax
// are about the log-odds of that.
const probabilityMin = 1e-7

var logitMax = math.Log(1 / probabilityMin)

// said is what the model says of a class: its probability, the logarithms of that and of the others', and the log-odds.
// All methods want some of these, to predict and to learn.
type said struct{ p, logP, logRest, z float64 }

func sayOf(p float64) said {
	p = clamp(p)
	logP, logRest := elementary.Log(p), elementary.Log(1-p)
	return said{p, logP, logRest, logP - logRest}
}

// clamp keeps a probability from 0 and 1; of a NaN it is the least.
func clamp(p float64) float64 {
	switch {
	case !(p > probabilityMin):
		return probabilityMin
	case p > 1-probabilityMin:
		return 1 - probabilityMin
	}
	return p
}

// bound keeps v within ±most. It is shorter in time than math.Min and Max.
func bound(v, most float64) float64 {
	switch {
	case v > most:
		return most
	case v < -most:
		return -most
	}
	return v
}

func sigmoid(z float64) float64 { return 1 / (1 + elementary.Exp(-z)) }
