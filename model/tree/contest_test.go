package tree

import (
	"math"
	"math/rand/v2"
	"testing"

	"millrace"
)

// What is wrong with a feature for some events makes a forest's errors grow, but costs it no tree for long.
func TestReplacedTreesComeBack(t *testing.T) {
	c := Config{Classes: 2, Width: 4, Subspace: 3, Trees: 10, Lambda: 6, Grace: 200, Delta: 1e-7, Tau: 0.05, Drift: true,
		Depth: 20, Leaves: 64, Leaf: Adaptive, Seed: 1}
	const change, settled, events = 6000, 1500, 10_000
	loss := func(wrong int, feature func(v float32) float32) float64 {
		m, random, sum := build(t, c), rand.New(rand.NewPCG(3, 3)), 0.0
		w, dst, x := m.NewWork(), make([]float32, 2), make([]float32, 4)
		for i := range events {
			for j := range x {
				x[j] = float32(random.NormFloat64())
			}
			y := millrace.Target{Known: true}
			if 3*x[0]-2*x[1]+x[2] > 0 {
				y.Class = 1
			}
			if i >= change && i < change+wrong {
				x[0] = feature(x[0])
			}
			m.Predict(dst, x, w)
			if i >= change+settled {
				sum -= math.Log(max(float64(dst[y.Class]), 1e-7))
			}
			if err := m.Learn(x, y, 1, w); err != nil {
				t.Fatal(err)
			}
		}
		return sum / (events - change - settled)
	}
	clean := loss(0, nil)
	for name, feature := range map[string]func(v float32) float32{
		"nearly constant": func(v float32) float32 { return v / 1000 },
		"elsewhere":       func(v float32) float32 { return v + 4 },
	} {
		wrong := 100
		if name == "elsewhere" {
			wrong = 35
		}
		got := loss(wrong, feature)
		t.Logf("%s: %.4f, %.4f without", name, got, clean)
		if got > 1.12*clean {
			t.Errorf("%s for %d events: log-loss %.4f, %.4f without", name, wrong, got, clean)
		}
	}
}
