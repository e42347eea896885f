package tree

import "math"

// scaler holds the running mean and deviation of every feature (Welford 1962), for linear leaves and
// for bounding what observers see, and those of a numeric target.
type scaler struct {
	// moments are count, mean and sum of squared deviations of each column.
	moments []float64 // [columns × 3]
	// derived
	centre, factor, bound []float64
}

const (
	// zMax bounds standardised inputs: one wild value must not throw a leaf's weights far.
	zMax = 6
	// settled values are too many for one of them to be believed when it is farther than outlier
	// deviations away; it then counts as just that far.
	settled = 100
	outlier = 30
	// valueMax bounds values, so that squares of them can be summed.
	valueMax = 1e140
)

func newScaler(columns int) scaler {
	return scaler{
		moments: make([]float64, 3*columns),
		centre:  make([]float64, columns), factor: make([]float64, columns), bound: make([]float64, columns),
	}
}

// refresh derives what standard reads. After n values none is worth more than √n deviations.
func (s *scaler) refresh(i int) {
	n, mean, squares := s.moments[3*i], s.moments[3*i+1], s.moments[3*i+2]
	s.centre[i], s.factor[i], s.bound[i] = mean, 0, min(zMax, math.Sqrt(n))
	if f := math.Sqrt(n / squares); f > 0 && f <= math.MaxFloat32 {
		s.factor[i] = f
	}
}

// standard is v in deviations from the mean, bounded; 0 for NaN and while there is no deviation.
func (s *scaler) standard(i int, v float64) float64 {
	z := (v - s.centre[i]) * s.factor[i]
	if z != z {
		return 0
	}
	return min(max(z, -s.bound[i]), s.bound[i])
}

// observe takes v in. NaN leaves no trace.
func (s *scaler) observe(i int, v float64) {
	m := s.moments[3*i : 3*i+3]
	if v != v {
		return
	}
	v = min(max(v, -valueMax), valueMax)
	d := v - m[1]
	if m[0] >= settled && d*d*m[0] > outlier*outlier*m[2] && m[2] > 0 {
		d = math.Copysign(outlier*math.Sqrt(m[2]/m[0]), d)
	}
	m[0]++
	old := m[1]
	m[1] += d / m[0]
	m[2] += d * (old + d - m[1])
	s.refresh(i)
}

// deviations is v in deviations from the mean of the only column, 0 while there is none, within what can be squared.
func (s *scaler) deviations(v float64) float64 {
	return min(max((v-s.centre[0])*s.factor[0], -valueMax), valueMax)
}

// value is what is z deviations from the mean of the only column.
func (s *scaler) value(z float64) float64 {
	return min(max(s.centre[0]+z*s.deviation(), -math.MaxFloat64), math.MaxFloat64)
}

// move makes the moments of the only column those of values that were a·z + b where they were z, in deviations.
func (s *scaler) move(a, b float64) {
	m := s.moments
	m[1] = min(max(m[1]+b*s.deviation(), -valueMax), valueMax)
	m[2] = min(m[2]*a*a, math.MaxFloat64)
	s.refresh(0)
}

// deviation is the standard deviation of the only column, 0 until two values differ.
func (s *scaler) deviation() float64 {
	if s.factor[0] == 0 {
		return 0
	}
	return 1 / s.factor[0]
}

// check reports moments that no values of at most this size have.
func (s *scaler) check(most float64) bool {
	for i := 0; i < len(s.moments); i += 3 {
		n, mean, squares := s.moments[i], s.moments[i+1], s.moments[i+2]
		if !(n >= 0 && n <= 1<<62) || !(math.Abs(mean) <= most) || !(squares >= 0) || math.IsInf(squares, 1) {
			return false
		}
	}
	return true
}
