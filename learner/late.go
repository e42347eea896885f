package learner

import (
	"time"

	"millrace"
	"millrace/join"
)

// late is what a stream needs for labels that come later.
type late struct {
	event   millrace.Event // the one taken back last
	crowded bool           // it had no room
	ended   Ended
}

// Ended is what the latest expiry did.
type Ended struct {
	Outcome Outcome
	Place   join.Place // of the event
	Learned bool       // it changed the weights
	// Why is set when it was to be learned and could not be; its record is no longer at hand.
	Why *millrace.Rejection
}

// arrive is what becomes of an event that was extracted, where labels may come later.
func (s *Stream) arrive(p *pending, e *millrace.Event, rec *millrace.Record, stream int64) {
	at, arrival := placeOf(rec), join.First
	if len(e.ID) > 0 {
		if from, ok := s.replayed(rec); !ok || !s.Join.TakeOver(e, from, at, stream) {
			arrival = s.Join.Arrive(e, at, stream)
		}
	}
	if arrival == join.Early && !unlabelled(e) {
		s.counts[LabelRepeated]++ // what the event brings decides, be it a fault
	}
	switch {
	case arrival == join.Duplicate:
		s.predictOnly(p, e, Duplicate)
	case !unlabelled(e):
		s.apply(p, e, Learned)
	case arrival == join.Early:
		s.arriveKnown(p, e)
	case len(e.ID) == 0:
		s.predictOnly(p, e, NoID)
	default:
		s.wait(p, e, at, s.Join.Due(stream))
	}
}

// replayed is where an event stood that was rejected there and sent again.
func (s *Stream) replayed(rec *millrace.Record) (from join.Place, ok bool) {
	topic, partition, offset, ok := rec.Replayed()
	return join.Place{Partition: partition, Offset: offset}, ok && topic == s.Topics[join.Events]
}

// arriveKnown learns an event whose label was there before it. The event's own weight holds where the label has none.
func (s *Stream) arriveKnown(p *pending, e *millrace.Event) {
	label, _ := s.Join.EarlyLabel()
	if !label.Weighted {
		label.Weight, label.Weighted = e.Label.Weight, e.Label.Weighted
	}
	e.Label = label
	p.kind = pendingKnown
	s.apply(p, e, Joined)
}

// wait keeps an event until its label comes. Where there is a class that it is until then it is learned as that, which
// figures count later, with its true label; what no part of the model can learn as that may be learned then.
func (s *Stream) wait(p *pending, e *millrace.Event, at join.Place, due int64) {
	if s.Assume.Known {
		own := e.Label
		e.Label.Known, e.Label.Class, e.Label.Delay = true, s.Assume.Class, millrace.Assumed
		learned := s.learn(p, e, Waiting)
		e.Label, p.label.Known = own, false
		if !learned {
			return
		}
		s.Trainer.Observe(e)
	} else {
		s.predictOnly(p, e, Waiting)
	}
	p.kind, p.place = pendingWait, at
	if s.Trainer.chunk.single {
		s.Join.Wait(e, at, due, s.Trainer.prediction)
		return
	}
	s.Join.Wait(e, at, due, nil)
	p.id = e.ID
}

// Label applies a label of a record of its own. The rejection is set when the outcome is LabelRejected, and is valid
// until the next call.
func (s *Stream) Label(l *millrace.Event, rec *millrace.Record) (Outcome, *millrace.Rejection) {
	s.AddLabel(l, rec)
	return s.now()
}

// AddLabel takes in a label of a record, as Label does.
func (s *Stream) AddLabel(l *millrace.Event, rec *millrace.Record) {
	p := s.add(pendingEvent)
	p.refused = LabelRejected
	if why := usable(l); why != nil {
		s.reject(p, why)
		return
	}
	stream := s.beginLabel(l, rec)
	match := s.Join.Label(l, placeOf(rec), stream)
	s.noteLabel(rec, stream, match == join.Kept)
	switch match {
	case join.Kept:
		p.outcome = LabelEarly
		return
	case join.Repeated:
		p.outcome = LabelRepeated
		return
	}
	p.kind, p.outcome = pendingLabel, LabelJoined
	e := s.take(p)
	p.delay = time.Duration(max(l.Time-e.Time, 0)) * time.Millisecond
	// Where it is what was assumed there is nothing more to learn; the other class is learned as a correction.
	switch {
	case s.Assume.Known && e.Label.Class == s.Assume.Class:
		p.label = s.Assume
		return
	case s.Assume.Known:
		e.Label.Delay = millrace.Corrected
	}
	s.learnTaken(p, e)
}

// take takes the event that waits no longer, and finds the prediction made when it came.
func (s *Stream) take(p *pending) *millrace.Event {
	e := &s.late.event
	w, ok := s.Join.Take(e)
	if !ok {
		panic("learner: nothing to take")
	}
	p.place, s.late.crowded = w.Place, w.Cause == join.ByMemory
	if w.Prediction != nil {
		p.kept, p.hasKept = append(p.kept, w.Prediction...), true
		return e
	}
	for i := s.together.settled; i < len(s.together.all); i++ {
		if came := &s.together.all[i]; came.id != nil && came.place == w.Place {
			p.by = came.event
		}
	}
	return e
}

// learnTaken learns an event that waited, with the weights as they are by then. What is measured is the prediction made
// when it came.
func (s *Stream) learnTaken(p *pending, e *millrace.Event) {
	if err := s.Trainer.extract(e); err != nil {
		s.reject(p, err)
		return
	}
	s.learn(p, e, p.outcome)
}

// Expire ends the wait of one event at most, whose time has come or which memory has no room for, and reports whether
// it did; Ended tells of it. It is to be called until it reports false, after every event, after each change of
// idleness, and before the first record after a restart.
func (s *Stream) Expire() bool {
	if !s.AddEnd() {
		return false
	}
	_, _ = s.now()
	return true
}

// AddEnd takes in the end of a wait, if one is over, as Expire does.
func (s *Stream) AddEnd() bool {
	// What is due goes as that, and the ids whose time is over with it, before anything has to make room.
	if s.Join == nil || !s.Join.Expire(s.Clock.Now()) && !s.Join.Crowded() {
		return false
	}
	p := s.add(pendingEnd)
	p.outcome = Expired
	e := s.take(p)
	if e.Label.Known { // as what an event is that no label came for
		p.outcome = ExpiredLearned
	}
	if s.late.crowded {
		p.outcome = Crowded
	}
	switch {
	case s.Assume.Known:
		p.label = s.Assume
	case e.Label.Known:
		s.learnTaken(p, e)
	}
	return true
}

// settleJoin tells the table, and whoever asked for it, what became of an event that waits or waited, given the
// prediction made when it came; nil is none.
func (s *Stream) settleJoin(p *pending, prediction []float64) {
	switch p.kind {
	case pendingWait:
		if p.id != nil { // it may have been taken meanwhile
			s.Join.Predicted(p.id, p.place, s.together.latest)
		}
	case pendingKnown:
		if p.outcome == Rejected {
			s.counts[LabelRejected]++
			return
		}
		s.counts[LabelJoined]++
		s.measure(p, prediction)
	case pendingLabel:
		if p.outcome == LabelRejected {
			s.counts[Rejected]++
			return
		}
		s.counts[Joined]++
		if prediction == nil {
			s.counts[Unmeasured]++
		}
		s.measure(p, prediction)
		if s.Labelled != nil {
			s.Labelled(p.place, p.label)
		}
	case pendingEnd:
		s.late.ended = Ended{Outcome: p.outcome, Place: p.place}
		if p.outcome == Rejected {
			s.late.ended.Why = &p.why
			return
		}
		s.late.ended.Learned = p.event != none
		// What is only assumed still is counts in figures, with the prediction of when it came.
		if prediction == nil && (s.late.ended.Learned || s.Assume.Known) {
			s.counts[Unmeasured]++
		}
	}
}

// Ended tells of what Expire did last, or of the end of a wait that was settled last.
func (s *Stream) Ended() Ended { return s.late.ended }

// measure counts an event that a label came for, by how long after it and how right the prediction was that was made
// when the event came, nil is none, and tells whoever asked for it.
func (s *Stream) measure(p *pending, prediction []float64) {
	if prediction != nil {
		s.Trainer.Progressive.AddDelayed(p.delay, prediction, p.label)
	}
	if s.Joined != nil {
		s.Joined(p.delay, prediction, p.label)
	}
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
