package learner

import (
	"millrace"
	"millrace/model"
)

// chunked are the events that a trainer has at once: of a model whose parts learn side by side as many as its chunk
// takes, of any other a single one.
type chunked struct {
	model.Chunk
	inputs []millrace.Input // of the chunk's events, as many as there were at once
	added  int
	single bool // what is added is done at once
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

// addPrediction adds the event that was extracted, to be predicted only.
func (t *Trainer) addPrediction() {
	t.chunk.Predict(t.chunk.next(t.Extractor))
	t.chunk.added++
}

// addUpdate adds the event that was extracted, to be predicted and then learned. Its error is a *millrace.Rejection,
// and then no state has changed and nothing is learned. Where the event was added once more with the value of a player
// replaced, probe is the place of that, else none.
func (t *Trainer) addUpdate(e *millrace.Event) (player, probe int, err error) {
	if e.Label.Fault != nil {
		return 0, none, e.Label.Fault
	}
	probe = none
	probed := false
	if t.chunk.single {
		player, probed = t.probe(e)
	} else {
		player, probe = t.addProbe(e)
	}
	if err := t.chunk.Learn(t.chunk.next(t.Extractor), targetOf(e), e.Label.Importance(), 1); err != nil {
		return 0, none, t.refuse(err)
	}
	t.chunk.added++
	if probed {
		t.Watch.importance.settle(player, t.Watch.importance.prediction, t.prediction, e.Label)
	}
	return player, probe, nil
}

// reset forgets the events, which were run.
func (c *chunked) reset() {
	c.Reset()
	c.added = 0
}

// single is the chunk of a model that learns one event after the other: it holds one, and does at once what is added.
type single struct{ t *Trainer }

func (s single) Room() int { return 1 - s.t.chunk.added }

func (s single) Predict(x millrace.Input) {
	s.t.predict(x)
}

func (s single) Learn(x millrace.Input, y millrace.Target, weight float32, _ int) error {
	s.Predict(x)
	return s.t.Model.Learn(x, y, weight, s.t.scratch)
}

func (s single) Run(model.Runner) {}

func (s single) Prediction(int) []float64 { return s.t.prediction }

func (s single) Err(int) error { return nil }

func (s single) Reset() {}
