package calibration

import (
	"errors"
	"math"

	"millrace"
)

// Lines predict log-odds that are a sum of products: θ·x, where x is made of what the model says. Which x makes the
// method,
//
//	Platt: x = (z, 1), z being the log-odds  (Platt 1999, equation 10)
//	beta:  x = (ln p, −ln(1−p), 1)           (Kull, Silva Filho and Flach 2017, equation 6)
//
// and θ begins where the line is z itself. It is learned by Newton steps on the log-loss whose Hessian forgets,
//
//	H ← λH + (1−λ)H₀ + w·q(1−q)·xxᵀ,   θ ← θ − H⁻¹·w·(q − y)·x,
//
// (the extended Kalman filter of a logistic regression, Fahrmeir 1992, with a forgetting factor, as recursive least
// squares has). H₀ keeps it near where it began until there is enough to go by. No slope becomes negative, so that
// ranks stay.
const (
	// lineForgets is about how many events H remembers; lineFirst is H₀ on its diagonal.
	lineForgets = 3000
	lineFirst   = 20
	lineKeeps   = 1 - 1.0/lineForgets
	// lineStays is what H₀ gives again at every event, of what is forgotten.
	lineStays = (1 - lineKeeps) * lineFirst
	// slopeMin keeps predictions of more than one bit.
	slopeMin = 0.05
	// curvatureMin keeps steps finite where the prediction is sure.
	curvatureMin = 1e-6
)

// platt is a line in log-odds.
type platt struct {
	theta   [2]float64
	hessian [2 * 2]float64
}

// beta is a line in the logarithms of p and 1 − p.
type beta struct {
	theta   [3]float64
	hessian [3 * 3]float64
}

func newPlatt() *platt {
	return &platt{theta: [...]float64{1, 0}, hessian: [...]float64{
		lineFirst, 0,
		0, lineFirst,
	}}
}

func newBeta() *beta {
	return &beta{theta: [...]float64{1, 1, 0}, hessian: [...]float64{
		lineFirst, 0, 0,
		0, lineFirst, 0,
		0, 0, lineFirst,
	}}
}

func (l *platt) predict(of *said) float64 {
	return bound(l.theta[0]*of.z+l.theta[1], logitMax)
}

func (l *beta) predict(of *said) float64 {
	return bound(l.theta[0]*of.logP-l.theta[1]*of.logRest+l.theta[2], logitMax)
}

// curvature is w·q(1−q), of at least so much that steps are finite.
func curvature(q, w float64) float64 {
	if c := q * (1 - q); c > curvatureMin {
		return w * c
	}
	return w * curvatureMin
}

// learn solves for the step by H = L·D·Lᵀ. No diagonal of D can be less than H₀, of which H always holds as much, but
// by rounding.
func (l *platt) learn(of *said, q, y, w float64) {
	x, c, h := of.z, curvature(q, w), &l.hessian
	cx := c * x
	h[0] = lineKeeps*h[0] + cx*x + lineStays
	h[1] = lineKeeps*h[1] + cx
	h[3] = lineKeeps*h[3] + c + lineStays
	h[2] = h[1]
	down := h[1] / h[0]
	b1 := w * (q - y)
	b0 := b1 * x
	step := (b1 - down*b0) / atLeastFirst(h[3]-down*h[1])
	l.theta[1] -= step
	l.theta[0] = slope(l.theta[0] - (b0/h[0] - down*step))
}

func (l *beta) learn(of *said, q, y, w float64) {
	x, z, c, h := of.logP, -of.logRest, curvature(q, w), &l.hessian
	cx, cz := c*x, c*z
	h[0] = lineKeeps*h[0] + cx*x + lineStays
	h[1] = lineKeeps*h[1] + cx*z
	h[2] = lineKeeps*h[2] + cx
	h[4] = lineKeeps*h[4] + cz*z + lineStays
	h[5] = lineKeeps*h[5] + cz
	h[8] = lineKeeps*h[8] + c + lineStays
	h[3], h[6], h[7] = h[1], h[2], h[5]
	b2 := w * (q - y)
	b0, b1 := b2*x, b2*z
	// d are one by the diagonal of D, and l10, l20 and l21 what is below that of L.
	d0 := 1 / h[0]
	l10, l20 := h[1]*d0, h[2]*d0
	d1 := 1 / atLeastFirst(h[4]-l10*h[1])
	rest := h[5] - l20*h[1]
	l21 := rest * d1
	d2 := 1 / atLeastFirst(h[8]-l20*h[2]-l21*rest)
	b1 -= l10 * b0
	b2 -= l20*b0 + l21*b1
	b2 *= d2
	b1 = b1*d1 - l21*b2
	b0 = b0*d0 - l10*b1 - l20*b2
	l.theta[0] = slope(l.theta[0] - b0)
	l.theta[1] = slope(l.theta[1] - b1)
	l.theta[2] -= b2
}

func atLeastFirst(d float64) float64 {
	if d > lineFirst {
		return d
	}
	return lineFirst
}

func slope(v float64) float64 {
	if v > slopeMin {
		return v
	}
	return slopeMin
}

func (l *platt) state(visit func(string, millrace.Tensor, millrace.Role)) {
	stateOf(l.theta[:], l.hessian[:], visit)
}

func (l *beta) state(visit func(string, millrace.Tensor, millrace.Role)) {
	stateOf(l.theta[:], l.hessian[:], visit)
}

func stateOf(theta, hessian []float64, visit func(string, millrace.Tensor, millrace.Role)) {
	n := len(theta)
	visit("theta", added([]int{n}, theta), millrace.Serving)
	visit("hessian", added([]int{n, n}, hessian), millrace.Training)
}

func (l *platt) restored() error { return lineRestored(l.theta[:], l.hessian[:]) }

func (l *beta) restored() error { return lineRestored(l.theta[:], l.hessian[:]) }

func lineRestored(theta, hessian []float64) error {
	for i, v := range theta {
		if math.IsNaN(v) || math.IsInf(v, 0) || i < len(theta)-1 && v < slopeMin {
			return errors.New("a line is not finite or falls")
		}
	}
	for i, v := range hessian {
		if math.IsNaN(v) || math.IsInf(v, 0) || i%(len(theta)+1) == 0 && !(v > 0) {
			return errors.New("a Hessian is not finite or not positive")
		}
	}
	return nil
}
