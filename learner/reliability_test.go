package learner

import (
	"math"
	"math/rand/v2"
	"testing"

	"millrace"
)

// predictions draws events of two classes: what is predicted of the second, and whether it came.
func predictions(n int, told func(p float64) float64, add func(p float64, hit int)) {
	r := rand.New(rand.NewPCG(5, 6))
	for range n {
		p := 1 / (1 + math.Exp(-2*r.NormFloat64()))
		add(told(p), one(r.Float64() < p))
	}
}

// TestCalibrationError: the figures are those that are worked out from the predictions themselves.
func TestCalibrationError(t *testing.T) {
	const n = 200000
	for name, told := range map[string]func(p float64) float64{
		"right":    func(p float64) float64 { return p },
		"too sure": func(p float64) float64 { return p * p / (p*p + (1-p)*(1-p)) },
		"shifted":  func(p float64) float64 { return .1 + .8*p },
	} {
		r, want := newReliability(), 0.0
		predictions(n, func(p float64) float64 {
			want += math.Abs(told(p)-p) / n
			return told(p)
		}, func(p float64, hit int) { r.add(p, math.Log(p/(1-p)), hit) })
		for _, w := range []Window{All, Fading} {
			got, ok := r.report(w)
			over := .004
			if w == Fading {
				over *= 4 // of ten thousand events
			}
			if !ok || !(math.Abs(got.ECE-got.Expected-want) <= over) {
				t.Errorf("%s, %v: calibration error %.4f, expected %.4f; want %.4f more", name, w, got.ECE, got.Expected, want)
			}
			if len(got.Curve) != curveBins {
				t.Errorf("%s, %v: %d groups", name, w, len(got.Curve))
			}
		}
	}
}

// TestExpectedError: what chance alone makes of the calibration error is what drawn labels show.
func TestExpectedError(t *testing.T) {
	for _, n := range []int{50, 500, 5000} {
		for _, scale := range []float64{1, .01} {
			r := rand.New(rand.NewPCG(uint64(n), 1))
			var drawn, expected float64
			times := 1000000 / float64(n)
			for range int(times) {
				b := newReliability()
				for range n {
					p := scale * r.Float64()
					b.add(p, math.Log(p/(1-p)), one(r.Float64() < p))
				}
				c, _ := b.report(All)
				drawn += c.ECE / times
				expected += c.Expected / times
			}
			if !(math.Abs(expected-drawn) <= .06*drawn) {
				t.Errorf("%d events, probabilities to %g: expected %.5f, of drawn labels %.5f", n, scale, expected, drawn)
			}
		}
	}
}

// TestRecentCalibration: what was wrong long ago is in the figures of all events and no longer in the recent ones.
func TestRecentCalibration(t *testing.T) {
	r := newReliability()
	add := func(p float64, hit int) { r.add(p, math.Log(p/(1-p)), hit) }
	predictions(100000, func(p float64) float64 { return 1 - p }, add)
	predictions(100000, func(p float64) float64 { return p }, add)
	all, _ := r.report(All)
	recent, _ := r.report(Fading)
	if all.ECE < .1 || recent.ECE > .02 {
		t.Errorf("calibration error %.4f, recently %.4f", all.ECE, recent.ECE)
	}
	before, _ := r.report(Fading)
	r.shrink()
	if after, _ := r.report(Fading); math.Abs(after.ECE-before.ECE) > 1e-12 || math.Abs(after.Expected-before.Expected) > 1e-12 {
		t.Errorf("%+v became %+v when the unit changed", before, after)
	}
	if err := r.restored(); err != nil {
		t.Error(err)
	}
}

// TestCalibrationOfMore: of more than two classes it is the predicted one's probability that counts.
func TestCalibrationOfMore(t *testing.T) {
	p := NewProgressive(3)
	if _, ok := p.Calibration(All); ok {
		t.Error("figures before the first event")
	}
	for i := range 1000 {
		p.Add([]float64{.2, .7, .1}, millrace.Label{Known: true, Class: int32(min(i%10, 1))})
	}
	c, ok := p.Calibration(All)
	if !ok || math.Abs(c.ECE-.2) > 1e-9 || len(c.Curve) != 1 || math.Abs(c.Curve[0].Observed-.9) > 1e-9 {
		t.Errorf("%+v", c)
	}
	if _, ok := NewProgressive(0).Calibration(All); ok {
		t.Error("numbers have probabilities")
	}
}
