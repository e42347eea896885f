package learner

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"millrace"
	"millrace/model"
	"millrace/model/family"
	"millrace/snapshot"
)

// tensorsOf are a model's tensors, by name.
func tensorsOf(t *testing.T, m model.Model) map[string]string {
	t.Helper()
	layout, err := snapshot.NewLayout(nil, snapshot.Part{State: m})
	if err != nil {
		t.Fatal(err)
	}
	buffer := layout.NewBuffer()
	layout.Copy(buffer)
	return learned(t, &millrace.Snapshot{Serving: buffer.Serving(), Training: buffer.Training()})
}

// assumeAll has a stream learn events that say much of their class, half of which are corrected later. It tells what
// was predicted of each.
func assumeAll(t *testing.T, s *Stream) (predicted []float64) {
	t.Helper()
	const events, delay = 600, 40
	rng := rand.New(rand.NewPCG(5, 6))
	classes := make([]int32, events)
	for i := range classes {
		a, b, at := rng.NormFloat64(), rng.NormFloat64(), int64(i)
		if a+a*b+0.3*rng.NormFloat64() > 0 { // the experts see it differently well
			classes[i] = 1
		}
		e := &millrace.Event{ID: fmt.Append(nil, i), Time: at,
			Fields: []millrace.Field{{Presence: millrace.Present, Number: a}, {Presence: millrace.Present, Number: b}}}
		if o, why := s.Event(e, &millrace.Record{Offset: at, Time: at}); why != nil || o != Waiting {
			t.Fatal(o, why)
		}
		predicted = append(predicted, s.Prediction()[1])
		if i < delay {
			continue
		}
		l := &millrace.Event{ID: fmt.Append(nil, i-delay), Time: at, Label: millrace.Label{Known: true, Class: classes[i-delay]}}
		if o, why := s.Label(l, &millrace.Record{Offset: at, Time: at}); why != nil || o != LabelJoined {
			t.Fatal(o, why)
		}
	}
	return predicted
}

// TestAssumedLabelsAreWeighedByEachExpertItself: a mixture's experts are, to the last bit, what each would be that
// learned the same stream alone. So none is weighed by what another predicts, or all together do.
func TestAssumedLabelsAreWeighedByEachExpertItself(t *testing.T) {
	s := assuming(t, model.Spec{Type: "auto"}, "a", "b")
	assumeAll(t, s)
	got := tensorsOf(t, s.Trainer.Model)
	experts, _ := model.As[model.HasExperts](s.Trainer.Model)
	predictions := map[string]bool{}
	for i, expert := range experts.Experts() {
		if expert.Parent != 0 || expert.Born != 0 {
			t.Fatalf("%s is not what it was in the beginning", expert.Name)
		}
		alone := assuming(t, expert.Spec, "a", "b")
		predicted := assumeAll(t, alone)
		predictions[fmt.Sprint(predicted)] = true
		plain := assuming(t, expert.Spec, "a", "b")
		x := plain.Trainer.Extractor.(millrace.Views)
		m, err := family.New(expert.Spec, model.TargetSpec{Classes: 2}, x)
		if err != nil {
			t.Fatal(err)
		}
		plain.Trainer = NewTrainer(plain.Trainer.Extractor, m, 2)
		assumeAll(t, plain)
		unweighed, differ := tensorsOf(t, m), 0
		for name, want := range tensorsOf(t, alone.Trainer.Model) {
			if data, ok := got[fmt.Sprintf("experts.%d.%s", i, name)]; !ok || data != want {
				t.Errorf("%s: %s differs from that of the same model alone", expert.Name, name)
			}
			if unweighed[name] != want {
				differ++
			}
		}
		if differ == 0 {
			t.Errorf("%s is as if nothing had been weighed", expert.Name)
		}
	}
	if n := len(predictions); n < 6 {
		t.Errorf("only %d experts disagree", n)
	}
}
