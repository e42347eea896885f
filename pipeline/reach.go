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

// reaches reports an *unreached for the first partition whose log no longer holds all from a version's rebuild marks up
// to its positions. Topics that are not there are waited for elsewhere.
func reaches(ctx context.Context, c *consumers.Cluster, p *config.Pipeline, version *millrace.Manifest) error {
	if version.Keyed == nil {
		return nil
	}
	for _, topic := range readTopics(p) {
		bounds, err := c.Bounds(ctx, topic)
		if errors.Is(err, consumers.ErrUnknownTopic) {
			continue
		}
		if err != nil {
			return fmt.Errorf("asking what the log of %s holds: %w", topic, err)
		}
		for _, mark := range version.Keyed.Rebuild {
			log, known := bounds[mark.Partition]
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

// clamped are marks moved to where the logs begin now, for whoever goes on without what is gone.
func clamped(ctx context.Context, c *consumers.Cluster, version *millrace.Manifest) ([]millrace.Mark, error) {
	marks := slices.Clone(version.Keyed.Rebuild)
	logs := map[string]map[int32][2]int64{}
	for i, mark := range marks {
		if logs[mark.Topic] == nil {
			bounds, err := c.Bounds(ctx, mark.Topic)
			if err != nil && !errors.Is(err, consumers.ErrUnknownTopic) {
				return nil, fmt.Errorf("asking what the log of %s holds: %w", mark.Topic, err)
			}
			logs[mark.Topic] = bounds
		}
		if log, known := logs[mark.Topic][mark.Partition]; known {
			marks[i].Offset = max(mark.Offset, min(log[0], positionOf(version.Positions, mark)))
		}
	}
	return marks, nil
}
