package model_test

import (
	"encoding/json"
	"math"
	"os"
	"strings"
	"testing"

	"millrace"
	"millrace/model"
	"millrace/model/family"
	"millrace/model/modeltest"
)

// referenceFile is what testdata/reference.py, rules.py and fading.py write.
type referenceFile struct {
	Versions map[string]string
	Data     struct {
		X       [][]float32
		Binary  []int32
		Classes []int32
		Numbers []float64
		// Of rules.py: columns of very different scales, and numbers for the loss of counts.
		Unscaled [][]float32
		Counts   []float64
	}
	Runs []referenceRun
}

type referenceRun struct {
	Name string
	Spec struct {
		Type, Activation, Loss string
		Hidden                 []int
		HuberDelta             float64 `json:"huber_delta"`
		C, L1, L2, Clip        float64
		Quantile, Dropout      float64
		Norm                   string
		Seed                   uint64
		Batch                  int
		Optimizer              struct {
			Type           string
			Rate, Momentum float64
			Beta           float64
			Nesterov       bool
			Schedule       string
		}
	}
	Classes     int
	First, Last map[string][]float32
	Losses      []float64
	Weights     []float32 // of the events, in turn; 1 when there are none
	Unscaled    bool
}

func (r referenceRun) spec() model.Spec {
	o := r.Spec.Optimizer
	multiclass := ""
	if r.Spec.Type == "svm" && r.Classes > 2 {
		multiclass = "one_vs_rest"
	}
	rho := 0.0
	if o.Type == "rmsprop" {
		rho = 0.99 // PyTorch's alpha
	}
	return model.Spec{
		Multiclass: multiclass,
		Type:       r.Spec.Type, Hidden: r.Spec.Hidden, Activation: r.Spec.Activation, Loss: r.Spec.Loss,
		HuberDelta: r.Spec.HuberDelta, C: r.Spec.C, L2: r.Spec.L2, Clip: r.Spec.Clip, Batch: r.Spec.Batch,
		L1: r.Spec.L1, Quantile: r.Spec.Quantile, Norm: r.Spec.Norm, Dropout: r.Spec.Dropout, Seed: r.Spec.Seed,
		Optimizer: model.OptimizerSpec{Type: o.Type, Rate: o.Rate, Momentum: o.Momentum, Nesterov: o.Nesterov, Beta: o.Beta, Rho: rho,
			Schedule: model.ScheduleSpec{Type: o.Schedule}},
	}
}

// example is a row as the run learns it.
func (r referenceRun) example(file referenceFile, row int) (millrace.Input, millrace.Target) {
	x := millrace.Input{{Dense: file.Data.X[row]}}
	if r.Unscaled {
		x[0].Dense = file.Data.Unscaled[row]
	}
	y := millrace.Target{Known: true, Value: file.Data.Numbers[row], Class: file.Data.Classes[row]}
	if r.Classes == 2 {
		y.Class = file.Data.Binary[row]
	}
	if r.Spec.Loss == "poisson" {
		y.Value = file.Data.Counts[row]
	}
	return x, y
}

// TestReferenceTrajectories follows PyTorch, scikit-learn and the papers for 100 updates: every loss on the way and
// every weight at the end.
func TestReferenceTrajectories(t *testing.T) {
	for _, name := range []string{"testdata/torch.json", "testdata/torch_mlp.json", "testdata/torch_batch.json", "testdata/sklearn.json", "testdata/rules.json", "testdata/fading.json"} {
		file := readReference(t, name)
		for _, r := range file.Runs {
			for kernels, build := range map[string]construct{"best": family.New, "generic": model.NewGeneric} {
				t.Run(name[len("testdata/"):]+"/"+r.Name+"/"+kernels, func(t *testing.T) { follow(t, file, r, build) })
			}
		}
	}
}

// TestReferenceChunks follows PyTorch as the learner gives events: in chunks, where networks learn mini-batches so.
func TestReferenceChunks(t *testing.T) {
	followed := 0
	for _, name := range []string{"testdata/torch.json", "testdata/torch_batch.json"} {
		file := readReference(t, name)
		for _, r := range file.Runs {
			for kernels, build := range map[string]construct{"best": family.New, "generic": model.NewGeneric} {
				t.Run(r.Name+"/"+kernels, func(t *testing.T) {
					m := begin(t, file, r, build)
					c := model.NewChunk(m)
					if c == nil {
						t.Skip("it learns one event after the other")
					}
					followed++
					for at := 0; at < len(r.Losses)*r.Spec.Batch; at++ {
						x, y := r.example(file, at%len(file.Data.X))
						if err := c.Learn(x, y, 1, 1); err != nil {
							t.Fatal(err)
						}
						if c.Room() == 0 {
							c.Run(model.OneByOne{})
							c.Reset()
						}
					}
					c.Run(model.OneByOne{})
					r.compare(t, m)
				})
			}
		}
	}
	if followed < 14 {
		t.Errorf("only %d runs were followed in chunks", followed)
	}
}

func readReference(t *testing.T, name string) (file referenceFile) {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatalf("reading %s: %v", name, err)
	}
	return file
}

// begin builds a run's model, with the weights that it begins with.
func begin(t *testing.T, file referenceFile, r referenceRun, build construct) model.Model {
	t.Helper()
	m, err := build(r.spec(), model.TargetSpec{Classes: r.Classes}, modeltest.View{Width: len(file.Data.X[0])})
	if err != nil {
		t.Fatal(err)
	}
	m.State(func(name string, x millrace.Tensor, _ millrace.Role) {
		copy(x.F32, r.First[strings.TrimSuffix(name, ".origin")])
	})
	if err := m.Restored(); err != nil {
		t.Fatal(err)
	}
	return m
}

// compare holds a model's weights against those that the run ends with.
func (r referenceRun) compare(t *testing.T, m model.Model) {
	t.Helper()
	if len(r.Last) == 0 {
		t.Fatal("the reference holds no weights")
	}
	weights := servingWeights(m)
	for name, values := range r.Last {
		for i, want := range values {
			if got := weights[name][i]; math.Abs(float64(got-want)) > 1e-5+1e-4*math.Abs(float64(want)) {
				t.Fatalf("%s[%d] is %g after %d updates, want %g", name, i, got, len(r.Losses), want)
			}
		}
	}
}

func follow(t *testing.T, file referenceFile, r referenceRun, build construct) {
	m := begin(t, file, r, build)
	batch := max(1, r.Spec.Batch)
	scratch, dst := m.NewScratch(), make([]float32, m.Outputs())
	for update, want := range r.Losses {
		var sum float64
		for i := range batch {
			row := (update*batch + i) % len(file.Data.X)
			x, y := r.example(file, row)
			m.Predict(dst, x, scratch)
			if r.Classes == 0 {
				e := model.Unheld(m, dst[0]) - y.Value
				sum += e * e / 2
			} else {
				sum += m.(interface {
					LossGradient(millrace.Input, millrace.Target, func(string, []float32)) float64
				}).LossGradient(x, y, nil)
			}
			weight := float32(1)
			if len(r.Weights) > 0 {
				weight = r.Weights[row%len(r.Weights)]
			}
			if err := m.Learn(x, y, weight, scratch); err != nil {
				t.Fatal(err)
			}
		}
		if got := sum / float64(batch); math.Abs(got-want) > 2e-5+2e-4*math.Abs(want) {
			t.Fatalf("loss of update %d is %g, want %g", update, got, want)
		}
	}
	r.compare(t, m)
}

func servingWeights(m model.Model) map[string][]float32 {
	weights := map[string][]float32{}
	m.State(func(name string, x millrace.Tensor, role millrace.Role) {
		if role == millrace.Serving && x.F32 != nil {
			weights[name] = x.F32
		}
	})
	return weights
}
