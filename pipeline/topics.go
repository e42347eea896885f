package pipeline

import (
	"context"
	"fmt"

	"millrace"
	"millrace/config"
	"millrace/consumers"
)

// resolveWaiting resolves the first positions of events; an unknown topic is waited for when the pipeline says so.
func resolveWaiting(ctx context.Context, e *environment) ([]millrace.Position, error) {
	start, err := consumers.ParseStart(e.pipeline.Events.Start)
	if err != nil {
		return nil, config.UsageError{Err: fmt.Errorf("events.start: %w", err)}
	}
	return resolveTopic(ctx, e, e.pipeline.Events.Topic, start)
}

// resolveLabels resolves the first positions of labels, under the same terms.
func resolveLabels(ctx context.Context, e *environment, start consumers.Start) ([]millrace.Position, error) {
	return resolveTopic(ctx, e, e.pipeline.Label.Topic, start)
}

func resolveTopic(ctx context.Context, e *environment, topic string, start consumers.Start) (positions []millrace.Position, err error) {
	err = topicThere(ctx, e, topic, "resolving where to start", func(ctx context.Context) (err error) {
		positions, err = e.cluster.Resolve(ctx, topic, start)
		return err
	})
	return positions, err
}

// readTopics are the topics that the pipeline learns from: events, and labels where they come later.
func readTopics(p *config.Pipeline) []string {
	if p.LateLabels() {
		return []string{p.Events.Topic, p.Label.Topic}
	}
	return []string{p.Events.Topic}
}

// deadTopics are those of what the pipeline's learner cannot use.
func deadTopics(p *config.Pipeline) []string {
	if p.LateLabels() {
		return []string{p.Events.DeadLetters, p.Label.DeadLetters}
	}
	return []string{p.Events.DeadLetters}
}

// ofTopic are those of the positions that speak of a topic.
func ofTopic(topic string, positions []millrace.Position) []millrace.Position {
	var of []millrace.Position
	for _, p := range positions {
		if p.Topic == topic {
			of = append(of, p)
		}
	}
	return of
}

// ensureTopics creates those of the pipeline's topics that it may create: those that it reads when the pipeline file
// says so, and those given, which it writes.
func ensureTopics(ctx context.Context, e *environment, written ...string) error {
	p := e.pipeline
	if p.Events.UnknownTopic == config.UnknownTopicCreate {
		written = append(written, readTopics(p)...)
	}
	for _, t := range written {
		if err := e.cluster.EnsureTopic(ctx, consumers.TopicSpec{Name: t, Partitions: p.Events.Partitions}); err != nil {
			return fmt.Errorf("creating topic %s: %w", t, err)
		}
	}
	return nil
}
