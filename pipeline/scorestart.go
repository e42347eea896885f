package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"millrace"
	"millrace/config"
	"millrace/consumers"
)

// placeScoring fixes where a group without committed positions starts, before anything waits: who sends events once a
// scorer says that it runs finds scores of them all. A partition without a committed position afterwards is new, and is
// read from its first event: a topic that did not exist yet, or partitions that were added.
//
// A broker forgets a group's positions with their topic. One that is made anew would then pass for a new one, so
// without positions it is compared with what the served version was learned from.
func placeScoring(ctx context.Context, e *environment, allowGaps bool) error {
	p := e.pipeline
	group := scorerGroup(p.Name)
	committed, err := e.cluster.CommittedOffsets(ctx, group, p.Events.Topic)
	if errors.Is(err, consumers.ErrUnknownTopic) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("asking where group %s stands: %w", group, err)
	}
	if len(committed) > 0 {
		if allowGaps {
			return nil // the source begins at the beginning of a topic made anew
		}
		return wayOn(e.cluster.SameTopic(ctx, p.Events.Topic, committed))
	}
	start, err := consumers.ParseStart(p.Scores.Start)
	if err != nil {
		return config.UsageError{Err: fmt.Errorf("scores.start: %w", err)}
	}
	if err := servedTopic(ctx, e); err != nil {
		var gap *millrace.GapError
		if !allowGaps || !errors.As(err, &gap) {
			return wayOn(err)
		}
		e.log.Warn("the events topic was made anew, scoring begins at its beginning as told", "error", gap)
		start = consumers.Earliest
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
		if errors.Is(err, consumers.ErrGroupHasMembers) { // they are at work already, and have done this
			e.log.Debug("first positions not committed", "group", group, "error", err)
			return nil
		}
		return fmt.Errorf("fixing where to start scoring: %w", err)
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

// servedTopic compares the events topic with the one that the served version was learned from.
func servedTopic(ctx context.Context, e *environment) error {
	p := e.pipeline
	served, err := e.store.Served(ctx, p.Name)
	if err != nil {
		return nil //nolint:nilerr // there is none yet, or the scorer that waits for it says what is wrong
	}
	s, err := e.store.Load(ctx, p.Name, served, false)
	if err != nil {
		return nil //nolint:nilerr // as above
	}
	cluster, err := e.cluster.ID(ctx)
	if err != nil {
		return fmt.Errorf("asking for the cluster's id: %w", err)
	}
	if s.Manifest.Cluster != cluster {
		return nil
	}
	positions := slices.DeleteFunc(s.Manifest.Positions, func(at millrace.Position) bool { return at.Topic != p.Events.Topic })
	return e.cluster.SameTopic(ctx, p.Events.Topic, positions)
}
