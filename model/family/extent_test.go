package family_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"millrace"
	"millrace/model"
	"millrace/model/family"
	"millrace/model/modeltest"
)

// series is a label of 25 series, told by the first feature, of which few are large: 30,000, 3,000 and so on.
func series(r *rand.Rand) (x []float32, y float64) {
	x = []float32{float32(r.IntN(25)), float32(r.NormFloat64())}
	return x, max(1, 30_000*math.Pow(.1, 24-float64(x[0]))) * math.Exp(.2*r.NormFloat64())
}

// TestLargeSeriesPredicted: what trees have learned to be far out is predicted there, although most labels as far out
// are wild. A wild one widens nothing, and what has not come for long is forgotten.
func TestLargeSeriesPredicted(t *testing.T) {
	for _, name := range []string{"tree", "forest"} {
		m := mustModel(t, name)
		r, s := rand.New(rand.NewPCG(4, 4)), m.NewScratch()
		learn := func(x []float32, y float64) {
			t.Helper()
			if err := m.Learn(millrace.Input{{Dense: x}}, millrace.Target{Known: true, Value: y}, 1, s); err != nil {
				t.Fatal(err)
			}
		}
		for range 6000 {
			learn(series(r))
		}
		dst := []float32{0}
		m.Predict(dst, millrace.Input{{Dense: []float32{24, 0}}}, s)
		value := model.ValueOf(m).Value
		if v := value(dst[0]); v < 20_000 || v > 45_000 {
			t.Errorf("%s: %g where labels are about 30,000", name, v)
		}
		learn([]float32{3, 0}, 1e9)
		if v := value(math.MaxFloat32); v > 2e5 {
			t.Errorf("%s: %g may be predicted after a wild label", name, v)
		}
		if modeltest.Copy(mustModel(t, name), m) != nil {
			t.Errorf("%s: not restored", name)
		}
		for range 20_000 {
			x, y := series(r)
			if x[0] < 12 {
				learn(x, y)
			}
		}
		if v := value(math.MaxFloat32); v > 1000 {
			t.Errorf("%s: %g may be predicted long after the last label as large", name, v)
		}
	}
}

// TestExtentRestored: limits that no labels leave are refused, and a snapshot of before, without them, is not.
func TestExtentRestored(t *testing.T) {
	for _, c := range []struct {
		extent []float64
		ok     bool
	}{
		{[]float64{0, 0, 0, 0, 0}, true},
		{[]float64{1, 2, 1, 3, 7}, true},
		{[]float64{2, 1, 1, 3, 7}, false},
		{[]float64{1, 2, 1, math.NaN(), 7}, false},
		{[]float64{1, 2, math.Inf(-1), 2, 7}, false},
		{[]float64{1, 2, 1, 3, 1.5}, false},
		{[]float64{1, 2, 1, 3, 5000}, false},
	} {
		m := mustModel(t, "tree")
		found := false
		m.State(func(name string, x millrace.Tensor, role millrace.Role) {
			if name == "labels.extent" {
				found = x.Added && role == millrace.Serving
				copy(x.F64, c.extent)
			}
		})
		if err := m.Restored(); !found || (err == nil) != c.ok {
			t.Errorf("%v: found %t, error %v", c.extent, found, err)
		}
	}
}

func mustModel(t *testing.T, name string) model.Model {
	t.Helper()
	m, err := family.New(model.Spec{Type: name}, model.TargetSpec{}, modeltest.View{Width: 2})
	if err != nil {
		t.Fatal(err)
	}
	return m
}
