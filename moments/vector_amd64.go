package moments

// span is how far the largest of values, none of them NaN, is from the least.
//
//go:noescape
func span(values *[half]float64) float64
