package mixture

import (
	"fmt"

	"millrace"
	"millrace/model"
)

// work is working memory to go through events: one, which is a scratch, or as many as a chunk takes.
//
// Between two reviews no expert depends on another nor on the mixers. So every expert goes through the events by
// itself, in its lane, and leaves there what it predicted; the mixers walk what is there, in the order of the events,
// as far as all lanes have come. A stretch of steps is as long as the lanes, and where it ends changes nothing.
type work struct {
	m      *mixture
	events []happening
	learns int // of the events, those that a review counts

	steps   []step   // of the present stretch
	lanes   []lane   // one an expert
	came    []came   // [stretch] what came of each step
	settled progress // of came
	learned []bool   // [events] some expert has learned a step
	asked   bool     // the experts that predict have predicted the first step
	split   bool     // the mixers walk side by side, each with its own memory
	delayed bool     // some target is assumed or corrected
	due     bool     // a review is due behind the last event

	mixing  *mixing
	judging *mixing   // on the predictions of mixing
	apart   *mixing   // the same with memory of its own; nil in a scratch
	result  []float32 // of the mixer
	verdict []float32 // of the judge
	outputs []float64 // [events, outputs] what the mixture predicts: probabilities, or a value in the user's units

	part func(int) // method of work, kept so that handing it over allocates nothing
}

// happening is one event.
type happening struct {
	x      millrace.Input
	y      millrace.Target
	weight float32 // of each step
	steps  int     // 0 for one that is predicted only
}

// step is one step on an event: all that there is to it, or one of several that it is learned in.
type step struct {
	event       int
	first, last bool // of its event
}

// came is what came of a step, which the mixers find out while lanes still read the steps.
type came struct {
	taken   bool // some expert has learned it
	outcome outcome
	delay   float64
}

// lane is an expert's.
type lane struct {
	scratch     model.Scratch
	predictions []float32 // [stretch, outputs]
	values      []float64 // [stretch] of numbers: the same in the user's units
	took        []bool    // [stretch] whether it learned the step
	skips       bool      // it has refused a step of the present event, and leaves out the rest
	refused     []error   // [events]
	done        progress  // of the stretch
}

const (
	// handOver is how many events it takes to be worth handing lanes over.
	handOver = 16
	// stretchFloats bounds what the lanes hold, and so how long they are: with many classes shorter than a chunk.
	stretchFloats = 1 << 17
	stretchMax    = 128
)

// newWork makes working memory for so many events.
func (m *mixture) newWork(events int) *work {
	k, n := m.Outputs(), len(m.experts)
	stretch := 1
	if events > 1 {
		stretch = min(max(stretchFloats/(n*k), handOver), stretchMax)
	}
	aggregators := len(shareRates) + len(stackerRates)
	w := &work{m: m, events: make([]happening, 0, events), steps: make([]step, 0, stretch), lanes: make([]lane, n),
		came: make([]came, stretch), learned: make([]bool, events),
		mixing: newMixing(n, aggregators, k), result: alone[float32](k), verdict: alone[float32](k),
		outputs: make([]float64, events*k)}
	w.judging = w.mixing.beside(aggregators)
	if events > 1 {
		w.apart = newMixing(n, aggregators, k)
	}
	for i := range w.lanes {
		l := &w.lanes[i]
		*l = lane{scratch: m.experts[i].model.NewScratch(), predictions: alone[float32](stretch * k), took: make([]bool, stretch),
			values: alone[float64](stretch), refused: make([]error, events)}
	}
	w.part = w.runPart
	return w
}

// add appends an event, which is predicted only without steps.
func (w *work) add(e happening) {
	w.learned[len(w.events)] = false
	w.events = append(w.events, e)
	if e.steps > 0 {
		w.learns++
		w.delayed = w.delayed || e.y.Delay != millrace.Told
	}
}

// reset forgets all events.
func (w *work) reset() {
	clear(w.events) // inputs are not held
	w.events, w.learns, w.delayed, w.asked = w.events[:0], 0, false, false
}

// run goes through the events that were added.
func (w *work) run(r model.Runner) {
	if len(w.events) < handOver {
		r = model.OneByOne{}
	}
	w.split = w.apart != nil && w.m.classes > 0 && !w.delayed
	walks := 1
	if w.split {
		walks = 2
	}
	event, done := 0, 0
	for event < len(w.events) {
		event, done = w.stretch(event, done)
		r.Run(len(w.lanes)+walks, walks, w.part)
		w.asked = false
	}
	if w.due {
		w.due = false
		w.m.review()
	}
}

// runPart runs one of the lanes, the dearest first, or what follows them: the mixers.
func (w *work) runPart(k int) {
	switch follower := k - len(w.lanes); {
	case follower < 0:
		w.lane(w.m.dearest[k])
	case !w.split:
		w.walkBoth()
	case follower == 0:
		w.walkMixer()
	default:
		w.walkJudge()
	}
}

// stretch lists the next steps, as many as lanes hold, from an event of which some have been done.
func (w *work) stretch(event, done int) (int, int) {
	w.steps = w.steps[:0]
	w.settled.begin()
	for i := range w.lanes {
		w.lanes[i].done.begin()
	}
	for event < len(w.events) && len(w.steps) < cap(w.steps) {
		all := max(w.events[event].steps, 1)
		w.steps = append(w.steps, step{event: event, first: done == 0, last: done == all-1})
		if done++; done == all {
			event, done = event+1, 0
		}
	}
	return event, done
}

// lane has expert i go through the stretch.
func (w *work) lane(i int) {
	l, predicts := &w.lanes[i], w.m.predicts(i)
	for s := range w.steps {
		at := &w.steps[s]
		event := &w.events[at.event]
		if (predicts || event.steps > 0) && !(predicts && w.asked && s == 0) {
			w.ask(i, s, event.x)
		}
		l.took[s] = event.steps > 0 && w.learn(i, at, event)
		if (s+1)%lead == 0 || s+1 == len(w.steps) {
			l.done.tell(s + 1)
		}
	}
}

// learn has expert i take a step, unless it refuses it, or has refused one before it on the event.
func (w *work) learn(i int, at *step, event *happening) bool {
	l := &w.lanes[i]
	if at.first {
		l.skips, l.refused[at.event] = false, nil
	}
	if l.skips {
		return false
	}
	if err := w.m.experts[i].model.Learn(event.x, event.y, event.weight, l.scratch); err != nil {
		l.skips, l.refused[at.event] = true, err
		w.m.skipped[i]++
	}
	return !l.skips
}

// ask has expert i predict step s.
func (w *work) ask(i, s int, x millrace.Input) {
	l, k := &w.lanes[i], w.m.Outputs()
	p := l.predictions[s*k : (s+1)*k]
	e := &w.m.experts[i]
	e.model.Predict(p, x, l.scratch)
	if e.value != nil {
		l.values[s] = e.value.Value(p[0])
	}
}

// err is why event i was not learned, nil when it was, or was not to be.
func (w *work) err(i int) error {
	event := &w.events[i]
	if event.steps == 0 || w.learned[i] {
		return nil
	}
	for j := range w.lanes {
		if err := w.lanes[j].refused[i]; err != nil {
			return fmt.Errorf("%w: %s says: %w", model.ErrSkipped, w.m.experts[j].name(), err)
		}
	}
	return nil
}
