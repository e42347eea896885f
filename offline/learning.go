package offline

import (
	"errors"
	"time"

	"millrace"
	"millrace/features"
	"millrace/join"
	"millrace/learner"
)

// begin forgets the pass before. What was learned stays; the figures of a pass are its own, and so are windows and what
// waits for its label: a file that begins again is another time.
func (c *Contender) begin() error {
	c.Pass = Pass{Rejected: map[millrace.Reason]uint64{}, LabelsRejected: map[millrace.Reason]uint64{}}
	c.Curve = newCurve(c.Pipeline.Target().Classes > 0)
	c.busy = 0
	c.Pieces.Trainer.Progressive.Reset()
	c.Pieces.Trainer.Drift.Reset()
	if err := c.Pieces.Begin(c.Pipeline); err != nil {
		return err
	}
	c.Pieces.Stream.Joined = func(delay time.Duration, _ []float64, _ millrace.Label) { c.Pass.Delays.add(delay) }
	if c.Labelled != nil {
		c.Pieces.Stream.Labelled = func(event join.Place, l millrace.Label) { c.Labelled(event.Offset, l) }
	}
	return nil
}

// writesEvents reports whether applying an event writes to it, so that contenders do not share events.
func (c *Contender) writesEvents() bool {
	for _, f := range c.Pipeline.FeatureSpec().Columns {
		if f.Type == features.Window || f.Type == features.Ratio {
			return true
		}
	}
	return c.Pieces.Stream.Clock != nil
}

// learn takes one chunk, in order.
func (c *Contender) learn(chunk []slot) {
	start := time.Now()
	c.take(chunk)
	for from := 0; from < len(chunk); {
		n := c.learnTogether(chunk, from)
		if n == 0 {
			c.learnSlot(chunk, from)
			n = 1
		}
		from += n
	}
	c.busy += time.Since(start)
}

// take makes a chunk's events ready to be learned in their turns.
func (c *Contender) take(chunk []slot) {
	c.events = c.events[:0]
	c.coming.Reset()
	waits := c.Pieces.Stream.Clock != nil
	for i := range chunk {
		s := &chunk[i]
		e := s.event
		if s.fault == nil && c.own != nil {
			e = c.copied(i, e)
		}
		c.events = append(c.events, e)
		if waits && s.fault == nil {
			c.coming.Add(e, s.label)
		}
	}
}

// learnSlot takes one record.
func (c *Contender) learnSlot(chunk []slot, at int) {
	s := &chunk[at]
	if s.fault != nil {
		c.refuse(s)
	} else {
		c.coming.Turn(c.Pieces.Stream, s.label)
		if s.label {
			c.learnLabel(s, c.events[at])
		} else {
			c.learnEvent(s, c.events[at])
		}
	}
	c.Curve.add(c.Pass.Events, c.Pieces.Trainer.Progressive)
}

// learnTogether takes records of a chunk together, the first from a place on, where the model's parts go side by side,
// and returns how many they are.
func (c *Contender) learnTogether(chunk []slot, from int) (n int) {
	stream := c.Pieces.Stream
	c.ends = c.ends[:0]
	for ; from+n < len(chunk) && stream.Room() > 0; n++ {
		c.add(chunk, from+n)
		c.ends = append(c.ends, 0)
		for stream.Room() > 0 && stream.AddEnd() {
			c.ends[n]++
		}
	}
	if n == 0 {
		return 0
	}
	stream.Run(c.cores)
	for i := range n {
		c.settle(&chunk[from+i], c.events[from+i])
		for range c.ends[i] {
			_, _, _ = stream.Settle()
			c.Pass.countEnded(stream.Ended())
		}
		c.Curve.add(c.Pass.Events, c.Pieces.Trainer.Progressive)
	}
	c.expire() // those that there was no room for
	return n
}

// add takes in a record with others, if it could be decoded.
func (c *Contender) add(chunk []slot, at int) {
	s, stream := &chunk[at], c.Pieces.Stream
	if s.fault != nil {
		return
	}
	c.coming.Turn(stream, s.label)
	if s.label {
		stream.AddLabel(c.events[at], s.record)
	} else {
		stream.Add(c.events[at], s.record)
	}
}

// settle counts a record that was taken in.
func (c *Contender) settle(s *slot, event *millrace.Event) {
	if s.fault != nil {
		c.refuse(s)
		return
	}
	outcome, why, prediction := c.Pieces.Stream.Settle()
	if s.label {
		c.Pass.countLabel(s.record, outcome, c.Pieces.Stream.Learned(outcome), asError(why))
		return
	}
	c.count(s, event, outcome, why, prediction)
}

func (c *Contender) learnEvent(s *slot, event *millrace.Event) {
	stream := c.Pieces.Stream
	outcome, why := stream.Event(event, s.record)
	c.count(s, event, outcome, why, stream.Prediction())
	c.expire()
}

// refuse counts a record that could not be decoded.
func (c *Contender) refuse(s *slot) {
	outcome := c.Pieces.Stream.Refuse(s.record, s.label)
	if s.label {
		c.Pass.countLabel(s.record, outcome, false, s.fault)
	} else {
		c.Pass.count(s.record, outcome, false, s.fault)
	}
}

// count counts an event by what became of it, and tells what was predicted of it.
func (c *Contender) count(s *slot, event *millrace.Event, outcome learner.Outcome, why *millrace.Rejection, prediction []float64) {
	c.Pass.count(s.record, outcome, c.Pieces.Stream.Learned(outcome), asError(why))
	if why == nil && c.Predicted != nil {
		c.Predicted(s.record, event, prediction)
	}
}

func (c *Contender) learnLabel(s *slot, label *millrace.Event) {
	stream := c.Pieces.Stream
	outcome, why := stream.Label(label, s.record)
	c.Pass.countLabel(s.record, outcome, stream.Learned(outcome), asError(why))
	c.expire()
}

// expire ends all waits that are over.
func (c *Contender) expire() {
	for stream := c.Pieces.Stream; stream.Expire(); {
		c.Pass.countEnded(stream.Ended())
	}
}

// asError is a rejection as an error, which is nil when there is none.
func asError(why *millrace.Rejection) error {
	if why == nil {
		return nil
	}
	return why
}

// copied is an event that is the contender's alone, until the next copy at its place.
func (c *Contender) copied(at int, e *millrace.Event) *millrace.Event {
	for at >= len(c.own) {
		c.own = append(c.own, c.Pieces.Decoder.NewEvent())
	}
	own := c.own[at]
	fields := own.Fields
	copy(fields, e.Fields)
	*own = *e
	own.Fields = fields
	return own
}

// end closes the pass.
func (c *Contender) end(elapsed time.Duration, l *lane) {
	stream := c.Pieces.Stream
	c.Pass.Elapsed, c.Pass.present, c.Pass.files = elapsed, l.present, l.files
	c.Pass.data, c.Pass.pipeline, c.Pass.ids = l.race.data, c.Pipeline, l.ids
	if stream.Join != nil {
		c.Pass.Names = stream.Names()
		held := stream.Join.Stats()
		c.Pass.Waiting, c.Pass.LabelsEarly = uint64(held.Waiting), uint64(held.Kept)
	}
	c.Curve.end(c.Pass.Events, c.Pieces.Trainer.Progressive)
}

// reasonOf is the stable word of why a record was not used.
func reasonOf(err error) millrace.Reason {
	var why *millrace.Rejection
	if errors.As(err, &why) {
		return why.Reason
	}
	return millrace.ReasonBadRecord
}

// ofLabel reports whether a fault is of a label that is there.
func ofLabel(err error) bool {
	switch reasonOf(err) {
	case millrace.ReasonBadLabel, millrace.ReasonUnknownClass, millrace.ReasonBadWeight, millrace.ReasonOutOfRange:
		return true
	}
	return false
}
