package explain

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"millrace"
	"millrace/features"
	"millrace/model"
)

// function is a model of numbers that is a function of the standard view and learns nothing.
type function struct {
	of  func(x []float32) float32
	ids []millrace.ViewID
}

func (f function) State(func(string, millrace.Tensor, millrace.Role)) {}
func (f function) Restored() error                                    { return nil }
func (f function) Views() []millrace.ViewID                           { return f.ids }
func (f function) NewScratch() model.Scratch                          { return nil }
func (f function) Outputs() int                                       { return 1 }
func (f function) Value(p float32) float64                            { return float64(p) }

func (f function) Predict(dst []float32, x millrace.Input, _ model.Scratch) {
	dst[0] = f.of(x[f.ids[0]].Dense)
}

func (f function) Learn(millrace.Input, millrace.Target, float32, model.Scratch) error { return nil }

// asIs are n numbers as they are, of which a few values around a mean of 1 are known.
func asIs(t testing.TB, n int, of func(x []float32) float32) (*features.Extractor, function) {
	t.Helper()
	columns := make(features.Columns, n)
	for i := range columns {
		columns[i] = features.DefaultColumn(string(rune('a'+i)), features.Number)
		columns[i].Scale = "none"
	}
	x, err := features.New(features.Spec{Columns: columns})
	if err != nil {
		t.Fatal(err)
	}
	id, _, err := x.View(millrace.ViewStandard)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 40 {
		x.Observe(values(slices.Repeat([]float64{float64(i%2) * 2}, n)...))
	}
	return x, function{of: of, ids: []millrace.ViewID{id}}
}

func values(v ...float64) *millrace.Event {
	e := &millrace.Event{Fields: make([]millrace.Field, len(v))}
	for i := range v {
		e.Fields[i] = millrace.Field{Presence: millrace.Present, Number: v[i]}
	}
	return e
}

func explained(t testing.TB, x *features.Extractor, m model.Model, e *millrace.Event, version uint64) *Explanation {
	t.Helper()
	out := &Explanation{}
	if err := newExplainer(t, x, m, 0).Explain(out, e, version); err != nil {
		t.Fatal(err)
	}
	return out
}

// Of a product and a sum the shares are known: half of what each factor adds alone, and half of what it adds beside the
// other. A feature that is not used has none, to the last bit, and those that play the same part have the same.
func TestSharesOfAProduct(t *testing.T) {
	x, m := asIs(t, 5, func(x []float32) float32 { return x[0]*x[1] + 2*x[2] + max(x[3], 0)*0 })
	got := explained(t, x, m, values(3, 5, 4, 9, -2), 1)
	// From a mean of 1: a adds 2·1 and 2·5, b 4·1 and 4·3.
	want := []float64{(2 + 10) / 2.0, (4 + 12) / 2.0, 6, 0, 0}
	for i, v := range want {
		if math.Abs(got.Shares[i]-v) > 1e-12 {
			t.Errorf("feature %d has %v, want %v", i, got.Shares[i], v)
		}
	}
	if got.Shares[3] != 0 || got.Shares[4] != 0 || got.Base != 3 || got.Method != Exact {
		t.Errorf("%+v", got)
	}
	same := explained(t, x, m, values(4, 4, 1, 1, 1), 1)
	if same.Shares[0] != same.Shares[1] || same.Shares[0] != 7.5 {
		t.Errorf("factors that are alike have %v and %v", same.Shares[0], same.Shares[1])
	}
	if same.Evaluations != 4 {
		t.Errorf("two features that are not as usual took %d predictions", same.Evaluations)
	}
}

// Many features are sampled: their shares add up all the same, the standard errors say how far off they are, and the
// same event and version have the same ones.
func TestSampled(t *testing.T) {
	const n = 16
	x, m := asIs(t, n, func(x []float32) float32 {
		sum := x[0]
		for i := range n - 2 {
			sum += x[i] * x[i+1]
		}
		return sum
	})
	random := rand.New(rand.NewPCG(1, 2))
	beyond := 0
	for range 20 {
		v := make([]float64, n)
		for i := range v {
			v[i] = math.Round(random.NormFloat64()*100) / 100
		}
		e := values(v...)
		got, again, other := explained(t, x, m, e, 1), explained(t, x, m, e, 1), explained(t, x, m, e, 2)
		if got.Method != Sampled || !slices.Equal(got.Shares, again.Shares) || slices.Equal(got.Shares, other.Shares) {
			t.Fatalf("%+v, again %+v, by another version %+v", got, again, other)
		}
		sum := got.Base
		for i, share := range got.Shares {
			sum += share
			// Of a sum of products each factor has half of what the product differs by, as above.
			half := func(k int) float64 { return (v[i] - 1) * (v[k] + 1) / 2 }
			want := 0.0
			if i == 0 {
				want = v[0] - 1
			}
			if i > 0 && i < n-1 {
				want += half(i - 1)
			}
			if i < n-2 {
				want += half(i + 1)
			}
			if math.Abs(share-want) > 3*got.Errors[i]+1e-5 {
				beyond++
			}
		}
		if math.Abs(sum-got.Score) > 1e-9 {
			t.Errorf("base and shares are %v, the score %v", sum, got.Score)
		}
		if got.Shares[n-1] != 0 || got.Errors[n-1] != 0 {
			t.Errorf("a feature that is not used has %v ± %v", got.Shares[n-1], got.Errors[n-1])
		}
	}
	if beyond > 8 { // of 320; few pairs have wider tails than a normal distribution
		t.Errorf("%d shares are more than three standard errors off", beyond)
	}
}

// What cannot be scored has no reasons but its rejection; what is rejected where it is missing is explained where it is
// there.
func TestRejectedEvents(t *testing.T) {
	columns := features.Columns{features.DefaultColumn("a", features.Number), features.DefaultColumn("b", features.Number)}
	columns[0].Missing = "reject"
	c := numeric(2, model.Spec{Type: "logistic"}, "")
	c.columns = columns
	x, m, _ := c.learned(t, 100)
	e := newExplainer(t, x, m, 2)
	var out Explanation
	var why *millrace.Rejection
	if err := e.Explain(&out, &millrace.Event{Fields: make([]millrace.Field, 2)}, 1); !errors.As(err, &why) || why.Reason != millrace.ReasonMissingFeature {
		t.Errorf("explaining an event that is rejected: %v", err)
	}
	if err := e.Explain(&out, values(1, 2), 1); err != nil || out.Method != Terms {
		t.Errorf("%+v (%v)", out, err)
	}
}

// A probability at its bound is no sum of terms, and is explained by predictions.
func TestBoundsAreSeen(t *testing.T) {
	c := numeric(3, model.Spec{Type: "logistic"}, "")
	x, m, _ := c.learned(t, 3000)
	e := newExplainer(t, x, m, 2)
	var out Explanation
	if err := e.Explain(&out, values(8, 8, 8), 1); err != nil {
		t.Fatal(err)
	}
	sum := out.Base + out.Shares[0] + out.Shares[1] + out.Shares[2]
	if out.Method != Exact || math.Abs(out.Score-math.Log((1-1e-6)/1e-6)) > 1e-6 || math.Abs(sum-out.Score) > 1e-9 {
		t.Errorf("%+v comes to %v", out, sum)
	}
}
