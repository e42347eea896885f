package offline

import (
	"millrace"
	"millrace/decode"
)

// worker decodes chunks of a lane, and learns them in their turns.
type worker struct {
	lane     *lane
	decoders [2]*decode.Decoder // of events, and of labels that come later
	present  []bool             // as the lane's
	absent   int                // of those, how many no event had yet
	named    [2]bool            // a chunk had an id
}

func (l *lane) newWorker() *worker {
	w := &worker{lane: l, present: make([]bool, len(l.present)), absent: len(l.present)}
	w.decoders[0] = l.events.Clone()
	if l.labels != nil {
		w.decoders[labels] = l.labels.Clone()
	}
	return w
}

// decode decodes the records that a chunk was filled with.
func (w *worker) decode(c *chunk) {
	w.lane.race.slots <- struct{}{}
	defer func() { <-w.lane.race.slots }()
	for _, s := range c.taken {
		for i := range s.records {
			if s.label {
				w.decodeLabel(c, &s.records[i])
			} else {
				w.decodeEvent(c, &s.records[i])
			}
		}
	}
	for source := range c.ids {
		w.named[source] = w.named[source] || c.ids[source] != ""
	}
}

func (w *worker) decodeEvent(c *chunk, rec *millrace.Record) {
	s := slot{record: rec, event: c.events[0].Next(w.decoders[0])}
	s.fault = decodeRecord(w.decoders[0], s.record, s.event)
	c.slots = append(c.slots, s)
	if s.fault != nil {
		return
	}
	if w.absent > 0 {
		w.note(s.event)
	}
	if w.lane.race.data.Delay.Given {
		w.lane.withhold(&s)
	}
	w.noteID(c, 0, s.event)
}

// note takes note of features that an event has a value of.
func (w *worker) note(e *millrace.Event) {
	for f := range e.Fields {
		if !w.present[f] && e.Fields[f].Presence == millrace.Present {
			w.present[f] = true
			w.absent--
		}
	}
}

// withhold takes an event's label off it: it comes later. An event without a path of its id is known by its row.
func (l *lane) withhold(s *slot) {
	s.event.Label = millrace.Label{Weight: s.event.Label.Weight, Weighted: s.event.Label.Weighted}
	if l.rowIDs {
		s.event.ID = s.record.Key
	}
}

func (w *worker) decodeLabel(c *chunk, rec *millrace.Record) {
	s := slot{record: rec, event: c.events[labels].Next(w.decoders[labels]), label: true}
	s.fault = decodeRecord(w.decoders[labels], rec, s.event)
	if s.fault != nil && w.lane.race.data.Delay.Given && !ofLabel(s.fault) {
		return // an event that no label came for, or could
	}
	c.slots = append(c.slots, s)
	if s.fault == nil {
		w.noteID(c, labels, s.event)
	}
}

// noteID keeps the first id of a source, for messages of ids that do not match.
func (w *worker) noteID(c *chunk, source int, e *millrace.Event) {
	if !w.named[source] && c.ids[source] == "" {
		c.ids[source] = string(e.ID)
	}
}
