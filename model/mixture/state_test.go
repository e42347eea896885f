package mixture_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"millrace"
	"millrace/model"
	"millrace/model/family"
	"millrace/model/modeltest"
)

// TestMixtureReviewsLeaveSoundState: a snapshot may be taken after any event, so what a review leaves behind can be
// restored before the next event is learned, too.
func TestMixtureReviewsLeaveSoundState(t *testing.T) {
	for _, target := range []model.TargetSpec{{Classes: 2}, {Classes: 3}, {}} {
		for _, budget := range []string{"0.1x", "0.5x", "4x", "1000x"} {
			t.Run(fmt.Sprintf("%d-%s", target.Classes, budget), func(t *testing.T) {
				v := allViews{}
				m, other := newMixture(t, model.Spec{Budget: budget}, v, target), newMixture(t, model.Spec{Budget: budget}, v, target)
				const every = 1000
				all := mixExamples(16*every, v, target)
				for i := 0; i < len(all); i += every {
					learnAll(t, m, all[i:i+every])
					if err := modeltest.Copy(other, m); err != nil {
						t.Fatalf("after %d events: %v", i+every, err)
					}
				}
			})
		}
	}
}

// TestMixtureEndlessWeights: whatever weight its contract allows, a mixture's state stays finite.
func TestMixtureEndlessWeights(t *testing.T) {
	v := allViews{}
	for _, target := range []model.TargetSpec{{Classes: 2}, {Classes: 9}, {}} {
		for _, weight := range []float32{1e4, 1e30, 1e38, math.MaxFloat32, math.SmallestNonzeroFloat32} {
			m := newMixture(t, model.Spec{}, v, target)
			scratch, dst := m.NewScratch(), make([]float32, m.Outputs())
			for i, e := range mixExamples(1200, v, target) {
				m.Predict(dst, e.Input, scratch)
				if err := m.Learn(e.Input, e.Target, weight, scratch); err != nil && !errors.Is(err, millrace.ErrUpdateRefused) {
					t.Fatal(err)
				}
				if i%100 == 99 {
					if err := m.Restored(); err != nil {
						t.Fatalf("%d classes, weight %g, after %d events: %v", target.Classes, weight, i+1, err)
					}
				}
			}
		}
	}
}

// tensor is one of a model's tensors.
func tensor(t *testing.T, m millrace.Stateful, name string) millrace.Tensor {
	t.Helper()
	var found millrace.Tensor
	m.State(func(n string, x millrace.Tensor, _ millrace.Role) {
		if n == name {
			found = x
		}
	})
	if found.Shape == nil {
		t.Fatalf("there is no tensor %q", name)
	}
	return found
}

// runAway makes expert i one whose weights have run away, and has the mixture review its experts.
func runAway(t *testing.T, m model.Model, i int, v allViews, target model.TargetSpec) {
	t.Helper()
	tensor(t, m, "mixture.loss").F64[i] = 20
	tensor(t, m, "mixture.events").U64[i] = 100_000
	tensor(t, m, "mixture.steps").U64[0] = 1_999_999
	if err := m.Restored(); err != nil {
		t.Fatal(err)
	}
	learnAll(t, m, mixExamples(1, v, target))
}

// TestMixtureRestarts: an expert whose weights have run away begins anew, however many classes there are.
func TestMixtureRestarts(t *testing.T) {
	v := allViews{}
	for _, classes := range []int{0, 2, 26, 300} {
		target := model.TargetSpec{Classes: classes}
		m := newMixture(t, model.Spec{}, v, target)
		learnAll(t, m, mixExamples(300, v, target))
		before := experts(m)[0]
		runAway(t, m, 0, v, target)
		if e := experts(m)[0]; e.ID == before.ID || e.Parent != 0 || e.Born != 2_000_000 || e.Spec.Optimizer.Rate >= before.Spec.Optimizer.Rate {
			t.Errorf("%d classes: expert 0 became %+v", classes, e)
		}
	}
}

// TestMixtureWeighted: class weights change what a mixture learns, and hide nothing of it.
func TestMixtureWeighted(t *testing.T) {
	v, target := allViews{}, model.TargetSpec{Classes: 3}
	build := func() model.Model {
		return model.Weighted(newMixture(t, model.Spec{Budget: "1x"}, v, target), model.ClassWeights{Balanced: true, Corrected: true})
	}
	modeltest.Run(t, "corrected", func() modeltest.Case {
		return modeltest.Case{Model: build(), Examples: mixExamples(260, v, target)}
	})
	mixture, ok := model.As[model.HasExperts](build())
	if !ok || len(mixture.Experts()) == 0 {
		t.Error("a weighted mixture has no experts")
	}
	alone, err := family.New(model.Spec{Type: "logistic"}, target, v)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := model.As[model.HasExperts](model.Weighted(alone, model.ClassWeights{Balanced: true})); ok {
		t.Error("a weighted logistic model is made of experts")
	}
}

// pinnedExpert is the one expert that predicts; its ID is 0 when the mixture does.
func pinnedExpert(m model.Model) model.Expert {
	for _, e := range experts(m) {
		if strings.HasPrefix(e.Why, "pinned") {
			return e
		}
	}
	return model.Expert{}
}

// TestMixturePinsLaterExperts: whatever expert a snapshot holds can be pinned by name or id, also one that came in the
// course of the stream; before it comes the mixture predicts.
func TestMixturePinsLaterExperts(t *testing.T) {
	v, target := allViews{}, model.TargetSpec{Classes: 3}
	all := mixExamples(16_000, v, target)
	long := newMixture(t, model.Spec{}, v, target)
	learnAll(t, long, all)
	later := 0
	for _, e := range experts(long) {
		for _, pin := range []string{e.Name, strconv.FormatUint(e.ID, 10)} {
			m := newMixture(t, model.Spec{Pin: pin}, v, target)
			if err := modeltest.Copy(m, long); err != nil {
				t.Fatalf("pinning %s: %v", pin, err)
			}
			for _, x := range experts(m) {
				if alone := x.ID == e.ID; x.Active != alone || x.Weight != 0 != alone || strings.HasPrefix(x.Why, "pinned") != alone {
					t.Errorf("pinning %s: %+v", pin, x)
				}
			}
		}
		if e.Born == 0 {
			continue
		}
		later++
		m := newMixture(t, model.Spec{Pin: strconv.FormatUint(e.ID, 10)}, v, target)
		learnAll(t, m, all[:e.Born-1])
		if got := pinnedExpert(m); got.ID != 0 {
			t.Errorf("expert %d is pinned before it has come: %+v", e.ID, got)
		}
		learnAll(t, m, all[e.Born-1:e.Born])
		if got := pinnedExpert(m); got.ID != e.ID {
			t.Errorf("expert %d has come, and pinned is %d", e.ID, got.ID)
		}
		gone := newMixture(t, model.Spec{Pin: strconv.FormatUint(e.Parent, 10)}, v, target)
		parentLives := slices.ContainsFunc(experts(long), func(x model.Expert) bool { return x.ID == e.Parent })
		if err := modeltest.Copy(gone, long); (err == nil) != parentLives {
			t.Errorf("pinning expert %d, which lives: %t: %v", e.Parent, parentLives, err)
		}
	}
	if later == 0 {
		t.Error("no expert came in the course of the stream")
	}
}

// TestMixturePinnedKeepsItsName: an expert that is pinned is not begun anew at another rate, so what it is pinned by
// goes on naming it.
func TestMixturePinnedKeepsItsName(t *testing.T) {
	v, target := allViews{}, model.TargetSpec{Classes: 2}
	spec := model.Spec{Pin: "mlp-levels-64-64-rmsprop-0.0015"}
	m, other := newMixture(t, spec, v, target), newMixture(t, spec, v, target)
	learnAll(t, m, mixExamples(300, v, target))
	runAway(t, m, 0, v, target)
	if err := modeltest.Copy(other, m); err != nil {
		t.Fatal(err)
	}
	if got := pinnedExpert(other); got.Name != spec.Pin || got.ID != 1 {
		t.Errorf("pinned is %+v", got)
	}
}

// TestMixtureServes: the serving tensors alone, all that a scorer loads, make a fresh mixture predict as the learner's,
// also once experts were replaced, begun anew or pinned, and when the scorer held another version before.
func TestMixtureServes(t *testing.T) {
	v := allViews{}
	for _, target := range []model.TargetSpec{{Classes: 3}, {Classes: 9}, {}} {
		all := mixExamples(12_000, v, target)
		for _, pin := range []string{"", "3", "none"} {
			m := newMixture(t, model.Spec{}, v, target)
			scorer := newMixture(t, model.Spec{Pin: pin}, v, target)
			if pin != "" {
				m = newMixture(t, model.Spec{Pin: pin}, v, target)
			}
			used := scorer.NewScratch()
			for i := 0; i < len(all); i += 3_000 {
				learnAll(t, m, all[i:i+3_000])
				sameServed(t, scorer, m, used, all[:50])
			}
			runAway(t, m, 1, v, target)
			sameServed(t, scorer, m, used, all[:50])
		}
	}
}

// sameServed restores a learner's serving tensors into a scorer's mixture, and compares what they predict.
func sameServed(t *testing.T, scorer, m model.Model, used model.Scratch, events []modeltest.Example) {
	t.Helper()
	serving := map[string]millrace.Tensor{}
	m.State(func(name string, x millrace.Tensor, role millrace.Role) {
		if role == millrace.Serving {
			serving[name] = x
		}
	})
	scorer.State(func(name string, to millrace.Tensor, _ millrace.Role) {
		to.Set(serving[name])
	})
	if err := scorer.Restored(); err != nil {
		t.Fatalf("restoring the serving tensors: %v", err)
	}
	a, b, scratch := make([]float32, m.Outputs()), make([]float32, m.Outputs()), m.NewScratch()
	for i, e := range events {
		m.Predict(a, e.Input, scratch)
		scorer.Predict(b, e.Input, used)
		if !slices.Equal(a, b) {
			t.Fatalf("event %d: the learner predicts %v, a scorer %v", i, a, b)
		}
	}
	mine, its := experts(m), experts(scorer)
	for i := range mine {
		if mine[i].ID != its[i].ID || mine[i].Name != its[i].Name || mine[i].Weight != its[i].Weight || mine[i].Why != its[i].Why {
			t.Errorf("the learner's expert %+v is a scorer's %+v", mine[i], its[i])
		}
	}
}

// TestMixtureHeavyEvents: a stream whose events all weigh the same is mixed nearly as well as if they weighed 1.
func TestMixtureHeavyEvents(t *testing.T) {
	v := allViews{}
	for _, target := range []model.TargetSpec{{Classes: 3}, {}} {
		loss := func(weight float32) float64 {
			m, all := newMixture(t, model.Spec{}, v, target), mixExamples(6_000, v, target)
			for i := range all {
				all[i].Weight = weight
			}
			first, second := learnAll(t, m, all)
			return first + second
		}
		once := loss(1)
		for _, weight := range []float32{100, 10_000} {
			// Some experts alone run away on such steps, of numbers more than of classes.
			if got := loss(weight); got > 1.6*once {
				t.Errorf("%d classes: a loss of %g where events weigh %g, of %g where they weigh 1", target.Classes, got, weight, once)
			}
		}
	}
}

// TestMixtureTarget: both mixers go by one set of moments, which snapshots hold twice, as they always did.
func TestMixtureTarget(t *testing.T) {
	v, target := allViews{}, model.TargetSpec{}
	m := newMixture(t, model.Spec{Budget: "0.5x"}, v, target)
	learnAll(t, m, mixExamples(60, v, target))
	moments := map[string][]float64{}
	m.State(func(name string, tensor millrace.Tensor, _ millrace.Role) {
		if name == "mixture.target" || name == "judge.target" {
			moments[name] = tensor.F64
		}
	})
	mixer, judge := moments["mixture.target"], moments["judge.target"]
	if len(mixer) != 3 || mixer[0] == 0 || len(judge) != 3 || &mixer[0] != &judge[0] {
		t.Errorf("the moments are %v and %v, want the same ones", mixer, judge)
	}
}
