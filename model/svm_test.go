package model_test

import (
	"testing"

	"millrace"
	"millrace/model"
	"millrace/model/modeltest"
)

// svmFamilies are the ways to learn of an svm that are not by gradient.
func svmFamilies() []family {
	two, four, number := model.TargetSpec{Classes: 2}, model.TargetSpec{Classes: 4}, model.TargetSpec{}
	svm := func(change func(*model.Spec)) model.Spec {
		s := model.Spec{Type: "svm"}
		change(&s)
		return s
	}
	pa1 := svm(func(s *model.Spec) { s.Update, s.C = "pa1", 1 })
	pa2 := svm(func(s *model.Spec) { s.Update, s.C, s.Epsilon = "pa2", 0.3, 0 })
	pegasos := svm(func(s *model.Spec) { s.Update, s.L2 = "pegasos", 0.01 })
	average := func(s model.Spec) model.Spec { s.Average = true; return s }
	rest := func(s model.Spec) model.Spec { s.Multiclass = "one_vs_rest"; return s }
	kernel := func(s model.Spec, k string) model.Spec {
		s.Kernel = model.KernelSpec{Type: k, Features: 40}
		s.Seed = 3
		return s
	}
	return []family{
		{"svm", svm(func(*model.Spec) {}), two},
		{"svm-many", svm(func(*model.Spec) {}), four},
		{"svm-number", svm(func(*model.Spec) {}), number},
		{"svm-pa1", pa1, two},
		{"svm-pa2", pa2, two},
		{"svm-pa1-many", pa1, four},
		{"svm-pa2-many", pa2, model.TargetSpec{Classes: 10}},
		{"svm-pa1-rest", rest(pa1), four},
		{"svm-pa1-number", pa1, number},
		{"svm-pa2-number", svm(func(s *model.Spec) { s.Update, s.Epsilon = "pa2", 0.01 }), number},
		{"svm-pa1-average", average(pa1), two},
		{"svm-average-many", average(svm(func(*model.Spec) {})), four},
		{"svm-pegasos", pegasos, two},
		{"svm-pegasos-average", average(pegasos), two},
		{"svm-pegasos-many", pegasos, four},
		{"svm-pegasos-rest-average", average(rest(pegasos)), four},
		{"svm-pegasos-number", pegasos, number},
		{"svm-rbf", kernel(pa1, "rbf"), two},
		{"svm-laplace", kernel(svm(func(*model.Spec) {}), "laplace"), four},
		{"svm-pegasos-rbf-average", average(kernel(pegasos, "rbf")), number},
		{"svm-gradient-rbf", kernel(svm(func(s *model.Spec) { s.Update = "gradient" }), "rbf"), two},
		{"svm-gradient-many", svm(func(s *model.Spec) { s.Update = "gradient" }), four},
		{"svm-gradient-number", svm(func(s *model.Spec) { s.Update, s.Batch = "gradient", 4 }), number},
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
