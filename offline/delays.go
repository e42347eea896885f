package offline

import (
	"math"
	"time"
)

// Delays are how long after their events labels came.
type Delays struct {
	// bins hold how many came within a bin's time of the event: bin i is of delays from 1.01^i ms on, so that every
	// delay is known to a hundredth of itself. Those within a millisecond are in none.
	bins  []uint64
	count uint64
	sum   float64 // milliseconds
	most  time.Duration
}

// delayLog is the logarithm of 1.01.
const delayLog = 0.009950330853168083

// add counts a label that came so long after its event.
func (d *Delays) add(delay time.Duration) {
	d.count++
	d.sum += float64(delay.Milliseconds())
	d.most = max(d.most, delay)
	if ms := delay.Milliseconds(); ms > 0 {
		bin := int(math.Log(float64(ms)) / delayLog)
		for len(d.bins) <= bin {
			d.bins = append(d.bins, 0)
		}
		d.bins[bin]++
	}
}

// within is the delay that a share of labels came within.
func (d *Delays) within(share float64) time.Duration {
	left := int64(math.Ceil(share * float64(d.count)))
	for _, n := range d.bins {
		left += int64(n)
	}
	left -= int64(d.count) // behind those within a millisecond
	if left <= 0 {
		return 0
	}
	for bin, n := range d.bins {
		if left -= int64(n); left <= 0 {
			ms := math.Exp((float64(bin) + 0.5) * delayLog)
			return min(time.Duration(ms)*time.Millisecond, d.most)
		}
	}
	return d.most
}

// LabelDelay says how long after their events labels came, in seconds. All but the first and the last are known to a
// hundredth of themselves.
type LabelDelay struct {
	Mean      float64 `json:"mean_seconds"`
	Median    float64 `json:"median_seconds"`
	Percent90 float64 `json:"90_percent_within_seconds"`
	Percent99 float64 `json:"99_percent_within_seconds"`
	Longest   float64 `json:"longest_seconds"`
}

// summary is nil when no label came.
func (d *Delays) summary() *LabelDelay {
	if d.count == 0 {
		return nil
	}
	return &LabelDelay{Mean: d.sum / float64(d.count) / 1000, Median: d.within(0.5).Seconds(),
		Percent90: d.within(0.9).Seconds(), Percent99: d.within(0.99).Seconds(), Longest: d.most.Seconds()}
}
