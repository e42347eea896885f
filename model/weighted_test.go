package model_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"millrace"
	"millrace/model"
	"millrace/model/family"
	"millrace/model/modeltest"
)

// TestConformanceWeighted: models with class weights are models like any other.
func TestConformanceWeighted(t *testing.T) {
	shape := millrace.ViewShape{Width: caseWidth}
	for _, f := range modelFamilies() {
		k := f.target.Classes
		if k == 0 {
			continue
		}
		fixed := make([]float64, k)
		for c := range fixed {
			fixed[c] = 0.5 + 2*float64(c)
		}
		for name, w := range map[string]model.ClassWeights{
			"fixed": {Fixed: fixed}, "balanced": {Balanced: true}, "window": {Balanced: true, Window: 50, Max: 3},
			"corrected": {Balanced: true, Corrected: true}, "fixed-corrected": {Fixed: fixed, Corrected: true},
		} {
			for _, batch := range []int{1, 8} {
				s := f.spec
				s.Batch = batch
				modeltest.Run(t, fmt.Sprintf("%s/%s/batch-%d", f.name, name, batch), func() modeltest.Case {
					m, err := family.New(s, f.target, modeltest.View(shape))
					if err != nil {
						t.Fatal(err)
					}
					return modeltest.Case{Model: model.Weighted(m, w), Examples: modeltest.Examples(f.target, shape)}
				})
			}
		}
	}
}

// recorder is a model that notes the weights it is given, and predicts what it is told.
type recorder struct {
	model.Model
	predicts []float32
	weights  []float32
	refuse   bool
}

func (r *recorder) State(func(string, millrace.Tensor, millrace.Role)) {}

func (r *recorder) Outputs() int { return len(r.predicts) }
func (r *recorder) Predict(dst []float32, _ millrace.Input, _ model.Scratch) {
	copy(dst, r.predicts)
}
func (r *recorder) Learn(_ millrace.Input, _ millrace.Target, weight float32, _ model.Scratch) error {
	if r.refuse {
		return millrace.ErrUpdateRefused
	}
	r.weights = append(r.weights, weight)
	return nil
}

// total is the weight since the last call, and in how many steps it came.
func (r *recorder) total() (sum float64, steps int) {
	for _, w := range r.weights {
		sum += float64(w)
	}
	steps = len(r.weights)
	r.weights = nil
	return sum, steps
}

// TestBalancedWeights compares the weights with n / (K·nᶜ) over the events before, each class counted once in advance.
func TestBalancedWeights(t *testing.T) {
	for _, window := range []int{0, 100} {
		r := &recorder{predicts: make([]float32, 3)}
		m := model.Weighted(r, model.ClassWeights{Balanced: true, Window: window, Max: 20})
		random := rand.New(rand.NewPCG(1, 2))
		counts := make([]float64, 3)
		for i := range 2000 {
			class := 0
			if u := random.Float64(); u < 0.01 {
				class = 2
			} else if u < 0.3 {
				class = 1
			}
			n := counts[0] + counts[1] + counts[2]
			want := 2 * math.Min((n+3)/(3*(counts[class]+1)), 20)
			if err := m.Learn(nil, millrace.Target{Known: true, Class: int32(class)}, 2, nil); err != nil {
				t.Fatal(err)
			}
			got, steps := r.total()
			if math.Abs(got-want) > 1e-5*want || steps != int(math.Ceil(want/2-1e-9)) {
				t.Fatalf("window %d, event %d of class %d: weight %g in %d steps, want %g", window, i, class, got, steps, want)
			}
			for c := range counts {
				if window > 0 {
					counts[c] *= 1 - 1/float64(window+1)
				}
			}
			counts[class]++
		}
	}
}

// TestRefusedEventsAreNotCounted: nor are those of weight 0.
func TestRefusedEventsAreNotCounted(t *testing.T) {
	r := &recorder{predicts: make([]float32, 2)}
	m := model.Weighted(r, model.ClassWeights{Balanced: true})
	before := modeltest.Bytes(m)
	r.refuse = true
	if m.Learn(nil, millrace.Target{Known: true}, 1, nil) == nil {
		t.Error("a refusal was lost")
	}
	r.refuse = false
	if err := m.Learn(nil, millrace.Target{Known: true}, 0, nil); err != nil {
		t.Fatal(err)
	}
	if string(before) != string(modeltest.Bytes(m)) {
		t.Error("an event that was not learned was counted")
	}
}

// TestCorrectedProbabilities: q ∝ p·w of known p gives p back.
func TestCorrectedProbabilities(t *testing.T) {
	p, w := []float64{0.9, 0.0999, 0.0001}, []float64{1, 5, 400}
	r := &recorder{predicts: make([]float32, 3)}
	var sum float64
	for c := range p {
		sum += p[c] * w[c]
	}
	for c := range p {
		r.predicts[c] = float32(p[c] * w[c] / sum)
	}
	got := make([]float32, 3)
	model.Weighted(r, model.ClassWeights{Fixed: w, Corrected: true}).Predict(got, nil, nil)
	for c := range p {
		if math.Abs(float64(got[c])-p[c]) > 1e-6*p[c] {
			t.Errorf("class %d: %g, want %g", c, got[c], p[c])
		}
	}
	model.Weighted(r, model.ClassWeights{Fixed: w}).Predict(got, nil, nil)
	if got[2] != r.predicts[2] {
		t.Error("probabilities are corrected though nobody asked")
	}
}

// TestWithoutWeightsNothingChanges: a model without class weights is the model itself.
func TestWithoutWeightsNothingChanges(t *testing.T) {
	r := &recorder{}
	if m := model.Weighted(r, model.ClassWeights{}); m != model.Model(r) {
		t.Errorf("got a %T", m)
	}
}

// TestMomentsNeverFallBelowZero: weights other than 1 once made a variance slightly negative by rounding, and a state
// that could not be restored.
func TestMomentsNeverFallBelowZero(t *testing.T) {
	shape := millrace.ViewShape{Width: 1}
	random := rand.New(rand.NewPCG(3, 4))
	for range 300 {
		m, err := family.New(model.Spec{Type: "linear"}, model.TargetSpec{}, modeltest.View(shape))
		if err != nil {
			t.Fatal(err)
		}
		s, dst := m.NewScratch(), make([]float32, 1)
		for i := range 3 {
			x := millrace.Input{{Dense: []float32{1}}}
			m.Predict(dst, x, s)
			// The first counts for nothing beside the second, so that w/(W+w) rounds to 1.
			weight := []float32{1e-20, 1e4, 1}[i]
			if err := m.Learn(x, millrace.Target{Known: true, Value: random.NormFloat64() * 1e3}, weight, s); err != nil {
				t.Fatal(err)
			}
			if err := m.Restored(); err != nil {
				t.Fatal(err)
			}
		}
	}
}
