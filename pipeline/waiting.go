package pipeline

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"millrace/config"
	"millrace/consumers"
)

// retryEvery is how often what is not there yet is asked for: often enough to begin right after it, rarely enough for
// its log.
const retryEvery = 500 * time.Millisecond

// tryUntil tries until it works or ctx ends. again is told of each failure; its error ends the waiting.
func tryUntil(ctx context.Context, try func(context.Context) error, again func(attempt int, err error) error) error {
	for attempt := 1; ; attempt++ {
		err := try(ctx)
		if err == nil || ctx.Err() != nil {
			return err
		}
		if err := again(attempt, err); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(retryEvery):
		}
	}
}

// reached tries to reach a server for as long as the pipeline file says, and says so.
func reached(ctx context.Context, log *slog.Logger, what string, patience time.Duration, try func(context.Context) error) error {
	deadline := time.Now().Add(patience)
	return tryUntil(ctx, try, func(attempt int, err error) error {
		if time.Now().After(deadline) {
			return fmt.Errorf("%s not reached in %s and %d attempts: %w", what, patience, attempt, err)
		}
		if attempt == 1 {
			log.Warn(what+" not reached, trying on", "for", patience, "error", err)
		}
		return nil
	})
}

// topicThere tries what needs a topic that is read, and waits for the topic where the pipeline file says so.
func topicThere(ctx context.Context, e *environment, topic, doing string, try func(context.Context) error) error {
	events := e.pipeline.Events
	absence := e.cluster.Absence(topic)
	defer absence.End()
	return tryUntil(ctx, try, func(_ int, err error) error {
		if !errors.Is(err, consumers.ErrUnknownTopic) || events.UnknownTopic != config.UnknownTopicWait {
			return fmt.Errorf("%s: %w", doing, err)
		}
		absence.Note()
		return nil
	})
}
