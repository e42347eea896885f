package pipeline

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"millrace"
	"millrace/config"
	"millrace/consumers"
)

// keyedFrom says what state by key begins with where reading of events begins at the given positions and none was kept
// before: windows know what the longest of them reaches back to, by record time, so that they are warm from the first
// event on; labels begin as long before the first event as one may come too early. It returns where the labels begin
// besides; reading of them begins nowhere where labels come with their events.
func (l *learning) keyedFrom(ctx context.Context, events []millrace.Position) (*millrace.Keyed, []millrace.Position, error) {
	p := l.env.pipeline
	first, none, err := firstTime(ctx, l.env, p.Events.Topic, events)
	if err != nil {
		return nil, nil, fmt.Errorf("looking at the first events of %s: %w", p.Events.Topic, err)
	}
	start := consumers.Earliest
	switch {
	case !none:
		start = startAt(first, p.Label.Early)
	case p.Events.Start != config.StartEarliest:
		first = time.Now().UnixMilli()
		start = startAt(first, p.Label.Early)
	}
	k := &millrace.Keyed{Watermark: math.MinInt64, Now: math.MinInt64}
	if k.Rebuild, err = l.warm(ctx, events, first, none && start == consumers.Earliest); err != nil {
		return nil, nil, err
	}
	if l.learned.Join == nil {
		return k, nil, nil
	}
	labels, err := resolveLabels(ctx, l.env, start)
	if err != nil {
		return nil, nil, err
	}
	k.Rebuild = append(k.Rebuild, marksAt(labels)...)
	return k, labels, nil
}

// startAt is the start with the first record of so long before a time in Unix milliseconds.
func startAt(unixMillis int64, before time.Duration) consumers.Start {
	return consumers.StartAt(time.UnixMilli(unixMillis).Add(-before))
}

// warm are the marks that windows are made from before the events at the given positions, the first of which has the
// given record time. cold is that there is no event yet, and nothing before them.
func (l *learning) warm(ctx context.Context, events []millrace.Position, first int64, cold bool) ([]millrace.Mark, error) {
	marks := marksAt(events)
	if l.learned.Windows == nil || cold {
		return marks, nil
	}
	topic := l.env.pipeline.Events.Topic
	horizon := time.Duration(l.learned.Windows.Horizon()) * time.Millisecond
	before, err := l.env.cluster.Resolve(ctx, topic, startAt(first, horizon))
	if err != nil {
		return nil, fmt.Errorf("looking up what the windows of the first events of %s hold: %w", topic, err)
	}
	for i := range marks {
		at := slices.IndexFunc(before, func(p millrace.Position) bool { return p.Partition == marks[i].Partition })
		if at >= 0 && before[at].TopicID == events[i].TopicID {
			marks[i].Offset = min(marks[i].Offset, before[at].Offset)
		}
	}
	return marks, nil
}

// marksAt are marks at positions, before which nothing is read again.
func marksAt(positions []millrace.Position) []millrace.Mark {
	marks := make([]millrace.Mark, len(positions))
	for i, p := range positions {
		marks[i] = millrace.Mark{Topic: p.Topic, Partition: p.Partition, Offset: p.Offset, Watermark: math.MinInt64}
	}
	return marks
}
