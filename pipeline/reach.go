package pipeline

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"millrace"
	"millrace/config"
	"millrace/consumers"
	"millrace/features"
)

// unreached is the error of a log that begins behind a place from which state by key is to be made again. It wraps a
// *millrace.GapError.
type unreached struct {
	gap  *millrace.GapError
	lost string // what cannot be made again
}

func (u *unreached) Error() string {
	return fmt.Sprintf("%v: from there on the log is read again to make %s, and what is gone of it would be missing there", u.gap, u.lost)
}

func (u *unreached) Unwrap() error { return u.gap }

// logBounds are what the logs of topics hold: of each partition the first offset, and the end.
type logBounds map[string]map[int32][2]int64

// boundsOfLogs asks what the topics that a pipeline reads hold. Those that are not there are waited for elsewhere.
func boundsOfLogs(ctx context.Context, c *consumers.Cluster, p *config.Pipeline) (logBounds, error) {
	logs := logBounds{}
	for _, topic := range readTopics(p) {
		bounds, err := c.Bounds(ctx, topic)
		if errors.Is(err, consumers.ErrUnknownTopic) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("asking what the log of %s holds: %w", topic, err)
		}
		logs[topic] = bounds
	}
	return logs, nil
}

// reaches asks whether the logs still hold all from a version's rebuild marks up to its positions.
func reaches(ctx context.Context, c *consumers.Cluster, p *config.Pipeline, version *millrace.Manifest) error {
	if version.Keyed == nil {
		return nil
	}
	logs, err := boundsOfLogs(ctx, c, p)
	if err != nil {
		return err
	}
	if gap := logs.reach(p, version); gap != nil {
		return gap
	}
	return nil
}

// reach is the first partition whose log no longer holds all from a version's rebuild marks up to its positions; nil
// when all do.
func (logs logBounds) reach(p *config.Pipeline, version *millrace.Manifest) *unreached {
	for _, topic := range readTopics(p) {
		for _, mark := range version.Keyed.Rebuild {
			log, known := logs[topic][mark.Partition]
			if mark.Topic != topic || !known || mark.Offset >= log[0] || mark.Offset >= positionOf(version.Positions, mark) {
				continue
			}
			gap := &millrace.GapError{Topic: topic, Partition: mark.Partition, Position: mark.Offset, Start: log[0], End: log[1]}
			return &unreached{gap: gap, lost: madeFrom(p, mark)}
		}
	}
	return nil
}

// positionOf is where reading of a mark's partition goes on.
func positionOf(positions []millrace.Position, mark millrace.Mark) int64 {
	i := slices.IndexFunc(positions, func(p millrace.Position) bool { return p.Topic == mark.Topic && p.Partition == mark.Partition })
	if i < 0 {
		return 0
	}
	return positions[i].Offset
}

// madeFrom says what is made again from the records behind a mark.
func madeFrom(p *config.Pipeline, mark millrace.Mark) string {
	if mark.Topic != p.Events.Topic {
		return "the labels that wait for their events"
	}
	what := ""
	if slices.ContainsFunc(p.Features, func(c features.Column) bool { return c.Type == features.Window }) {
		what = "windows"
	}
	if p.LateLabels() {
		if what != "" {
			what += " and "
		}
		what += "the events that wait for their labels"
	}
	if mark.Watermark == math.MinInt64 {
		return what
	}
	return what + ", since " + time.UnixMilli(mark.Watermark).UTC().Format(time.RFC3339)
}

// clamped are marks moved to where the logs begin, for whoever goes on without what is gone.
func (logs logBounds) clamped(version *millrace.Manifest) []millrace.Mark {
	marks := slices.Clone(version.Keyed.Rebuild)
	for i, mark := range marks {
		if log, known := logs[mark.Topic][mark.Partition]; known {
			marks[i].Offset = max(mark.Offset, min(log[0], positionOf(version.Positions, mark)))
		}
	}
	return marks
}
