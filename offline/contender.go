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
	"millrace/model"
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
	// Predicted is told what was predicted of each event when it came; may be nil.
	Predicted func(rec *millrace.Record, e *millrace.Event, prediction []float64)
	// Labelled is told of labels that come later, each with its event's row from 0; may be nil.
	Labelled func(row int64, l millrace.Label)

	own    []*millrace.Event // copies of a chunk's events, to write to; nil where nobody else reads them
	events []*millrace.Event // of the chunk: the copies, or what all read
	coming learner.Coming    // of the chunk
	cores  model.Runner      // that its model's parts run on
	ends   []int             // waits that ended behind each record that is taken together
	busy   time.Duration     // spent on extracting, predicting and learning
}

// NewContender builds a contender for the data, or keeps why that is not possible: the others go on.
func NewContender(name string, p *config.Pipeline, data Data) *Contender {
	c := &Contender{Name: name, Pipeline: p}
	if p, c.Err = data.Pipeline(p); c.Err != nil {
		return c
	}
	c.Pipeline = p
	if found := p.Model.Validate(p.Target()); len(found) > 0 {
		c.Err = errors.New(found[0].Message) // shorter than New's, which speaks of a file
		return c
	}
	c.Pieces, c.Err = pipeline.Build(p)
	return c
}

// alone is the only contender of a race, and its pipeline is nobody's but the user's.
func (d *Data) alone(p *config.Pipeline) (*Contender, error) {
	p, err := d.Pipeline(p)
	if err != nil {
		return nil, err
	}
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
	s := newSummary(c.Pieces.Trainer.Progressive, c.Pipeline.Label)
	p := &c.Pass
	s.Events, s.Learned, s.Rejected, s.Unlabelled = p.Events, p.Learned, p.Rejections(), p.Unlabelled
	if c.Pieces.Stream.Join != nil {
		s.Labels, s.LabelsRejected, s.LabelDelay, s.Names = p.Labels, p.LabelRejections(), p.Delays.summary(), p.Names
		s.Waiting, s.LabelsEarly = &p.Waiting, p.LabelsEarly
	}
	s.EventsPerSecond = float64(s.Events) / max(c.Pass.Elapsed.Seconds(), 1e-9)
	s.Interrupted = p.Interrupted
	return s
}
