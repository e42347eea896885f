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

func denseInputs(n, width int) []millrace.Input {
	random := rand.New(rand.NewPCG(1, 2))
	inputs := make([]millrace.Input, n)
	for i := range inputs {
		x := make([]float32, width)
		for j := range x {
			x[j] = float32(random.NormFloat64())
		}
		inputs[i] = millrace.Input{{Dense: x}}
	}
	return inputs
}

func sparseInputs(n, width, nonZeros int) []millrace.Input {
	random := rand.New(rand.NewPCG(3, 4))
	inputs := make([]millrace.Input, n)
	for i := range inputs {
		v := millrace.Vector{Index: make([]uint32, nonZeros), Value: make([]float32, nonZeros)}
		for j := range v.Index {
			v.Index[j], v.Value[j] = uint32(random.IntN(width)), float32(random.NormFloat64())
		}
		inputs[i] = millrace.Input{v}
	}
	return inputs
}

func benchmark(b *testing.B, s model.Spec, target model.TargetSpec, shape millrace.ViewShape, inputs []millrace.Input) {
	b.Helper()
	m, err := family.New(s, target, modeltest.View(shape))
	if err != nil {
		b.Fatal(err)
	}
	scratch, dst := m.NewScratch(), make([]float32, m.Outputs())
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		x := inputs[i%len(inputs)]
		m.Predict(dst, x, scratch)
		if err := m.Learn(x, benchTarget(i, target), 1, scratch); err != nil {
			b.Fatal(err)
		}
		i++
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

func benchTarget(i int, target model.TargetSpec) millrace.Target {
	return millrace.Target{Class: int32(i % max(1, target.Classes)), Value: float64(i % 7), Known: true}
}

// benchmarkChunks has a model take its events as the learner gives them to it where they are at hand.
func benchmarkChunks(b *testing.B, s model.Spec, target model.TargetSpec, width int) {
	b.Helper()
	m, err := family.New(s, target, modeltest.View(millrace.ViewShape{Width: width}))
	if err != nil {
		b.Fatal(err)
	}
	c, inputs := model.NewChunk(m), denseInputs(256, width)
	var sum float64
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		if err := c.Learn(inputs[i%len(inputs)], benchTarget(i, target), 1, 1); err != nil {
			b.Fatal(err)
		}
		i++
		if c.Room() > 0 {
			continue
		}
		c.Run(model.OneByOne{})
		for j := range model.ChunkEvents {
			sum += c.Prediction(j)[0]
		}
		c.Reset()
	}
	if math.IsNaN(sum) {
		b.Fatal("predictions are no numbers")
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

// BenchmarkNetwork is predict and learn of 100 → 64 → 64 → 10, relu, softmax, batch 1.
func BenchmarkNetwork(b *testing.B) {
	for _, rule := range []string{"sgd", "adagrad", "rmsprop", "adam", "amsgrad", "adadelta", "cocob"} {
		b.Run(rule, func(b *testing.B) {
			s := model.Spec{Type: "mlp", Hidden: []int{64, 64}, Activation: "relu", Optimizer: model.OptimizerSpec{Type: rule}}
			benchmark(b, s, model.TargetSpec{Classes: 10}, millrace.ViewShape{Width: 100}, denseInputs(256, 100))
		})
	}
}

// BenchmarkSmallNetwork is predict and learn of networks on 8 numbers with two classes, relu, softmax: the sizes that
// a mixture runs several of.
func BenchmarkSmallNetwork(b *testing.B) {
	for _, hidden := range [][]int{{64, 64}, {64}} {
		for _, rule := range []string{"sgd", "rmsprop", "adam"} {
			for _, batch := range []int{1, 8} {
				b.Run(fmt.Sprintf("%d-layer/%s/batch-%d", len(hidden), rule, batch), func(b *testing.B) {
					s := model.Spec{Type: "mlp", Hidden: hidden, Activation: "relu", Batch: batch, Optimizer: model.OptimizerSpec{Type: rule}}
					benchmark(b, s, model.TargetSpec{Classes: 2}, millrace.ViewShape{Width: 8}, denseInputs(256, 8))
				})
			}
		}
	}
}

// BenchmarkNetworkOptions is what the options of a network cost, on 8 numbers with two classes.
func BenchmarkNetworkOptions(b *testing.B) {
	for _, o := range []struct {
		name string
		spec model.Spec
	}{
		{"default", model.Spec{}},
		{"relu", model.Spec{Activation: "relu"}},
		{"norm", model.Spec{Norm: "layer"}},
		{"dropout", model.Spec{Dropout: 0.2}},
		{"l2_init", model.Spec{Plasticity: "l2_init"}},
		{"shrink_perturb", model.Spec{Plasticity: "shrink_perturb"}},
	} {
		b.Run(o.name, func(b *testing.B) {
			s := o.spec
			s.Type = "mlp"
			benchmark(b, s, model.TargetSpec{Classes: 2}, millrace.ViewShape{Width: 8}, denseInputs(256, 8))
		})
	}
}

// fading is what a pipeline file for sparse events starts with.
func fading() model.OptimizerSpec {
	return model.OptimizerSpec{Type: "adagrad", Rate: 0.1, Schedule: model.ScheduleSpec{Type: "adaptive"}}
}

// BenchmarkLinear is predict and learn of 8 dense features.
func BenchmarkLinear(b *testing.B) {
	for _, rule := range []string{"adaptive", "fading", "sgd", "adagrad", "adam", "normalized", "normalized_adaptive", "importance_aware", "ftrl", "cocob"} {
		for _, family := range []string{"logistic", "svm", "linear"} {
			if (rule == "adaptive" || rule == "fading") && family == "svm" {
				continue
			}
			b.Run(family+"-"+rule, func(b *testing.B) {
				s := model.Spec{Type: family, Optimizer: model.OptimizerSpec{Type: rule}}
				if rule == "adaptive" {
					s.Optimizer = model.OptimizerSpec{} // the default
				}
				if rule == "fading" {
					s.Optimizer = fading()
				}
				target := model.TargetSpec{Classes: 2}
				if family == "linear" {
					target.Classes = 0
				}
				benchmark(b, s, target, millrace.ViewShape{Width: 8}, denseInputs(256, 8))
			})
		}
	}
}

// BenchmarkSparse is predict and learn of 150 non-zeros among 2^18 columns.
func BenchmarkSparse(b *testing.B) {
	for _, rule := range []string{"adaptive", "fading", "sgd", "adagrad", "adam", "normalized", "normalized_adaptive", "importance_aware", "ftrl"} {
		b.Run(rule, func(b *testing.B) {
			s := model.Spec{Type: "logistic", L2: 1e-6, Optimizer: model.OptimizerSpec{Type: rule}}
			if rule == "adaptive" {
				s.Optimizer = model.OptimizerSpec{} // the default
			}
			if rule == "fading" {
				s.Optimizer = fading()
			}
			shape := millrace.ViewShape{Width: 1 << 18, Sparse: true, NonZeroMax: 150}
			benchmark(b, s, model.TargetSpec{Classes: 2}, shape, sparseInputs(256, 1<<18, 150))
		})
	}
}

// BenchmarkSVM is predict and learn of 8 dense features, of 150 non-zeros among 2^18 columns, and of 8
// features through 512 random ones.
func BenchmarkSVM(b *testing.B) {
	dense := millrace.ViewShape{Width: 8}
	sparse := millrace.ViewShape{Width: 1 << 18, Sparse: true, NonZeroMax: 150}
	for _, c := range []struct {
		name  string
		spec  model.Spec
		shape millrace.ViewShape
	}{
		{"pa1", model.Spec{Update: "pa1", C: 1}, dense},
		{"pa2", model.Spec{Update: "pa2", C: 1}, dense},
		{"default", model.Spec{}, dense},
		{"gradient", model.Spec{Update: "gradient"}, dense},
		{"pegasos", model.Spec{Update: "pegasos"}, dense},
		{"pa1-average", model.Spec{Update: "pa1", C: 1, Average: true}, dense},
		{"sparse-pa1", model.Spec{Update: "pa1", C: 1}, sparse},
		{"sparse-default", model.Spec{}, sparse},
		{"sparse-gradient", model.Spec{Update: "gradient"}, sparse},
		{"sparse-pegasos", model.Spec{Update: "pegasos"}, sparse},
		{"rbf-pa1", model.Spec{Update: "pa1", C: 1, Kernel: model.KernelSpec{Type: "rbf"}}, dense},
	} {
		b.Run(c.name, func(b *testing.B) {
			inputs := denseInputs(256, 8)
			if c.shape.Sparse {
				inputs = sparseInputs(256, 1<<18, 150)
			}
			c.spec.Type = "svm"
			benchmark(b, c.spec, model.TargetSpec{Classes: 2}, c.shape, inputs)
		})
	}
}

// BenchmarkSparseRows is predict and learn of sparse inputs by layers of many outputs.
func BenchmarkSparseRows(b *testing.B) {
	for _, c := range []struct {
		name            string
		spec            model.Spec
		classes         int
		width, nonZeros int
	}{
		{"sgd-150x40", model.Spec{Type: "logistic", Optimizer: model.OptimizerSpec{Type: "sgd"}}, 40, 1 << 18, 150},
		{"sgd-l2-150x40", model.Spec{Type: "logistic", L2: 1e-6, Optimizer: model.OptimizerSpec{Type: "sgd"}}, 40, 1 << 18, 150},
		{"adam-150x64", model.Spec{Type: "mlp", Hidden: []int{64}, Optimizer: model.OptimizerSpec{Type: "adam"}}, 2, 1 << 18, 150},
		{"adagrad-119x1", model.Spec{Type: "logistic", Optimizer: model.OptimizerSpec{Type: "adagrad"}}, 2, 1 << 10, 119},
		{"sgd-14x1", model.Spec{Type: "logistic", Optimizer: model.OptimizerSpec{Type: "sgd"}}, 2, 1 << 10, 14},
	} {
		b.Run(c.name, func(b *testing.B) {
			shape := millrace.ViewShape{Width: c.width, Sparse: true, NonZeroMax: c.nonZeros}
			benchmark(b, c.spec, model.TargetSpec{Classes: c.classes}, shape, sparseInputs(256, c.width, c.nonZeros))
		})
	}
}

// BenchmarkClasses is predict and learn of dense linear models of several classes.
func BenchmarkClasses(b *testing.B) {
	for _, shape := range [][2]int{{16, 26}, {152, 26}, {2144, 10}} {
		for _, rule := range []string{"sgd", "adagrad"} {
			b.Run(fmt.Sprintf("%s-%dx%d", rule, shape[0], shape[1]), func(b *testing.B) {
				s := model.Spec{Type: "logistic", Optimizer: model.OptimizerSpec{Type: rule}}
				benchmark(b, s, model.TargetSpec{Classes: shape[1]}, millrace.ViewShape{Width: shape[0]}, denseInputs(64, shape[0]))
			})
		}
	}
}

// BenchmarkBatch is predict and learn of 100 → 64 → 64 → 10, relu, softmax, Adam, by the size of mini-batches, of
// events that are at hand; BenchmarkBatchAlone is the same of events that come one by one.
func BenchmarkBatch(b *testing.B) {
	for _, batch := range []int{8, 64, 1024} {
		b.Run(fmt.Sprint(batch), func(b *testing.B) { benchmarkChunks(b, batchSpec(batch), model.TargetSpec{Classes: 10}, 100) })
	}
}

func BenchmarkBatchAlone(b *testing.B) {
	for _, batch := range []int{1, 4, 8, 64, 1024} {
		b.Run(fmt.Sprint(batch), func(b *testing.B) {
			benchmark(b, batchSpec(batch), model.TargetSpec{Classes: 10}, millrace.ViewShape{Width: 100}, denseInputs(256, 100))
		})
	}
}

func batchSpec(batch int) model.Spec {
	return model.Spec{Type: "mlp", Hidden: []int{64, 64}, Activation: "relu", Batch: batch,
		Optimizer: model.OptimizerSpec{Type: "adam", Rate: 0.001}}
}
