package model_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"millrace"
	"millrace/model"
)

// deadUnits is the share of a model's units that are dead.
func deadUnits(t *testing.T, m model.Model) float64 {
	t.Helper()
	units, ok := model.As[model.HasUnits](m)
	if !ok {
		t.Fatal("the model knows nothing of its units")
	}
	return units.DeadUnits()
}

// changingTasks is the progressive accuracy in the first and in the last tenth of a stream of unrelated tasks:
// each gives forty new clusters of inputs one of five classes at random, and is never seen again.
func changingTasks(t *testing.T, m model.Model, tasks, length int) (early, late float64) {
	t.Helper()
	const width, classes, clusters = 16, 5, 40
	random := rand.New(rand.NewPCG(5, 6))
	scratch, dst := m.NewScratch(), make([]float32, classes)
	x := millrace.Input{{Dense: make([]float32, width)}}
	events := float64(tasks / 10 * length)
	for task := range tasks {
		var center [clusters][width]float64
		var class [clusters]int32
		for c := range center {
			for j := range center[c] {
				center[c][j] = random.NormFloat64()
			}
			class[c] = int32(random.IntN(classes))
		}
		for range length {
			c := random.IntN(clusters)
			for j, v := range center[c] {
				x[0].Dense[j] = float32(v + 0.2*random.NormFloat64())
			}
			m.Predict(dst, x, scratch)
			if right := int32(slices.Index(dst, slices.Max(dst))) == class[c]; right && task < tasks/10 {
				early += 1 / events
			} else if right && task >= tasks-tasks/10 {
				late += 1 / events
			}
			if err := m.Learn(x, millrace.Target{Class: class[c], Known: true}, 1, scratch); err != nil {
				t.Fatal(err)
			}
		}
	}
	return early, late
}

// TestPlasticityIsKept: on a long stream of changing tasks a plain network loses the ability to learn, and one
// with upkeep learns the last tasks as well as the first.
func TestPlasticityIsKept(t *testing.T) {
	const tasks, length = 100, 1000
	for _, plasticity := range []string{"none", "l2_init", "shrink_perturb"} {
		s := model.Spec{Type: "mlp", Hidden: []int{32, 32}, Activation: "relu", Optimizer: model.OptimizerSpec{Type: "sgd", Rate: 0.03}, Plasticity: plasticity}
		m := mustNew(t, s, model.TargetSpec{Classes: 5}, millrace.ViewShape{Width: 16})
		early, late := changingTasks(t, m, tasks, length)
		dead := deadUnits(t, m)
		t.Logf("%s: accuracy %.3f early, %.3f late; %.2f of the units dead", plasticity, early, late, dead)
		if plasticity == "none" {
			if late > early-0.2 {
				t.Errorf("the stream is too easy: a plain network went from %.3f to %.3f", early, late)
			}
			if !math.IsNaN(dead) {
				t.Errorf("a network that does not watch its units says that %g of them are dead", dead)
			}
			continue
		}
		if early < 0.8 || late < early-0.02 {
			t.Errorf("%s: accuracy went from %.3f to %.3f", plasticity, early, late)
		}
		if !(dead < 0.2) {
			t.Errorf("%s: %g of the units are dead", plasticity, dead)
		}
	}
}

// TestDeadUnits: units that are never active are called dead once the averages have seen enough.
func TestDeadUnits(t *testing.T) {
	s := model.Spec{Type: "mlp", Layers: []model.LayerSpec{{Units: 10, Activation: "relu"}, {Units: 6}}, Plasticity: "l2_init", Upkeep: 1e-9}
	s.Optimizer = model.OptimizerSpec{Type: "sgd", Rate: 1e-9}
	m := mustNew(t, s, model.TargetSpec{Classes: 2}, millrace.ViewShape{Width: 2})
	weights := servingWeights(m)
	clear(weights["layers.0.weight"])
	for i := range weights["layers.0.bias"] {
		weights["layers.0.bias"][i] = float32(i%2*2 - 1) // every other unit is off, whatever the input
	}
	learnOn(t, m, 1000)
	if dead := deadUnits(t, m); dead != 0 {
		t.Errorf("a share of %g is dead after 1,000 events", dead)
	}
	learnOn(t, m, 20_000)
	if dead := deadUnits(t, m); dead != 0.5 {
		t.Errorf("a share of %g is dead, want half", dead)
	}
	if dead := deadUnits(t, model.Weighted(m, model.ClassWeights{Balanced: true})); dead != 0.5 {
		t.Errorf("with class weights a share of %g is dead, want half", dead)
	}
}

// learnOn learns random events of two numbers or of one category.
func learnOn(t *testing.T, m model.Model, events int) {
	t.Helper()
	random := rand.New(rand.NewPCG(1, 1))
	scratch, dst := m.NewScratch(), make([]float32, 2)
	for i := range events {
		x := millrace.Input{{Dense: []float32{float32(random.NormFloat64()), 1}, Index: []uint32{3}, Value: []float32{1}}}
		m.Predict(dst, x, scratch)
		if err := m.Learn(x, millrace.Target{Known: true, Class: int32(i % 2)}, 1, scratch); err != nil {
			t.Fatal(err)
		}
	}
}

// TestUpkeepAlone: where nothing is learned, l2_init brings weights back to where they started by the share it is
// given, and shrink_perturb forgets them while it keeps their spread; of a sparse input only the rows of the
// events.
func TestUpkeepAlone(t *testing.T) {
	const updates, strength = 640, 1e-3
	kept := math.Pow(1-strength, updates)
	for _, init := range []string{"uniform", "he", "glorot"} {
		for _, sparse := range []bool{false, true} {
			for _, plasticity := range []string{"l2_init", "shrink_perturb"} {
				s := model.Spec{Type: "mlp", Hidden: []int{400, 50}, Norm: "layer", Init: init, Plasticity: plasticity, Upkeep: strength}
				s.Optimizer = model.OptimizerSpec{Type: "sgd", Rate: 1e-12}
				shape := millrace.ViewShape{Width: 2}
				if sparse {
					shape = millrace.ViewShape{Width: 5, Sparse: true, NonZeroMax: 1}
				}
				m := mustNew(t, s, model.TargetSpec{Classes: 2}, shape)
				first := map[string][]float32{}
				for name, w := range servingWeights(m) {
					first[name] = slices.Clone(w)
					if plasticity == "l2_init" {
						for i := range w {
							w[i] += 3
						}
					}
				}
				learnOn(t, m, updates)
				for name, w := range servingWeights(m) {
					w, from := w, first[name]
					if sparse && name == "layers.0.weight" {
						for i, v := range w {
							if row := i / 400; row != 3 && v != from[i]+map[string]float32{"l2_init": 3}[plasticity] {
								t.Fatalf("row %d of no event went from %g to %g", row, from[i], v)
							}
						}
						w, from = w[3*400:4*400], from[3*400:4*400]
					}
					if plasticity == "l2_init" {
						checkPull(t, name, w, from, 3*kept)
					} else if len(w) >= 400 && name != "layers.0.gain" && (init == "uniform" || name != "layers.0.bias") {
						checkSpread(t, init+" "+name, w, from, kept)
					}
				}
			}
		}
	}
}

func checkPull(t *testing.T, name string, w, from []float32, distance float64) {
	t.Helper()
	for i, v := range w {
		if got := float64(v - from[i]); math.Abs(got-distance) > 0.01*distance {
			t.Fatalf("%s[%d] is %g from where it started, want %g", name, i, got, distance)
		}
	}
}

// checkSpread: the variance is that of the start, the covariance with it a share kept.
func checkSpread(t *testing.T, name string, w, from []float32, kept float64) {
	t.Helper()
	var square, start, product float64
	for i, v := range w {
		a, b := float64(v), float64(from[i])
		square, start, product = square+a*a, start+b*b, product+a*b
	}
	tolerance := 6 / math.Sqrt(float64(len(w)))
	if ratio := square / start; math.Abs(ratio-1) > tolerance {
		t.Errorf("%s: the variance is %g of the first", name, ratio)
	}
	if ratio := product / start; math.Abs(ratio-kept) > tolerance {
		t.Errorf("%s: the covariance with the start is %g, want %g", name, ratio, kept)
	}
}
