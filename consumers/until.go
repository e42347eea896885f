package consumers

import (
	"context"
	"errors"
	"math"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"millrace"
)

// noUntil is where a partition ends that is read for as long as its reader runs.
const noUntil = math.MaxInt64

// errUntil says that all is read that was asked for.
var errUntil = errors.New("the end that was asked for is reached")

// emptyTries is how often a broker must answer with nothing before what lies before the end that was asked for counts
// as compacted away: an answer may be empty for reasons of the broker's own.
const emptyTries = 2

// readUntil reads the partitions that SourceOptions.Until names to the offsets it gives, and returns when all of that
// was taken.
func (s *Source) readUntil(ctx context.Context, info *topicInfo, given []millrace.Position) error {
	var open []millrace.Position
	until := make(map[int32]int64)
	for _, end := range s.o.Until {
		from := millrace.Position{Topic: s.o.Topic, Partition: end.Partition, Offset: -1, TopicID: info.id.String()}
		if i := slices.IndexFunc(given, func(p millrace.Position) bool { return p.Partition == end.Partition }); i >= 0 {
			from = given[i]
		}
		_, exists := info.leaders[end.Partition]
		switch {
		case from.Offset >= end.Offset:
		case exists:
			open = append(open, from)
			until[end.Partition] = end.Offset
		default:
			gap := &millrace.GapError{Topic: s.o.Topic, Partition: end.Partition, Position: max(from.Offset, 0)}
			if !s.o.AllowGaps {
				return gap
			}
			s.c.log.Warn("kafka: a partition is gone, going on as told", "error", gap)
		}
	}
	partitions := make([]int32, len(open))
	for i, p := range open {
		partitions[i] = p.Partition
	}
	s.in.knowsAll(partitions)
	// The readers' context must live until what they have delivered is taken.
	group, ctx := errgroup.WithContext(ctx)
	var reading sync.WaitGroup
	for _, from := range open {
		r := s.reader(from, len(open))
		r.until = until[from.Partition]
		reading.Add(1)
		group.Go(func() error {
			defer reading.Done()
			return r.run(ctx)
		})
	}
	group.Go(func() error {
		reading.Wait()
		return s.in.budget.taken(ctx)
	})
	return group.Wait()
}

// reader is one of this source's n.
func (s *Source) reader(from millrace.Position, n int) *reader {
	return newReader(s.in, s.o.Topic, from, s.in.limits.share(n), s.o.AllowGaps, s.o.UnknownTopic != UnknownTopicFail)
}

// ended reports whether the reader has come to the end that was asked for.
func (r *reader) ended() bool { return r.position >= r.until }

// foundNothing deals with an empty answer before the end that was asked for.
func (r *reader) foundNothing(ctx context.Context, end int64) error {
	r.empty++
	switch {
	case end >= r.until && r.empty >= emptyTries:
		// Compaction has taken the last of it.
		r.current().to = r.until
		r.position = r.until
	case end < r.until && r.empty >= beyondTries:
		start, end, err := r.in.c.bounds(ctx, r.topic, r.partition, readUncommitted)
		if err != nil || end >= r.until {
			return err
		}
		gap := &millrace.GapError{Topic: r.topic, Partition: r.partition, Position: r.until, Start: start, End: end}
		if !r.allowGaps {
			return gap
		}
		r.in.c.log.Warn("kafka: events are lost, going on as told", "error", gap)
		r.until = r.position
	}
	return nil
}
