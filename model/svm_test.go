package model_test

import (
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"millrace"
	"millrace/model"
	"millrace/model/family"
	"millrace/model/modeltest"
)

// svmFamilies are the ways to learn of an svm that are not by gradient.
func svmFamilies() []member {
	two, four, number := model.TargetSpec{Classes: 2}, model.TargetSpec{Classes: 4}, model.TargetSpec{}
	svm := func(change func(*model.Spec)) model.Spec {
		s := model.Spec{Type: "svm"}
		change(&s)
		return s
	}
	pa1 := svm(func(s *model.Spec) { s.Update, s.C = "pa1", 1 })
	pa2 := svm(func(s *model.Spec) { s.Update, s.C, s.Epsilon = "pa2", 0.3, 0 })
	pegasos := svm(func(s *model.Spec) { s.Update, s.L2 = "pegasos", 0.01 })
	average := func(s model.Spec) model.Spec { s.Average = true; return s }
	rest := func(s model.Spec) model.Spec { s.Multiclass = "one_vs_rest"; return s }
	kernel := func(s model.Spec, k string) model.Spec {
		s.Kernel = model.KernelSpec{Type: k, Features: 40}
		s.Seed = 3
		return s
	}
	return []member{
		{"svm", svm(func(*model.Spec) {}), two},
		{"svm-many", svm(func(*model.Spec) {}), four},
		{"svm-number", svm(func(*model.Spec) {}), number},
		{"svm-pa1", pa1, two},
		{"svm-pa2", pa2, two},
		{"svm-pa1-many", pa1, four},
		{"svm-pa2-many", pa2, model.TargetSpec{Classes: 10}},
		{"svm-pa1-rest", rest(pa1), four},
		{"svm-pa1-number", pa1, number},
		{"svm-pa2-number", svm(func(s *model.Spec) { s.Update, s.Epsilon = "pa2", 0.01 }), number},
		{"svm-pa1-average", average(pa1), two},
		{"svm-average-many", average(svm(func(*model.Spec) {})), four},
		{"svm-pegasos", pegasos, two},
		{"svm-pegasos-average", average(pegasos), two},
		{"svm-pegasos-many", pegasos, four},
		{"svm-pegasos-rest-average", average(rest(pegasos)), four},
		{"svm-pegasos-number", pegasos, number},
		{"svm-rbf", kernel(pa1, "rbf"), two},
		{"svm-laplace", kernel(svm(func(*model.Spec) {}), "laplace"), four},
		{"svm-pegasos-rbf-average", average(kernel(pegasos, "rbf")), number},
		{"svm-gradient-rbf", kernel(svm(func(s *model.Spec) { s.Update = "gradient" }), "rbf"), two},
		{"svm-gradient-many", svm(func(s *model.Spec) { s.Update = "gradient" }), four},
		{"svm-gradient-number", svm(func(s *model.Spec) { s.Update, s.Batch = "gradient", 4 }), number},
	}
}

// TestConformanceSVM holds every way of an svm to the suite, dense and sparse.
func TestConformanceSVM(t *testing.T) {
	for name, shape := range map[string]millrace.ViewShape{
		"dense":  {Width: caseWidth},
		"sparse": {Width: 40, Sparse: true, NonZeroMax: 6},
	} {
		for _, f := range svmFamilies() {
			modeltest.Run(t, f.name+"/"+name, func() modeltest.Case {
				m, err := family.New(f.spec, f.target, modeltest.View(shape))
				if err != nil {
					t.Fatal(err)
				}
				return modeltest.Case{Model: m, Examples: modeltest.Examples(f.target, shape)}
			})
		}
	}
}

// TestSVMSparseEqualsDense: the same events as sparse and as dense views lead to the same predictions,
// whatever repeats and however small a scale gets.
func TestSVMSparseEqualsDense(t *testing.T) {
	const width = 40
	shape := millrace.ViewShape{Width: width, Sparse: true, NonZeroMax: 6}
	for _, f := range svmFamilies() {
		t.Run(f.name, func(t *testing.T) {
			if f.spec.Kernel.Type != "" {
				f.spec.Kernel.Gamma = 0.1 // its default depends on how many columns are not zero
			}
			sparse, dense := mustNew(t, f.spec, f.target, shape), mustNew(t, f.spec, f.target, millrace.ViewShape{Width: width})
			a, b := make([]float32, sparse.Outputs()), make([]float32, sparse.Outputs())
			sa, sb := sparse.NewScratch(), dense.NewScratch()
			for i, e := range modeltest.Examples(f.target, shape) {
				x := densify(e.Input, width)
				sparse.Predict(a, e.Input, sa)
				dense.Predict(b, x, sb)
				for k := range a {
					if diff := math.Abs(float64(a[k] - b[k])); diff > 5e-4*math.Max(1, math.Abs(float64(b[k]))) {
						t.Fatalf("example %d: %v sparse, %v dense", i, a, b)
					}
				}
				learnBoth(t, sparse, dense, e, x, sa, sb)
			}
		})
	}
}

func learnBoth(t *testing.T, a, b model.Model, e modeltest.Example, x millrace.Input, sa, sb model.Scratch) {
	t.Helper()
	if err := a.Learn(e.Input, e.Target, e.Weight, sa); err != nil {
		t.Fatal(err)
	}
	if err := b.Learn(x, e.Target, e.Weight, sb); err != nil {
		t.Fatal(err)
	}
}

// TestFourierApproximatesKernels: the dot product of two events' features is near the kernel of the
// events, for dense inputs and the same as sparse ones, and follows the seed.
func TestFourierApproximatesKernels(t *testing.T) {
	const width, gamma = 6, 0.1
	random := rand.New(rand.NewPCG(1, 1))
	for _, kind := range []string{"rbf", "laplace"} {
		s := model.Spec{Type: "svm", Kernel: model.KernelSpec{Type: kind, Features: 1 << 14, Gamma: gamma}}
		features := func(seed uint64, x []float32, shape millrace.ViewShape) []float32 {
			s.Seed = seed
			v := millrace.Vector{Dense: x}
			if shape.Sparse {
				v = sparsely(x)
			}
			phi, err := model.Fourier(s, shape, v)
			if err != nil {
				t.Fatal(err)
			}
			return phi
		}
		dense, sparse := millrace.ViewShape{Width: width}, millrace.ViewShape{Width: width, Sparse: true, NonZeroMax: width + 1}
		for range 5 {
			x, y := make([]float32, width), make([]float32, width)
			var squares, absolutes float64
			for j := range x {
				x[j], y[j] = float32(random.NormFloat64()), float32(random.NormFloat64())
				d := float64(x[j] - y[j])
				squares, absolutes = squares+d*d, absolutes+math.Abs(d)
			}
			want := math.Exp(-gamma * squares)
			if kind == "laplace" {
				want = math.Exp(-gamma * absolutes)
			}
			a, b := features(1, x, dense), features(1, y, sparse)
			var got float64
			for i := range a {
				got += float64(a[i]) * float64(b[i])
			}
			// The deviation of the mean of D products is below 1/√D.
			if math.Abs(got-want) > 4/math.Sqrt(1<<14) {
				t.Errorf("%s: %g, want %g", kind, got, want)
			}
			if slices.Equal(a, features(2, x, dense)) {
				t.Errorf("%s: two seeds, one set of features", kind)
			}
		}
	}
	s := model.Spec{Type: "svm", Kernel: model.KernelSpec{Type: "rbf"}}
	if _, err := family.New(s, model.TargetSpec{Classes: 2}, modeltest.View{Width: 1 << 22, Sparse: true, NonZeroMax: 9}); err == nil {
		t.Error("frequencies of 8 GiB were drawn")
	}
}

func TestCosine(t *testing.T) {
	for _, turns := range []float64{0, 1e-6, 0.1, 0.25, 0.4, 0.5, 0.75, 0.99, 1, 3.3, -0.2, -7.6, 1000.25, -12345.5} {
		x := float32(turns)
		if got, want := float64(model.Cosine(x)), math.Cos(2*math.Pi*float64(x)); math.Abs(got-want) > 1e-6 {
			t.Errorf("cos of %g turns is %g, want %g", x, got, want)
		}
	}
	for _, x := range []float32{1e9, -3e38, float32(math.Inf(1)), float32(math.NaN())} {
		if got := model.Cosine(x); !(got >= -1 && got <= 1) {
			t.Errorf("cos of %g turns is %g", x, got)
		}
	}
}

// TestSetRate: a model whose C is changed goes on as one that was made with it, without allocating.
func TestSetRate(t *testing.T) {
	shape := millrace.ViewShape{Width: caseWidth}
	two := model.TargetSpec{Classes: 2}
	changed := mustNew(t, model.Spec{Type: "svm", Update: "pa1", C: 1}, two, shape)
	made := mustNew(t, model.Spec{Type: "svm", Update: "pa1", C: 0.01}, two, shape)
	if n := testing.AllocsPerRun(10, func() { changed.(model.Tunable).SetRate(0.01) }); n != 0 {
		t.Errorf("%g allocations", n)
	}
	sa, sb, dst := changed.NewScratch(), made.NewScratch(), make([]float32, 2)
	for _, e := range modeltest.Examples(two, shape) {
		changed.Predict(dst, e.Input, sa)
		made.Predict(dst, e.Input, sb)
		learnBoth(t, changed, made, e, e.Input, sa, sb)
	}
	if !slices.Equal(modeltest.Bytes(changed), modeltest.Bytes(made)) {
		t.Error("the states differ")
	}
}

// TestSVMFollowsDriftLate: after 10⁸ events a border that turns round is followed within two thousand.
func TestSVMFollowsDriftLate(t *testing.T) {
	two := model.TargetSpec{Classes: 2}
	for name, spec := range map[string]model.Spec{
		"default":         {},
		"pa1":             {Update: "pa1", C: 0.1},
		"pa2":             {Update: "pa2", C: 0.1},
		"gradient":        {Update: "gradient"},
		"pegasos":         {Update: "pegasos"},
		"pegasos average": {Update: "pegasos", Average: true},
	} {
		spec.Type = "svm"
		m := mustNew(t, spec, two, millrace.ViewShape{Width: 3})
		m.State(func(name string, x millrace.Tensor, _ millrace.Role) {
			if name == "optimizer.steps" {
				x.U64[0] = 100_000_000
			}
		})
		if err := m.Restored(); err != nil {
			t.Fatal(err)
		}
		random := rand.New(rand.NewPCG(5, 5))
		scratch, dst := m.NewScratch(), make([]float32, 2)
		// The average of some 10⁴ events takes that long to turn, and the others two thousand.
		turn := 2000
		if spec.Average {
			turn = 20_000
		}
		right := 0
		for i := range 2 * turn {
			x := millrace.Input{{Dense: []float32{float32(random.NormFloat64()), float32(random.NormFloat64()), float32(random.NormFloat64())}}}
			y := millrace.Target{Known: true}
			if above := x[0].Dense[0]+x[0].Dense[1] > 0; above == (i < turn) {
				y.Class = 1
			}
			m.Predict(dst, x, scratch)
			if i >= 2*turn-500 && (dst[1] > 0.5) == (y.Class == 1) {
				right++
			}
			if err := m.Learn(x, y, 1, scratch); err != nil {
				t.Fatal(err)
			}
		}
		if right < 450 {
			t.Errorf("%s: %d of 500 right", name, right)
		}
	}
}

// TestSVMProbabilities: on events whose class is drawn with a known probability, what is predicted as
// likely as p comes true that often, also where one class is rare and where C is far too large.
func TestSVMProbabilities(t *testing.T) {
	for name, spec := range map[string]model.Spec{
		"default":  {},
		"pa1":      {Update: "pa1", C: 10},
		"gradient": {Update: "gradient"},
		"pegasos":  {Update: "pegasos"},
	} {
		spec.Type = "svm"
		m := mustNew(t, spec, model.TargetSpec{Classes: 2}, millrace.ViewShape{Width: 2})
		random := rand.New(rand.NewPCG(9, 9))
		scratch, dst := m.NewScratch(), make([]float32, 2)
		var likely, came [4]float64
		const events = 20_000
		for i := range events {
			x := millrace.Input{{Dense: []float32{float32(random.NormFloat64()), float32(random.NormFloat64())}}}
			y := millrace.Target{Known: true}
			if random.Float64() < 1/(1+math.Exp(2-1.5*float64(x[0].Dense[0]))) {
				y.Class = 1
			}
			m.Predict(dst, x, scratch)
			if i > events/4 {
				bin := min(int(dst[1]*4), 3)
				likely[bin] += float64(dst[1])
				came[bin] += float64(y.Class)
			}
			if err := m.Learn(x, y, 1, scratch); err != nil {
				t.Fatal(err)
			}
		}
		var off float64
		for bin := range likely {
			off += math.Abs(likely[bin]-came[bin]) / (events * 3 / 4)
		}
		if off > 0.05 {
			t.Errorf("%s: probabilities are off by %.3f in the mean: %.0f expected, %.0f came", name, off, likely, came)
		}
	}
}

// TestSVMStateBytes: the size worked out before construction is the size of the state, but for scalars.
func TestSVMStateBytes(t *testing.T) {
	for _, f := range svmFamilies() {
		shape := millrace.ViewShape{Width: 3000, Sparse: true, NonZeroMax: 4}
		m := mustNew(t, f.spec, f.target, shape)
		var bytes int64
		m.State(func(_ string, x millrace.Tensor, _ millrace.Role) {
			bytes += 4*int64(len(x.F32)+len(x.U32)) + 8*int64(len(x.F64)+len(x.U64))
		})
		if bound := f.spec.StateBytes(f.target, shape); bytes > bound || bytes < bound-256 {
			t.Errorf("%s: %d bytes of state, %d foreseen", f.name, bytes, bound)
		}
	}
}

func TestValidateSVM(t *testing.T) {
	two, three, number := model.TargetSpec{Classes: 2}, model.TargetSpec{Classes: 3}, model.TargetSpec{}
	rate := model.OptimizerSpec{Rate: 0.01}
	for _, c := range []struct {
		name   string
		spec   model.Spec
		target model.TargetSpec
		want   []string // paths
	}{
		{"nothing", model.Spec{}, three, nil},
		{"a number", model.Spec{Update: "pa2", Epsilon: 0.2, Loss: "epsilon_insensitive"}, number, nil},
		{"importance aware", model.Spec{Optimizer: model.OptimizerSpec{Type: "importance_aware"}}, three, nil},
		{"pegasos with a floor", model.Spec{Update: "pegasos", L2: 0.1, Optimizer: rate, Average: true}, two, nil},
		{"hinge for a number", model.Spec{Loss: "hinge"}, number, []string{"loss"}},
		{"epsilon of classes", model.Spec{Epsilon: 0.1}, two, []string{"epsilon"}},
		{"multiclass of two", model.Spec{Multiclass: "one_vs_rest"}, two, []string{"multiclass"}},
		{"update", model.Spec{Update: "perceptron"}, two, []string{"update"}},
		{"a gradient's settings", model.Spec{Update: "pa1", L1: 1, L2: 1, Clip: 1, Batch: 4, Optimizer: rate}, two, []string{"l1", "clip", "batch", "l2", "optimizer"}},
		{"an optimizer of pegasos", model.Spec{Update: "pegasos", Optimizer: model.OptimizerSpec{Type: "adam"}}, two, []string{"optimizer"}},
		{"a floor too high", model.Spec{Update: "pegasos", L2: 10, Optimizer: model.OptimizerSpec{Rate: 1}}, two, []string{"l2"}},
		{"an average of a gradient", model.Spec{Update: "gradient", Average: true}, two, []string{"average"}},
		{"kernel", model.Spec{Kernel: model.KernelSpec{Type: "sigmoid"}}, two, []string{"kernel.type"}},
		{"gamma of a linear kernel", model.Spec{Kernel: model.KernelSpec{Gamma: 1, Features: 3}}, two, []string{"kernel.features", "kernel.gamma"}},
		{"too many features", model.Spec{Kernel: model.KernelSpec{Type: "rbf", Features: 1 << 20, Gamma: -1}}, two, []string{"kernel.features", "kernel.gamma"}},
		{"two views", model.Spec{View: "levels", Kernel: model.KernelSpec{Type: "polynomial"}}, two, []string{"view"}},
	} {
		c.spec.Type = "svm"
		var paths []string
		for _, v := range c.spec.Validate(c.target) {
			paths = append(paths, v.Path)
		}
		if !slices.Equal(paths, c.want) {
			t.Errorf("%s: violations at %v, want %v", c.name, paths, c.want)
		}
		if r := c.spec.Resolve(c.target); c.want == nil && (len(r.Validate(c.target)) > 0 || !reflect.DeepEqual(r, r.Resolve(c.target))) {
			t.Errorf("%s: resolved to %+v, which is not valid or not resolved", c.name, r)
		}
	}
}
