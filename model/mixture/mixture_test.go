package mixture_test

import (
	"bytes"
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"millrace"
	"millrace/model"
	"millrace/model/family"
	"millrace/model/modeltest"
)

// allViews has every view of a few dense features, or of sparse ones.
type allViews struct{ sparse bool }

const (
	mixWidth  = 5
	mixLevels = 4
)

func (v allViews) View(kind millrace.ViewKind) (millrace.ViewID, millrace.ViewShape, error) {
	standard := millrace.ViewShape{Width: mixWidth, Sparse: v.sparse, NonZeroMax: mixWidth}
	products := mixWidth * (mixWidth + 1) / 2
	switch kind {
	case millrace.ViewRaw:
		return 0, millrace.ViewShape{Width: mixWidth, NonZeroMax: mixWidth}, nil
	case millrace.ViewStandard:
		return 1, standard, nil
	case millrace.ViewLevels:
		return 2, millrace.ViewShape{Width: mixWidth + mixLevels, Sparse: true, NonZeroMax: mixWidth + 1}, nil
	default:
		return 3, millrace.ViewShape{Width: mixWidth + products, Sparse: v.sparse, NonZeroMax: mixWidth + products}, nil
	}
}

// vector is dense or, without its zeros, sparse.
func vector(x []float32, sparse bool) millrace.Vector {
	if !sparse {
		return millrace.Vector{Dense: x}
	}
	var v millrace.Vector
	for i, value := range x {
		if value != 0 {
			v.Index, v.Value = append(v.Index, uint32(i)), append(v.Value, value)
		}
	}
	return v
}

// input is x under all views, level set.
func (v allViews) input(x []float32, level int) millrace.Input {
	pairs := append([]float32(nil), x...)
	for i := range x {
		for j := i; j < len(x); j++ {
			pairs = append(pairs, min(max(x[i]*x[j], -10), 10))
		}
	}
	levels := append(append([]float32(nil), x...), make([]float32, mixLevels)...)
	levels[mixWidth+level] = 1
	return millrace.Input{{Dense: x}, vector(x, v.sparse), vector(levels, true), vector(pairs, v.sparse)}
}

// mixExamples are a noisy function that drifts, so that experts come and go.
func mixExamples(n int, v allViews, target model.TargetSpec) []modeltest.Example {
	random := rand.New(rand.NewPCG(11, uint64(target.Classes)))
	all := make([]modeltest.Example, n)
	for i := range all {
		x := make([]float32, mixWidth)
		for j := range x {
			if !v.sparse || random.IntN(3) > 0 {
				x[j] = float32(random.NormFloat64())
			}
		}
		level := random.IntN(mixLevels)
		signal := float64(x[0]) + float64(x[1]*x[2]) - float64(level) + 0.3*random.NormFloat64()
		if i > n/2 {
			signal = float64(x[3]) - signal
		}
		e := modeltest.Example{Input: v.input(x, level), Weight: float32(1 + i%3)}
		e.Target = millrace.Target{Known: true, Value: 1000 + 50*signal}
		if k := target.Classes; k > 0 {
			e.Target.Class = int32(min(max(int(math.Floor(signal+float64(k)/2)), 0), k-1))
		}
		all[i] = e
	}
	return all
}

func newMixture(t *testing.T, s model.Spec, v allViews, target model.TargetSpec) model.Model {
	t.Helper()
	s.Type = "auto"
	m, err := family.New(s, target, v)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestConformanceMixtures(t *testing.T) {
	for _, c := range []struct {
		name   string
		spec   model.Spec
		views  allViews
		target model.TargetSpec
	}{
		{"two", model.Spec{}, allViews{}, model.TargetSpec{Classes: 2}},
		{"many", model.Spec{Budget: "2x"}, allViews{}, model.TargetSpec{Classes: 7}},
		{"number", model.Spec{Budget: "1x"}, allViews{}, model.TargetSpec{}},
		{"sparse", model.Spec{}, allViews{sparse: true}, model.TargetSpec{Classes: 3}},
		{"pinned", model.Spec{Budget: "0.5x", Pin: "svm-pa1"}, allViews{}, model.TargetSpec{Classes: 2}},
		{"pinned number", model.Spec{Budget: "1x", Pin: "2"}, allViews{}, model.TargetSpec{}},
	} {
		modeltest.Run(t, c.name, func() modeltest.Case {
			return modeltest.Case{Model: newMixture(t, c.spec, c.views, c.target), Examples: mixExamples(260, c.views, c.target)}
		})
	}
}

// learnAll predicts and learns, and returns the log-loss or squared error of each half.
func learnAll(t *testing.T, m model.Model, examples []modeltest.Example) (first, second float64) {
	t.Helper()
	scratch, dst := m.NewScratch(), make([]float32, m.Outputs())
	for i, e := range examples {
		m.Predict(dst, e.Input, scratch)
		loss := 0.0
		if len(dst) > 1 {
			loss = -math.Log(math.Max(float64(dst[e.Target.Class]), 1e-9))
		} else {
			loss = math.Pow(model.ValueOf(m).Value(dst[0])-e.Target.Value, 2)
		}
		if i < len(examples)/2 {
			first += loss
		} else {
			second += loss
		}
		// Some experts alone run away; the mixture never does.
		err := m.Learn(e.Input, e.Target, e.Weight, scratch)
		if _, mix := model.As[model.HasExperts](m); err != nil && (mix || !errors.Is(err, millrace.ErrUpdateRefused)) {
			t.Fatal(err)
		}
	}
	return 2 * first / float64(len(examples)), 2 * second / float64(len(examples))
}

func experts(m model.Model) []model.Expert {
	mixture, ok := model.As[model.HasExperts](m)
	if !ok {
		panic("the model is not made of experts")
	}
	return mixture.Experts()
}

// TestMixtureReplaces: over a long stream experts that are no use give way to copies at other rates, and
// a run that is interrupted after that equals one that is not.
func TestMixtureReplaces(t *testing.T) {
	for _, target := range []model.TargetSpec{{Classes: 3}, {}} {
		v := allViews{}
		all := mixExamples(16_000, v, target)
		whole := newMixture(t, model.Spec{}, v, target)
		learnAll(t, whole, all)
		copies, total := 0, 0.0
		for _, e := range experts(whole) {
			if e.Parent != 0 {
				copies++
				if e.Born == 0 || e.ID <= e.Parent {
					t.Errorf("a copy %+v", e)
				}
			}
			total += e.Weight
			if e.Weight < 0 || e.Active != (e.Weight > 0) || e.Why == "" || e.Loss <= 0 {
				t.Errorf("expert %+v", e)
			}
			if found := e.Spec.Validate(target); len(found) > 0 {
				t.Errorf("%s is no pipeline's model: %v", e.Name, found)
			}
		}
		if copies == 0 {
			t.Errorf("no expert was replaced: %+v", experts(whole))
		}
		if math.Abs(total-1) > 1e-9 {
			t.Errorf("weights sum to %g", total)
		}
		first, second := newMixture(t, model.Spec{}, v, target), newMixture(t, model.Spec{}, v, target)
		learnAll(t, first, all[:12_345])
		if err := modeltest.Copy(second, first); err != nil {
			t.Fatal(err)
		}
		learnAll(t, second, all[12_345:])
		if !bytes.Equal(modeltest.Bytes(whole), modeltest.Bytes(second)) {
			t.Error("an interrupted run differs")
		}
	}
}

// TestMixtureBeatsItsExperts: the mixture is better than the best of its experts alone.
func TestMixtureBeatsItsExperts(t *testing.T) {
	for _, target := range []model.TargetSpec{{Classes: 4}, {}} {
		v := allViews{}
		all := mixExamples(6_000, v, target)
		m := newMixture(t, model.Spec{}, v, target)
		mine, _ := learnAll(t, m, all)
		for _, e := range experts(m) {
			alone, err := family.New(e.Spec, target, v)
			if err != nil {
				t.Fatalf("%s alone: %v", e.Name, err)
			}
			if its, _ := learnAll(t, alone, all); its < mine {
				t.Errorf("%s alone has a loss of %.4f, the mixture %.4f", e.Name, its, mine)
			}
		}
	}
}

func TestMixturePin(t *testing.T) {
	v, target := allViews{}, model.TargetSpec{Classes: 2}
	all := mixExamples(3_000, v, target)
	pinned := newMixture(t, model.Spec{Pin: "svm-pa1"}, v, target)
	var spec model.Spec
	for _, e := range experts(pinned) {
		if e.Name == "svm-pa1" {
			spec = e.Spec
		}
	}
	alone, err := family.New(spec, target, v)
	if err != nil {
		t.Fatal(err)
	}
	learnAll(t, pinned, all)
	learnAll(t, alone, all)
	a, b := make([]float32, 2), make([]float32, 2)
	for _, e := range all[:100] {
		pinned.Predict(a, e.Input, pinned.NewScratch())
		alone.Predict(b, e.Input, alone.NewScratch())
		if a[0] != b[0] || a[1] != b[1] {
			t.Fatalf("pinned it predicts %v, alone %v", a, b)
		}
	}
	lifted, kept := newMixture(t, model.Spec{Pin: "none"}, v, target), newMixture(t, model.Spec{}, v, target)
	for m, pinned := range map[model.Model]bool{lifted: false, kept: true} {
		if err := modeltest.Copy(m, newMixture(t, model.Spec{Pin: "svm-pa1"}, v, target)); err != nil {
			t.Fatal(err)
		}
		for _, e := range experts(m) {
			if e.Name == "svm-pa1" && strings.HasPrefix(e.Why, "pinned") != pinned {
				t.Errorf("restored, %s is %s", e.Name, e.Why)
			}
		}
	}
	_, err = family.New(model.Spec{Type: "auto", Pin: "oracle"}, target, v)
	if err == nil || !strings.Contains(err.Error(), "svm-pa1") {
		t.Errorf("pinning nobody: %v", err)
	}
}

// TestWildLabelsSayNothingOfExperts: all were as wrong as can be, so their losses and weights stay as they were.
func TestWildLabelsSayNothingOfExperts(t *testing.T) {
	v := allViews{}
	m := newMixture(t, model.Spec{Budget: "1x"}, v, model.TargetSpec{})
	all := mixExamples(420, v, model.TargetSpec{})
	learnAll(t, m, all[:410])
	before := experts(m)
	for _, e := range all[410:] {
		e.Target.Value = 1e12
		learnAll(t, m, []modeltest.Example{e})
	}
	for i, e := range experts(m) {
		if math.Abs(e.Loss-before[i].Loss) > 1e-6 || math.Abs(e.Weight-before[i].Weight) > 0.1 {
			t.Errorf("%s: a loss of %g and a weight of %g, before ten wild labels %g and %g", e.Name, e.Loss, e.Weight, before[i].Loss, before[i].Weight)
		}
	}
}
