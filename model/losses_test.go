package model_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"testing"

	"millrace"
	"millrace/model"
)

// TestQuantiles: a quantile's share of the labels is below what is predicted for it, with noise whose
// spread depends on the input, in the label's own units.
func TestQuantiles(t *testing.T) {
	for _, family := range []string{"linear", "mlp"} {
		for _, quantile := range []float64{0.1, 0.5, 0.9} {
			s := model.Spec{Type: family, Loss: "quantile", Quantile: quantile}
			m := mustNew(t, s, model.TargetSpec{}, millrace.ViewShape{Width: 2})
			scratch, dst := m.NewScratch(), make([]float32, 1)
			random := rand.New(rand.NewPCG(1, 2))
			below, counted := 0, 0
			for i := range 20_000 {
				x := []float32{float32(random.NormFloat64()), float32(random.Float64())}
				y := 1e6 + 2000*float64(x[0]) + 500*(1+float64(x[1]))*random.ExpFloat64()
				in := millrace.Input{{Dense: x}}
				m.Predict(dst, in, scratch)
				if i > 5000 {
					counted++
					if y < model.ValueOf(m).Value(dst[0]) {
						below++
					}
				}
				if err := m.Learn(in, millrace.Target{Value: y, Known: true}, 1, scratch); err != nil {
					t.Fatal(err)
				}
			}
			if share := float64(below) / float64(counted); math.Abs(share-quantile) > 0.03 {
				t.Errorf("%s: %.3f of the labels are below quantile %g", family, share, quantile)
			}
		}
	}
}

// TestCounts: the expected count is found on its log scale, and predictions are never negative.
func TestCounts(t *testing.T) {
	for _, family := range []string{"linear", "mlp"} {
		m := mustNew(t, model.Spec{Type: family, Loss: "poisson"}, model.TargetSpec{}, millrace.ViewShape{Width: 2})
		scratch, dst := m.NewScratch(), make([]float32, 1)
		random := rand.New(rand.NewPCG(3, 4))
		var off, counted float64
		for i := range 30_000 {
			x := []float32{float32(random.NormFloat64()), float32(random.NormFloat64())}
			mean := math.Exp(1 + 0.8*float64(x[0]) - 0.4*float64(x[1]))
			in := millrace.Input{{Dense: x}}
			m.Predict(dst, in, scratch)
			if dst[0] < 0 {
				t.Fatalf("%s: a count of %g", family, dst[0])
			}
			if i > 20_000 {
				off += math.Abs(math.Log(float64(dst[0]) / mean))
				counted++
			}
			if err := m.Learn(in, millrace.Target{Value: poisson(random, mean), Known: true}, 1, scratch); err != nil {
				t.Fatal(err)
			}
		}
		if off /= counted; off > 0.2 {
			t.Errorf("%s: the log of the expected count is off by %.2f", family, off)
		}
		err := m.Learn(millrace.Input{{Dense: []float32{0, 0}}}, millrace.Target{Value: -1, Known: true}, 1, scratch)
		if !errors.Is(err, millrace.ErrUpdateRefused) {
			t.Errorf("%s: a count of -1 was learned: %v", family, err)
		}
	}
}

// poisson draws by Knuth's product of uniforms, for small means.
func poisson(random *rand.Rand, mean float64) float64 {
	limit, product, k := math.Exp(-mean), random.Float64(), 0.0
	for product > limit {
		product *= random.Float64()
		k++
	}
	return k
}
