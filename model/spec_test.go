package model_test

import (
	"errors"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"millrace"
	"millrace/model"
	"millrace/model/family"
	"millrace/model/modeltest"
)

func TestValidate(t *testing.T) {
	two, number := model.TargetSpec{Classes: 2}, model.TargetSpec{}
	for _, c := range []struct {
		name   string
		spec   model.Spec
		target model.TargetSpec
		want   []string // paths
	}{
		{"empty", model.Spec{}, two, []string{"type"}},
		{"unknown", model.Spec{Type: "bush"}, two, []string{"type"}},
		{"classes for numbers", model.Spec{Type: "logistic"}, number, []string{"type"}},
		{"numbers for classes", model.Spec{Type: "linear"}, two, []string{"type"}},
		{"one class", model.Spec{Type: "mlp"}, model.TargetSpec{Classes: 1}, []string{"type"}},
		{"loss of another", model.Spec{Type: "svm", Loss: "squared"}, two, []string{"loss"}},
		{"loss of numbers", model.Spec{Type: "mlp", Loss: "huber"}, two, []string{"loss"}},
		{"loss of classes", model.Spec{Type: "mlp", Loss: "cross_entropy"}, number, []string{"loss"}},
		{"delta alone", model.Spec{Type: "linear", HuberDelta: 2}, number, []string{"huber_delta"}},
		{"layers of a linear model", model.Spec{Type: "logistic", Hidden: []int{3}, Activation: "relu"}, two, []string{"hidden", "activation"}},
		{"layers twice", model.Spec{Type: "mlp", Hidden: []int{3}, Layers: []model.LayerSpec{{Units: 3}}}, two, []string{"hidden"}},
		{"units", model.Spec{Type: "mlp", Hidden: []int{8, 0, -1}}, two, []string{"hidden[1]", "hidden[2]"}},
		{"layer", model.Spec{Type: "mlp", Layers: []model.LayerSpec{{Units: 1 << 20, Activation: "gelu"}}}, two, []string{"layers[0].units", "layers[0].activation"}},
		{"too deep", model.Spec{Type: "mlp", Hidden: slices.Repeat([]int{4}, 17)}, two, []string{"layers"}},
		{"numbers out of range", model.Spec{Type: "svm", C: -1, L1: math.NaN(), L2: math.Inf(1), Clip: -1, Batch: -1}, two, []string{"c", "l1", "l2", "clip", "batch"}},
		{"c of another", model.Spec{Type: "logistic", C: 1}, two, []string{"c"}},
		{"rule", model.Spec{Type: "logistic", Optimizer: model.OptimizerSpec{Type: "adamw"}}, two, []string{"optimizer.type"}},
		{"normalized network", model.Spec{Type: "mlp", Optimizer: model.OptimizerSpec{Type: "normalized"}}, two, []string{"optimizer.type"}},
		{"normalized batch", model.Spec{Type: "logistic", Batch: 2, Optimizer: model.OptimizerSpec{Type: "normalized"}}, two, []string{"batch"}},
		{"epsilon of normalized", model.Spec{Type: "logistic", Optimizer: model.OptimizerSpec{Type: "normalized", Epsilon: 1e-8}}, two, []string{"optimizer.epsilon"}},
		{"ftrl network", model.Spec{Type: "mlp", Optimizer: model.OptimizerSpec{Type: "ftrl"}}, two, []string{"optimizer.type"}},
		{"beta of sgd", model.Spec{Type: "logistic", Optimizer: model.OptimizerSpec{Type: "sgd", Beta: 1}}, two, []string{"optimizer.beta"}},
		{"schedule of ftrl", model.Spec{Type: "logistic", Optimizer: model.OptimizerSpec{Type: "ftrl", Schedule: model.ScheduleSpec{Type: "inverse_time"}}}, two, []string{"optimizer.schedule"}},
		{"rate of cocob", model.Spec{Type: "mlp", Optimizer: model.OptimizerSpec{Type: "cocob", Rate: 1}}, two, []string{"optimizer.rate"}},
		{"l1 of cocob", model.Spec{Type: "logistic", L1: 1, Optimizer: model.OptimizerSpec{Type: "cocob"}}, two, []string{"l1"}},
		{"importance of many", model.Spec{Type: "logistic", Optimizer: model.OptimizerSpec{Type: "importance_aware"}}, model.TargetSpec{Classes: 3}, []string{"optimizer.type"}},
		{"importance of counts", model.Spec{Type: "linear", Loss: "poisson", Optimizer: model.OptimizerSpec{Type: "importance_aware"}}, number, []string{"optimizer.type"}},
		{"adaptive adam", model.Spec{Type: "logistic", Optimizer: model.OptimizerSpec{Type: "adam", Schedule: model.ScheduleSpec{Type: "adaptive"}}}, two, []string{"optimizer.schedule.type"}},
		{"adaptive quantile", model.Spec{Type: "linear", Loss: "quantile", Optimizer: model.OptimizerSpec{Schedule: model.ScheduleSpec{Type: "adaptive"}}}, number, []string{"optimizer.schedule.type"}},
		{"adaptive batch", model.Spec{Type: "logistic", Batch: 2, Optimizer: model.OptimizerSpec{Schedule: model.ScheduleSpec{Type: "adaptive"}}}, two, []string{"batch"}},
		{"adaptive l2", model.Spec{Type: "logistic", L2: 0.3, Optimizer: model.OptimizerSpec{Schedule: model.ScheduleSpec{Type: "adaptive"}}}, two, []string{"l2"}},
		{"quantile of 1", model.Spec{Type: "linear", Loss: "quantile", Quantile: 1}, number, []string{"quantile"}},
		{"quantile alone", model.Spec{Type: "linear", Quantile: 0.9}, number, []string{"quantile"}},
		{"counts of classes", model.Spec{Type: "mlp", Loss: "poisson"}, two, []string{"loss"}},
		{"rate", model.Spec{Type: "logistic", Optimizer: model.OptimizerSpec{Rate: -1}}, two, []string{"optimizer.rate"}},
		{"momentum of adam", model.Spec{Type: "logistic", Optimizer: model.OptimizerSpec{Type: "adam", Momentum: 0.9}}, two, []string{"optimizer.momentum"}},
		{"nesterov alone", model.Spec{Type: "logistic", Optimizer: model.OptimizerSpec{Type: "sgd", Nesterov: true}}, two, []string{"optimizer.nesterov"}},
		{"adam's decays", model.Spec{Type: "logistic", Optimizer: model.OptimizerSpec{Type: "adam", Beta1: 0.999, Beta2: 0.9}}, two, []string{"optimizer.beta1"}},
		{"decay of 1", model.Spec{Type: "logistic", Optimizer: model.OptimizerSpec{Type: "rmsprop", Rho: 1}}, two, []string{"optimizer.rho"}},
		{"epsilon", model.Spec{Type: "logistic", Optimizer: model.OptimizerSpec{Type: "adam", Epsilon: 1e-30}}, two, []string{"optimizer.epsilon"}},
		{"schedule", model.Spec{Type: "logistic", Optimizer: model.OptimizerSpec{Schedule: model.ScheduleSpec{Type: "cosine"}}}, two, []string{"optimizer.schedule.type"}},
		{"decay of a constant", model.Spec{Type: "logistic", Optimizer: model.OptimizerSpec{Schedule: model.ScheduleSpec{Type: "constant", Decay: 1}}}, two, []string{"optimizer.schedule.decay"}},
		{"norm of one unit", model.Spec{Type: "mlp", Norm: "layer", Hidden: []int{5, 1}}, two, []string{"norm"}},
		{"norm by another name", model.Spec{Type: "mlp", Norm: "batch"}, two, []string{"norm"}},
		{"all left out", model.Spec{Type: "mlp", Dropout: 1}, two, []string{"dropout"}},
		{"dropout of a linear model", model.Spec{Type: "logistic", Dropout: 0.5}, two, []string{"dropout"}},
		{"upkeep of nothing", model.Spec{Type: "mlp", Upkeep: 1e-4}, two, []string{"upkeep"}},
		{"upkeep too strong", model.Spec{Type: "mlp", Plasticity: "l2_init", Upkeep: 0.5}, two, []string{"upkeep"}},
		{"plasticity", model.Spec{Type: "mlp", Plasticity: "reset"}, two, []string{"plasticity"}},
		{"penalty too strong", model.Spec{Type: "logistic", L2: 2, Optimizer: model.OptimizerSpec{Type: "sgd", Rate: 0.5}}, two, []string{"l2"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var paths []string
			for _, v := range c.spec.Validate(c.target) {
				paths = append(paths, v.Path)
				if v.Message == "" {
					t.Errorf("%s has no message", v.Path)
				}
			}
			if !slices.Equal(paths, c.want) {
				t.Errorf("violations at %v, want %v", paths, c.want)
			}
			if _, err := family.New(c.spec, c.target, modeltest.View{Width: 3}); err == nil {
				t.Error("New took it")
			} else if !strings.Contains(err.Error(), c.want[0]) {
				t.Errorf("New says %q, which does not name %s", err, c.want[0])
			}
		})
	}
}

// TestResolve: a family's name alone is a valid spec, and a resolved spec is valid and resolved.
func TestResolve(t *testing.T) {
	for _, f := range modelFamilies() {
		bare := model.Spec{Type: f.spec.Type}
		for _, optimizer := range rulesFor(f) {
			ruled := bare
			ruled.Optimizer = optimizer
			for _, s := range []model.Spec{bare, f.spec, ruled} {
				if found := s.Validate(f.target); len(found) > 0 {
					t.Errorf("%s: %v", f.name, found)
				}
				r := s.Resolve(f.target)
				if found := r.Validate(f.target); len(found) > 0 {
					t.Errorf("%s resolved: %v", f.name, found)
				}
				if again := r.Resolve(f.target); !reflect.DeepEqual(r, again) {
					t.Errorf("%s: resolved %+v, resolved again %+v", f.name, r, again)
				}
				if r.Update == "pa1" {
					continue
				}
				if r.Optimizer.Type == "" || r.Optimizer.Rate == 0 && r.Optimizer.Type != "cocob" || r.Loss == "" || r.Batch == 0 {
					t.Errorf("%s: defaults are missing from %+v", f.name, r)
				}
			}
		}
	}
	s := model.Spec{Type: "mlp", Hidden: []int{5}, Layers: nil}
	if s.Resolve(model.TargetSpec{}); len(s.Hidden) != 1 || s.Layers != nil {
		t.Error("Resolve changed its receiver's layers")
	}
}

// TestStateBytes: the size worked out before construction is the size of the state, but for scalars.
func TestStateBytes(t *testing.T) {
	for _, f := range modelFamilies() {
		for _, shape := range []millrace.ViewShape{{Width: 30}, {Width: 3000, Sparse: true, NonZeroMax: 4}} {
			for rule, optimizer := range rulesFor(f) {
				for _, batch := range []int{1, 5} {
					if batch > 1 && single(rule) {
						continue
					}
					s := f.spec
					s.Optimizer, s.Batch = optimizer, batch
					m, err := family.New(s, f.target, modeltest.View(shape))
					if err != nil {
						t.Fatal(err)
					}
					var bytes int64
					m.State(func(_ string, x millrace.Tensor, _ millrace.Role) {
						bytes += 4*int64(len(x.F32)+len(x.U32)+len(x.I32)) + 8*int64(len(x.F64)+len(x.U64)+len(x.I64))
					})
					bound := s.StateBytes(f.target, shape)
					if bytes > bound || bytes < bound-256 {
						t.Errorf("%s, %s, batch %d: %d bytes of state, %d foreseen", f.name, rule, batch, bytes, bound)
					}
				}
			}
		}
	}
}

func TestTooLargeIsRefused(t *testing.T) {
	views := modeltest.View{Width: 1 << 24, Sparse: true, NonZeroMax: 100}
	_, err := family.New(model.Spec{Type: "mlp", Hidden: []int{64}}, model.TargetSpec{Classes: 2}, views)
	if err == nil || !strings.Contains(err.Error(), "MiB") {
		t.Errorf("a model of more than StateBytesMax: %v", err)
	}
	huge := model.Spec{Type: "mlp", Hidden: []int{model.UnitsMax, model.UnitsMax}}
	if got := huge.StateBytes(model.TargetSpec{}, millrace.ViewShape{Width: math.MaxInt32}); got <= model.StateBytesMax {
		t.Errorf("%d bytes: overflow", got)
	}
	if _, err := family.New(model.Spec{Type: "logistic"}, model.TargetSpec{Classes: 2}, modeltest.View{}); err == nil {
		t.Error("a view without columns was taken")
	}
}

type noViews struct{ err error }

func (v noViews) View(millrace.ViewKind) (millrace.ViewID, millrace.ViewShape, error) {
	return 0, millrace.ViewShape{}, v.err
}

func TestNewPassesOnViewErrors(t *testing.T) {
	want := errors.New("no such view")
	if _, err := family.New(model.Spec{Type: "linear"}, model.TargetSpec{}, noViews{want}); !errors.Is(err, want) {
		t.Errorf("got %v", err)
	}
}

func TestProfile(t *testing.T) {
	if p := model.Profile(); !strings.Contains(p, "-") || p != model.Profile() {
		t.Errorf("profile %q", p)
	}
}

// TestSeed: the seed alone decides the initial weights of a network.
func TestSeed(t *testing.T) {
	weights := func(seed uint64, init string) []float32 {
		s := model.Spec{Type: "mlp", Hidden: []int{40}, Init: init, Seed: seed}
		m, err := family.New(s, model.TargetSpec{Classes: 3}, modeltest.View{Width: 25})
		if err != nil {
			t.Fatal(err)
		}
		return servingWeights(m)["layers.0.weight"]
	}
	for init, deviation := range map[string]float64{"uniform": 1 / math.Sqrt(3*25), "he": math.Sqrt(2.0 / 25), "glorot": math.Sqrt(2.0 / 65)} {
		a, b, other := weights(1, init), weights(1, init), weights(2, init)
		if !slices.Equal(a, b) || slices.Equal(a, other) {
			t.Errorf("%s: weights do not follow the seed", init)
		}
		var squares float64
		for _, w := range a {
			squares += float64(w) * float64(w)
		}
		if got := math.Sqrt(squares / float64(len(a))); math.Abs(got-deviation) > 0.06*deviation {
			t.Errorf("%s: deviation %g, want %g", init, got, deviation)
		}
	}
}
