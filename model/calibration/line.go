package calibration

import (
	"errors"
	"math"

	"millrace"
)

// line predicts log-odds that are a sum of products: θ·x, where x is made of the model's log-odds z. Which x makes
// the method,
//
//	Platt: x = (z, 1)                     (Platt 1999, equation 10)
//	beta:  x = (ln p, −ln(1−p), 1)        (Kull, Silva Filho and Flach 2017, equation 6)
//
// and θ begins where the line is z itself. It is learned by Newton steps on the log-loss whose Hessian forgets,
//
//	H ← λH + (1−λ)H₀ + w·q(1−q)·xxᵀ,   θ ← θ − H⁻¹·w·(q − y)·x,
//
// (the extended Kalman filter of a logistic regression, Fahrmeir 1992, with a forgetting factor, as recursive least
// squares has). H₀ keeps it near where it began until there is enough to go by. No slope becomes negative, so that
// ranks stay.
type line struct {
	beta    bool
	theta   []float64 // [n]
	hessian []float64 // [n, n]
	shapes  [2][]int
}

const (
	lineMax = 3
	// lineForgets is about how many events H remembers; lineFirst is H₀ on its diagonal.
	lineForgets = 3000
	lineFirst   = 20
	// slopeMin keeps predictions of more than one bit.
	slopeMin = 0.05
	// curvatureMin keeps steps finite where the prediction is sure.
	curvatureMin = 1e-6
)

// inputs writes x, and returns how many there are.
func (l *line) inputs(x *[lineMax]float64, z float64) int {
	if !l.beta {
		x[0], x[1] = z, 1
		return 2
	}
	// ln p = −ln(1 + e⁻ᶻ) and −ln(1 − p) = ln(1 + eᶻ): one is the other less z.
	low := math.Log1p(math.Exp(-math.Abs(z)))
	x[0], x[1], x[2] = math.Min(z, 0)-low, math.Max(z, 0)+low, 1
	return 3
}

func newLine(beta bool) *line {
	n := lineMax
	if !beta {
		n--
	}
	l := &line{beta: beta, theta: make([]float64, n), hessian: make([]float64, n*n), shapes: [2][]int{{n}, {n, n}}}
	for i := range n {
		l.hessian[i*n+i] = lineFirst
		if i < n-1 {
			l.theta[i] = 1
		}
	}
	return l
}

func (l *line) predict(z float64) float64 {
	var x [lineMax]float64
	var sum float64
	for i := range l.inputs(&x, z) {
		sum += l.theta[i] * x[i]
	}
	return bound(sum, logitMax)
}

func (l *line) learn(z, q, y, w float64) {
	var x, step [lineMax]float64
	n := l.inputs(&x, z)
	const keep = 1 - 1.0/lineForgets
	curvature := w * math.Max(q*(1-q), curvatureMin)
	for i := range n {
		for j := range n {
			h := &l.hessian[i*n+j]
			*h = keep**h + curvature*x[i]*x[j]
		}
		l.hessian[i*n+i] += (1 - keep) * lineFirst
		step[i] = w * (q - y) * x[i]
	}
	solve(l.hessian, step[:n])
	for i := range n {
		l.theta[i] -= step[i]
		if i < n-1 {
			l.theta[i] = math.Max(l.theta[i], slopeMin)
		}
	}
}

// solve replaces b by H⁻¹b, H being symmetric and positive definite, of at most lineMax rows (by Cholesky's LLᵀ).
func solve(h, b []float64) {
	n := len(b)
	var l [lineMax][lineMax]float64
	for i := range n {
		for j := range i + 1 {
			sum := h[i*n+j]
			for k := range j {
				sum -= l[i][k] * l[j][k]
			}
			if i == j {
				l[i][i] = math.Sqrt(sum)
			} else {
				l[i][j] = sum / l[j][j]
			}
		}
	}
	for i := range n {
		for k := range i {
			b[i] -= l[i][k] * b[k]
		}
		b[i] /= l[i][i]
	}
	for i := n - 1; i >= 0; i-- {
		for k := i + 1; k < n; k++ {
			b[i] -= l[k][i] * b[k]
		}
		b[i] /= l[i][i]
	}
}

func (l *line) state(visit func(string, millrace.Tensor, millrace.Role)) {
	visit("theta", added(l.shapes[0], l.theta), millrace.Serving)
	visit("hessian", added(l.shapes[1], l.hessian), millrace.Training)
}

func (l *line) restored() error {
	for i, v := range l.theta {
		if math.IsNaN(v) || math.IsInf(v, 0) || i < len(l.theta)-1 && v < slopeMin {
			return errors.New("a line is not finite or falls")
		}
	}
	for i, v := range l.hessian {
		if math.IsNaN(v) || math.IsInf(v, 0) || i%(len(l.theta)+1) == 0 && !(v > 0) {
			return errors.New("a Hessian is not finite or not positive")
		}
	}
	return nil
}
