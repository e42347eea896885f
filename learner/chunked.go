package learner

import (
	"millrace"
	"millrace/join"
	"millrace/model"
)

// chunked is what a trainer needs for models whose parts learn side by side.
type chunked struct {
	events model.Chunk      // nil for models that learn one event after the other
	inputs []millrace.Input // of the chunk's events, as many as there were at once
	added  int
}

// next is room for the input of the next event, which holds until the chunk was run.
func (c *chunked) next(x Extractor) millrace.Input {
	if c.added == len(c.inputs) {
		c.inputs = append(c.inputs, x.NewInput())
	}
	return c.inputs[c.added]
}

// extract extracts the event that is to be added next. Its error is always a *millrace.Rejection.
func (t *Trainer) extract(e *millrace.Event) error {
	t.predicted = nil
	return t.Extractor.Extract(t.chunk.next(t.Extractor), e)
}

// add adds the event that was extracted to the chunk, and has the features observe it. Its error is a
// *millrace.Rejection, and then no state has changed and nothing was added. That the features observe an event before
// it is learned makes no difference to either: its input has been taken, and learning changes no features.
func (t *Trainer) add(e *millrace.Event) error {
	x := t.chunk.next(t.Extractor)
	switch {
	case unlabelled(e):
		t.chunk.events.Predict(x)
	case e.Label.Fault != nil:
		return e.Label.Fault
	default:
		if err := t.chunk.events.Learn(x, targetOf(e), e.Label.Importance(), 1); err != nil {
			return t.refuse(err)
		}
	}
	t.chunk.added++
	t.Extractor.Observe(e)
	return nil
}

// pending is an event that has been taken in and not yet been settled.
type pending struct {
	outcome Outcome
	why     millrace.Rejection // of an outcome that is Rejected
	label   millrace.Label
	at      int // its place in the chunk; -1 for one that is in none
}

// together are the events that a stream has taken in and not settled.
type together struct {
	events  []pending
	settled int
}

// Room is how many events the stream takes in before they must be run and settled: Add, as often, then Run, then Settle
// for each of them. It is 0 where events are applied one by one.
//
// Events that are added and then run are predicted, learned and observed as if one by one, to the last bit, and the
// model's parts go through them side by side. Between Add and the last Settle the state is that of no event, and Event
// must not be called.
func (s *Stream) Room() int {
	if s.Trainer.chunk.events == nil || s.Join != nil {
		return 0
	}
	return s.Trainer.chunk.events.Room()
}

// Add takes in an event of a record, as Event does.
func (s *Stream) Add(e *millrace.Event, rec *millrace.Record) {
	if s.Unsettled() == 0 {
		s.together.events, s.together.settled = s.together.events[:0], 0
	}
	p := pending{outcome: Learned, label: e.Label, at: s.Trainer.chunk.added}
	if unlabelled(e) {
		p.outcome = Unlabelled
	}
	if err := s.takeIn(e, rec); err != nil {
		p.outcome, p.why, p.at = Rejected, *s.rejection(err), -1
	}
	s.together.events = append(s.together.events, p)
}

func (s *Stream) takeIn(e *millrace.Event, rec *millrace.Record) error {
	t := s.Trainer
	if s.Clock == nil {
		if e.Label.Fault != nil {
			return e.Label.Fault
		}
		if err := t.extract(e); err != nil {
			return err
		}
		return t.add(e)
	}
	watermark := s.Clock.Now()
	stream := s.beginEvent(e, rec, watermark)
	if s.Filled != nil {
		s.Filled(e, rec)
	}
	if err := t.extract(e); err != nil {
		s.note(rec, join.Events, watermark)
		return err
	}
	s.note(rec, join.Events, stream)
	err := t.add(e)
	s.observe(e, rec, watermark)
	return err
}

// Unsettled is how many events have been taken in and not been settled.
func (s *Stream) Unsettled() int { return len(s.together.events) - s.together.settled }

// Run predicts and learns what was added.
func (s *Stream) Run(r model.Runner) { s.Trainer.chunk.events.Run(r) }

// Settle tells what became of the next event that was added, and measures it: the rejection as Event does, and what was
// predicted when it came, nil where it was rejected before. All hold until the next event is added.
func (s *Stream) Settle() (Outcome, *millrace.Rejection, []float64) {
	p := &s.together.events[s.together.settled]
	s.together.settled++
	t := s.Trainer
	var prediction []float64
	if p.at >= 0 {
		prediction = t.chunk.events.Prediction(p.at)
		if err := t.chunk.events.Err(p.at); err != nil {
			p.outcome, p.why = Rejected, *t.refuse(err)
		}
	}
	if p.outcome == Learned {
		t.Progressive.Add(prediction, p.label)
	}
	s.counts[p.outcome]++
	if s.Unsettled() == 0 {
		t.chunk.events.Reset()
		t.chunk.added = 0
	}
	if p.outcome == Rejected {
		return Rejected, &p.why, prediction
	}
	return p.outcome, nil, prediction
}
