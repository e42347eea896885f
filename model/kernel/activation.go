package kernel

import "math"

func reluGeneric(z []float32, limit float32) {
	for i, v := range z {
		z[i] = min(max(v, 0), limit)
		if v != v {
			z[i] = 0
		}
	}
}

func gateGeneric(d, out []float32) {
	for i, v := range out {
		if v <= 0 {
			d[i] = 0
		}
	}
}

func tanhGeneric(z []float32) {
	for i, v := range z {
		z[i] = float32(math.Tanh(float64(v)))
		if v != v {
			z[i] = 0
		}
	}
}

func slopeGeneric(d, out []float32) {
	for i, v := range out {
		d[i] *= 1 - v*v
	}
}
