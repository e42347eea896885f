package tree

import (
	"math"
	"math/rand/v2"
	"testing"

	"millrace"
)

// outageLoss is the mean absolute error of 12,000 events with a label that leaves now and then for as long as it says,
// but for that of the first rows of an outage and of what follows it, in which it has to be found.
func outageLoss(t *testing.T, c Config, rows int, depth float64, left int) (steady, out float64) {
	t.Helper()
	m, random := build(t, c), rand.New(rand.NewPCG(12, uint64(rows)))
	w, dst, steadies, outs := m.NewWork(), make([]float32, 1), 0.0, 0.0
	for i := range 12_000 {
		x := []float32{float32(random.NormFloat64()), float32(random.NormFloat64()), float32(random.NormFloat64())}
		y, phase := 50+3*float64(x[0])-2*float64(x[1])+0.1*random.NormFloat64(), i%500
		away := i >= 1000 && phase < rows
		if away {
			y = 50 - depth + 0.1*random.NormFloat64()
		}
		m.Predict(dst, x, w)
		switch off := math.Abs(m.Value(dst[0]) - y); {
		case i < 6000:
		case away && phase >= left:
			outs, out = outs+1, out+off
		case !away && phase >= rows+left:
			steadies, steady = steadies+1, steady+off
		}
		if err := m.Learn(x, millrace.Target{Known: true, Value: y}, 1, w); err != nil {
			t.Fatal(err)
		}
	}
	return steady / steadies, out / max(outs, 1)
}

// Outages of the label, short and long, are followed some rows after they began and left some rows after they ended,
// with most of what trees know of the time between.
func TestOutagesAreFollowed(t *testing.T) {
	for name, c := range numberConfigs() {
		clean, _ := outageLoss(t, c, 0, 0, 0)
		for _, rows := range []int{12, 40} {
			for _, depth := range []float64{30, 100} {
				steady, out := outageLoss(t, c, rows, depth, jumpRun+2)
				t.Logf("%s, %d rows by %g: %.3f, and %.3f meanwhile, %.3f without", name, rows, depth, steady, out, clean)
				if steady > clean+1 || out > 4 { // of a deviation of 3.7
					t.Errorf("%s, %d rows by %g: error %.3f, and %.3f meanwhile; %.3f without", name, rows, depth, steady, out, clean)
				}
			}
		}
	}
}

// Labels that go on step by step are a tail and count as they are; one as far off that comes at once does not.
func TestTailsCount(t *testing.T) {
	for _, c := range []struct {
		labels []float64
		held   bool
	}{{[]float64{60}, true}, {[]float64{60, 0, 60}, true}, {[]float64{10, 0, 28, 0, 70}, false}} {
		l, _ := steadyLevel()
		for _, y := range c.labels[:len(c.labels)-1] {
			l.observe(0, y)
		}
		last := c.labels[len(c.labels)-1]
		l.observe(0, last)
		if counted, _, _ := l.reach(l.moments.deviations(last)); math.IsInf(counted, 1) == c.held {
			t.Errorf("%v: the last one counts up to %g", c.labels, counted)
		}
	}
}

// Two labels alike are no level, nor are three whose errors differ, nor three as far off as what stands for no value.
func TestWhatIsNoJump(t *testing.T) {
	for name, labels := range map[string][]float64{
		"two": {20, 20}, "on both sides": {20, -20, 20}, "apart": {10, 20, 30}, "near": {1, 1, 1}, "no value": {1e9, 1e9, 1e9},
	} {
		l, random := steadyLevel()
		for _, y := range labels {
			l.observe(0, y)
		}
		if l.observe(0, random.NormFloat64()); math.Abs(l.moments.centre[0]) > 0.5 {
			t.Errorf("%s: the level is %.3g", name, l.moments.centre[0])
		}
	}
	l, _ := steadyLevel()
	for range jumpRun {
		l.observe(0, 20)
	}
	if math.Abs(l.moments.centre[0]-20) > 0.5 {
		t.Errorf("after three labels of 20 the level is %.3g", l.moments.centre[0])
	}
	deviation := l.moments.deviation()
	for i := range 200 {
		l.observe(0, 20+math.Sin(float64(i)))
	}
	for range jumpRun {
		l.observe(0, 0)
	}
	if d := l.moments.deviation(); math.Abs(l.moments.centre[0]) > 0.5 || math.Abs(d-deviation) > 0.01*d {
		t.Errorf("back home the level is %.3g ± %.3g, and was 0 ± %.3g", l.moments.centre[0], d, deviation)
	}
}

// steadyLevel is that of a label of 0 ± 1.
func steadyLevel() (*level, *rand.Rand) {
	s := newScaler(1)
	l := newLevel(&s)
	random := rand.New(rand.NewPCG(6, 6))
	for range 1000 {
		y := random.NormFloat64()
		l.observe(0, y)
		s.observe(0, y)
	}
	return &l, random
}
