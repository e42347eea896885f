package model

import (
	"math"
	"testing"
)

// TestLogistic: both sides to 4e-7, whichever is tiny, and 1 in sum.
func TestLogistic(t *testing.T) {
	for z := float32(-87); z < 87; z += 0.0113 {
		no, yes := logistic(z)
		wantNo, wantYes := 1/(1+math.Exp(float64(z))), 1/(1+math.Exp(-float64(z)))
		if math.Abs(float64(no)-wantNo) > 4e-7*wantNo || math.Abs(float64(yes)-wantYes) > 4e-7*wantYes {
			t.Fatalf("logistic(%g): %g and %g, want %g and %g", z, no, yes, wantNo, wantYes)
		}
		if sum := float64(no) + float64(yes); math.Abs(sum-1) > 2e-7 {
			t.Fatalf("logistic(%g): %g in sum", z, sum)
		}
	}
	for _, z := range []float32{88, 1e15, math.MaxFloat32} {
		if no, yes := logistic(z); !(no > 0 && no < 2e-38) || yes != 1 {
			t.Errorf("logistic(%g): %g and %g", z, no, yes)
		}
		if no, yes := logistic(-z); !(yes > 0 && yes < 2e-38) || no != 1 {
			t.Errorf("logistic(%g): %g and %g", -z, no, yes)
		}
	}
	if no, yes := logistic(0); no != 0.5 || yes != 0.5 {
		t.Errorf("logistic(0): %g and %g", no, yes)
	}
}
