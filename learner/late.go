package learner

import (
	"time"

	"millrace"
	"millrace/join"
)

// late is what a stream needs for labels that come later.
type late struct {
	event millrace.Event // the one taken back last
	ended Ended
}

// Ended is what the latest expiry did.
type Ended struct {
	Outcome Outcome
	Place   join.Place // of the event
	Learned bool       // it changed the weights
	// Why is set when it was to be learned and could not be; its record is no longer at hand.
	Why *millrace.Rejection
}

// arrive is what becomes of an event that was predicted, where labels may come later.
func (s *Stream) arrive(e *millrace.Event, rec *millrace.Record, stream int64, prediction []float64) (Outcome, *millrace.Rejection) {
	at, arrival := placeOf(rec), join.First
	if len(e.ID) > 0 {
		arrival = s.Join.Arrive(e, at, stream)
	}
	if arrival == join.Early && !unlabelled(e) {
		s.counts[LabelRepeated]++ // what the event brings decides, be it a fault
	}
	switch {
	case arrival == join.Duplicate:
		s.Trainer.Observe(e)
		return Duplicate, nil
	case !unlabelled(e):
		return s.apply(e, prediction)
	case arrival == join.Early:
		return s.arriveKnown(e, prediction)
	case len(e.ID) == 0:
		s.Trainer.Observe(e)
		return NoID, nil
	}
	if why := s.assume(e); why != nil {
		s.observeSkipped(e)
		return Rejected, why
	}
	s.Trainer.Observe(e)
	s.Join.Wait(e, at, s.Join.Due(stream), prediction)
	return Waiting, nil
}

// arriveKnown learns an event whose label was there before it. The event's own weight holds where the label has none.
func (s *Stream) arriveKnown(e *millrace.Event, prediction []float64) (Outcome, *millrace.Rejection) {
	label, _ := s.Join.EarlyLabel()
	if !label.Weighted {
		label.Weight, label.Weighted = e.Label.Weight, e.Label.Weighted
	}
	e.Label = label
	outcome, why := s.apply(e, prediction)
	if why != nil {
		s.counts[LabelRejected]++
		return outcome, why
	}
	s.counts[LabelJoined]++
	s.measure(e, prediction, 0)
	return Joined, nil
}

// Label applies a label of a record of its own. The rejection is set when the outcome is LabelRejected, and is valid
// until the next call.
func (s *Stream) Label(l *millrace.Event, rec *millrace.Record) (Outcome, *millrace.Rejection) {
	outcome, why := s.label(l, rec)
	s.counts[outcome]++
	return outcome, why
}

func (s *Stream) label(l *millrace.Event, rec *millrace.Record) (Outcome, *millrace.Rejection) {
	if why := usable(l); why != nil {
		return LabelRejected, why
	}
	stream := s.beginLabel(l, rec)
	match := s.Join.Label(l, placeOf(rec), stream)
	s.noteLabel(rec, stream, match == join.Kept)
	switch match {
	case join.Kept:
		return LabelEarly, nil
	case join.Repeated:
		return LabelRepeated, nil
	}
	e := &s.late.event
	w, ok := s.Join.Take(e)
	if !ok {
		panic("learner: a label joined no event")
	}
	if why := s.settle(e, w.Prediction); why != nil {
		s.counts[Rejected]++
		return LabelRejected, why
	}
	s.counts[Joined]++
	if w.Prediction == nil {
		s.counts[Unmeasured]++
	}
	s.measure(e, w.Prediction, time.Duration(max(l.Time-e.Time, 0))*time.Millisecond)
	return LabelJoined, nil
}

// beginLabel is what comes first for every label, also when it is read again. It returns the label's stream time.
func (s *Stream) beginLabel(l *millrace.Event, rec *millrace.Record) int64 {
	l.Time = min(l.Time, rec.Time)
	return max(l.Time, s.Clock.Now())
}

// noteLabel notes where a label was. One that is not kept leaves nothing to be read again: whatever clock its time is
// from, it holds nothing up.
func (s *Stream) noteLabel(rec *millrace.Record, stream int64, kept bool) {
	if !kept {
		stream = s.Clock.Now()
	}
	s.note(rec, join.Labels, stream)
}

// assume learns an event that is about to wait as what it is until a label says otherwise, where there is such a class.
// It was predicted last. Figures count it later, with its true label.
func (s *Stream) assume(e *millrace.Event) *millrace.Rejection {
	if !s.Assume.Known {
		return nil
	}
	own := e.Label
	e.Label.Known, e.Label.Class, e.Label.Delay = true, s.Assume.Class, millrace.Assumed
	err := s.Trainer.Learn(e, nil)
	e.Label = own
	if err != nil {
		return s.rejection(err)
	}
	return nil
}

// settle learns an event whose label came. Where that is what was assumed there is nothing more to learn; the other
// class is learned as a correction.
func (s *Stream) settle(e *millrace.Event, prediction []float64) *millrace.Rejection {
	switch {
	case !s.Assume.Known:
	case e.Label.Class == s.Assume.Class:
		s.confirm(prediction)
		return nil
	default:
		e.Label.Delay = millrace.Corrected
	}
	return s.learnTaken(e, prediction)
}

// confirm measures an event that was learned as what it is.
func (s *Stream) confirm(prediction []float64) {
	if prediction != nil {
		s.Trainer.Progressive.Add(prediction, s.Assume)
	}
}

// learnTaken learns an event that waited, with the weights as they are now. The prediction is the one made when it
// came, and is measured; nil is none.
func (s *Stream) learnTaken(e *millrace.Event, prediction []float64) *millrace.Rejection {
	if _, err := s.Trainer.Predict(e); err != nil {
		return s.rejection(err)
	}
	if err := s.Trainer.Learn(e, prediction); err != nil {
		return s.rejection(err)
	}
	return nil
}

// Expire ends the wait of one event at most, whose time has come or which memory has no room for, and reports whether
// it did; Ended tells of it. It is to be called until it reports false, after every event, after each change of
// idleness, and before the first record after a restart.
func (s *Stream) Expire() bool {
	// What is due goes as that, and the ids whose time is over with it, before anything has to make room.
	if s.Join == nil || !s.Join.Expire(s.Clock.Now()) && !s.Join.Crowded() {
		return false
	}
	e := &s.late.event
	w, ok := s.Join.Take(e)
	if !ok {
		panic("learner: no event expired")
	}
	s.late.ended = Ended{Outcome: Expired, Place: w.Place}
	ended := &s.late.ended
	if s.Assume.Known {
		s.confirm(w.Prediction)
	}
	if e.Label.Known { // as what an event is that no label came for
		ended.Outcome = ExpiredLearned
		if !s.Assume.Known {
			ended.Why = s.learnTaken(e, w.Prediction)
		}
	}
	if w.Cause == join.ByMemory {
		ended.Outcome = Crowded
	}
	ended.Learned = e.Label.Known && ended.Why == nil && !s.Assume.Known
	if ended.Why != nil {
		ended.Outcome = Rejected
	}
	s.counts[ended.Outcome]++
	return true
}

// Ended tells of what Expire did last.
func (s *Stream) Ended() Ended { return s.late.ended }

// measure tells whoever asked for it of an event that a label came for: how long after it, and how right the prediction
// was that was made when the event came; nil is none.
func (s *Stream) measure(e *millrace.Event, prediction []float64, delay time.Duration) {
	if s.Joined != nil {
		s.Joined(delay, prediction, e.Label)
	}
}

// usable is why a label record cannot be used; nil when it can.
func usable(l *millrace.Event) *millrace.Rejection {
	switch {
	case l.Label.Fault != nil:
		return l.Label.Fault
	case !l.Label.Known:
		return &millrace.Rejection{Reason: millrace.ReasonMissingLabel, Detail: "the record has no label"}
	case len(l.ID) == 0:
		return &millrace.Rejection{Reason: millrace.ReasonBadID, Detail: "the record has no id of an event"}
	}
	return nil
}
