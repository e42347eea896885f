package pipeline

import (
	"context"
	"errors"
	"fmt"

	"millrace/config"
	"millrace/consumers"
)

// placeScoring fixes where a group without committed positions starts, before anything waits: who sends events once a
// scorer says that it runs finds scores of them all. A partition without a committed position afterwards is new, and is
// read from its first event: a topic that did not exist yet, or partitions that were added.
func placeScoring(ctx context.Context, e *environment) error {
	p := e.pipeline
	group := scorerGroup(p.Name)
	committed, err := e.cluster.CommittedOffsets(ctx, group, p.Events.Topic)
	if errors.Is(err, consumers.ErrUnknownTopic) || len(committed) > 0 {
		return nil
	}
	if err != nil {
		return fmt.Errorf("asking where group %s stands: %w", group, err)
	}
	start, err := consumers.ParseStart(p.Scores.Start)
	if err != nil {
		return config.UsageError{Err: fmt.Errorf("scores.start: %w", err)}
	}
	positions, err := e.cluster.Resolve(ctx, p.Events.Topic, start)
	if err != nil {
		return fmt.Errorf("asking where to start scoring: %w", err)
	}
	bounds, err := e.cluster.Bounds(ctx, p.Events.Topic)
	if err != nil {
		return fmt.Errorf("asking where to start scoring: %w", err)
	}
	if err := e.cluster.CommitOffsets(ctx, group, positions); err != nil {
		// Members of the group are at work already, and have done this.
		e.log.Debug("first positions not committed", "group", group, "error", err)
		return nil
	}
	var earlier int64
	for _, at := range positions {
		earlier += at.Offset - bounds[at.Partition][0]
	}
	if earlier > 0 {
		e.log.Info("scoring starts at the topic's end; for what is there already, set scores.start: earliest", "not_scored", earlier)
	}
	return nil
}
