package explain

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"millrace"
	"millrace/model"
)

// Base and shares add up to the score that is served, whatever the family, the target and what is around the model.
func TestSharesAddUp(t *testing.T) {
	for _, family := range model.Families() {
		for _, classes := range []int{0, 2, 3} {
			spec := model.Spec{Type: family}
			if len(spec.Validate(model.TargetSpec{Classes: classes})) > 0 {
				continue
			}
			for i, around := range []trial{{}, {calibrate: "auto"}, {weights: model.ClassWeights{Balanced: true, Corrected: true}}} {
				if classes == 0 && i > 0 {
					continue
				}
				sparse := i == 1
				around.spec, around.classes, around.columns = spec, classes, mixed(sparse)
				around.draw = func(r *rand.Rand) *millrace.Event { return event(r, sparse, classes) }
				t.Run(fmt.Sprintf("%s/%d/%d", family, classes, i), func(t *testing.T) { around.addsUp(t) })
			}
		}
	}
}

func (c trial) addsUp(t *testing.T) {
	x, m, random := c.learned(t, 300)
	e := newExplainer(t, x, m, c.classes)
	var out Explanation
	moved := 0
	for range 5 {
		ev := c.draw(random)
		if err := e.Explain(&out, ev, 7); err != nil {
			t.Fatal(err)
		}
		sum := out.Base
		for _, v := range out.Shares {
			sum += v
			if v != 0 {
				moved++
			}
		}
		want := served(t, x, m, ev, out.Class)
		// A probability in float32 is known to 6e-8, and the log-odds of one near 1 to that over its distance.
		near := 1e-5 * (1 + math.Abs(want) + math.Exp(math.Abs(want))/100)
		if c.classes == 0 {
			near = 1e-5 * (1 + math.Abs(want))
		}
		if math.Abs(out.Score-want) > near || math.Abs(sum-out.Score) > 2e-5*(1+math.Abs(want)) {
			t.Errorf("%s: base and shares are %v, the score %v, served %v", out.Method, sum, out.Score, want)
		}
	}
	if moved == 0 {
		t.Error("no share of any event is anything")
	}
}

// The terms of a linear model are its Shapley values: those that predictions come to.
func TestTermsAreExact(t *testing.T) {
	for _, c := range []trial{numeric(6, model.Spec{Type: "logistic"}, ""),
		{spec: model.Spec{Type: "linear"}, columns: mixed(true)[:5], draw: func(r *rand.Rand) *millrace.Event {
			e := event(r, false, 0)
			e.Fields = e.Fields[:5]
			return e
		}}} {
		x, m, random := c.learned(t, 500)
		for positive := range max(1, c.classes) {
			e, err := New(x, m, c.classes, Options{Positive: positive})
			if err != nil {
				t.Fatal(err)
			}
			found := 0
			for range 20 {
				var terms, exact Explanation
				ev := c.draw(random)
				if err := e.Explain(&terms, ev, 1); err != nil {
					t.Fatal(err)
				}
				held := e.terms
				e.terms = nil
				if err := e.Explain(&exact, ev, 1); err != nil {
					t.Fatal(err)
				}
				e.terms = held
				if terms.Method == Terms && exact.Method == Exact {
					found++
				}
				for i, v := range exact.Shares {
					if math.Abs(terms.Shares[i]-v) > 2e-5*(1+math.Abs(exact.Score)) {
						t.Errorf("%s: %v by terms, %v by predictions", c.spec.Type, terms.Shares, exact.Shares)
						break
					}
				}
			}
			if found < 10 {
				t.Errorf("%s: only %d of 20 events were found by terms", c.spec.Type, found)
			}
		}
	}
}
