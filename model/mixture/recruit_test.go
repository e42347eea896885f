package mixture_test

import (
	"errors"
	"fmt"
	"math"
	"testing"

	"millrace"
	"millrace/model"
	"millrace/model/family"
	"millrace/model/kernel"
	"millrace/model/mixture"
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

// TestMixtureBuildsNothingItself: all experts, those begun anew too, come from the constructor that a mixture is
// handed, as resolved specs; what it cannot build is the mixture's error.
func TestMixtureBuildsNothingItself(t *testing.T) {
	v, target := allViews{}, model.TargetSpec{Classes: 2}
	spec := model.Spec{Type: model.FamilyAuto, Budget: "1x"}.Resolve(target)
	built := map[string]int{}
	parts := mixture.Parts{Kernels: kernel.Best(), Build: func(s model.Spec) (model.Model, error) {
		built[mixture.NameOf(s)]++
		if again := s.Resolve(target); mixture.NameOf(again) != mixture.NameOf(s) {
			t.Errorf("%s was to be built, which is not resolved", mixture.NameOf(s))
		}
		return family.New(s, target, v)
	}}
	m, err := mixture.New(spec, target, v, parts)
	if err != nil {
		t.Fatal(err)
	}
	experts, _, _ := mixture.Inside(m)
	for _, e := range experts {
		if built[e.Name] != 1 {
			t.Errorf("%s was built %d times", e.Name, built[e.Name])
		}
	}
	if len(built) != len(experts) {
		t.Errorf("%d experts of %d that were built", len(experts), len(built))
	}
	name := experts[0].Name
	runAway(t, m, 0, v, target)
	if built[name] != 2 {
		t.Errorf("%s, which ran away, was built %d times, want once more", name, built[name])
	}
	broken := errors.New("no more")
	parts.Build = func(model.Spec) (model.Model, error) { return nil, broken }
	if _, err := mixture.New(spec, target, v, parts); !errors.Is(err, broken) {
		t.Errorf("a constructor that fails: %v", err)
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
