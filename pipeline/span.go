package pipeline

import (
	"cmp"
	"context"
	"errors"
	"io"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"millrace"
	"millrace/consumers"
	"millrace/merge"
)

// span reads one topic between two places in each partition, and ends.
func span(e *environment, topic string, from, until []millrace.Position, allowGaps bool) *consumers.Source {
	if until == nil {
		until = []millrace.Position{} // nil has no end
	}
	return consumers.NewSource(e.cluster, consumers.SourceOptions{Topic: topic, Positions: from, Until: until, AllowGaps: allowGaps,
		UnknownTopic: e.pipeline.Events.UnknownTopic, Limits: consumers.Limits{MinBytes: learnMinBytes, MaxWait: learnMaxWait}})
}

// readMerged hands do a merger of sources, that of events first, while they are read.
func readMerged(ctx context.Context, e *environment, do func(context.Context, *merge.Merger) error, sources ...*consumers.Source) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var g errgroup.Group
	merged := make([]merge.Source, len(sources))
	for i, s := range sources {
		merged[i] = s
		g.Go(func() error {
			if err := s.Run(ctx); ctx.Err() == nil {
				return err
			}
			return nil
		})
	}
	m := merge.New(merge.Options{Sources: merged, Now: time.Now, Stalled: e.stalled})
	err := do(ctx, m)
	m.Close()
	stop()
	return cmp.Or(g.Wait(), err)
}

// stalled tells of a partition that merging waits for.
func (e *environment) stalled(s merge.Stall) {
	topic := e.pipeline.Events.Topic
	if s.Source > 0 {
		topic = e.pipeline.Label.Topic
	}
	e.log.Warn("a partition does not answer: what others hold waits for it, as the order of time decides what windows and waits see",
		"topic", topic, "partition", s.Partition, "for", s.For.Round(time.Second))
}

// firstTime is the earliest record time of what a topic holds from positions on; none is when it holds nothing.
func firstTime(ctx context.Context, e *environment, topic string, from []millrace.Position) (t int64, none bool, err error) {
	bounds, err := e.cluster.Bounds(ctx, topic)
	if err != nil {
		return 0, false, err
	}
	var until []millrace.Position
	for _, p := range from {
		if end := bounds[p.Partition][1]; p.Offset < end {
			until = append(until, millrace.Position{Topic: topic, Partition: p.Partition, Offset: end})
		}
	}
	if len(until) == 0 {
		return 0, true, nil
	}
	err = readMerged(ctx, e, func(ctx context.Context, m *merge.Merger) error {
		for {
			s, err := m.Next(ctx)
			if err != nil {
				return err
			}
			if s.Batch == nil {
				continue
			}
			records := s.Batch.Records[s.From:s.To]
			at := slices.IndexFunc(records, func(rec millrace.Record) bool { return rec.Fault == nil }) // else it may have any time
			if at >= 0 {
				t = records[at].Time
			}
			if s.Last {
				s.Batch.Release()
			}
			if at >= 0 {
				return nil
			}
		}
	}, span(e, topic, from, until, true))
	if errors.Is(err, io.EOF) {
		return 0, true, nil
	}
	return t, false, err
}
