package learner

import (
	"errors"

	"millrace"
)

// Windows are statistics by key and event time. Fill sets the fields of an event that they make, by what was observed
// before; Observe takes the event in. Both go by the watermark of the topic before the event.
type Windows interface {
	Fill(e *millrace.Event, watermark int64)
	Observe(e *millrace.Event, watermark int64)
}

// Clock tells how far event time has come in the topic.
type Clock interface {
	Now() int64                          // the topic's watermark
	Advance(partition int32, time int64) // an event was applied
}

// StreamOptions are what a Stream is made of.
type StreamOptions struct {
	Trainer *Trainer
	Windows Windows // nil without windows
	Clock   Clock   // needed with windows
}

// Stream applies decoded events in their order to all that learns from them: features, model, figures and windows. It
// is the one path of the learner and of files, and is not for concurrent use.
//
// Each event takes its windows, is predicted, then learned, then observed, and only then raises the watermark: so
// nothing of an event, nor of a later one, is in what it was predicted from.
type Stream struct {
	StreamOptions
	refused millrace.Rejection
}

// Outcome is what became of an event.
type Outcome uint8

const (
	// Rejected events cannot be used; the rejection says why.
	Rejected Outcome = iota
	// Learned events changed the weights.
	Learned
	// Unlabelled events were predicted and observed.
	Unlabelled
)

// NewStream returns a stream over its parts, which hold the state.
func NewStream(o StreamOptions) *Stream { return &Stream{StreamOptions: o} }

// Event applies an event of a record. The rejection, nil unless the outcome is Rejected, is valid until the next call.
// The event's time becomes at most the record's.
func (s *Stream) Event(e *millrace.Event, rec *millrace.Record) (Outcome, *millrace.Rejection) {
	if s.Windows == nil {
		return s.plain(e)
	}
	watermark := s.Clock.Now()
	e.CapTime(rec)
	s.Windows.Fill(e, watermark)
	if _, err := s.Trainer.Predict(e); err != nil {
		return Rejected, s.rejection(err)
	}
	outcome, why := s.apply(e)
	// Whatever becomes of label and update: a scorer that sees no labels must observe the same.
	s.Windows.Observe(e, watermark)
	s.Clock.Advance(rec.Partition, e.Time)
	return outcome, why
}

// plain is the path of pipelines without state by key.
func (s *Stream) plain(e *millrace.Event) (Outcome, *millrace.Rejection) {
	t := s.Trainer
	if unlabelled(e) {
		if _, err := t.Predict(e); err != nil {
			return Rejected, s.rejection(err)
		}
		t.Observe(e)
		return Unlabelled, nil
	}
	if err := t.Apply(e); err != nil {
		return Rejected, s.rejection(err)
	}
	return Learned, nil
}

// apply learns and observes an event that was predicted.
func (s *Stream) apply(e *millrace.Event) (Outcome, *millrace.Rejection) {
	t := s.Trainer
	if unlabelled(e) {
		t.Observe(e)
		return Unlabelled, nil
	}
	if err := t.Learn(e, t.prediction); err != nil {
		return Rejected, s.rejection(err)
	}
	t.Observe(e)
	return Learned, nil
}

// unlabelled reports whether an event has no label, where that is no fault.
func unlabelled(e *millrace.Event) bool { return !e.Label.Known && e.Label.Fault == nil }

// rejection is the error of a trainer as what it always is.
func (s *Stream) rejection(err error) *millrace.Rejection {
	var why *millrace.Rejection
	if errors.As(err, &why) {
		return why
	}
	s.refused = millrace.Rejection{Reason: millrace.ReasonUpdateOverflow, Detail: err.Error()}
	return &s.refused
}
