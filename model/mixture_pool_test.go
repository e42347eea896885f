package model

import (
	"fmt"
	"math"
	"testing"

	"millrace"
)

// TestMixtureHasExperts: however many columns and classes there are, the default budget has room for an expert that may
// be served, a mixture's predictions sum to 1, and its state fits into a snapshot.
func TestMixtureHasExperts(t *testing.T) {
	for _, columns := range []int{1, 10, 100, 300, 1000} {
		for _, classes := range []int{0, 2, 10, 100, 1000} {
			for _, nonZeros := range []int{0, max(1, columns/10)} {
				t.Run(fmt.Sprintf("%d-%d-%d", columns, nonZeros, classes), func(t *testing.T) {
					checkWide(t, newBenchViews(columns, nonZeros), TargetSpec{Classes: classes})
				})
			}
		}
	}
}

func checkWide(t *testing.T, v benchViews, target TargetSpec) {
	t.Helper()
	m, err := New(Spec{Type: familyAuto}, target, v)
	if err != nil {
		t.Fatal(err)
	}
	if size := sizeOf(m); size > 200<<20 {
		t.Errorf("%d bytes of state", size)
	}
	scratch, dst := m.NewScratch(), make([]float32, m.Outputs())
	for i, x := range v.inputs(12) {
		m.Predict(dst, x, scratch)
		var sum float64
		for _, p := range dst {
			sum += float64(p)
		}
		if target.Classes > 0 && !(math.Abs(sum-1) < 1e-5) {
			t.Fatalf("event %d: probabilities sum to %g", i, sum)
		}
		y := millrace.Target{Known: true, Value: float64(i)}
		if target.Classes > 0 {
			y.Class = int32(i % target.Classes)
		}
		if err := m.Learn(x, y, 1, scratch); err != nil {
			t.Fatal(err)
		}
	}
}

// TestBudgetSpelling: however a budget is spelt, it is the same.
func TestBudgetSpelling(t *testing.T) {
	for text, want := range map[string]string{"": "4x", "4x": "4x", "4.0x": "4x", "04x": "4x", "0.50x": "0.5x", "1e3x": "1000x", "much": "much"} {
		got := Spec{Type: familyAuto, Budget: text}.Resolve(TargetSpec{})
		if again := got.Resolve(TargetSpec{}); got.Budget != want || again.Budget != want {
			t.Errorf("%q became %q, then %q", text, got.Budget, again.Budget)
		}
	}
}
