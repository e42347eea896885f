package calibration

import (
	_ "embed"
	"encoding/json"
	"math"
	"slices"
	"testing"
)

//go:embed testdata/isotonic.json
var isotonic []byte

// TestPools: pooled shares are those of scikit-learn.
func TestPools(t *testing.T) {
	var cases []struct{ Share, Weight, Fit []float64 }
	if err := json.Unmarshal(isotonic, &cases); err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		pool(c.Share, c.Weight)
		for i, want := range c.Fit {
			if !(math.Abs(c.Share[i]-want) <= 1e-12) {
				t.Errorf("share %d of %d is %g, scikit-learn's %g", i, len(c.Fit), c.Share[i], want)
			}
		}
	}
}

//go:embed testdata/lines.json
var lines []byte

// TestLinesFit: over a sample again and again, lines come to where the log-loss of the sample is least.
func TestLinesFit(t *testing.T) {
	var cases []struct{ Z, Y, Platt, Beta []float64 }
	if err := json.Unmarshal(lines, &cases); err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		plain, bent := newPlatt(), newBeta()
		for _, m := range []struct {
			name  string
			line  method
			theta []float64
			want  []float64
		}{{"platt", plain, plain.theta[:], c.Platt}, {"beta", bent, bent.theta[:], c.Beta}} {
			loss := func(theta []float64) (sum float64) {
				at := slices.Clone(m.theta)
				copy(m.theta, theta)
				defer copy(m.theta, at)
				for i, z := range c.Z {
					of := sayOf(sigmoid(z))
					q := sigmoid(m.line.predict(&of))
					sum -= c.Y[i]*math.Log(q) + (1-c.Y[i])*math.Log(1-q)
				}
				return sum
			}
			for range 10 {
				for i, z := range c.Z {
					of := sayOf(sigmoid(z))
					m.line.learn(&of, sigmoid(m.line.predict(&of)), c.Y[i], 1)
				}
			}
			// What remains is that it forgets and is held near where it began.
			if got, least := loss(m.theta), loss(m.want); !(got <= least*1.002) {
				t.Errorf("%s: %v with log-loss %.2f, scikit-learn %v with %.2f", m.name, m.theta, got, m.want, least)
			}
		}
	}
}
