package main

import (
	"context"
	"errors"
	"fmt"

	"millrace/consumers"
)

// scoringStart fixes where a group without committed positions starts, before anything waits: who sends events once a
// scorer says that it runs finds scores of them all. A topic that does not exist yet is scored from its first event.
func scoringStart(ctx context.Context, e *environment) (string, error) {
	p := e.pipeline
	group := scorerGroup(p.Name)
	committed, err := e.cluster.CommittedOffsets(ctx, group, p.Events.Topic)
	if errors.Is(err, consumers.ErrUnknownTopic) {
		return "earliest", nil
	}
	if err != nil {
		return "", fmt.Errorf("asking where group %s stands: %w", group, err)
	}
	if len(committed) > 0 || p.Scores.Start != "latest" {
		return p.Scores.Start, nil
	}
	bounds, err := e.cluster.Bounds(ctx, p.Events.Topic)
	if err != nil {
		return "", fmt.Errorf("asking where topic %s ends: %w", p.Events.Topic, err)
	}
	positions, err := e.cluster.Resolve(ctx, p.Events.Topic, consumers.Latest)
	if err != nil {
		return "", fmt.Errorf("asking where topic %s ends: %w", p.Events.Topic, err)
	}
	if err := e.cluster.CommitOffsets(ctx, group, positions); err != nil {
		// Members of the group are at work already, and have committed or will.
		e.log.Debug("first positions not committed", "group", group, "error", err)
		return p.Scores.Start, nil
	}
	var earlier int64
	for _, b := range bounds {
		earlier += b[1] - b[0]
	}
	if earlier > 0 {
		e.log.Info("scoring starts at the topic's end; for what is there already, set scores.start: earliest", "not_scored", earlier)
	}
	return p.Scores.Start, nil
}
