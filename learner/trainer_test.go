package learner

import (
	"testing"

	"millrace"
	"millrace/model"
)

// weightModel notes the latest weight.
type weightModel struct {
	fakeModel
	weight float32
}

func (m *weightModel) Learn(_ millrace.Input, _ millrace.Target, weight float32, _ model.Scratch) error {
	m.weight = weight
	return nil
}

// TestWeightsReachTheModel: an event's weight multiplies its loss, and changes no metric.
func TestWeightsReachTheModel(t *testing.T) {
	m := &weightModel{fakeModel: fakeModel{hash: make([]uint64, 1)}}
	trainer := NewTrainer(&fakeExtractor{observed: make([]uint64, 1)}, m, 0)
	for _, c := range []struct {
		label millrace.Label
		want  float32
	}{
		{millrace.Label{Known: true, Value: 3}, 1},
		{millrace.Label{Known: true, Value: 3, Weighted: true, Weight: 2.5}, 2.5},
		{millrace.Label{Known: true, Value: 3, Weighted: true}, 0},
	} {
		if err := trainer.Learn(&millrace.Event{Fields: make([]millrace.Field, 1), Label: c.label}); err != nil || m.weight != c.want {
			t.Errorf("%+v: weight %g, %v", c.label, m.weight, err)
		}
	}
	if model, _, _ := trainer.Progressive.Report(All); trainer.Progressive.Events() != 3 || model.MAE != 2*2.0/3 {
		t.Errorf("%d events, %+v", trainer.Progressive.Events(), model)
	}
}
