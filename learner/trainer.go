package learner

import (
	"errors"
	"fmt"

	"millrace"
	"millrace/conformal"
	"millrace/drift"
	"millrace/model"
)

// Extractor is the feature path that learner, scorer and evaluate share.
type Extractor interface {
	millrace.Stateful
	NewInput() millrace.Input
	// Extract is pure; a *millrace.Rejection is its only error.
	Extract(dst millrace.Input, e *millrace.Event) error
	Observe(e *millrace.Event)
}

// Trainer applies single events to features and model: extract, predict, validate, learn, observe.
// The learner, evaluate and train all go through it. It is not for concurrent use.
//
// An event that comes with its label goes through [Trainer.Apply]. One whose label may come later is predicted and
// observed when it comes; when its label is there, it is predicted again with the state of that moment, learned from
// that, and measured by the prediction of then, which is what anyone could have acted on:
//
//	p, err := t.Predict(e)  // p is kept with the event
//	t.Observe(e)
//	…
//	_, err = t.Predict(e)
//	err = t.Learn(e, p)
type Trainer struct {
	Extractor   Extractor
	Model       model.Model
	Progressive *Progressive
	Watch       *Watch               // of single features; may be nil
	Intervals   *conformal.Predictor // nil without, see SetIntervals
	Drift       *drift.Monitor       // nil where nobody watches

	input      millrace.Input
	scratch    model.Scratch
	outputs    []float32       // what the model predicted last
	value      model.HasValue  // of numbers: what turns that into the user's units; nil for classes
	prediction []float64       // the same for people: probabilities, or the value
	predicted  *millrace.Event // the event that the input and the scratch are of; nil for none
	refused    millrace.Rejection
	skipped    bool // the latest refusal was every expert's own
	chunk      chunked
}

// NewTrainer returns a trainer for classes, or for numbers when classes is 0.
func NewTrainer(x Extractor, m model.Model, classes int) *Trainer {
	t := &Trainer{
		Extractor: x, Model: m, Progressive: NewProgressive(classes),
		input: x.NewInput(), scratch: m.NewScratch(), outputs: make([]float32, m.Outputs()), prediction: make([]float64, m.Outputs()),
	}
	if classes == 0 {
		t.value = model.ValueOf(m)
	}
	if t.chunk.Chunk = model.NewChunk(m); t.chunk.Chunk == nil {
		t.chunk = chunked{Chunk: single{t}, inputs: []millrace.Input{t.input}, single: true}
	}
	return t
}

// predict has the model predict what was extracted.
func (t *Trainer) predict(x millrace.Input) {
	t.Model.Predict(t.outputs, x, t.scratch)
	t.tell(t.prediction, t.outputs)
}

// tell writes what a model predicted for people: probabilities, or the value in the user's units.
func (t *Trainer) tell(dst []float64, outputs []float32) {
	if t.value != nil {
		dst[0] = t.value.Value(outputs[0])
		return
	}
	for i, v := range outputs {
		dst[i] = float64(v)
	}
}

// Apply takes an event that comes with its label: it is predicted, learned, measured and observed. Its error is always
// a *millrace.Rejection, and then no state has changed but, where the update is Skipped, that of the features. It does
// at once what Predict and Learn do with a wait between them: to go through both costs a small model's event 4 % of its
// time.
func (t *Trainer) Apply(e *millrace.Event) error {
	if e.Label.Fault != nil {
		return e.Label.Fault
	}
	t.predicted = nil
	if err := t.Extractor.Extract(t.input, e); err != nil {
		return err
	}
	t.predict(t.input)
	// Learning comes before observing, though both may be read as simultaneous: the input was taken with the features'
	// earlier state, and an update that is refused at once must leave the features alone too.
	if err := t.learn(e); err != nil {
		if t.skipped {
			t.Observe(e)
		}
		return err
	}
	t.Observe(e)
	t.Progressive.Add(t.prediction, e.Label)
	t.Drift.Learned(t.prediction, e.Label)
	return nil
}

// Predict extracts an event and predicts it. It needs no label and changes no state that is learned. Its error is
// always a *millrace.Rejection. The prediction, a probability a class or a value in the user's units, is the trainer's
// and holds until it predicts again.
func (t *Trainer) Predict(e *millrace.Event) ([]float64, error) {
	t.predicted = nil
	if err := t.Extractor.Extract(t.input, e); err != nil {
		return nil, err
	}
	t.predict(t.input)
	t.predicted = e
	return t.prediction, nil
}

// Learn learns the label, which must be known, of the event that was predicted last, from that prediction. The
// progressive figures measure the prediction that is handed over: the one made when the event came. Without one, nil,
// the event is learned and not measured. Its error is always a *millrace.Rejection, and then no state has changed; see
// Skipped for whether the event is to be observed then.
func (t *Trainer) Learn(e *millrace.Event, prediction []float64) error {
	if t.predicted != e {
		panic("learner: learning an event other than the one that was predicted last")
	}
	t.predicted, t.skipped = nil, false // what the model left for learning is used up
	if e.Label.Fault != nil {
		return e.Label.Fault
	}
	if err := t.learn(e); err != nil {
		return err
	}
	if prediction != nil {
		t.Progressive.Add(prediction, e.Label)
	}
	t.Drift.Learned(t.prediction, e.Label)
	return nil
}

// Checks reports whether Check needs no windows.
func (t *Trainer) Checks() bool {
	_, ok := t.Extractor.(interface{ Check(*millrace.Event) error })
	return ok
}

// Check is the error that Predict would have, and completes the event as it does: it needs neither weights nor views.
func (t *Trainer) Check(e *millrace.Event) error {
	if x, ok := t.Extractor.(interface{ Check(*millrace.Event) error }); ok {
		return x.Check(e)
	}
	return t.Extractor.Extract(t.input, e)
}

// Prediction is the latest prediction, made before its event was learned; it holds until the next. It is the one of the
// event that was applied last only as long as nothing else was learned.
func (t *Trainer) Prediction() []float64 { return t.prediction }

// learn has the model learn what was extracted and predicted last.
func (t *Trainer) learn(e *millrace.Event) error {
	player, probed := t.probe(e)
	if err := t.Model.Learn(t.input, targetOf(e), e.Label.Importance(), t.scratch); err != nil {
		return t.refuse(err)
	}
	t.learnInterval(t.prediction, e.Label)
	if probed {
		t.Watch.importance.settle(player, t.Watch.importance.prediction, t.prediction, e.Label)
	}
	return nil
}

// targetOf is the label, which is known, as models take it.
func targetOf(e *millrace.Event) millrace.Target {
	return millrace.Target{Class: e.Label.Class, Value: e.Label.Value, Known: true, Delay: e.Label.Delay}
}

// refuse makes a model's error a rejection, valid until the next.
func (t *Trainer) refuse(err error) *millrace.Rejection {
	t.skipped = errors.Is(err, model.ErrSkipped)
	if !errors.Is(err, millrace.ErrUpdateRefused) {
		err = fmt.Errorf("learning: %w", err)
	}
	t.refused = millrace.Rejection{Reason: millrace.ReasonUpdateOverflow, Detail: err.Error()}
	return &t.refused
}

// Skipped reports whether the latest update that was refused is to be observed all the same: it passed all that a model
// refuses at once, and then none of its experts could learn it. They refuse each for itself, perhaps long after the
// features have gone on.
func (t *Trainer) Skipped() bool { return t.skipped }

// Observe has the features learn from an event, once for each, with a label or without: after it was predicted and, if
// its label came with it, learned.
func (t *Trainer) Observe(e *millrace.Event) {
	if t.Watch != nil && t.Watch.due() {
		t.Watch.look(e)
	}
	t.Extractor.Observe(e)
	t.Drift.Arrived(e)
}
