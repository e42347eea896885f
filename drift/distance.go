package drift

import (
	"errors"
	"math"

	"gonum.org/v1/gonum/stat/distuv"

	"millrace"
)

const (
	block  = 32             // values of a block
	blocks = 16             // of a window
	whole  = block * blocks // values of a reference
	pooled = 10             // a bin that both windows have fewer values in counts together with others
	// turnsMax is how many windows the spread of blocks remembers.
	turnsMax = 8
)

// scales are how many of the latest blocks are compared with the reference.
var scales = [...]int{2, 8, 16}

// distances watch the values of columns: each compares the shares of its bins in the latest values with those in a
// reference, by Pearson's statistic of two samples, which the population stability index times nm/(n+m) comes to where
// nothing has changed (Yurdakul and Naranjo 2020), and which few values distort less. Its null distribution is
// chi-squared for independent values. Neighbours in a stream are not independent, so it is divided by the design effect
// of blocks, how much more their shares differ from each other than those of independent values (Rao and Scott 1981,
// first-order correction); as that is an estimate, the quotient's distribution is an F.
type distances struct {
	rate float64 // probability of an error, a test
	kind []Kind

	bounds []float64 // [columns, valueBins−1]
	values []float64 // [columns, first]
	ring   []uint8   // [columns, blocks, bins] the latest blocks, while there is no reference the ones of that
	refer  []uint32  // [columns, bins]
	effect []float64 // [columns] design effect
	counts []uint64  // [columns, seen, turns in the effect, alarms told …], see the of… indices
}

const (
	ofSeen  = iota // values since the reference was begun
	ofTurns        // windows in the design effect
	ofLen
)

// newDistances returns detectors that err with this probability a value each.
func newDistances(kind []Kind, rate float64) *distances {
	n, tests := len(kind), 0.0
	for _, s := range scales {
		tests += 1 / float64(s/2*block)
	}
	return &distances{rate: rate / tests, kind: kind, bounds: make([]float64, n*(valueBins-1)), values: make([]float64, n*first),
		ring: make([]uint8, n*blocks*bins), refer: make([]uint32, n*bins), effect: make([]float64, n), counts: make([]uint64, n*ofLen)}
}

func (d *distances) boundsOf(c int) bounds {
	return bounds{d.kind[c], d.bounds[c*(valueBins-1) : (c+1)*(valueBins-1)], d.values[c*first : (c+1)*first]}
}

func (d *distances) blockOf(c, b int) []uint8 {
	at := (c*blocks + b) * bins
	return d.ring[at : at+bins]
}

// shift is what an alarm of shares says.
type shift struct {
	size   float64 // population stability index
	side   Side
	values uint64 // that the recent window holds
}

// add takes a column's value in and reports whether the shares of its bins have changed.
func (d *distances) add(c int, v float64) (s shift, alarm bool) {
	b := d.boundsOf(c)
	counts := d.counts[c*ofLen : (c+1)*ofLen]
	n := counts[ofSeen]
	counts[ofSeen]++
	if n < first {
		b.values[n] = v
		if n+1 < first {
			return s, false
		}
		b.settle()
		for i, v := range b.values {
			d.blockOf(c, i/block)[b.bin(v)]++
		}
		return s, false
	}
	at := int(n / block % blocks)
	now := d.blockOf(c, at)
	if n%block == 0 {
		clear(now)
	}
	now[b.bin(v)]++
	if (n+1)%block != 0 {
		return s, false
	}
	return d.full(c, n+1)
}

// full is what follows a full block.
func (d *distances) full(c int, seen uint64) (s shift, alarm bool) {
	if seen < whole {
		return s, false
	}
	if seen == whole {
		d.recent(c, blocks, blocks-1, d.refer[c*bins:(c+1)*bins])
		d.disperse(c)
		return s, false
	}
	filled, at := int((seen-whole)/block), int(seen/block+blocks-1)%blocks
	for _, scale := range scales {
		if filled < scale || filled%(scale/2) != 0 {
			continue
		}
		var recent [bins]uint32
		d.recent(c, scale, at, recent[:])
		if !d.differs(c, recent[:]) {
			continue
		}
		s = d.shift(c, recent[:])
		s.values = uint64(scale * block)
		d.begin(c)
		return s, true
	}
	if filled%blocks == 0 {
		d.disperse(c)
	}
	return s, false
}

// recent adds up so many blocks, the latest of which is the one at at.
func (d *distances) recent(c, count, at int, into []uint32) {
	for i := range count {
		for b, n := range d.blockOf(c, (at-i+blocks)%blocks) {
			into[b] += uint32(n)
		}
	}
}

// begin makes what comes next a new reference, with bins of its own.
func (d *distances) begin(c int) {
	clear(d.ring[c*blocks*bins : (c+1)*blocks*bins])
	clear(d.refer[c*bins : (c+1)*bins])
	clear(d.counts[c*ofLen : (c+1)*ofLen])
	d.effect[c] = 0
}

// disperse measures the design effect of the blocks in the ring, together with that of the windows before.
func (d *distances) disperse(c int) {
	var all [bins]uint32
	d.recent(c, blocks, blocks-1, all[:])
	statistic, freedom := 0.0, -1
	for _, n := range all {
		if n > 0 {
			freedom++
		}
	}
	for b := range blocks {
		for i, n := range d.blockOf(c, b) {
			if all[i] > 0 {
				expected := float64(all[i]) / blocks
				statistic += (float64(n) - expected) * (float64(n) - expected) / expected
			}
		}
	}
	effect := 1.0
	if freedom > 0 {
		effect = statistic / float64(freedom*(blocks-1))
	}
	turns := &d.counts[c*ofLen+ofTurns]
	*turns = min(*turns+1, turnsMax)
	d.effect[c] += (effect - d.effect[c]) / float64(*turns)
}

// differs reports whether the shares of recent values are none of the reference's.
func (d *distances) differs(c int, recent []uint32) bool {
	statistic, freedom := pearson(d.refer[c*bins:(c+1)*bins], recent)
	if freedom < 1 {
		return false
	}
	// Blocks that agree better than independent values do are no reason to expect the same of windows.
	f := statistic / freedom / max(d.effect[c], 1)
	if f < 2 { // far from any rate that a budget allows
		return false
	}
	null := distuv.F{D1: freedom, D2: freedom * (blocks - 1) * float64(d.counts[c*ofLen+ofTurns])}
	return null.Survival(f) < d.rate
}

// pearson is the statistic of two samples over the bins that hold enough, the others together being one.
func pearson(a, b []uint32) (statistic, freedom float64) {
	var n, m, restA, restB float64
	for i := range a {
		n += float64(a[i])
		m += float64(b[i])
	}
	add := func(x, y float64) {
		p := x/n - y/m
		statistic += p * p / (x + y) * n * m
		freedom++
	}
	freedom = -1
	for i := range a {
		x, y := float64(a[i]), float64(b[i])
		if x+y < pooled {
			restA += x
			restB += y
			continue
		}
		add(x, y)
	}
	if restA+restB > 0 {
		add(restA, restB)
	}
	return statistic, freedom
}

// shift says how recent values differ from the reference.
func (d *distances) shift(c int, recent []uint32) (s shift) {
	a := d.refer[c*bins : (c+1)*bins]
	s.size = index(a, recent)
	var n, m, meanA, meanB float64
	for i := range valueBins {
		n += float64(a[i])
		m += float64(recent[i])
		meanA += float64(i) * float64(a[i])
		meanB += float64(i) * float64(recent[i])
	}
	s.side = Shares
	if d.kind[c] == Numbers && n > 0 && m > 0 {
		switch up := meanB/m - meanA/n; {
		case up > 0.5:
			s.side = Higher
		case up < -0.5:
			s.side = Lower
		}
	}
	switch gone := float64(recent[valueBins])/(m+float64(recent[valueBins])) - float64(a[valueBins])/(n+float64(a[valueBins])); {
	case gone > 0.1:
		s.side = MissingMore
	case gone < -0.1:
		s.side = MissingLess
	}
	return s
}

// index is the population stability index, Σ (p−q)·ln(p/q), with half a value in every bin of both.
func index(a, b []uint32) (size float64) {
	var n, m float64
	for i := range a {
		n += float64(a[i]) + 0.5
		m += float64(b[i]) + 0.5
	}
	for i := range a {
		p, q := (float64(a[i])+0.5)/n, (float64(b[i])+0.5)/m
		size += (p - q) * math.Log(p/q)
	}
	return size
}

// statistic is the population stability index of the latest window of a column; ok is false while there is none.
func (d *distances) statistic(c int) (size float64, ok bool) {
	seen := d.counts[c*ofLen+ofSeen]
	filled := int(seen/block) - blocks
	if filled < scales[1] {
		return 0, false
	}
	var recent [bins]uint32
	d.recent(c, scales[1], int(seen/block+blocks-1)%blocks, recent[:])
	return index(d.refer[c*bins:(c+1)*bins], recent[:]), true
}

func (d *distances) reset() {
	for c := range d.kind {
		d.begin(c)
	}
	clear(d.bounds)
	clear(d.values)
}

func (d *distances) state(prefix string, visit func(string, millrace.Tensor, millrace.Role)) {
	n := len(d.kind)
	tensor := func(name string, t millrace.Tensor) {
		t.Added = true
		visit(prefix+name, t, millrace.Training)
	}
	tensor("bounds", millrace.Tensor{Shape: []int{n, valueBins - 1}, F64: d.bounds})
	tensor("first", millrace.Tensor{Shape: []int{n, first}, F64: d.values})
	tensor("blocks", millrace.Tensor{Shape: []int{n, blocks, bins}, U8: d.ring})
	tensor("reference", millrace.Tensor{Shape: []int{n, bins}, U32: d.refer})
	tensor("effect", millrace.Tensor{Shape: []int{n}, F64: d.effect})
	tensor("counts", millrace.Tensor{Shape: []int{n, ofLen}, U64: d.counts})
}

func (d *distances) restored() error {
	for c := range d.kind {
		b := d.boundsOf(c)
		if err := b.check(); err != nil {
			return err
		}
		var sum, refer int
		for _, n := range d.ring[c*blocks*bins : (c+1)*blocks*bins] {
			sum += int(n)
		}
		for _, n := range d.refer[c*bins : (c+1)*bins] {
			refer += int(min(n, whole+1))
		}
		seen, turns := d.counts[c*ofLen+ofSeen], d.counts[c*ofLen+ofTurns]
		switch e := d.effect[c]; {
		case seen < first && sum > 0, sum > whole, seen < whole && refer > 0, seen >= whole && refer != whole:
			return errors.New("the bins of a feature hold what no values leave")
		case !(e >= 0 && e <= whole*bins) || turns > turnsMax || (seen >= whole) != (turns > 0):
			return errors.New("the spread of a feature's bins is none")
		}
	}
	return nil
}
