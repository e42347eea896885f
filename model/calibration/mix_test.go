package calibration

import (
	"bytes"
	"math"
	"testing"

	"millrace"
	"millrace/model"
	"millrace/model/modeltest"
)

// fixed is a model that says the same of every event.
type fixed struct {
	model.Model
	p []float32
}

func (m *fixed) State(func(string, millrace.Tensor, millrace.Role))                  {}
func (m *fixed) Restored() error                                                     { return nil }
func (m *fixed) Outputs() int                                                        { return len(m.p) }
func (m *fixed) NewScratch() model.Scratch                                           { return nil }
func (m *fixed) Predict(dst []float32, _ millrace.Input, _ model.Scratch)            { copy(dst, m.p) }
func (m *fixed) Learn(millrace.Input, millrace.Target, float32, model.Scratch) error { return nil }

// TestEnormousWeights: an event that counts as much as any leaves probabilities, and a state that is restored to the
// same; what it says of the methods is the same as many events like it say.
func TestEnormousWeights(t *testing.T) {
	for _, classes := range []int{2, 3} {
		m := &fixed{p: []float32{.9, .1, 0}[:classes]}
		one, other := New(m, Auto), New(m, Auto)
		s, dst, again := one.NewScratch(), make([]float32, classes), make([]float32, classes)
		for i, weight := range []float32{1, 300, 1e-30, 1e10, math.MaxFloat32, math.MaxFloat32, 1, 1e30, 1} {
			one.Predict(dst, nil, s)
			if err := one.Learn(nil, millrace.Target{Class: int32(i % classes), Known: true}, weight, s); err != nil {
				t.Fatal(err)
			}
			one.Predict(dst, nil, s)
			var sum float64
			for _, p := range dst {
				sum += float64(p)
			}
			if !(math.Abs(sum-1) < 1e-6) {
				t.Fatalf("after an event of weight %g, %v is predicted", weight, dst)
			}
			if err := modeltest.Copy(other, one); err != nil {
				t.Fatal(err)
			}
			if err := other.Restored(); err != nil {
				t.Fatalf("after an event of weight %g: %v", weight, err)
			}
			other.Predict(again, nil, other.NewScratch())
			for k := range dst {
				if math.Float32bits(dst[k]) != math.Float32bits(again[k]) {
					t.Fatalf("after an event of weight %g, %v is predicted, and when it is restored %v", weight, dst, again)
				}
			}
		}
		if !bytes.Equal(modeltest.Bytes(one), modeltest.Bytes(other)) {
			t.Error("the states differ")
		}
	}
}

// TestStepsForget: what was seen long ago becomes nothing, not ever smaller numbers, which would be slow.
func TestStepsForget(t *testing.T) {
	s := newSteps()
	s.learn(&said{p: .5}, .5, 1, 1)
	for range 300 {
		s.forget()
	}
	if !(s.bins[stepBins/2] > 0) {
		t.Error("30,000 events later one is forgotten")
	}
	for range 3000 {
		s.forget()
	}
	for i, v := range s.bins {
		if v != 0 {
			t.Fatalf("%g remains in place %d", v, i)
		}
	}
}
