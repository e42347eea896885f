package model_test

import (
	"testing"

	"millrace"
	"millrace/model"
	"millrace/model/modeltest"
)

func treeFamilies() []family {
	quick := func(s model.Spec) model.Spec {
		s.Grace, s.Delta, s.Leaves = 10, 0.2, 8
		return s
	}
	two, many, number := model.TargetSpec{Classes: 2}, model.TargetSpec{Classes: 6}, model.TargetSpec{}
	return []family{
		{"tree", model.Spec{Type: "tree"}, two},
		{"tree-quick", quick(model.Spec{Type: "tree"}), two},
		{"tree-gaussian", quick(model.Spec{Type: "tree", Observer: "gaussian"}), two},
		{"tree-many", quick(model.Spec{Type: "tree", Drift: "none"}), many},
		{"tree-majority", quick(model.Spec{Type: "tree", Leaf: "majority"}), many},
		{"tree-bayes", quick(model.Spec{Type: "tree", Leaf: "naive_bayes", Observer: "histogram"}), many},
		{"tree-linear", quick(model.Spec{Type: "tree", Leaf: "linear"}), many},
		{"tree-number", quick(model.Spec{Type: "tree"}), number},
		{"tree-mean", quick(model.Spec{Type: "tree", Leaf: "mean", Drift: "none"}), number},
		{"forest", model.Spec{Type: "forest"}, two},
		{"forest-quick", quick(model.Spec{Type: "forest", Trees: 3}), many},
		{"forest-still", quick(model.Spec{Type: "forest", Trees: 3, Drift: "none"}), two},
		{"forest-number", quick(model.Spec{Type: "forest", Trees: 3}), number},
	}
}

func TestConformanceTrees(t *testing.T) {
	shape := millrace.ViewShape{Width: caseWidth}
	for _, f := range treeFamilies() {
		modeltest.Run(t, f.name, func() modeltest.Case {
			m, err := model.New(f.spec, f.target, shapeViews(shape))
			if err != nil {
				t.Fatal(err)
			}
			return modeltest.Case{Model: m, Examples: examples(f.target, shape)}
		})
	}
}
