package tree

import (
	"math"

	"millrace"
	"millrace/moments"
)

// scaler holds the running mean and deviation of every feature (Welford 1962), for linear leaves and
// for bounding what observers see, and those of a numeric target.
type scaler struct {
	// moments are count, mean and sum of squared deviations of each column.
	moments []float64 // [columns × 3]
	// spans are the least and the largest value of each feature, without wild ones; none of a target.
	spans []float64 // [columns × 2]
	// first are the first values, of which none counts for more, however wild.
	first *moments.Columns
	// form is 1 of features by which few values count for little: of trees that began before that was so it is 0, and
	// they go on as they were.
	form  []uint64  // [1]
	plain []float64 // [columns × 3] the moments of the first values as they are
	// values are the first ones of a target.
	values []float64 // [firstValues]
	// derived
	centre, factor, bound []float64
}

const (
	// zMax bounds standardised inputs: one wild value must not throw a leaf's weights far.
	zMax = 6
	// zLeast bounds them while few values are known, and learnt² is how many of the values known may lie beyond.
	zLeast = 2.5
	learnt = 5
	// settled values are too many for one of them to be believed when it is farther than outlier deviations away; it
	// then counts as just that far.
	settled = 100
	outlier = 30
	// A value of a feature is wild after wildAfter others when it is farther than wildDeviations from their mean, and
	// than wildRanges times as far from all of them as they are apart: a column that goes on to new places has no wild
	// values, nor one that begins to change. A wild one counts as wildCounted deviations and widens the range by a
	// share, so that a column which has moved for good is followed all the same.
	wildAfter      = 16
	wildDeviations = 1000
	wildRanges     = 2
	wildCounted    = 4
	wildWidens     = 0.05
	spanDeviations = 4
	// firstValues are judged together.
	firstValues = 32
	// After tailKnown values a tail has shown: moments that hold tailSquares times the variance which there is without
	// wild values are of those.
	tailKnown   = 128
	tailSquares = 50
	// firstWild is how many deviations from the first labels a wild one among them is, each being held to the fence.
	firstWild = 10
	// valueMax bounds values, so that squares of them can be summed.
	valueMax = 1e140
)

func newScaler(columns int) scaler {
	return scaler{
		moments: make([]float64, 3*columns), first: moments.New(columns, moments.Options{Interleaved: true}),
		plain: make([]float64, 3*columns), values: make([]float64, firstValues),
		centre: make([]float64, columns), factor: make([]float64, columns), bound: make([]float64, columns),
	}
}

// refresh derives what standard reads. After n values none is worth more than √n deviations; of a feature none of
// what comes later is worth more than √n/5 of what was learned, as package moments has it.
func (s *scaler) refresh(i int) {
	n, mean, squares := s.moments[3*i], s.moments[3*i+1], s.moments[3*i+2]
	s.centre[i], s.factor[i], s.bound[i] = mean, 0, min(zMax, math.Sqrt(n))
	if s.few() && n >= firstValues {
		s.bound[i] = min(zMax, max(zLeast, math.Sqrt(n)/learnt))
	}
	if f := math.Sqrt(n / squares); f > 0 && f <= math.MaxFloat32 {
		s.factor[i] = f
	}
}

// few reports whether few values count for little.
func (s *scaler) few() bool { return s.form != nil && s.form[0] == 1 }

// standard is v in deviations from the mean, bounded; 0 for NaN and while there is no deviation, and for wild values,
// which it reports: nothing is known of what they mean.
func (s *scaler) standard(i int, v float64) (z float64, wild bool) {
	z = (v - s.centre[i]) * s.factor[i]
	if math.Abs(z) <= s.bound[i] {
		return z, false
	}
	if z != z || s.wild(i, v) {
		return 0, z == z
	}
	return min(max(z, -s.bound[i]), s.bound[i]), false
}

// wild reports whether a value of a feature is wild.
func (s *scaler) wild(i int, v float64) bool {
	if s.spans == nil || s.moments[3*i] < wildAfter || math.Abs(v-s.centre[i])*s.factor[i] <= wildDeviations {
		return false
	}
	least, largest := s.spans[2*i], s.spans[2*i+1]
	span := wildRanges * (largest - least)
	return span > 0 && (v < least-span || v > largest+span)
}

// widen takes v into the span.
func (s *scaler) widen(i int, v float64, wild bool) {
	span := s.spans[2*i : 2*i+2]
	switch {
	case s.moments[3*i] == 0:
		span[0], span[1] = v, v
	case wild && v < span[0]:
		span[0] -= wildWidens * (span[1] - span[0])
	case wild:
		span[1] += wildWidens * (span[1] - span[0])
	default:
		span[0], span[1] = min(span[0], v), max(span[1], v)
	}
}

// span makes up the span of a feature of a snapshot that had none: about what so many deviations from a mean span.
func (s *scaler) span(i int) {
	span := s.spans[2*i : 2*i+2]
	if s.moments[3*i] > 0 && span[0] == 0 && span[1] == 0 && s.factor[i] > 0 {
		span[0], span[1] = s.centre[i]-spanDeviations/s.factor[i], s.centre[i]+spanDeviations/s.factor[i]
	}
}

// begin takes one of the first values in. It reports whether it is the last of them, and some were wild.
func (s *scaler) begin(i int, v float64) (cleared bool) {
	m, plain := s.moments[3*i:3*i+3], s.plain[3*i:3*i+3]
	if s.spans != nil {
		s.widen(i, v, false)
	} else {
		s.values[int(plain[0])] = v
	}
	plain[0]++
	d := v - plain[1]
	plain[1] += d / plain[0]
	plain[2] += d * (v - plain[1])
	s.first.Observe(i, v, 1)
	copy(m, plain)
	deviation, wild := s.first.Deviation(i), s.began(i)
	switch {
	case wild && s.spans != nil:
		m[1], m[2] = s.first.Centre(i), m[0]*deviation*deviation
	case wild:
		s.usual(m)
	}
	s.refresh(i)
	if m[0] < firstValues || s.spans == nil || !wild {
		return false
	}
	s.spans[2*i], s.spans[2*i+1] = m[1]-spanDeviations*deviation, m[1]+spanDeviations*deviation
	return true
}

// began reports whether some of the first values of a column were wild: of a feature when they are as far as wild ones
// are; of a label when they are few, or farther than any tail.
func (s *scaler) began(i int) bool {
	centre, deviation := s.first.Centre(i), s.first.Deviation(i)
	if deviation == 0 {
		return false
	}
	if s.spans != nil {
		return max(s.spans[2*i+1]-centre, centre-s.spans[2*i]) > wildDeviations*deviation
	}
	far := s.firstFar()
	n := s.plain[0]
	return far > 0 && far <= farMost || math.Sqrt(s.plain[2]/n) > beginOff*deviation
}

// isFar reports whether one of the first labels is as far off as wild ones are.
func (s *scaler) isFar(v float64) bool {
	return math.Abs(v-s.first.Centre(0)) > firstWild*s.first.Deviation(0)
}

// firstFar is the share of the first labels that are so far off.
func (s *scaler) firstFar() float64 {
	far, n := 0.0, s.plain[0]
	for _, v := range s.values[:int(n)] {
		if s.isFar(v) {
			far++
		}
	}
	return far / n
}

// usual makes mean and squares of m those of the first labels that are not so far off.
func (s *scaler) usual(m []float64) {
	n, mean, squares := 0.0, 0.0, 0.0
	for _, v := range s.values[:int(s.plain[0])] {
		if !s.isFar(v) {
			n++
			d := v - mean
			mean += d / n
			squares += d * (v - mean)
		}
	}
	m[1], m[2] = mean, squares*(m[0]/n)
}

// observe takes v in. NaN leaves no trace. It reports whether the first values are known now and were not what the
// column is, so that what was learned from them is to be forgotten.
func (s *scaler) observe(i int, v float64) (cleared bool) {
	m := s.moments[3*i : 3*i+3]
	if v != v {
		return false
	}
	v = min(max(v, -valueMax), valueMax)
	if m[0] < firstValues && s.plain[3*i] == m[0] {
		return s.begin(i, v)
	}
	d := v - m[1]
	wild := s.wild(i, v)
	if s.spans != nil {
		s.widen(i, v, wild)
	}
	most := math.Inf(1)
	switch {
	case wild:
		most = wildCounted
	case m[0] >= settled && s.few(): // one value makes the variance twice what it was at most
		most = min(outlier, math.Sqrt(m[0]))
	case m[0] >= settled:
		most = outlier
	}
	if d*d*m[0] > most*most*m[2] && m[2] > 0 {
		d = math.Copysign(most*math.Sqrt(m[2]/m[0]), d)
	}
	m[0]++
	old := m[1]
	m[1] += d / m[0]
	m[2] += d * (old + d - m[1])
	cleared = s.few() && m[0] <= tailKnown && s.judge(i, v)
	s.refresh(i)
	return cleared
}

// judge takes one of the values of a feature in by which a tail shows. After the last of them it reports whether some
// were wild, which the first ones may have been without being known for it, and makes the moments those of the others.
func (s *scaler) judge(i int, v float64) (cleared bool) {
	m := s.moments[3*i : 3*i+3]
	if s.first.Count(i) != m[0]-1 {
		return false // of a snapshot that had none
	}
	s.first.Observe(i, v, 1)
	deviation := s.first.Deviation(i)
	if m[0] < tailKnown || m[2] <= m[0]*deviation*deviation*tailSquares {
		return false
	}
	m[1], m[2] = s.first.Centre(i), m[0]*deviation*deviation
	s.spans[2*i], s.spans[2*i+1] = m[1]-spanDeviations*deviation, m[1]+spanDeviations*deviation
	return true
}

// list is the state of the first values. Trees of before had none and go on without.
func (s *scaler) list(name string) (all []entry) {
	s.first.State(name, millrace.Training, func(name string, t millrace.Tensor, role millrace.Role) {
		t.Added = true
		all = append(all, entry{name, t, role})
	})
	shape := []int{len(s.plain) / 3, 3}
	all = append(all, entry{name + ".plain", millrace.Tensor{Shape: shape, F64: s.plain, Added: true}, millrace.Training})
	if s.spans == nil {
		all = append(all, entry{name + ".values", millrace.Tensor{Shape: []int{firstValues}, F64: s.values, Added: true}, millrace.Training})
	}
	return all
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
	for _, v := range s.spans {
		if !(math.Abs(v) <= valueMax) {
			return false
		}
	}
	return true
}
