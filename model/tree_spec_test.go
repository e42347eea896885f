package model_test

import (
	"testing"

	"millrace/model"
)

func TestTreeSpecsRefused(t *testing.T) {
	two, number := model.TargetSpec{Classes: 2}, model.TargetSpec{}
	for _, c := range []struct {
		spec   model.Spec
		target model.TargetSpec
		path   string
	}{
		{model.Spec{Type: "tree", Grace: -1}, two, "grace"}, {model.Spec{Type: "tree", Delta: 1}, two, "delta"},
		{model.Spec{Type: "tree", Leaf: "mean"}, two, "leaf"}, {model.Spec{Type: "tree", Leaf: "naive_bayes"}, number, "leaf"},
		{model.Spec{Type: "tree", Observer: "gaussian"}, number, "observer"}, {model.Spec{Type: "tree", Drift: "ddm"}, two, "drift"},
		{model.Spec{Type: "tree", Depth: 65}, two, "depth"}, {model.Spec{Type: "tree", Leaves: 1}, two, "leaves"},
		{model.Spec{Type: "tree", Trees: 3}, two, "trees"}, {model.Spec{Type: "forest", Lambda: 40}, two, "lambda"},
		{model.Spec{Type: "forest", Subspace: -2}, two, "subspace"}, {model.Spec{Type: "forest", L2: 1}, two, "l2"},
	} {
		found := c.spec.Validate(c.target)
		if len(found) != 1 || found[0].Path != c.path {
			t.Errorf("%+v: %v, want one violation at %s", c.spec, found, c.path)
		}
	}
}
