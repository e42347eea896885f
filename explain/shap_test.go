package explain

import (
	"encoding/json"
	"math"
	"os"
	"testing"
)

// shapTree is a tree of scikit-learn's: leaves have no left child.
type shapTree struct {
	Left, Right, Feature []int
	Threshold, Value     []float64
}

func (s *shapTree) of(x []float32) float64 {
	at := 0
	for s.Left[at] >= 0 {
		if float64(x[s.Feature[at]]) <= s.Threshold[at] {
			at = s.Left[at]
		} else {
			at = s.Right[at]
		}
	}
	return s.Value[at]
}

// Shares are those of PyPI's shap with the same single baseline: by its kernel, linear and tree explainers.
// testdata/shap_values.py makes the golden values.
func TestSharesAreThoseOfShap(t *testing.T) {
	data, err := os.ReadFile("testdata/shap.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden struct {
		Events, Kernel [][]float64
		Linear         struct {
			Weights   []float64
			Intercept float64
			Values    [][]float64
		}
		Tree struct {
			Trees  []shapTree
			Values [][]float64
		}
	}
	if err := json.Unmarshal(data, &golden); err != nil {
		t.Fatal(err)
	}
	curved := func(x []float32) float32 {
		a, b, c, d, e := float64(x[0]), float64(x[1]), float64(x[2]), float64(x[3]), float64(x[4])
		return float32(a*b*c + math.Sin(d)*math.Max(e, 0) - d*d)
	}
	linear := func(x []float32) float32 {
		sum := golden.Linear.Intercept
		for i, w := range golden.Linear.Weights {
			sum += w * float64(x[i])
		}
		return float32(sum)
	}
	forest := func(x []float32) float32 {
		var sum float64
		for i := range golden.Tree.Trees {
			sum += golden.Tree.Trees[i].of(x)
		}
		return float32(sum / float64(len(golden.Tree.Trees)))
	}
	for _, c := range []struct {
		name string
		of   func([]float32) float32
		want [][]float64
	}{{"kernel", curved, golden.Kernel}, {"linear", linear, golden.Linear.Values}, {"tree", forest, golden.Tree.Values}} {
		if len(c.want) != len(golden.Events) || len(c.want) < 5 {
			t.Fatalf("%s: %d golden values of %d events", c.name, len(c.want), len(golden.Events))
		}
		x, m := asIs(t, len(golden.Events[0]), c.of)
		for i, event := range golden.Events {
			got := explained(t, x, m, values(event...), 1)
			for k, want := range c.want[i] {
				if math.Abs(got.Shares[k]-want) > 2e-5*(1+math.Abs(want)) {
					t.Errorf("%s, event %d: feature %d has %v, by shap %v", c.name, i, k, got.Shares[k], want)
				}
			}
		}
	}
}
