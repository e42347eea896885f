package model_test

import (
	"testing"

	"millrace"
	"millrace/model"
	"millrace/model/modeltest"
)

// svmFamilies are the ways to learn of an svm that are not by gradient.
func svmFamilies() []family {
	return []family{
		{"svm-pa1", model.Spec{Type: "svm", Update: "pa1"}, model.TargetSpec{Classes: 2}},
		{"svm-pa2", model.Spec{Type: "svm", Update: "pa2", C: 0.3}, model.TargetSpec{Classes: 2}},
		{"svm-pa1-rest", model.Spec{Type: "svm", Update: "pa1", C: 3, Multiclass: "one_vs_rest"}, model.TargetSpec{Classes: 4}},
		{"svm-pa1-crammer-singer", model.Spec{Type: "svm", Update: "pa1"}, model.TargetSpec{Classes: 4}},
		{"svm-pa2-crammer-singer", model.Spec{Type: "svm", Update: "pa2"}, model.TargetSpec{Classes: 10}},
		{"svm-pa1-number", model.Spec{Type: "svm", Update: "pa1"}, model.TargetSpec{}},
		{"svm-pa2-number", model.Spec{Type: "svm", Update: "pa2", Epsilon: 0.01}, model.TargetSpec{}},
	}
}

// TestConformanceSVM holds every way of an svm to the suite, dense and sparse.
func TestConformanceSVM(t *testing.T) {
	for name, shape := range map[string]millrace.ViewShape{
		"dense":  {Width: caseWidth},
		"sparse": {Width: 40, Sparse: true, NonZeroMax: 6},
	} {
		for _, f := range svmFamilies() {
			modeltest.Run(t, f.name+"/"+name, func() modeltest.Case {
				m, err := model.New(f.spec, f.target, shapeViews(shape))
				if err != nil {
					t.Fatal(err)
				}
				return modeltest.Case{Model: m, Examples: examples(f.target, shape)}
			})
		}
	}
}
