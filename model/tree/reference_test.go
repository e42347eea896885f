package tree

import (
	"encoding/json"
	"math"
	"os"
	"testing"
)

// reference is what testdata/reference.py writes.
type reference struct {
	Hoeffding []struct{ Range, Delta, N, Bound float64 }
	Gaussian  []struct {
		Classes                      int
		Rows                         [][3]float64
		Merit, Threshold             float64
		Left, Right, Mean, Deviation []float64
	}
	Gain []struct {
		Left, All    []float64
		Merit, Range float64
	}
	Stump []struct {
		X                []float64
		Y                []float64
		Threshold, Merit float64
		Left, Right      [2]float64
	}
}

func readReference(t *testing.T) reference {
	t.Helper()
	text, err := os.ReadFile("testdata/river.json")
	if err != nil {
		t.Fatal(err)
	}
	var r reference
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	return r
}

func near(a, b, tolerance float64) bool {
	return math.Abs(a-b) <= tolerance*max(1, math.Abs(a), math.Abs(b))
}

func TestHoeffdingBound(t *testing.T) {
	for _, c := range readReference(t).Hoeffding {
		if got := hoeffding(c.Range, c.Delta, c.N); !near(got, c.Bound, 1e-12) {
			t.Errorf("range %g, delta %g, n %g: %g, want %g", c.Range, c.Delta, c.N, got, c.Bound)
		}
	}
}

func TestInformationGain(t *testing.T) {
	p := testPlan(t, small(2, 1))
	for i, c := range readReference(t).Gain {
		if got := p.informationGain(c.All, c.Left); !near(got, c.Merit, 1e-9) {
			t.Errorf("%d: %g, want %g", i, got, c.Merit)
		}
		if got := math.Log2(float64(len(c.All))); !near(got, c.Range, 1e-12) {
			t.Errorf("%d: range %g, want %g", i, got, c.Range)
		}
	}
	if got := p.informationGain([]float64{1000, 1000}, []float64{5, 0}); got != 0 {
		t.Errorf("a child with 0.25 %% of the weight: merit %g, want 0", got)
	}
}

func testPlan(t *testing.T, c Config) *plan {
	t.Helper()
	p, err := newPlan(c)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// small is a config for tests.
func small(classes, width int) Config {
	return Config{Classes: classes, Width: width, Grace: 20, Delta: 0.05, Tau: 0.1, Depth: 8, Leaves: 8, Subspace: width}
}

// TestGaussianObserver finds the split that River's splitter finds among the same values.
func TestGaussianObserver(t *testing.T) {
	for i, c := range readReference(t).Gaussian {
		config := small(c.Classes, 1)
		config.Observer = Gaussian
		a := newArena(testPlan(t, config))
		a.reset(generator{1})
		features, block := a.observed(0)
		if len(features) != 1 {
			t.Fatal("one feature, one block")
		}
		for _, row := range c.Rows {
			a.observeClass(block, 0, row[0], int(row[1]), row[2])
		}
		for k := range c.Classes {
			g := block[gaussianSize*k:]
			if !near(g[1], c.Mean[k], 1e-9) || !near(gaussianDeviation(g), c.Deviation[k], 1e-9) {
				t.Errorf("%d: class %d has mean %g and deviation %g, want %g and %g",
					i, k, g[1], gaussianDeviation(g), c.Mean[k], c.Deviation[k])
			}
		}
		f := newFinder(a.plan)
		a.search(f, 0)
		if !near(f.best, c.Merit, 1e-6) || !near(float64(f.found.threshold), c.Threshold, 1e-6) {
			t.Errorf("%d: merit %g at %g, want %g at %g", i, f.best, f.found.threshold, c.Merit, c.Threshold)
		}
		for k := range c.Classes {
			if !near(f.left[k], c.Left[k], 1e-6) || !near(f.right[k], c.Right[k], 1e-6) {
				t.Errorf("%d: class %d is divided %g to %g, want %g to %g", i, k, f.left[k], f.right[k], c.Left[k], c.Right[k])
			}
		}
	}
}

// TestHistogramObserver finds the split of whole numbers that scikit-learn finds with all of them in
// memory: a bin a value loses nothing.
func TestHistogramObserver(t *testing.T) {
	for i, c := range readReference(t).Stump {
		a := newArena(testPlan(t, small(0, 1)))
		a.reset(generator{1})
		_, block := a.observed(0)
		for j, x := range c.X {
			a.observeNumber(block, 0, x, c.Y[j], 1)
		}
		f := newFinder(a.plan)
		a.search(f, 0)
		least, most := math.Floor(c.Threshold), math.Ceil(c.Threshold)
		if got := float64(f.found.threshold); got <= least || got > most {
			t.Errorf("%d: threshold %g, want between %g and %g", i, got, least, most)
		}
		if !near(f.best, c.Merit, 1e-9) {
			t.Errorf("%d: merit %g, want %g", i, f.best, c.Merit)
		}
		if f.left[0] != c.Left[0] || !near(f.left[1], c.Left[1], 1e-9) || f.right[0] != c.Right[0] || !near(f.right[1], c.Right[1], 1e-9) {
			t.Errorf("%d: children of %g and %g with means %g and %g, want %v and %v",
				i, f.left[0], f.right[0], f.left[1], f.right[1], c.Left, c.Right)
		}
	}
}
