package status

import (
	"math"
	"testing"
)

// TestRounded: errors of labels in cents or in nanoseconds have twenty digits, and an area under a curve has none.
func TestRounded(t *testing.T) {
	for x, want := range map[float64]float64{0.123449: 0.1234, 0.12345678: 0.1235, 2: 2, -0.00016: -0.0002,
		1e16: 1e16, 1.5e300: 1.5e300, math.MaxFloat64: math.MaxFloat64} {
		if got := Rounded(x); got != want {
			t.Errorf("%v is rounded to %v, want %v", x, got, want)
		}
	}
	if got := Rounded(math.NaN()); !math.IsNaN(got) {
		t.Errorf("no number is rounded to %v", got)
	}
}
