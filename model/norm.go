package model

import (
	"math"

	"millrace/model/kernel"
)

// normEpsilon is added to the variance of a layer's sums, as torch.nn.LayerNorm does: sums that are all equal
// become zeros.
const normEpsilon = 1e-5

// normalise is layer norm (Ba, Kiros and Hinton 2016, equation 4): it replaces the sums z of one event by
// gain·(z − μ)/√(σ² + ε) + bias, where μ and σ² are the mean and the variance over the layer's units, leaves
// what gain multiplies in normed, and returns 1/√(σ² + ε). Sums are float64, so that no finite z overflows
// them; those that are not finite are bounded first.
func normalise(z, normed, gain, bias []float32) float64 {
	var sum float64
	for i, v := range z {
		v = bounded(v)
		z[i] = v
		sum += float64(v)
	}
	mean := sum / float64(len(z))
	var squares float64
	for _, v := range z {
		d := float64(v) - mean
		squares += d * d
	}
	inverse := 1 / math.Sqrt(squares/float64(len(z))+normEpsilon)
	for i, v := range z {
		x := float32((float64(v) - mean) * inverse)
		normed[i] = x
		z[i] = gain[i]*x + bias[i]
	}
	return inverse
}

// deriveNorm turns d, the loss's derivatives by what normalise wrote, into those by the sums that it read. It
// writes those by the biases and by the gains as well.
func deriveNorm(d, bias, gains, normed, gain []float32, inverse float64) {
	var mean, along float64
	for i, v := range d {
		bias[i], gains[i] = v, v*normed[i]
		v *= gain[i]
		d[i] = v
		mean += float64(v)
		along += float64(v) * float64(normed[i])
	}
	mean /= float64(len(d))
	along /= float64(len(d))
	for i, v := range d {
		d[i] = kernel.Flush(float32(inverse*(float64(v)-mean-float64(normed[i])*along)), momentTiny)
	}
}
