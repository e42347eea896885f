package consumers

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"millrace"
)

// What a source does about a topic that does not exist.
const (
	UnknownTopicFail   = "fail"   // stop with ErrUnknownTopic
	UnknownTopicWait   = "wait"   // ask again until it is there
	UnknownTopicCreate = "create" // create it
)

// refreshDefault is how often new partitions are looked for.
const refreshDefault = 5 * time.Second

// SourceOptions say what a Source reads.
type SourceOptions struct {
	Topic string
	// Positions say where reading of each partition goes on. Partitions that are not named start
	// with the first record their log holds.
	Positions []millrace.Position
	Limits    Limits
	// AllowGaps goes on after a loss with a warning: a position outside the log, or records that
	// cannot be decoded. The next batch's From says where.
	AllowGaps bool
	// UnknownTopic is what to do about a topic that does not exist; "" is UnknownTopicFail.
	UnknownTopic string
	Create       TopicSpec     // for UnknownTopicCreate; its name is Topic
	Refresh      time.Duration // how often new partitions are looked for; 5 s when 0
}

// Source reads all partitions of a topic. Use it from one Run and one caller of Next at a time;
// batches may be released on any goroutine, in any order.
type Source struct {
	c    *Cluster
	o    SourceOptions
	in   *intake
	open map[int32]bool // partitions with a reader; Run's own
}

// NewSource prepares a source; Run makes it read.
func NewSource(c *Cluster, o SourceOptions) *Source {
	if o.Refresh <= 0 {
		o.Refresh = refreshDefault
	}
	if o.UnknownTopic == "" {
		o.UnknownTopic = UnknownTopicFail
	}
	o.Create.Name = o.Topic
	return &Source{c: c, o: o, in: newIntake(c, o.Limits), open: make(map[int32]bool)}
}

// Run fetches until ctx ends, and then returns its error, or until something does not pass, as a
// *millrace.GapError, a *CorruptError, or ErrUnknownTopic. What passes (a broker that restarts, a
// leader that moves) is tried for as long as ctx lives. It can run once.
func (s *Source) Run(ctx context.Context) error {
	if err := s.in.start(); err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return s.watch(ctx, group) })
	err := group.Wait()
	s.in.stop(err)
	return err
}

// Next returns the next batch, blocking until there is one, ctx ends, or Run has ended: then it
// returns Run's error. A partition's batches come in order and each begins where the one before
// ended, unless AllowGaps stepped over a loss. The caller releases the batch.
func (s *Source) Next(ctx context.Context) (*millrace.Batch, error) { return s.in.next(ctx) }

// Lag is how many offsets each partition is behind its readable end, counting what Next returned.
func (s *Source) Lag() map[int32]int64 { return s.in.lag() }

// Paused is how long, all partitions added up, reading waited for the consumer.
func (s *Source) Paused() time.Duration { return s.in.pausedFor() }

// watch starts a reader for each partition and looks for new ones.
func (s *Source) watch(ctx context.Context, group *errgroup.Group) error {
	info, err := s.c.await(ctx, s.o.Topic, s.o.UnknownTopic, s.o.Create)
	if err != nil {
		return err
	}
	given := make(map[int32]int64, len(s.o.Positions))
	for _, p := range s.o.Positions {
		given[p.Partition] = p.Offset
		if _, ok := info.leaders[p.Partition]; ok {
			continue
		}
		// The topic was created anew with fewer partitions.
		gap := &millrace.GapError{Topic: s.o.Topic, Partition: p.Partition, Position: p.Offset}
		if !s.o.AllowGaps {
			return gap
		}
		s.c.log.Warn("kafka: a partition is gone, going on as told", "error", gap)
	}
	for {
		for _, p := range info.partitions {
			if s.open[p] {
				continue
			}
			s.open[p] = true
			position := millrace.Position{Topic: s.o.Topic, Partition: p, Offset: -1}
			if offset, ok := given[p]; ok {
				position.Offset = offset
			}
			share := s.in.limits.share(len(info.partitions))
			r := newReader(s.in, s.o.Topic, position, share, s.o.AllowGaps, s.o.UnknownTopic != UnknownTopicFail)
			group.Go(func() error { return r.run(ctx) })
		}
		if err := s.c.sleep(ctx, s.o.Refresh); err != nil {
			return err
		}
		// An error is the readers' to report: they meet it too.
		if fresh, err := s.c.refresh(ctx, s.o.Topic); err == nil {
			info = fresh
		}
	}
}

// topicPollMax is the longest pause between questions for a topic that does not exist yet: short,
// as somebody is likely to be about to create it.
const topicPollMax = 500 * time.Millisecond

// await returns what is known of a topic, and waits for one that is not there, or creates it.
func (c *Cluster) await(ctx context.Context, topic, unknown string, create TopicSpec) (*topicInfo, error) {
	wait := backoff{c: c}
	for tries := 0; ; tries++ {
		info, err := c.refresh(ctx, topic)
		if errors.Is(err, ErrUnknownTopic) && unknown == UnknownTopicCreate {
			if err = c.EnsureTopic(ctx, create); err == nil {
				continue
			}
		}
		switch {
		case err == nil:
			return info, nil
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case errors.Is(err, ErrUnknownTopic) && unknown == UnknownTopicWait:
			if tries == 0 {
				c.log.Warn("kafka: waiting for the topic to be created", "topic", topic)
			}
			if err := c.sleep(ctx, min(backoffFirst<<min(tries, 10), topicPollMax)); err != nil {
				return nil, err
			}
			continue
		case !passing(err):
			return nil, fmt.Errorf("looking up topic %s: %w", topic, err)
		}
		if wait.tries == 0 {
			c.log.Warn("kafka: cannot look up the topic, will try until it works", "topic", topic, "error", err)
		}
		if err := wait.wait(ctx); err != nil {
			return nil, err
		}
	}
}
