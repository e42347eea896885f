package pipeline

import (
	"context"
	"fmt"
	"time"

	"millrace"
	"millrace/learner"
	"millrace/pipeline/status"
)

// throughEvery is the pause between looks at how far learning and scoring are.
const throughEvery = 50 * time.Millisecond

// Begun waits until the learner is at work, or ctx ends: what waits for its label is known by then. Who produces
// before could send what nobody reads yet.
func (r *Pipeline) Begun(ctx context.Context) error {
	return every(ctx, func() (bool, error) {
		l := r.Status().Learning
		if l == nil {
			return false, nil
		}
		if l.State == status.Fenced || l.State == status.Ended {
			return false, fmt.Errorf("learning has ended: %s", l.Why)
		}
		return l.State == status.AtWork && (l.Late != nil || !r.env.pipeline.LateLabels()), nil
	})
}

// Through waits until all that the topics hold at this moment is learned, by challengers that are at work as well, and
// scored, with the scores acknowledged; or until ctx ends. The end of Run publishes what is learned by then.
func (r *Pipeline) Through(ctx context.Context) error {
	var ends []millrace.Position
	for _, topic := range readTopics(r.env.pipeline) {
		bounds, err := r.env.cluster.Bounds(ctx, topic)
		if err != nil {
			return fmt.Errorf("asking where %s ends: %w", topic, err)
		}
		for partition, b := range bounds {
			if b[1] > b[0] { // nobody moves in an empty one
				ends = append(ends, millrace.Position{Topic: topic, Partition: partition, Offset: b[1]})
			}
		}
	}
	return every(ctx, func() (bool, error) {
		if done, err := r.learnedTo(ends); !done || err != nil {
			return false, err
		}
		return r.scoredTo(ctx, ends)
	})
}

// every asks until the answer is yes or an error.
func every(ctx context.Context, done func() (bool, error)) error {
	ticker := time.NewTicker(throughEvery)
	defer ticker.Stop()
	for {
		if ok, err := done(); ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}

// learnedTo reports whether learners have applied all before the ends.
func (r *Pipeline) learnedTo(ends []millrace.Position) (bool, error) {
	if r.learning == nil {
		return true, nil
	}
	if ended := r.env.ended.Load(); ended != nil {
		return false, fmt.Errorf("learning has ended: %s", ended.why)
	}
	if l := r.learner.Load(); l == nil || !reachedBy(l, ends) {
		return false, nil
	}
	for _, c := range r.env.challengers {
		own := make([]millrace.Position, 0, len(ends))
		for _, topic := range readTopics(c.env.pipeline) { // a challenger's labels may be elsewhere, or none
			own = append(own, ofTopic(topic, ends)...)
		}
		if l := c.learner.Load(); c.env.ended.Load() == nil && (l == nil || !reachedBy(l, own)) {
			return false, nil
		}
	}
	return true, nil
}

// reachedBy reports whether a learner has applied all before the ends.
func reachedBy(l *learner.Learner, ends []millrace.Position) bool {
	return covers(l.Status().Positions, ends)
}

// covers reports whether positions lie at the ends or behind them.
func covers(positions, ends []millrace.Position) bool {
	at := make(map[millrace.Position]int64, len(positions))
	for _, p := range positions {
		at[millrace.Position{Topic: p.Topic, Partition: p.Partition}] = p.Offset
	}
	for _, end := range ends {
		if at[millrace.Position{Topic: end.Topic, Partition: end.Partition}] < end.Offset {
			return false
		}
	}
	return true
}

// scoredTo reports whether the scores of all events before the ends are acknowledged: positions are committed then.
func (r *Pipeline) scoredTo(ctx context.Context, ends []millrace.Position) (bool, error) {
	if r.scoring == nil {
		return true, nil
	}
	p := r.env.pipeline
	committed, err := r.env.cluster.CommittedOffsets(ctx, scorerGroup(p.Name), p.Events.Topic)
	if err != nil {
		return false, fmt.Errorf("asking how far scoring is: %w", err)
	}
	return covers(committed, ofTopic(p.Events.Topic, ends)), nil
}
