package mixture_test

import (
	"fmt"
	"math"
	"millrace/model"
	"millrace/model/family"
	"millrace/model/mixture"
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
					checkWide(t, newBenchViews(columns, nonZeros), model.TargetSpec{Classes: classes})
				})
			}
		}
	}
}

func checkWide(t *testing.T, v benchViews, target model.TargetSpec) {
	t.Helper()
	m, err := family.New(model.Spec{Type: model.FamilyAuto}, target, v)
	if err != nil {
		t.Fatal(err)
	}
	if size := mixture.SizeOf(m); size > 200<<20 {
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
