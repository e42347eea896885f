package pipeline

import (
	"context"
	"fmt"

	"millrace"
	"millrace/config"
	"millrace/consumers"
)

// resolveWaiting resolves the first positions; an unknown topic is waited for when the pipeline says so.
func resolveWaiting(ctx context.Context, e *environment) ([]millrace.Position, error) {
	p := e.pipeline
	start, err := consumers.ParseStart(p.Events.Start)
	if err != nil {
		return nil, config.UsageError{Err: fmt.Errorf("events.start: %w", err)}
	}
	var positions []millrace.Position
	err = topicThere(ctx, e, "resolving where to start", func(ctx context.Context) (err error) {
		positions, err = e.cluster.Resolve(ctx, p.Events.Topic, start)
		return err
	})
	return positions, err
}

// ensureTopics creates those of the pipeline's topics that it may create: the events' when the pipeline file says so,
// and those given, which it writes.
func ensureTopics(ctx context.Context, e *environment, written ...string) error {
	p := e.pipeline
	if p.Events.UnknownTopic == config.UnknownTopicCreate {
		written = append(written, p.Events.Topic)
	}
	for _, t := range written {
		if err := e.cluster.EnsureTopic(ctx, consumers.TopicSpec{Name: t, Partitions: p.Events.Partitions}); err != nil {
			return fmt.Errorf("creating topic %s: %w", t, err)
		}
	}
	return nil
}
