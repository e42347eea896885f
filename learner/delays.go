package learner

import (
	"math"
	"time"

	"millrace"
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
		loss = -logarithm(max(prediction[y.Class], probabilityFloor))
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
