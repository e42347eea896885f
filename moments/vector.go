package moments

import "slices"

// spanGeneric is how far the largest of values is from the least.
func spanGeneric(values *[half]float64) float64 {
	return slices.Max(values[:]) - slices.Min(values[:])
}
