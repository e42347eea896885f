package tree

import (
	"math"
	"math/rand/v2"
	"testing"

	"millrace"
)

// Trees tell what is missing from what is not, where that says something: of numbers and of categories.
func TestMissingTells(t *testing.T) {
	for name, c := range configs() {
		if c.Observer == Gaussian {
			continue
		}
		c.Grace, c.Delta, c.Subspace = 200, 1e-3, c.Width // else some leaves have no feature beside it
		for _, f := range []int{0, c.Width - 1} {
			m, random, wrong := build(t, c), rand.New(rand.NewPCG(2, 2)), 0
			w, dst, x := m.NewWork(), make([]float32, m.Outputs()), make([]float32, c.Width)
			for i := range 6000 {
				for j := range x {
					x[j] = float32(random.IntN(4))
				}
				y := millrace.Target{Known: true, Value: random.NormFloat64()}
				if i%20 == 7 {
					x[f], y.Class, y.Value = float32(math.NaN()), 1, y.Value+4
				}
				m.Predict(dst, x, w)
				got := dst[min(1, len(dst)-1)] > 0.5
				if c.Classes == 0 {
					got = m.Value(dst[0]) > 2
				}
				if i >= 5000 && got != (y.Class == 1) {
					wrong++
				}
				if err := m.Learn(x, y, 1, w); err != nil {
					t.Fatal(err)
				}
			}
			if wrong > 5 {
				t.Errorf("%s, feature %d: %d of 1000 are wrong, of which 50 are missing", name, f, wrong)
			}
		}
	}
}
