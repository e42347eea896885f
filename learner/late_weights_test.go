package learner

import (
	"fmt"
	"testing"
	"time"

	"millrace"
	"millrace/features"
	"millrace/join"
	"millrace/keyed"
	"millrace/model"
	"millrace/model/family"
)

// toldWhen is when an event's label comes.
type toldWhen int

const (
	toldWithin toldWhen = iota
	toldBefore
	toldBehind
)

// learnedOf is what a model is after events of one weight, whose labels, of a weight of their own, come in, before or
// behind them.
func learnedOf(t *testing.T, when toldWhen, event, label millrace.Label) string {
	t.Helper()
	x, err := features.New(features.Spec{Columns: features.Columns{features.DefaultColumn("a", features.Number)}})
	if err != nil {
		t.Fatal(err)
	}
	m, err := family.New(model.Spec{Type: "logistic", Optimizer: model.OptimizerSpec{Type: "sgd", Rate: 0.1}}, model.TargetSpec{Classes: 2}, x)
	if err != nil {
		t.Fatal(err)
	}
	s := NewStream(StreamOptions{Trainer: NewTrainer(x, m, 2), Clock: keyed.NewClock(), Topics: [2]string{"e", "l"},
		Join: join.New(join.Spec{Wait: time.Hour, Early: time.Minute}, 2)})
	for i := range int64(8) {
		told := millrace.Label{Known: true, Class: int32(i % 2), Weight: label.Weight, Weighted: label.Weighted}
		e := &millrace.Event{ID: fmt.Append(nil, i), Time: i, Label: event,
			Fields: []millrace.Field{{Presence: millrace.Present, Number: float64(i * i)}}}
		tell := func(want Outcome) {
			l := &millrace.Event{ID: fmt.Append(nil, i), Time: i, Label: told}
			if o, why := s.Label(l, &millrace.Record{Offset: i, Time: i}); o != want || why != nil {
				t.Fatal(o, why)
			}
		}
		want := Learned
		switch when {
		case toldWithin:
			e.Label = told
		case toldBefore:
			tell(LabelEarly)
			want = Joined
		case toldBehind:
			want = Waiting
		}
		if o, why := s.Event(e, &millrace.Record{Offset: i, Time: i}); o != want || why != nil {
			t.Fatal(o, why)
		}
		if when == toldBehind {
			tell(LabelJoined)
		}
	}
	return fmt.Sprint(tensorsOf(t, m))
}

// TestWeightsHoldWheneverTheLabelComes: an event counts as much as its label says, and as much as it says itself where
// the label says nothing, be the label in it, there before it, or late.
func TestWeightsHoldWheneverTheLabelComes(t *testing.T) {
	none := millrace.Label{}
	of := func(w float32) millrace.Label { return millrace.Label{Weight: w, Weighted: true} }
	weighted := map[toldWhen]map[string]millrace.Label{toldBefore: {}, toldBehind: {}}
	for _, c := range []struct{ event, label, want millrace.Label }{
		{none, none, none},
		{of(3), none, of(3)},
		{of(0), none, of(0)},
		{none, of(0.5), of(0.5)},
		{of(3), of(0.25), of(0.25)},
		{of(0.25), of(2), of(2)},
		{of(3), of(0), of(0)},
	} {
		for when, seen := range weighted {
			got, want := learnedOf(t, when, c.event, c.label), learnedOf(t, when, none, c.want)
			if when == toldBefore { // as if it had come with it
				want = learnedOf(t, toldWithin, none, c.want)
			}
			if got != want {
				t.Errorf("an event of %g (%t) with a label of %g (%t) that comes %s: it is not learned as of %g (%t)", c.event.Weight, c.event.Weighted,
					c.label.Weight, c.label.Weighted, map[toldWhen]string{toldBefore: "before", toldBehind: "behind"}[when], c.want.Weight, c.want.Weighted)
			}
			if other, ok := seen[got]; ok && other != c.want {
				t.Errorf("weights of %g and %g are learned alike", other.Weight, c.want.Weight)
			}
			seen[got] = c.want
		}
	}
}
