package model_test

import (
	"math"
	"testing"

	"millrace"
	"millrace/model"
)

// TestNormalizedIgnoresScale: a rate of 1 on a squared loss makes the prediction right at once, whatever
// the scale of the features; it is the projection onto what the example says.
func TestNormalizedIgnoresScale(t *testing.T) {
	for _, scale := range []float32{1e-3, 1, 1e4} {
		for _, shape := range []millrace.ViewShape{{Width: 4}, {Width: 4, Sparse: true, NonZeroMax: 4}} {
			s := model.Spec{Type: "linear", Optimizer: model.OptimizerSpec{Type: "normalized", Rate: 1}}
			m, err := model.New(s, model.TargetSpec{}, shapeViews(shape))
			if err != nil {
				t.Fatal(err)
			}
			scratch, dst := m.NewScratch(), make([]float32, 1)
			for i, y := range []float64{3, 8, -2, 5} {
				x := millrace.Input{{Dense: []float32{scale, -2 * scale, 0, float32(i) * scale}}}
				if shape.Sparse {
					// The second entry repeats an index: together they are −2.
					x = millrace.Input{{Index: []uint32{0, 1, 1, 3}, Value: []float32{scale, -3 * scale, scale, float32(i) * scale}}}
				}
				m.Predict(dst, x, scratch)
				if err := m.Learn(x, millrace.Target{Value: y, Known: true}, 1, scratch); err != nil {
					t.Fatal(err)
				}
				m.Predict(dst, x, scratch)
				if math.Abs(float64(dst[0])-y) > 1e-4 {
					t.Errorf("scale %g, sparse %v: %g after learning %g", scale, shape.Sparse, dst[0], y)
				}
			}
		}
	}
}
