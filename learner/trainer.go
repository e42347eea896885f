package learner

import (
	"errors"
	"fmt"

	"millrace"
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
type Trainer struct {
	Extractor   Extractor
	Model       model.Model
	Progressive *Progressive

	classes    int
	input      millrace.Input
	scratch    model.Scratch
	prediction []float32
	refused    millrace.Rejection
}

// NewTrainer returns a trainer for classes, or for numbers when classes is 0.
func NewTrainer(x Extractor, m model.Model, classes int) *Trainer {
	return &Trainer{
		Extractor: x, Model: m, Progressive: NewProgressive(classes), classes: classes,
		input: x.NewInput(), scratch: m.NewScratch(), prediction: make([]float32, m.Outputs()),
	}
}

// Learn takes one event. Its error is always a *millrace.Rejection, and then no state has changed.
// The prediction made before learning stays readable through Prediction.
func (t *Trainer) Learn(e *millrace.Event) error {
	if e.Label.Fault != nil {
		return e.Label.Fault
	}
	if err := t.Extractor.Extract(t.input, e); err != nil {
		return err
	}
	t.Model.Predict(t.prediction, t.input, t.scratch)
	y := millrace.Target{Class: e.Label.Class, Value: e.Label.Value, Known: true}
	// Learning comes before observing, though both may be read as simultaneous: the input was taken
	// with the features' earlier state, and a refused update must leave the features alone too.
	if err := t.Model.Learn(t.input, y, e.Label.Importance(), t.scratch); err != nil {
		if !errors.Is(err, millrace.ErrUpdateRefused) {
			err = fmt.Errorf("learning: %w", err)
		}
		t.refused = millrace.Rejection{Reason: millrace.ReasonUpdateOverflow, Detail: err.Error()}
		return &t.refused
	}
	t.Extractor.Observe(e)
	t.Progressive.Add(t.prediction, e.Label)
	return nil
}

// Prediction is the latest event's, made before it was learned.
func (t *Trainer) Prediction() []float32 { return t.prediction }

// Input is the latest event's views.
func (t *Trainer) Input() millrace.Input { return t.input }
