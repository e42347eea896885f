package consumers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/segmentio/kafka-go"
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
	// Until says where reading of each partition ends; nil reads on for ever. Partitions that are not named are not
	// read then, and records from the offset on are not delivered. When all of it was taken Next returns io.EOF and Run
	// nil. An end that the log has lost is a *millrace.GapError, as a start is.
	Until  []millrace.Position
	Limits Limits
	// AllowGaps goes on after a loss with a warning: a position outside the log, or records that
	// cannot be decoded. The next batch's From says where. A topic that was made anew is read from its
	// beginning, see millrace.Batch.Anew.
	AllowGaps bool
	// UnknownTopic is what to do about a topic that does not exist; "" is UnknownTopicFail.
	UnknownTopic string
	Create       TopicSpec     // for UnknownTopicCreate; its name is Topic
	Refresh      time.Duration // how often new partitions are looked for; 5 s when 0
}

// Source reads all partitions of a topic. Use it from one Run and one caller of Next at a time;
// batches may be released on any goroutine, in any order.
type Source struct {
	c  *Cluster
	o  SourceOptions
	in *intake
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
	return &Source{c: c, o: o, in: newIntake(c, o.Limits)}
}

// Run fetches until ctx ends, and then returns its error, or until SourceOptions.Until is reached, or until something
// does not pass, as a *millrace.GapError, a *CorruptError, or ErrUnknownTopic. What passes (a broker that restarts, a
// leader that moves) is tried for as long as ctx lives. It can run once.
func (s *Source) Run(ctx context.Context) error {
	if err := s.in.start(); err != nil {
		return err
	}
	err := s.run(ctx)
	if errors.Is(err, errUntil) {
		s.in.stop(io.EOF)
		return nil
	}
	return s.in.stopFailed(err)
}

// run reads the topic, and where the user says to go on, what is made anew under its name.
func (s *Source) run(ctx context.Context) error {
	given := s.o.Positions
	for {
		info, err := s.c.await(ctx, s.o.Topic, s.o.UnknownTopic, s.o.Create)
		if err != nil {
			return err
		}
		err = s.read(ctx, info, given)
		gap, anew := isAnew(err, s.o.AllowGaps)
		if !anew {
			return err
		}
		if s.o.Until != nil {
			s.c.log.Warn("kafka: the topic was made anew, nothing is left of what was to be read", "error", gap)
			return errUntil
		}
		s.c.log.Warn("kafka: the topic was made anew, going on at its beginning as told", "error", gap)
		given = nil
		s.in.beginAnew()
	}
}

// Next returns the next batch, blocking until there is one, ctx ends, or Run has ended: then it returns Run's error, or
// io.EOF behind SourceOptions.Until. A partition's batches come in order and each begins where the one before ended,
// unless AllowGaps stepped over a loss. The caller releases the batch.
func (s *Source) Next(ctx context.Context) (*millrace.Batch, error) { return s.in.next(ctx, nil) }

// NextOf is Next for batches of partitions that want accepts. Each of those can always fetch one, however much of the
// others waits to be taken or released; so it is what merges partitions. want is called while others wait: it must be
// quick and must not call the source.
func (s *Source) NextOf(ctx context.Context, want func(partition int32) bool) (*millrace.Batch, error) {
	return s.in.next(ctx, want)
}

// Standings says how every partition stands, ascending; ok is false until they are known.
func (s *Source) Standings() (all []millrace.Standing, ok bool) { return s.in.standings() }

// Lag is how many offsets each partition is behind its readable end, counting what Next returned and was released: what
// the consumer still works on is behind.
func (s *Source) Lag() map[int32]int64 { return s.in.lag() }

// Paused is how long, all partitions added up, reading waited for the consumer.
func (s *Source) Paused() time.Duration { return s.in.pausedFor() }

// read reads all partitions until ctx ends or one cannot be read on.
func (s *Source) read(ctx context.Context, info *topicInfo, given []millrace.Position) error {
	if err := s.check(ctx, info, given); err != nil {
		return err
	}
	if s.o.Until != nil {
		if err := s.readUntil(ctx, info, given); err != nil {
			return err
		}
		return errUntil
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return s.watch(ctx, group, info, given) })
	group.Go(func() error { return s.in.askEnds(ctx, s.o.Topic) })
	return group.Wait()
}

// check compares the positions with the topic as a whole.
func (s *Source) check(ctx context.Context, info *topicInfo, given []millrace.Position) error {
	if err := s.c.sameTopic(ctx, info, given); err != nil {
		return err
	}
	for _, p := range given {
		if _, ok := info.leaders[p.Partition]; ok {
			continue
		}
		// The topic was created anew with fewer partitions, by brokers that tell no ids.
		gap := &millrace.GapError{Topic: s.o.Topic, Partition: p.Partition, Position: p.Offset}
		if !s.o.AllowGaps {
			return gap
		}
		s.c.log.Warn("kafka: a partition is gone, going on as told", "error", gap)
	}
	unproved, err := s.checkMarks(ctx, info, given)
	if unproved == nil || s.o.AllowGaps {
		return err
	}
	gap := &millrace.GapError{Topic: unproved.Topic, Partition: unproved.Partition, Position: unproved.Offset}
	if gap.Start, gap.End, err = s.c.bounds(ctx, gap.Topic, gap.Partition, readUncommitted); err != nil {
		return err
	}
	return gap
}

// checkMarks compares what was read last, where brokers tell no ids, before anything is delivered: partitions without a
// position are read from their first record, which may be another topic's while that is still to be found out
// elsewhere. It returns a position that lies beyond the end of its log.
func (s *Source) checkMarks(ctx context.Context, info *topicInfo, given []millrace.Position) (unproved *millrace.Position, err error) {
	for _, p := range given {
		if _, ok := info.leaders[p.Partition]; !ok || info.id != (topicID{}) || p.Fingerprint == (millrace.Fingerprint{}) {
			continue
		}
		tries := 0
		err := s.c.persistFor(ctx, forever, "looking for what was read last", func(ctx context.Context) error {
			leader, _, err := s.c.leader(ctx, p.Topic, p.Partition, nil)
			if err != nil {
				return err
			}
			proved, err := newReader(s.in, p.Topic, p, 0, s.o.AllowGaps, false).compareMark(ctx, leader)
			switch tries++; {
			case err != nil || proved:
				return err
			case tries < beyondTries:
				return kafka.OffsetNotAvailable
			}
			unproved = &p
			return nil
		})
		if err != nil || unproved != nil {
			return unproved, err
		}
	}
	return nil, nil
}

// watch starts a reader for each partition and looks for new ones.
func (s *Source) watch(ctx context.Context, group *errgroup.Group, info *topicInfo, given []millrace.Position) error {
	from := make(map[int32]millrace.Position, len(given))
	for _, p := range given {
		from[p.Partition] = p
	}
	open := make(map[int32]bool)
	id := info.id
	for {
		s.in.knows(info.partitions)
		for _, p := range info.partitions {
			if open[p] {
				continue
			}
			open[p] = true
			position, ok := from[p]
			if !ok { // it begins with what the others are of, not with what may have come since
				position = millrace.Position{Topic: s.o.Topic, Partition: p, Offset: -1, TopicID: id.String()}
			}
			r := s.reader(position, len(info.partitions))
			group.Go(func() error { return r.run(ctx) })
		}
		if err := s.c.sleep(ctx, s.o.Refresh); err != nil {
			return err
		}
		// The readers meet this error, too, and report it.
		fresh, err := s.c.refresh(ctx, s.o.Topic)
		if err != nil {
			continue
		}
		if len(fresh.partitions) > len(info.partitions) {
			// They may be those of a topic made anew.
			read := s.in.positions()
			if fresh.id != id && id != (topicID{}) && fresh.id != (topicID{}) && len(read) > 0 {
				return s.c.anew(ctx, read[0], id.String(), fresh.id.String())
			}
			if unproved, err := s.checkMarks(ctx, fresh, read); unproved != nil || err != nil {
				if err != nil {
					return err
				}
				continue
			}
		}
		info = fresh
	}
}

// topicPollMax is the longest pause between questions for a topic that does not exist yet: short,
// as somebody is likely to be about to create it.
const topicPollMax = 500 * time.Millisecond

// await returns what is known of a topic, and waits for one that is not there, or creates it.
func (c *Cluster) await(ctx context.Context, topic, unknown string, create TopicSpec) (*topicInfo, error) {
	wait := backoff{c: c}
	absence := c.Absence(topic)
	defer absence.End()
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
			absence.Note()
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
