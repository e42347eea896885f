package family

import (
	"strings"
	"testing"

	"millrace"
	"millrace/model"
	"millrace/model/kernel"
	"millrace/model/modeltest"
)

// TestEveryFamilyIsMade: there is no word for a family without a model behind it, and each learns on its defaults.
func TestEveryFamilyIsMade(t *testing.T) {
	shape := millrace.ViewShape{Width: 6, NonZeroMax: 6}
	for _, target := range []model.TargetSpec{{}, {Classes: 2}, {Classes: 3}} {
		for _, name := range model.Suitable(target) {
			m, err := New(model.Spec{Type: name}, target, modeltest.View(shape))
			if err != nil {
				t.Errorf("%s of %d classes: %v", name, target.Classes, err)
				continue
			}
			if m.Outputs() != max(1, target.Classes) || len(m.Views()) == 0 {
				t.Errorf("%s of %d classes predicts %d values from the views %v", name, target.Classes, m.Outputs(), m.Views())
			}
			scratch, dst := m.NewScratch(), make([]float32, m.Outputs())
			for _, e := range modeltest.Examples(target, shape)[:20] {
				m.Predict(dst, e.Input, scratch)
				if err := m.Learn(e.Input, e.Target, e.Weight, scratch); err != nil {
					t.Fatalf("%s of %d classes: %v", name, target.Classes, err)
				}
			}
		}
	}
	if _, err := New(model.Spec{Type: "oracle"}, model.TargetSpec{}, modeltest.View(shape)); err == nil || !strings.Contains(err.Error(), "type: must be one of") {
		t.Errorf("an unknown family: %v", err)
	}
}

// TestMixtureFallback runs the suite on a mixture whose mixers and experts have the kernels that other processors get.
func TestMixtureFallback(t *testing.T) {
	shape := millrace.ViewShape{Width: 6, NonZeroMax: 6}
	for name, target := range map[string]model.TargetSpec{"number": {}, "three": {Classes: 3}} {
		modeltest.Run(t, name, func() modeltest.Case {
			m, err := construct(model.Spec{Type: model.FamilyAuto, Budget: "0.3x"}, target, modeltest.View(shape), kernel.Generic())
			if err != nil {
				t.Fatal(err)
			}
			return modeltest.Case{Model: m, Examples: modeltest.Examples(target, shape)}
		})
	}
}
