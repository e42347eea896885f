// Package moments keeps what a column of numbers usually is: the centre and the deviation by which a feature or a
// target is standardised. One wild value must not spoil a column, and one whose unit changes must not stay spoilt:
//
//   - The first values count by their median and by how far they usually are from it, until enough are known.
//   - A value far outside what was usual is wild: it counts for no more than a bound.
//   - When half of the recent values are outside, the column has moved: its moments begin again from the recent ones.
//
// Everything counts values, never time, and all of it is state: a column that is restored goes on to the last bit.
package moments

import (
	"math"

	"millrace"
)

// ValueMax bounds the magnitude of what is taken in: the square of it times 10²⁷ values is still a finite float64.
const ValueMax = 1e140

// Options say how columns are kept. The zero Options have defaults.
type Options struct {
	// Clip is how many deviations Standard gives at most, 8 by default.
	Clip float64
	// Limits keeps what Limits tells.
	Limits bool
	// Interleaved lays count, mean and sum of squares of a column side by side, in one tensor of [n, 3] ([3] for one
	// column), as targets and trees always had them; otherwise they are three tensors of [n], as features had them.
	Interleaved bool
}

// Columns are the moments of some columns. Reading them is safe for any number of goroutines while none changes them.
type Columns struct {
	clip   float64
	limits []float64 // [n, 2]: low and high of recent values; nil without Options.Limits
	base   []float64 // interleaved count, mean and squares; nil when they are separate
	stride int
	// Of column i, at i·stride: the weight of its values, their mean and the sum of their squared deviations
	// (Welford 1962, with weights as in West 1979).
	count, mean, squares []float64
	moved                []uint64
	frozen               []float64 // [n, 2]: centre and deviation as they were when the column settled or moved
	deviation            []float64 // derived
}

// New returns n columns of which no value is known.
func New(n int, o Options) *Columns {
	c := &Columns{clip: o.Clip, stride: 1, moved: make([]uint64, n), frozen: make([]float64, 2*n), deviation: make([]float64, n)}
	if c.clip == 0 {
		c.clip = 8
	}
	if o.Limits {
		c.limits = make([]float64, 2*n)
	}
	if o.Interleaved {
		c.base, c.stride = make([]float64, 3*n), 3
		if n > 0 {
			c.count, c.mean, c.squares = c.base, c.base[1:], c.base[2:]
		}
	} else {
		c.count, c.mean, c.squares = make([]float64, n), make([]float64, n), make([]float64, n)
	}
	return c
}

// Len is how many columns there are.
func (c *Columns) Len() int { return len(c.deviation) }

// Observe takes a value of column i in with a weight, 1 for most. NaN and weights not above zero leave no trace.
func (c *Columns) Observe(i int, v, weight float64) {
	if v != v || !(weight > 0) {
		return
	}
	v = min(max(v, -ValueMax), ValueMax)
	at := i * c.stride
	c.limit(i, v)
	d := v - c.mean[at]
	c.count[at] += weight
	c.mean[at] += d * (weight / c.count[at])
	c.squares[at] += max(weight*d*(v-c.mean[at]), 0)
	c.refresh(i)
}

func (c *Columns) limit(i int, v float64) {
	if c.limits == nil {
		return
	}
	low, high := &c.limits[2*i], &c.limits[2*i+1]
	if c.count[i*c.stride] == 0 {
		*low, *high = v, v
	}
	*low, *high = min(*low, v), max(*high, v)
}

func (c *Columns) refresh(i int) {
	at := i * c.stride
	c.deviation[i] = 0
	if d := math.Sqrt(c.squares[at] / c.count[at]); d > 0 && !math.IsInf(d, 1) {
		c.deviation[i] = d
	}
}

// Next is what a column would be with one more value.
type Next struct {
	Centre, Deviation, Bound float64
}

// Next returns what column i would be once Observe took the value in, and changes nothing: for who may yet refuse it.
// It writes what it then takes back, so nobody may read the columns meanwhile.
func (c *Columns) Next(i int, v, weight float64) Next {
	at := i * c.stride
	count, mean, squares, deviation := c.count[at], c.mean[at], c.squares[at], c.deviation[i]
	var low, high float64
	if c.limits != nil {
		low, high = c.limits[2*i], c.limits[2*i+1]
	}
	c.Observe(i, v, weight)
	next := Next{c.Centre(i), c.Deviation(i), c.Bound(i)}
	c.count[at], c.mean[at], c.squares[at], c.deviation[i] = count, mean, squares, deviation
	if c.limits != nil {
		c.limits[2*i], c.limits[2*i+1] = low, high
	}
	return next
}

// Standard is v in deviations from the centre, held within the bound; 0 while there is no deviation.
func (n Next) Standard(v float64) float64 { return standard(v, n.Centre, n.Deviation, n.Bound) }

func standard(v, centre, deviation, bound float64) float64 {
	if v != v || deviation == 0 {
		return 0
	}
	return min(max((v-centre)/deviation, -bound), bound)
}

// Count is the weight of the values by which column i goes: at most all that it ever had.
func (c *Columns) Count(i int) float64 { return c.count[i*c.stride] }

// Centre is what the values of column i usually lie around; 0 before the first.
func (c *Columns) Centre(i int) float64 { return c.mean[i*c.stride] }

// Deviation is how far the values of column i usually are from the centre (a standard deviation); 0 while unknown,
// which is until two of them differ.
func (c *Columns) Deviation(i int) float64 { return c.deviation[i] }

// Bound is how many deviations a value of column i counts for at most now: √n after n values (P. A. Samuelson, How
// Deviant Can You Be?, JASA 63, 1968), Options.Clip from then on.
func (c *Columns) Bound(i int) float64 { return min(c.clip, math.Sqrt(c.Count(i))) }

// Standard is v in deviations from the centre of column i, held within Bound; 0 for NaN, and without a deviation.
func (c *Columns) Standard(i int, v float64) float64 {
	return standard(v, c.Centre(i), c.deviation[i], c.Bound(i))
}

// Value is the value of column i that is z deviations from its centre.
func (c *Columns) Value(i int, z float64) float64 { return c.Centre(i) + z*c.deviation[i] }

// Moved is how often column i was found to have moved.
func (c *Columns) Moved(i int) uint64 { return c.moved[i] }

// Frozen are centre and deviation of column i as they were when it settled, changed only when it moves: trees see
// (v − centre)/deviation of these. A move keeps the meaning of what was seen: a value that is as many deviations from
// the new centre as one was from the old gives what that one gave. Before the column has settled they are what is known
// so far; before a deviation is known, and for a column restored from a snapshot without them, 0 and 1.
func (c *Columns) Frozen(i int) (centre, deviation float64) {
	if c.frozen[2*i+1] == 0 {
		return 0, 1
	}
	return c.frozen[2*i], c.frozen[2*i+1]
}

// Limits are the least and the largest of column i's recent values, wild ones held within the bound. They are 0, 0
// before the first value, and want Options.Limits.
func (c *Columns) Limits(i int) (low, high float64) { return c.limits[2*i], c.limits[2*i+1] }

// State visits the tensors, named after name. Count, mean and squares (name.count, name.mean and name.m2, or
// name.moments when interleaved) are those that snapshots always had; all others are Added.
func (c *Columns) State(name string, role millrace.Role, visit func(string, millrace.Tensor, millrace.Role)) {
	n := c.Len()
	if n == 0 {
		return
	}
	if c.base != nil {
		shape := []int{n, 3}
		if n == 1 {
			shape = []int{3}
		}
		visit(name+".moments", millrace.Tensor{Shape: shape, F64: c.base}, role)
	} else {
		visit(name+".count", millrace.Tensor{Shape: []int{n}, F64: c.count}, role)
		visit(name+".mean", millrace.Tensor{Shape: []int{n}, F64: c.mean}, role)
		visit(name+".m2", millrace.Tensor{Shape: []int{n}, F64: c.squares}, role)
	}
	visit(name+".moved", millrace.Tensor{Shape: []int{n}, U64: c.moved, Added: true}, role)
	visit(name+".frozen", millrace.Tensor{Shape: []int{n, 2}, F64: c.frozen, Added: true}, role)
	if c.limits != nil {
		visit(name+".limits", millrace.Tensor{Shape: []int{n, 2}, F64: c.limits, Added: true}, role)
	}
}
