package learner

import (
	"slices"
	"time"

	"millrace"
	"millrace/drift"
	"millrace/join"
	"millrace/model"
)

// none is the place in a chunk of what is in none.
const none = -1

// pending is an event, a label or the end of a wait that has been taken in and not been settled: what is known of it
// before its event was predicted and learned.
type pending struct {
	kind    pendingKind
	outcome Outcome            // if its update is made, where it has one
	refused Outcome            // if that is refused
	why     millrace.Rejection // of what was refused at once
	label   millrace.Label     // what its prediction is measured by, where that is Known
	event   int                // its event's place in the chunk
	probe   int                // that of the event with the value of a player replaced
	player  int

	// The prediction that is measured: the one of an event of the chunk, or one that was kept.
	by      int
	kept    []float64
	hasKept bool

	id    []byte     // of an event that waits from now on without its prediction
	place join.Place // of the event, also of one whose wait has ended
	delay time.Duration
}

// pendingKind is what settling does beside counting and measuring.
type pendingKind uint8

const (
	pendingEvent pendingKind = iota
	pendingWait              // an event that waits from now on
	pendingKnown             // an event whose label was there before it
	pendingLabel             // a label that joined an event
	pendingEnd               // the end of a wait
)

// together are what a stream has taken in and not settled.
type together struct {
	all     []pending
	settled int
	latest  []float64 // the prediction settled last
}

// Room is how many more events, labels and ends of waits the stream takes in before they must be run and settled: Add,
// AddLabel and AddEnd as often, then Run, then Settle for each of them. It is 0 where they are applied one by one.
//
// What is taken in and then run is predicted, learned and observed as if one by one, to the last bit, and the model's
// parts go through the events side by side. Between Add and the last Settle the state is that of no moment, and nothing
// else of the stream must be called.
func (s *Stream) Room() int {
	if s.Trainer.chunk.single {
		return 0
	}
	return s.Trainer.chunk.Room()
}

// Unsettled is how much has been taken in and not been settled.
func (s *Stream) Unsettled() int { return len(s.together.all) - s.together.settled }

// add is room for what is taken in next.
func (s *Stream) add(kind pendingKind) *pending {
	t := &s.together
	if s.Unsettled() == 0 {
		t.all, t.settled = t.all[:0], 0
	}
	n := len(t.all)
	t.all = slices.Grow(t.all, 1)[:n+1]
	p := &t.all[n]
	*p = pending{kind: kind, refused: Rejected, event: none, probe: none, by: none, kept: p.kept[:0]}
	return p
}

// reject makes an error, which is a trainer's, why it is refused.
func (s *Stream) reject(p *pending, err error) {
	p.outcome, p.why, p.label.Known = p.refused, *s.rejection(err), false
}

// Add takes in an event of a record, as Event does.
func (s *Stream) Add(e *millrace.Event, rec *millrace.Record) {
	p := s.add(pendingEvent)
	p.place = placeOf(rec)
	s.Trainer.Drift.Arriving(drift.Place(p.place))
	if s.Clock != nil {
		s.takeIn(p, e, rec)
		return
	}
	if e.Label.Fault != nil {
		s.reject(p, e.Label.Fault)
	} else if err := s.Trainer.extract(e); err != nil {
		s.reject(p, err)
	} else {
		s.apply(p, e, Learned)
	}
}

// predictOnly has an event predicted and observed.
func (s *Stream) predictOnly(p *pending, e *millrace.Event, outcome Outcome) {
	p.outcome, p.event = outcome, s.Trainer.chunk.added
	s.Trainer.addPrediction()
	s.Trainer.Observe(e)
}

// apply learns and observes an event that was extracted, and whose label comes with it or never. That the features
// observe it before it is learned makes no difference to either: its input has been taken, and learning changes no
// features. What no part of the model can learn has been observed.
func (s *Stream) apply(p *pending, e *millrace.Event, outcome Outcome) {
	if unlabelled(e) {
		s.predictOnly(p, e, Unlabelled)
		return
	}
	if s.learn(p, e, outcome) {
		p.by = p.event
		s.Trainer.Observe(e)
	}
}

// learn learns an event that was extracted, unless it is refused at once.
func (s *Stream) learn(p *pending, e *millrace.Event, outcome Outcome) bool {
	player, probe, err := s.Trainer.addUpdate(e)
	if err != nil {
		s.reject(p, err)
		return false
	}
	p.outcome, p.event, p.label = outcome, s.Trainer.chunk.added-1, e.Label
	p.player, p.probe = player, probe
	return true
}

// Run predicts and learns what was taken in.
func (s *Stream) Run(r model.Runner) { s.Trainer.chunk.Run(r) }

// Settle tells what became of the next that was taken in, and measures it: the rejection as Event and Label do, and
// what was predicted of it, nil where nothing was. Of the end of a wait Ended tells. All hold until the next is added.
func (s *Stream) Settle() (Outcome, *millrace.Rejection, []float64) {
	p := &s.together.all[s.together.settled]
	s.together.settled++
	t := s.Trainer
	s.together.latest = nil
	if p.event != none {
		s.together.latest = t.chunk.Prediction(p.event)
		if err := t.chunk.Err(p.event); err != nil && p.kind != pendingWait { // one that waits may be learned yet
			s.reject(p, t.refuse(err))
		} else if p.probe != none && err == nil {
			t.Watch.importance.settle(p.player, t.chunk.Prediction(p.probe), t.chunk.Prediction(p.event), p.label)
		}
	}
	measured := p.kept
	switch {
	case p.by != none:
		measured = t.chunk.Prediction(p.by)
	case !p.hasKept:
		measured = nil
	}
	if p.label.Known && measured != nil {
		t.Progressive.Add(measured, p.label)
	}
	if before := s.beforeLearning(p, measured); before != nil {
		t.learnInterval(before, p.label)
	}
	if p.label.Known && p.event != none {
		t.Drift.Learning(drift.Place(p.place))
		t.Drift.Learned(s.together.latest, p.label)
	}
	s.settleJoin(p, measured)
	s.counts[p.outcome]++
	if s.Unsettled() == 0 {
		t.chunk.reset()
	}
	if p.outcome == p.refused {
		return p.outcome, &p.why, s.together.latest
	}
	return p.outcome, nil, s.together.latest
}

// beforeLearning is the prediction made just before an event was learned with its true label, which intervals learn
// from; nil for none. What was learned as something assumed when it came is not predicted again for that.
func (s *Stream) beforeLearning(p *pending, measured []float64) []float64 {
	switch {
	case !p.label.Known:
		return nil
	case s.Assume.Known:
		return measured
	}
	return s.together.latest
}

// now settles what was just taken in, by itself.
func (s *Stream) now() (Outcome, *millrace.Rejection) {
	s.Run(model.OneByOne{})
	outcome, why, _ := s.Settle()
	return outcome, why
}
