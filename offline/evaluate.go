package offline

import (
	"context"
	"errors"
	"time"

	"millrace"
	"millrace/config"
	"millrace/pipeline"
)

// Evaluate learns the data once, each row predicted before it is learned. The predictions are written to those given;
// nil is nowhere. With an *InterruptedError the contender has the figures so far.
func Evaluate(ctx context.Context, p *config.Pipeline, data Data, predictions *Predictions, progress Progress) (*Contender, error) {
	c, err := data.alone(p)
	if err != nil {
		return nil, err
	}
	if predictions != nil {
		c.Predicted = predictions.Add
		if c.Pipeline.LateLabels() {
			if err := predictions.awaitLabels(); err != nil {
				return nil, err
			}
			c.Labelled = predictions.label
		}
	}
	return c, Race(ctx, data, []*Contender{c}, progress)
}

// Train learns the data in several passes. It returns the contender, whose figures are those of the last pass, and its
// state as a snapshot: without positions, as it learned nothing of a topic, so that a learner that goes on from it
// starts where the pipeline file says. progress makes that of a pass, from 1. With an *InterruptedError summary and
// snapshot are of what was learned so far.
func Train(ctx context.Context, p *config.Pipeline, data Data, epochs int, progress func(epoch int) Progress) (Summary, millrace.Snapshot, error) {
	c, err := data.alone(p)
	if err != nil {
		return Summary{}, millrace.Snapshot{}, err
	}
	m := pipeline.Manifest(c.Pipeline, "")
	var interrupted *InterruptedError
	for epoch := 1; epoch <= epochs && interrupted == nil; epoch++ {
		if err := Race(ctx, data, []*Contender{c}, progress(epoch)); err != nil && !errors.As(err, &interrupted) {
			return Summary{}, millrace.Snapshot{}, err
		}
		m.Learned += c.Pass.Learned
		m.Rejected += c.Pass.Rejections()
	}
	s := c.Summary()
	m.Metrics = c.Pieces.Trainer.Metrics()
	// Progressive metrics restart with the stream, and so does drift: those of a file would mix with it.
	c.Pieces.Trainer.Progressive.Reset()
	c.Pieces.Trainer.Drift.Reset()
	m.CreatedAt = time.Now().UTC()
	m.Positions = []millrace.Position{}
	if interrupted != nil {
		return s, c.Pieces.Snapshot(m), interrupted
	}
	return s, c.Pieces.Snapshot(m), nil
}
