//go:build !amd64

package moments

// span is how far the largest of values, none of them NaN, is from the least.
func span(values *[half]float64) float64 { return spanGeneric(values) }
