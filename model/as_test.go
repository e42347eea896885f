package model_test

import (
	"testing"

	"millrace/model"
	"millrace/model/family"
	"millrace/model/modeltest"
)

// renamed decorates a model and answers for its experts itself.
type renamed struct{ model.Model }

func (m renamed) Unwrap() model.Model { return m.Model }

func (m renamed) Experts() []model.Expert { return []model.Expert{{Name: "other"}} }

// TestDecoratorsHideNothing: what a model can do is found beneath decorators, however many, and never made up; one that
// answers itself is asked first.
func TestDecoratorsHideNothing(t *testing.T) {
	v, target := modeltest.View{Width: 4, NonZeroMax: 4}, model.TargetSpec{Classes: 3}
	weights := model.ClassWeights{Balanced: true}
	twice := func(m model.Model) model.Model { return model.Weighted(model.Weighted(m, weights), weights) }
	mixture, err := family.New(model.Spec{Type: "auto", Budget: "1x"}, target, v)
	if err != nil {
		t.Fatal(err)
	}
	if m, ok := model.As[model.HasExperts](twice(mixture)); !ok || len(m.Experts()) < 2 {
		t.Error("the experts of a weighted mixture are hidden")
	}
	if _, ok := model.As[model.HasUnits](twice(mixture)); ok {
		t.Error("a mixture claims units of its own")
	}
	want, _ := mixture.(model.HasNorms).Norms()
	if m, ok := model.As[model.HasNorms](twice(mixture)); !ok {
		t.Error("the norms of a weighted mixture are hidden")
	} else if got, _ := m.Norms(); got != want || got <= 0 {
		t.Errorf("the weights of a weighted mixture have the norm %g, of the mixture %g", got, want)
	}
	outer, ok := model.As[model.HasExperts](model.Weighted(renamed{mixture}, weights))
	if !ok || outer.Experts()[0].Name != "other" {
		t.Error("a decorator with an answer of its own is passed over")
	}
	alone, err := family.New(model.Spec{Type: "logistic"}, target, v)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := model.As[model.HasExperts](twice(alone)); ok {
		t.Error("a weighted logistic model is made of experts")
	}
	if m, ok := model.As[model.Wrapper](alone); ok {
		t.Errorf("a model that wraps none unwraps to %T", m.Unwrap())
	}
}
