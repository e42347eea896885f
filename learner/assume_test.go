package learner

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"millrace"
	"millrace/features"
	"millrace/join"
	"millrace/keyed"
	"millrace/model"
	"millrace/model/family"
)

// assuming is a stream whose events, of these numbers, are learned as class 0 at once.
func assuming(t *testing.T, spec model.Spec, numbers ...string) *Stream {
	t.Helper()
	columns := make(features.Columns, len(numbers))
	for i, name := range numbers {
		columns[i] = features.DefaultColumn(name, features.Number)
	}
	x, err := features.New(features.Spec{Columns: columns})
	if err != nil {
		t.Fatal(err)
	}
	m, err := family.New(spec, model.TargetSpec{Classes: 2, Delayed: true}, x)
	if err != nil {
		t.Fatal(err)
	}
	return NewStream(StreamOptions{Trainer: NewTrainer(x, m, 2), Clock: keyed.NewClock(), Topics: [2]string{"e", "l"},
		Join: join.New(join.Spec{Wait: time.Hour, Early: time.Minute}, 2), Assume: millrace.Label{Known: true}})
}

// TestAssumedLabels: an event is learned as assumed when it comes, and again, weighted as its first learning was wrong,
// when the other label does; a label or an expiry that confirms it is only counted. Figures count it once, truly.
func TestAssumedLabels(t *testing.T) {
	s := assuming(t, model.Spec{Type: "logistic", Optimizer: model.OptimizerSpec{Type: "sgd", Rate: 0.1}}, "a")
	offset := int64(0)
	event := func(id string, at int64) (Outcome, []float64) {
		e := &millrace.Event{ID: []byte(id), Time: at, Fields: []millrace.Field{{Presence: millrace.Present, Number: 2}}}
		offset++
		o, why := s.Event(e, &millrace.Record{Offset: offset, Time: at})
		if why != nil {
			t.Fatal(why)
		}
		return o, append([]float64(nil), s.Prediction()...)
	}
	weights := func() string { return fmt.Sprint(predictionOf(t, s)) }
	untrained := weights()
	if o, _ := event("a", 1000); o != Waiting || !s.Learned(o) || weights() == untrained || s.Trainer.Progressive.Events() != 0 {
		t.Fatalf("outcome %d, predictions %s after %s, %d measured", o, weights(), untrained, s.Trainer.Progressive.Events())
	}
	if o, _ := event("b", 1001); o != Waiting {
		t.Fatal(o)
	}
	if o, _ := event("c", 1002); o != Waiting {
		t.Fatal(o)
	}
	label := func(id string, class int32) Outcome {
		o, why := s.Label(&millrace.Event{ID: []byte(id), Time: 2000, Label: millrace.Label{Known: true, Class: class}}, &millrace.Record{Offset: offset, Time: 2000})
		if why != nil {
			t.Fatal(why)
		}
		return o
	}
	before := weights()
	if o := label("a", 0); o != LabelJoined || s.Learned(o) || weights() != before {
		t.Errorf("a label that confirms: outcome %d, predictions %s, before %s", o, weights(), before)
	}
	if o := label("b", 1); o != LabelJoined || weights() == before {
		t.Errorf("a label that corrects: outcome %d, predictions %s, before %s", o, weights(), before)
	}
	before = weights()
	s.Clock.Advance(0, 2*time.Hour.Milliseconds())
	if !s.Expire() || s.Ended().Outcome != Expired || s.Ended().Learned || weights() != before {
		t.Errorf("an expiry: %+v, predictions %s, before %s", s.Ended(), weights(), before)
	}
	if p := s.Trainer.Progressive; p.Events() != 3 || p.ClassCounts()[0] != 2 || p.ClassCounts()[1] != 1 {
		t.Errorf("%d events measured, by class %v", p.Events(), p.ClassCounts())
	}
}

func predictionOf(t *testing.T, s *Stream) []float64 {
	t.Helper()
	p, err := s.Trainer.Predict(&millrace.Event{Fields: []millrace.Field{{Presence: millrace.Present, Number: 2}}})
	if err != nil {
		t.Fatal(err)
	}
	return append([]float64(nil), p...)
}

// TestAssumedLabelsFindTheTrueProbability, be it one model or a mixture, each of whose experts weighs by its own
// prediction: where three in ten events turn out to be of the other class, the probability is 0.3 and not 0.3/1.3.
func TestAssumedLabelsFindTheTrueProbability(t *testing.T) {
	const truth, events, delay = 0.3, 20_000, 500
	for _, spec := range []model.Spec{{Type: "logistic", Optimizer: model.OptimizerSpec{Type: "sgd", Rate: 0.02}}, {Type: "auto"}} {
		s := assuming(t, spec, "a")
		rng := rand.New(rand.NewPCG(1, 2))
		classes := make([]int32, events)
		sum := 0.0
		for i := range classes {
			if rng.Float64() < truth {
				classes[i] = 1
			}
			at := int64(i)
			e := &millrace.Event{ID: fmt.Append(nil, i), Time: at, Fields: []millrace.Field{{Presence: millrace.Present, Number: rng.Float64()}}}
			if _, why := s.Event(e, &millrace.Record{Offset: at, Time: at}); why != nil {
				t.Fatal(why)
			}
			if i >= events/2 {
				sum += float64(s.Prediction()[1])
			}
			if i >= delay {
				l := &millrace.Event{ID: fmt.Append(nil, i-delay), Time: at, Label: millrace.Label{Known: true, Class: classes[i-delay]}}
				if _, why := s.Label(l, &millrace.Record{Offset: at, Time: at}); why != nil {
					t.Fatal(why)
				}
			}
		}
		if p := sum / (events / 2); math.Abs(p-truth) > 0.03 {
			t.Errorf("%s predicts %.3f, want %v", spec.Type, p, truth)
		}
	}
}

// TestKilledWhileAssumingEqualsUninterrupted: what was learned as assumed stays learned once, and what corrects it
// comes once.
func TestKilledWhileAssumingEqualsUninterrupted(t *testing.T) {
	l := newLives(13)
	l.assume = millrace.Label{Known: true}
	l.fill(2500, 1)
	whole := l.begin(t, nil, 0, 0)
	whole.run(t)
	want := whole.store.last(t)
	from, _, _ := l.dying(t, 40, 200)
	if !maps.Equal(learned(t, from), learned(t, &want)) || from.Manifest.Learned != want.Manifest.Learned {
		t.Errorf("weights differ from those of a learner that was never killed; %d learned, want %d", from.Manifest.Learned, want.Manifest.Learned)
	}
}
