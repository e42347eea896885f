package kernel

import "math"

// Exponentials and logarithms in float32, of which a prediction for k classes takes k. The range
// reductions and the Coefficients are those of expf and logf of the Cephes library (Moshier 1989,
// single precision), good to 2 units in the last place; softmax_amd64.s computes the same.
const (
	// expMin is where Exp stops to fall, at about 1.2e-38: what is below would be denormal.
	expMin = -87.3
	// ln 2 in two parts. The first has nine bits, so its product with an exponent is exact.
	ln2High = 0.693359375
	ln2Low  = -2.12194440e-4
	// logMin is the smallest normal float32: the logarithm of anything below is its logarithm.
	logMin = 0x1p-126
	// halfRoot are the bits of √½, from which on a fraction lies in [√½, √2).
	halfRoot = 0x3f3504f3
)

// Exp is eˣ of an x ≤ 0, at least 1.2e-38, and exactly 1 at 0; of a NaN that least.
func Exp(x float32) float32 {
	if !(x > expMin) {
		x = expMin
	}
	// Exact: x is above −88, and 1.5·2²³ makes the sum's last bit count ones.
	const round = 3 << 22
	n := (x*math.Log2E + round) - round
	r := x - n*ln2High
	r -= n * ln2Low
	p := float32(1.9875691500e-4)
	p = p*r + 1.3981999507e-3
	p = p*r + 8.3334519073e-3
	p = p*r + 4.1665795894e-2
	p = p*r + 1.6666665459e-1
	p = p*r + 5.0000001201e-1
	y := p*(r*r) + r + 1
	return math.Float32frombits(math.Float32bits(y) + uint32(int32(n))<<23)
}

// Log is the natural logarithm of a positive p, exactly 0 at 1; of anything below 2⁻¹²⁶, that of 2⁻¹²⁶.
func Log(p float32) float32 {
	if !(p > logMin) {
		p = logMin
	}
	bits := math.Float32bits(p) - halfRoot
	e := float32(int32(bits) >> 23)
	f := math.Float32frombits(bits&0x7fffff+halfRoot) - 1
	y := float32(7.0376836292e-2)
	y = y*f - 1.1514610310e-1
	y = y*f + 1.1676998740e-1
	y = y*f - 1.2420140846e-1
	y = y*f + 1.4249322787e-1
	y = y*f - 1.6668057665e-1
	y = y*f + 2.0000714765e-1
	y = y*f - 2.4999993993e-1
	y = y*f + 3.3333331174e-1
	square := f * f
	y = y*f*square + e*ln2Low
	y -= 0.5 * square
	return f + y + e*ln2High
}

// softmaxGeneric subtracts the largest output first, so that no exponential overflows and at least
// one is 1.
func softmaxGeneric(dst, z []float32, factor float32) {
	most := z[0]
	for _, v := range z[1:] {
		most = max(most, v)
	}
	var sum float64
	for i, v := range z {
		e := Exp(factor * (v - most))
		dst[i] = e
		sum += float64(e)
	}
	scale := float32(1 / sum)
	for i := range z {
		dst[i] *= scale
	}
}

func logsGeneric(dst, p []float32) {
	for i, v := range p {
		dst[i] = Log(v)
	}
}
