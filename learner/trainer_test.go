package learner

import (
	"slices"
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
		if err := trainer.Apply(&millrace.Event{Fields: make([]millrace.Field, 1), Label: c.label}); err != nil || m.weight != c.want {
			t.Errorf("%+v: weight %g, %v", c.label, m.weight, err)
		}
	}
	if model, _, _ := trainer.Progressive.Report(All); trainer.Progressive.Events() != 3 || model.MAE != 2*2.0/3 {
		t.Errorf("%d events, %+v", trainer.Progressive.Events(), model)
	}
}

// guessModel predicts what was learned last, so that a prediction says when it was made.
type guessModel struct {
	fakeModel
	last float32
}

func (m *guessModel) Predict(dst []float32, _ millrace.Input, _ model.Scratch) { dst[0] = m.last }

func (m *guessModel) Learn(_ millrace.Input, y millrace.Target, _ float32, _ model.Scratch) error {
	m.last = float32(y.Value)
	return nil
}

func numberEvent(label float64) *millrace.Event {
	return &millrace.Event{Fields: make([]millrace.Field, 1), Label: millrace.Label{Known: true, Value: label}}
}

// TestLateLabels: an event that is learned after others is measured by the prediction of when it came, observed once,
// and counted by nobody without one.
func TestLateLabels(t *testing.T) {
	m, observed := &guessModel{fakeModel: fakeModel{hash: make([]uint64, 1)}}, make([]uint64, 1)
	trainer := NewTrainer(&fakeExtractor{observed: observed}, m, 0)
	late := numberEvent(100)
	p, err := trainer.Predict(late)
	if err != nil {
		t.Fatal(err)
	}
	kept := slices.Clone(p) // 0: nothing was learned yet
	trainer.Observe(late)
	if err := trainer.Apply(numberEvent(99)); err != nil {
		t.Fatal(err)
	}
	now, err := trainer.Predict(late)
	if err != nil || now[0] != 99 || observed[0] != 2 {
		t.Fatalf("predicted as %g after %d events, %v; want 99 after 2", now[0], observed[0], err)
	}
	if err := trainer.Learn(late, kept); err != nil || m.last != 100 || observed[0] != 2 {
		t.Errorf("learned as %g, %d events observed, %v", m.last, observed[0], err)
	}
	const want = (0 + 100) / 2.0 // no number's error counts before another was seen
	if figures, _, _ := trainer.Progressive.Report(All); trainer.Progressive.Events() != 2 || figures.MAE != want {
		t.Errorf("%d events with a mean error of %g, want 2 with %g", trainer.Progressive.Events(), figures.MAE, want)
	}
	unmeasured := numberEvent(7)
	if _, err := trainer.Predict(unmeasured); err != nil {
		t.Fatal(err)
	}
	if err := trainer.Learn(unmeasured, nil); err != nil || m.last != 7 || trainer.Progressive.Events() != 2 {
		t.Errorf("learned as %g, %d events measured, %v", m.last, trainer.Progressive.Events(), err)
	}
}

// TestLearnNeedsThePrediction: what a model left of one event's prediction must not be learned as another's, nor twice.
func TestLearnNeedsThePrediction(t *testing.T) {
	trainer := NewTrainer(&fakeExtractor{observed: make([]uint64, 1)}, &fakeModel{hash: make([]uint64, 1)}, 0)
	refused := func(e *millrace.Event) (panicked bool) {
		defer func() { panicked = recover() != nil }()
		return trainer.Learn(e, nil) != nil
	}
	first, second := numberEvent(1), numberEvent(2)
	for _, e := range []*millrace.Event{first, second} {
		if _, err := trainer.Predict(e); err != nil {
			t.Fatal(err)
		}
	}
	if !refused(first) {
		t.Error("an event was learned after another was predicted")
	}
	if refused(second) || !refused(second) {
		t.Error("an event that was predicted once is not learned once")
	}
}
