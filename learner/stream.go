package learner

import (
	"errors"
	"fmt"
	"time"

	"millrace"
	"millrace/drift"
	"millrace/join"
	"millrace/keyed"
)

// Windows are statistics by key and event time. Fill sets the fields of an event that they make, by what was observed
// before; Observe takes the event in. Both go by the watermark of the topic before the event. Ahead may be told of
// events whose turn comes next, takes as many of them as help, and only makes these steps faster. Horizon is how far
// back what they hold reaches, in milliseconds.
type Windows interface {
	Horizon() int64
	Ahead(events []*millrace.Event) (told int)
	Fill(e *millrace.Event, watermark int64)
	Observe(e *millrace.Event, watermark int64)
	Reset() // to what they were when nothing had been observed
}

// StreamOptions are what a Stream is made of.
type StreamOptions struct {
	Trainer *Trainer
	Windows Windows     // nil without windows
	Join    *join.Table // nil where labels come with their events
	// Assume is what an event that waits is learned as at once; not Known where nothing is assumed.
	Assume millrace.Label
	Clock  *keyed.Clock // needed with windows, and with Join
	// Filled is told of each event that is not read again, once its windows are filled; it must not keep the event. May
	// be nil.
	Filled func(e *millrace.Event, rec *millrace.Record)
	// Topics are the names of the events' topic and of the labels', which marks in the log speak of.
	Topics [2]string
	// Joined is told of every event that a label came for: how long after it, and the prediction made when it came, nil
	// where that is lost. May be nil.
	Joined func(delay time.Duration, prediction []float64, l millrace.Label)
	// Labelled is told which label came for an event that waited, and where that is. May be nil.
	Labelled func(event join.Place, l millrace.Label)
}

// Stream applies decoded events and labels in their order to all that learns from them: features, model, figures,
// windows, and what waits for its label. It is the one path of the learner and of files, and is not for concurrent use.
//
// Each event takes its windows, is predicted, then learned or kept until its label comes, then observed, and only then
// raises the watermark; what is due by then expires before the next record, one call of Expire each. So nothing of an
// event, nor of a later one, is in what it was predicted from.
type Stream struct {
	StreamOptions
	counts  counts
	kept    map[string]uint64 // counts of names that this release does not know
	refused millrace.Rejection
	late    late
	read    read

	together together
}

// NewStream returns a stream over its parts, which hold the state.
func NewStream(o StreamOptions) *Stream {
	s := &Stream{StreamOptions: o}
	s.read = s.newRead()
	return s
}

// Event applies an event of a record. The rejection, nil unless the outcome is Rejected, is valid until the next call.
// The event's time becomes at most the record's.
func (s *Stream) Event(e *millrace.Event, rec *millrace.Record) (Outcome, *millrace.Rejection) {
	if s.Clock != nil || !s.Trainer.chunk.single {
		s.Add(e, rec)
		return s.now()
	}
	at := drift.Place(placeOf(rec))
	s.Trainer.Drift.Arriving(at)
	s.Trainer.Drift.Learning(at)
	outcome, why := s.plain(e)
	s.counts[outcome]++
	return outcome, why
}

// Prediction is what was predicted of the event that was applied last, when it came.
func (s *Stream) Prediction() []float64 { return s.together.latest }

// Refuse counts a record of events, or of labels, that could not be decoded.
func (s *Stream) Refuse(rec *millrace.Record, label bool) Outcome {
	outcome := Rejected
	if label {
		outcome = LabelRejected
	}
	s.counts[outcome] += rec.Count()
	return outcome
}

// Err is why it can no longer be told what waits: what was learned since must not be published. It is to be asked after
// each record, each expiry and each capture.
func (s *Stream) Err() error {
	if s.Join == nil {
		return nil
	}
	if err := s.Join.Err(); err != nil {
		return fmt.Errorf("keeping what waits for its label: %w", err)
	}
	return nil
}

// plain is the path of pipelines without state by key, whose model learns one event after the other.
func (s *Stream) plain(e *millrace.Event) (Outcome, *millrace.Rejection) {
	t := s.Trainer
	s.together.latest = t.prediction
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

// takeIn is the path of pipelines with windows, or whose labels come later.
func (s *Stream) takeIn(p *pending, e *millrace.Event, rec *millrace.Record) {
	watermark := s.Clock.Now()
	stream := s.beginEvent(e, rec, watermark)
	if s.Filled != nil {
		s.Filled(e, rec)
	}
	if err := s.Trainer.extract(e); err != nil {
		s.note(rec, join.Events, watermark)
		s.reject(p, err)
		return
	}
	s.note(rec, join.Events, stream)
	if s.Join != nil {
		s.arrive(p, e, rec, stream)
	} else {
		s.apply(p, e, Learned)
	}
	// Whatever becomes of label, id and update: a scorer that sees no labels must observe the same.
	s.observe(e, rec, watermark)
}

// beginEvent is what comes first for every event: its time and its windows. It returns the event's stream time.
func (s *Stream) beginEvent(e *millrace.Event, rec *millrace.Record, watermark int64) int64 {
	e.CapTime(rec)
	s.fill(e, watermark)
	return max(e.Time, watermark)
}

// ahead tells the state by key of events or labels whose turn comes next, and returns of how many.
func (s *Stream) ahead(kind join.Kind, records []*millrace.Event) (told int) {
	if s.Windows != nil && kind == join.Events {
		told = s.Windows.Ahead(records)
	}
	switch {
	case s.Join == nil:
	case kind == join.Labels && s.read.ends != nil:
		return len(records) // of a label that is read again mostly nothing is looked for
	default:
		told = max(told, s.Join.Ahead(records))
	}
	return told
}

func (s *Stream) fill(e *millrace.Event, watermark int64) {
	if s.Windows != nil {
		s.Windows.Fill(e, watermark)
	}
}

// observe has the windows see an event, and time go on. One that was sent again is passed over: they saw it where it
// stood before, or do when the log is read again with the pipeline that takes it now.
func (s *Stream) observe(e *millrace.Event, rec *millrace.Record, watermark int64) {
	if _, _, _, replayed := rec.Replayed(); s.Windows != nil && !replayed {
		s.Windows.Observe(e, watermark)
	}
	s.Clock.Advance(rec.Partition, e.Time)
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

// Learned reports whether an event changed the weights for the first time with an outcome: with its label, or as what
// it was assumed to be.
func (s *Stream) Learned(o Outcome) bool {
	if s.Assume.Known && (o == Waiting || o == LabelJoined) {
		return o == Waiting
	}
	return o.Learns()
}

// Names are how many events and labels ended under which name. A version of a pipeline with state by key carries them.
func (s *Stream) Names() map[string]uint64 {
	all := s.counts
	for o := range outcomes {
		all[o] = s.Count(o)
	}
	return all.names(s.kept)
}

// Count is how many had an outcome, in this process and those that it goes on from.
func (s *Stream) Count(o Outcome) uint64 {
	n := s.counts[o]
	if s.Join != nil {
		switch held := s.Join.Stats(); o {
		case LabelUnmatched:
			n += held.LabelsUnmatched
		case LabelCrowded:
			n += held.LabelsCrowded
		}
	}
	return n
}
