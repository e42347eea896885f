package learner

import (
	"math"
	"math/rand/v2"
	"testing"

	"millrace"
)

// TestProgressiveClasses compares the running sums with a straightforward recomputation from the
// whole history.
func TestProgressiveClasses(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	p := NewProgressive(3)
	type seen struct {
		prediction []float64
		class      int
	}
	var history []seen
	for range 5000 {
		a, b := r.Float64(), r.Float64()
		s := seen{[]float64{a * b, a * (1 - b), 1 - a}, r.IntN(3)}
		history = append(history, s)
		p.Add(s.prediction, millrace.Label{Known: true, Class: int32(s.class)})
	}
	var n, loss, hit, majLoss, majHit, lastHit [2]float64
	counts := make([]float64, 3)
	for i, s := range history {
		weights := [2]float64{1, math.Pow(fadeFactor, float64(len(history)-1-i))}
		best, majority := 0, 0
		for c := range 3 {
			if s.prediction[c] > s.prediction[best] {
				best = c
			}
			if counts[c] > counts[majority] {
				majority = c
			}
		}
		for w, weight := range weights {
			n[w] += weight
			loss[w] += weight * -math.Log(float64(s.prediction[s.class]))
			hit[w] += weight * indicator(best == s.class)
			majLoss[w] += weight * -math.Log((counts[s.class]+1)/(float64(i)+3))
			majHit[w] += weight * indicator(majority == s.class)
			lastHit[w] += weight * indicator(i > 0 && history[max(i-1, 0)].class == s.class)
		}
		counts[s.class]++
	}
	for _, w := range []Window{All, Fading} {
		model, majority, last := p.Report(w)
		near(t, w.String()+" log-loss", model.LogLoss, loss[w]/n[w])
		near(t, w.String()+" accuracy", model.Accuracy, hit[w]/n[w])
		near(t, w.String()+" majority log-loss", majority.LogLoss, majLoss[w]/n[w])
		near(t, w.String()+" majority accuracy", majority.Accuracy, majHit[w]/n[w])
		near(t, w.String()+" last accuracy", last.Accuracy, lastHit[w]/n[w])
	}
	if p.Events() != 5000 {
		t.Errorf("Events() = %d, want 5000", p.Events())
	}
}

func TestProgressiveNumbers(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	p := NewProgressive(0)
	var sum, absModel, sqModel, absMean, absLast, last float64
	const n = 2000
	for i := range n {
		value, guess := r.NormFloat64()*10+50, r.NormFloat64()*10+50
		mean := sum / float64(i)
		if i == 0 {
			mean, last = value, value
		}
		e := guess - value
		if i == 0 {
			e = 0 // nobody is charged for the first label
		}
		absModel += math.Abs(e)
		sqModel += e * e
		absMean += math.Abs(mean - value)
		absLast += math.Abs(last - value)
		sum += value
		last = value
		p.Add([]float64{guess}, millrace.Label{Known: true, Value: value})
	}
	model, mean, lastLabel := p.Report(All)
	near(t, "MAE", model.MAE, absModel/n)
	near(t, "RMSE", model.RMSE, math.Sqrt(sqModel/n))
	near(t, "mean MAE", mean.MAE, absMean/n)
	near(t, "last MAE", lastLabel.MAE, absLast/n)
}

// TestProgressiveStaysFinite: a sure mistake and labels at the end of float64 leave figures finite.
func TestProgressiveStaysFinite(t *testing.T) {
	c := NewProgressive(2)
	c.Add([]float64{1, 0}, millrace.Label{Known: true, Class: 1})
	model, _, _ := c.Report(All)
	near(t, "log-loss of a sure mistake", model.LogLoss, -math.Log(probabilityFloor))

	p := NewProgressive(0)
	for _, v := range []float64{math.MaxFloat64, -math.MaxFloat64, math.MaxFloat64} {
		p.Add([]float64{-math.MaxFloat32}, millrace.Label{Known: true, Value: v})
	}
	if err := p.Restored(); err != nil {
		t.Errorf("after extreme labels: %v", err)
	}
}

// TestProgressiveRefusesImpossibleSums: a negative sum of squares would make a metric NaN, which no
// manifest can hold.
func TestProgressiveRefusesImpossibleSums(t *testing.T) {
	for _, v := range []float64{-1, math.NaN(), math.Inf(1)} {
		p := NewProgressive(0)
		p.Add([]float64{1}, millrace.Label{Known: true, Value: -2})
		if err := p.Restored(); err != nil {
			t.Fatal(err)
		}
		p.sums[sumLoss] = v
		if err := p.Restored(); err == nil {
			t.Errorf("a sum of squares of %g was taken", v)
		}
	}
}

func TestProgressiveAllocatesNothing(t *testing.T) {
	p := NewProgressive(2)
	prediction := []float64{0.3, 0.7}
	if n := testing.AllocsPerRun(100, func() { p.Add(prediction, millrace.Label{Known: true, Class: 1}) }); n != 0 {
		t.Errorf("Add allocates %v times", n)
	}
}

func indicator(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if math.Abs(got-want) > 1e-9*math.Max(1, math.Abs(want)) {
		t.Errorf("%s = %v, want %v", what, got, want)
	}
}
