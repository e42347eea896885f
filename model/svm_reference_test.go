package model_test

import (
	"encoding/json"
	"math"
	"os"
	"testing"

	"millrace"
	"millrace/model"
)

// svmRun is a run of testdata/svm.json; its stream is that of testdata/sklearn.json.
type svmRun struct {
	Name string
	Spec struct {
		Update, Multiclass   string
		C, Epsilon, L2, Rate float64
		Average              bool
	}
	Classes       int
	Last, Average []float64
	Losses        []float64
}

func (r svmRun) spec() model.Spec {
	s := r.Spec
	spec := model.Spec{Type: "svm", Update: s.Update, Multiclass: s.Multiclass, C: s.C, Epsilon: s.Epsilon, L2: s.L2, Average: s.Average}
	if s.Rate != 0 {
		spec.Optimizer.Rate = s.Rate
	}
	if s.Update == "gradient" {
		spec.Optimizer.Type = "sgd"
	}
	return spec
}

func readJSON(t *testing.T, name string, to any) {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, to); err != nil {
		t.Fatalf("reading %s: %v", name, err)
	}
}

// TestReferenceSVM follows scikit-learn and numpy: the loss of every event on the way and every weight
// at the end, on dense and on sparse inputs.
func TestReferenceSVM(t *testing.T) {
	var data referenceFile
	var file struct{ Runs []svmRun }
	readJSON(t, "testdata/sklearn.json", &data)
	readJSON(t, "testdata/svm.json", &file)
	if len(file.Runs) < 15 {
		t.Fatalf("%d runs", len(file.Runs))
	}
	for _, r := range file.Runs {
		for kind, shape := range map[string]millrace.ViewShape{"dense": {Width: 5}, "sparse": {Width: 5, Sparse: true, NonZeroMax: 6}} {
			t.Run(r.Name+"/"+kind, func(t *testing.T) { followSVM(t, data, r, shape) })
		}
	}
}

// sparsely is x as a sparse vector whose first value is split over two entries.
func sparsely(x []float32) millrace.Vector {
	v := millrace.Vector{Index: []uint32{0}, Value: []float32{x[0] / 2}}
	for i, value := range x {
		if i == 0 {
			value /= 2
		}
		v.Index, v.Value = append(v.Index, uint32(i)), append(v.Value, value)
	}
	return v
}

func followSVM(t *testing.T, data referenceFile, r svmRun, shape millrace.ViewShape) {
	m := mustNew(t, r.spec(), model.TargetSpec{Classes: r.Classes}, shape)
	scratch, dst := m.NewScratch(), make([]float32, m.Outputs())
	for i, want := range r.Losses {
		x := millrace.Input{{Dense: data.Data.X[i]}}
		if shape.Sparse {
			x[0] = sparsely(data.Data.X[i])
		}
		y := millrace.Target{Known: true, Value: data.Data.Numbers[i], Class: data.Data.Classes[i]}
		if r.Classes == 2 {
			y.Class = data.Data.Binary[i]
		}
		m.Predict(dst, x, scratch)
		var got float64
		if r.Classes == 0 {
			e := model.Unheld(m, dst[0]) - y.Value
			got = e * e / 2
		} else {
			got = m.(interface {
				LossGradient(millrace.Input, millrace.Target, func(string, []float32)) float64
			}).LossGradient(x, y, nil)
		}
		if math.Abs(got-want) > 2e-5+2e-4*math.Abs(want) {
			t.Fatalf("loss of event %d is %g, want %g", i, got, want)
		}
		if err := m.Learn(x, y, 1, scratch); err != nil {
			t.Fatal(err)
		}
	}
	scalar := map[string]float64{"scale": 1, "layers.0.weight.scale": 1}
	m.State(func(name string, x millrace.Tensor, _ millrace.Role) {
		if len(x.F64) == 1 {
			scalar[name] = x.F64[0]
		}
	})
	w := servingWeights(m)
	weights := append(append([]float32(nil), w["layers.0.weight"]...), w["layers.0.bias"]...)
	average := append(append([]float32(nil), w["average.weight"]...), w["average.bias"]...)
	for i, want := range r.Last {
		got := float64(weights[i]) * scalar["scale"]
		if i < len(w["layers.0.weight"]) {
			got *= scalar["layers.0.weight.scale"]
		}
		if math.Abs(got-want) > 1e-5+1e-4*math.Abs(want) {
			t.Errorf("weight %d is %g, want %g", i, got, want)
		}
	}
	for i, want := range r.Average {
		got := scalar["average.mix"] * (float64(average[i]) + scalar["average.share"]*float64(weights[i]))
		if math.Abs(got-want) > 1e-5+1e-4*math.Abs(want) {
			t.Errorf("average weight %d is %g, want %g", i, got, want)
		}
	}
}
