// Package offline learns files without Kafka. There is one loop: a race of several models over the same rows, each of
// which predicts a row before it learns it. To compare is a race, to evaluate is a race with one contender, to train is
// one in several passes whose winner becomes a snapshot. Rows take the very path that a topic's events take.
//
// It stands on package pipeline, which builds models and never knows of files.
package offline

import (
	"errors"
	"fmt"
	"time"

	"millrace"
	"millrace/config"
	"millrace/learner"
	"millrace/pipeline"
)

// Contender is one of several models that learn the same events side by side, each with features and weights of its
// own.
type Contender struct {
	Name     string
	Pipeline *config.Pipeline
	Pieces   *pipeline.Pieces // nil when it could not be built
	Err      error            // why
	Pass     Pass             // the latest
	Curve    Curve

	busy time.Duration // spent on extracting, predicting and learning
}

// NewContender builds a contender, or keeps why that is not possible: the others go on.
func NewContender(name string, p *config.Pipeline) *Contender {
	c := &Contender{Name: name, Pipeline: p}
	if found := p.Model.Validate(p.Target()); len(found) > 0 {
		c.Err = errors.New(found[0].Message) // shorter than New's, which speaks of a file
		return c
	}
	c.Pieces, c.Err = pipeline.Build(p)
	return c
}

// alone is the only contender of a race, and its pipeline is nobody's but the user's.
func alone(p *config.Pipeline) (*Contender, error) {
	pieces, err := pipeline.Build(p)
	if err != nil {
		return nil, err
	}
	return &Contender{Name: p.Name, Pipeline: p, Pieces: pieces}, nil
}

// Failures say why contenders could not be built; empty when all could.
func Failures(contenders []*Contender) []error {
	var errs []error
	for _, c := range contenders {
		if c.Err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", c.Name, c.Err))
		}
	}
	return errs
}

// begin forgets the pass before. What was learned stays, the figures of a pass are its own.
func (c *Contender) begin() {
	c.Pass = Pass{Rejected: map[millrace.Reason]uint64{}}
	c.Curve = newCurve(c.Pipeline.Target().Classes > 0)
	c.busy = 0
	c.Pieces.Trainer.Progressive.Reset()
}

// learn takes one chunk, in order.
func (c *Contender) learn(chunk []slot) {
	start := time.Now()
	for i := range chunk {
		s := &chunk[i]
		outcome, err := learner.Rejected, s.fault
		if err == nil {
			var why *millrace.Rejection
			if outcome, why = c.Pieces.Stream.Event(s.event, s.record); why != nil {
				err = why
			}
		}
		c.Pass.count(s.record, outcome, err)
		c.Curve.add(c.Pass.Events, c.Pieces.Trainer.Progressive)
	}
	c.busy += time.Since(start)
}

// EventsPerSecond is how fast the contender alone learns events that are decoded.
func (c *Contender) EventsPerSecond() float64 {
	return float64(c.Pass.Events) / max(c.busy.Seconds(), 1e-9)
}

// StateBytes is the size of what a snapshot of the contender holds.
func (c *Contender) StateBytes() int64 {
	b := c.Pieces.Layout.NewBuffer()
	return int64(len(b.Serving()) + len(b.Training()))
}

// Summary are the figures of the contender's latest pass.
func (c *Contender) Summary() Summary {
	s := newSummary(c.Pieces.Trainer.Progressive, c.Pipeline.Target().Classes)
	s.Events, s.Learned, s.Rejected, s.Unlabelled = c.Pass.Events, c.Pass.Learned, c.Pass.Rejections(), c.Pass.Unlabelled
	s.EventsPerSecond = float64(s.Events) / max(c.Pass.Elapsed.Seconds(), 1e-9)
	return s
}
