package learner

import (
	"math"
	"time"

	dto "github.com/prometheus/client_model/go"

	"millrace"
	"millrace/elementary"
)

// delays are the label delays that figures are told apart by: up to so long, and more.
var delays = [...]struct {
	name string
	most time.Duration
}{{"1m", time.Minute}, {"1h", time.Hour}, {"1d", 24 * time.Hour}, {"7d", 7 * 24 * time.Hour}, {"more", math.MaxInt64}}

// byDelay are fading losses of predictions made when events came, by how long after them their labels were known: of
// each of the delays the sum of losses and that of their weights.
type byDelay []float64

func newByDelay() byDelay { return make(byDelay, 2*len(delays)) }

func (b byDelay) state(visit func(string, millrace.Tensor, millrace.Role)) {
	visit("delays", millrace.Tensor{Shape: []int{len(delays), 2}, F64: b, Added: true}, millrace.Training)
}

// AddDelayed counts a prediction made when an event came, once its label has come so long after it.
func (p *Progressive) AddDelayed(delay time.Duration, prediction []float64, y millrace.Label) {
	at := 0
	for delay > delays[at].most {
		at++
	}
	loss := 0.0
	if p.classes > 0 {
		loss = -elementary.Log(max(prediction[y.Class], probabilityFloor))
	} else {
		loss = math.Abs(clampError(prediction[0] - y.Value))
	}
	f := p.delays[2*at : 2*at+2]
	f[0], f[1] = fadeFactor*f[0]+loss, fadeFactor*f[1]+1
}

// delayed is the recent mean loss of one of the delays; ok is false before the first label that took so long.
func (p *Progressive) delayed(at int) (loss float64, ok bool) {
	sum, weight := p.delays[2*at], p.delays[2*at+1]
	return sum / weight, weight > 0
}

// DelayedLoss is how right recent predictions were whose labels took so long.
type DelayedLoss struct {
	Delay string  // the longest of these: 1m, 1h, 1d, 7d, or more
	Loss  float64 // mean log-loss in nats, of numbers the mean absolute error
}

// delayedLosses are those of the delays that labels have taken so far.
func (p *Progressive) delayedLosses() (all []DelayedLoss) {
	for i, d := range delays {
		if loss, ok := p.delayed(i); ok {
			all = append(all, DelayedLoss{d.name, loss})
		}
	}
	return all
}

// LabelDelay says how long after their events labels were known. Median and Percent95 are read from a histogram whose
// buckets are four times as wide each as the one before, as Prometheus reads it: they are good to that, no better.
type LabelDelay struct {
	Labels                  uint64 // that it is of; 0 is none, and then the rest is, too
	Mean, Median, Percent95 time.Duration
}

// labelDelay is what the histogram of label delays says.
func (m *keyedMetrics) labelDelay() LabelDelay {
	var all dto.Metric
	if m == nil || m.delay == nil || m.delay.Write(&all) != nil || all.GetHistogram().GetSampleCount() == 0 {
		return LabelDelay{}
	}
	h := all.GetHistogram()
	seconds := func(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
	return LabelDelay{Labels: h.GetSampleCount(), Mean: seconds(h.GetSampleSum() / float64(h.GetSampleCount())),
		Median: seconds(within(h, 0.5)), Percent95: seconds(within(h, 0.95))}
}

// within is how much a share of a histogram's samples is at most, by a straight line through the bucket where that is.
// Of samples beyond the last bucket it says where that ends.
func within(h *dto.Histogram, share float64) float64 {
	rank, lower, below := share*float64(h.GetSampleCount()), 0.0, uint64(0)
	for _, b := range h.GetBucket() {
		if n := b.GetCumulativeCount(); float64(n) >= rank {
			return lower + (b.GetUpperBound()-lower)*(rank-float64(below))/float64(n-below)
		}
		lower, below = b.GetUpperBound(), b.GetCumulativeCount()
	}
	return lower
}
