package mixture

import (
	"testing"

	"millrace/model"
)

// TestNumberMixerStartsFast: experts' errors count in units of the mixture's own, which must not stay what it
// was before the first event for the thousand that it remembers later, or a short stream is over before the
// weights have told good experts from bad ones.
func TestNumberMixerStartsFast(t *testing.T) {
	const good, bad = 0, 1
	target := model.NewMoments()
	m := newNumberMixer(2, &target, numberShareRates, nil)
	sc := newMixing(2, len(m.all), 1)
	active, dst := []int{good, bad}, []float32{0}
	for i := range 100 {
		y := float64(i%2)*2 - 1
		m.prepare(sc, good, nil, 0.95*y)
		m.prepare(sc, bad, nil, 0)
		m.predict(dst, sc, active)
		z, _ := target.Next(y, 1).Learned(y)
		m.learn(sc, outcome{z: z, relative: 1, part: 1 / (target.Weight() + 2), counts: 1}, active)
		target.Commit(y, 1)
	}
	if e := m.error[0]; e > 0.1 {
		t.Errorf("a mixture that is nearly always right takes its squared error for %g", e)
	}
	if w := m.shares[1].weight[bad]; w > 0.05 {
		t.Errorf("an expert that knows nothing has a weight of %g after 100 events", w)
	}
}
