package drift

import (
	"math"

	"millrace"
)

// Windows are ADWINs (Bifet and Gavaldà 2007), one a place, in flat arrays: windows of a signal in [0, 1] that shrink
// when their older part differs from their newer one. Row i of a window holds buckets of 2^i values, oldest first. With
// adwinRows rows a window holds 300,000 values; older ones are dropped.
type Windows struct {
	// Delta is the probability of an error that cuts allow for. It may be changed between values.
	Delta float64

	// Of values that are means of several events: how many, and by how much more their mean varies than the mean of as
	// many independent ones. 1 where each value is an event's and they are independent, as in the paper.
	size, inflation float64
	clock           uint32 // values between two looks for a cut

	total  []float64 // [places × rows × buckets] sums of values
	spread []float64 // the same: sums of squared deviations
	used   []uint8   // [places × rows] buckets
	sums   []float64 // [places × 3] of the window: values, their sum, their squared deviations
	ticks  []uint32  // [places] values until now
}

const (
	adwinRows    = 16
	adwinBuckets = 6 // one more than a row keeps
	adwinClock   = 32
	adwinGrace   = 10
	adwinWindow  = 5 // shortest part that is compared
	// ADWINBytes is the state of one window.
	ADWINBytes = adwinRows*(adwinBuckets*16+1) + 24 + 4
)

// NewWindows returns so many windows of nothing.
func NewWindows(places int, delta float64) *Windows {
	return &Windows{
		Delta: delta, size: 1, inflation: 1, clock: adwinClock,
		total: make([]float64, places*adwinRows*adwinBuckets), spread: make([]float64, places*adwinRows*adwinBuckets),
		used: make([]uint8, places*adwinRows), sums: make([]float64, 3*places), ticks: make([]uint32, places),
	}
}

// Clear empties all windows.
func (d *Windows) Clear() {
	clear(d.total)
	clear(d.spread)
	clear(d.used)
	clear(d.sums)
	clear(d.ticks)
}

// Reset empties the window at a place.
func (d *Windows) Reset(n int32) {
	i := int(n)
	clear(d.total[i*adwinRows*adwinBuckets : (i+1)*adwinRows*adwinBuckets])
	clear(d.spread[i*adwinRows*adwinBuckets : (i+1)*adwinRows*adwinBuckets])
	clear(d.used[i*adwinRows : (i+1)*adwinRows])
	clear(d.sums[3*i : 3*i+3])
	d.ticks[i] = 0
}

// Move makes place n what place from is, and from empty.
func (d *Windows) Move(n, from int32) {
	a, b := int(n), int(from)
	const row = adwinRows * adwinBuckets
	copy(d.total[a*row:(a+1)*row], d.total[b*row:(b+1)*row])
	copy(d.spread[a*row:(a+1)*row], d.spread[b*row:(b+1)*row])
	copy(d.used[a*adwinRows:(a+1)*adwinRows], d.used[b*adwinRows:(b+1)*adwinRows])
	copy(d.sums[3*a:3*a+3], d.sums[3*b:3*b+3])
	d.ticks[a] = d.ticks[b]
	d.Reset(from)
}

// Width is how many values the window at a place holds.
func (d *Windows) Width(n int32) float64 { return d.sums[3*n] }

// Ticks is how many values a place has taken in since it was reset.
func (d *Windows) Ticks(n int32) uint32 { return d.ticks[n] }

// Mean is the mean of the window, 0 while it is empty.
func (d *Windows) Mean(n int32) float64 {
	if d.sums[3*n] == 0 {
		return 0
	}
	return d.sums[3*n+1] / d.sums[3*n]
}

// Add takes a value in and reports whether the window shrank.
func (d *Windows) Add(n int32, v float64) bool {
	if !d.take(n, v) {
		return false
	}
	shrank := false
	for d.cut(n) {
		d.drop(n)
		shrank = true
	}
	return shrank
}

// take takes a value in and reports whether it is time to look for a cut.
func (d *Windows) take(n int32, v float64) bool {
	sums := d.sums[3*n : 3*n+3]
	if sums[0] > 0 {
		diff := v - sums[1]/sums[0]
		sums[2] += sums[0] * diff * diff / (sums[0] + 1)
	}
	sums[0]++
	sums[1] += v
	d.push(n, 0, v, 0)
	d.ticks[n]++
	return d.ticks[n]%d.clock == 0 && sums[0] > adwinGrace
}

// push adds a bucket to a row. A row that then has too many merges its oldest two into the next row.
func (d *Windows) push(n int32, row int, total, spread float64) {
	for {
		at := int(n)*adwinRows + row
		used := int(d.used[at])
		t := d.total[at*adwinBuckets : (at+1)*adwinBuckets]
		s := d.spread[at*adwinBuckets : (at+1)*adwinBuckets]
		t[used], s[used] = total, spread
		d.used[at]++
		if used+1 < adwinBuckets {
			return
		}
		if row == adwinRows-1 {
			d.drop(n)
			return
		}
		size := float64(uint64(1) << row)
		diff := (t[0] - t[1]) / size
		total, spread = t[0]+t[1], min(s[0]+s[1]+size*diff*diff/2, 2*size)
		copy(t, t[2:])
		copy(s, s[2:])
		t[adwinBuckets-1], t[adwinBuckets-2], s[adwinBuckets-1], s[adwinBuckets-2] = 0, 0, 0, 0
		d.used[at] -= 2
		row++
	}
}

// drop forgets the oldest bucket.
func (d *Windows) drop(n int32) {
	row := adwinRows - 1
	for ; row >= 0 && d.used[int(n)*adwinRows+row] == 0; row-- {
	}
	if row < 0 {
		return
	}
	at := int(n)*adwinRows + row
	t := d.total[at*adwinBuckets : (at+1)*adwinBuckets]
	s := d.spread[at*adwinBuckets : (at+1)*adwinBuckets]
	sums := d.sums[3*n : 3*n+3]
	size := float64(uint64(1) << row)
	mean := t[0] / size
	sums[0] -= size
	// Rounding, and only it, could lead out of these bounds.
	sums[1] = min(max(sums[1]-t[0], 0), sums[0])
	if sums[0] > 0 {
		diff := mean - sums[1]/sums[0]
		sums[2] = min(max(sums[2]-(s[0]+size*sums[0]*diff*diff/(size+sums[0])), 0), sums[0])
	} else {
		sums[1], sums[2] = 0, 0
	}
	copy(t, t[1:])
	copy(s, s[1:])
	t[adwinBuckets-1], s[adwinBuckets-1] = 0, 0
	d.used[at]--
}

// cut reports whether the window has two parts whose means differ (Theorem 3.2 with the variance, as in
// the paper's section 3).
func (d *Windows) cut(n int32) bool {
	sums := d.sums[3*n : 3*n+3]
	width, all := sums[0], sums[1]
	confidence := math.Log(2 * math.Log(width) / d.Delta)
	variance := sums[2] / width * d.inflation
	older, total := 0.0, 0.0
	for row := adwinRows - 1; row >= 0; row-- {
		at := int(n)*adwinRows + row
		size := float64(uint64(1) << row)
		for b := range int(d.used[at]) {
			older += size
			total += d.total[at*adwinBuckets+b]
			newer := width - older
			if older < adwinWindow || newer < adwinWindow {
				continue
			}
			m := 1/(older-adwinWindow+1) + 1/(newer-adwinWindow+1)
			bound := math.Sqrt(2*m*variance*confidence) + 2.0/3/d.size*confidence*m
			if math.Abs(total/older-(all-total)/newer) > bound {
				return true
			}
		}
	}
	return false
}

// best is the cut of a window whose parts differ most for their lengths: the mean of both, and how many values the
// newer one holds.
func (d *Windows) best(n int32) (before, after, newest float64) {
	sums := d.sums[3*n : 3*n+3]
	older, total, most := 0.0, 0.0, -1.0
	for row := adwinRows - 1; row >= 0; row-- {
		at := int(n)*adwinRows + row
		for b := range int(d.used[at]) {
			older += float64(uint64(1) << row)
			total += d.total[at*adwinBuckets+b]
			newer := sums[0] - older
			if older < adwinWindow || newer < adwinWindow {
				continue
			}
			a, b := total/older, (sums[1]-total)/newer
			if gap := (a - b) * (a - b) * older * newer; gap > most {
				before, after, newest, most = a, b, newer, gap
			}
		}
	}
	return before, after, newest
}

// Check reports windows that no values leave.
func (d *Windows) Check() bool {
	for i, used := range d.used {
		if used >= adwinBuckets {
			return false
		}
		size := float64(uint64(1) << (i % adwinRows))
		for b := range adwinBuckets {
			t, s := d.total[i*adwinBuckets+b], d.spread[i*adwinBuckets+b]
			if !(t >= 0 && t <= size*1.001) || !(s >= 0 && s <= size) || b >= int(used) && (t != 0 || s != 0) {
				return false
			}
		}
	}
	for i := 0; i < len(d.sums); i += 3 {
		place := i / 3
		width, total := 0.0, 0.0
		for at := place * adwinRows; at < (place+1)*adwinRows; at++ {
			width += float64(uint64(d.used[at]) << (at % adwinRows))
			for _, t := range d.total[at*adwinBuckets : (at+1)*adwinBuckets] {
				total += t
			}
		}
		if d.sums[i] != width || !(math.Abs(d.sums[i+1]-total) <= 1e-6*(1+width)) || !(d.sums[i+2] >= 0 && d.sums[i+2] <= width) {
			return false
		}
	}
	return true
}

// State visits the windows' tensors; whoever has them says of which role they are.
func (d *Windows) State(visit func(name string, t millrace.Tensor)) {
	n := len(d.ticks)
	visit("total", millrace.Tensor{Shape: []int{n, adwinRows, adwinBuckets}, F64: d.total})
	visit("spread", millrace.Tensor{Shape: []int{n, adwinRows, adwinBuckets}, F64: d.spread})
	visit("used", millrace.Tensor{Shape: []int{n, adwinRows}, U8: d.used})
	visit("sums", millrace.Tensor{Shape: []int{n, 3}, F64: d.sums})
	visit("ticks", millrace.Tensor{Shape: []int{n}, U32: d.ticks})
}
