package consumers

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
	"golang.org/x/sync/errgroup"

	"millrace"
)

// GroupOptions say what a GroupSource reads.
type GroupOptions struct {
	Group string
	Topic string
	// Start is where partitions begin that the group has committed nothing for: latest, earliest or
	// a time, see ParseStart; "" is latest.
	Start  string
	Limits Limits
	// AllowGaps, UnknownTopic and Create are as in SourceOptions.
	AllowGaps    bool
	UnknownTopic string
	Create       TopicSpec
	// Session is how long the group waits for a member that is silent; 6 s when 0, the least that brokers take.
	// Heartbeat is how often members speak, and so how soon they notice a rebalance; 500 ms when 0.
	Session   time.Duration
	Heartbeat time.Duration
	Refresh   time.Duration // how often new partitions are looked for; 5 s when 0
}

const (
	sessionDefault   = 6 * time.Second
	heartbeatDefault = 500 * time.Millisecond
	// joinBackoff is kafka-go's pause after a failed join. Its own default of 5 s is what the first
	// join on a fresh broker would wait, as the group's coordinator is still being set up.
	joinBackoff = 200 * time.Millisecond
	// leaveMax bounds how long stopping waits to leave the group: a cluster that is away must not
	// hold up a shutdown, and the session runs out anyway.
	leaveMax = 3 * time.Second
)

// GroupSource reads the partitions that a consumer group assigns to it. Batches are as Source's; at
// a rebalance, batches of partitions that go to another member are no longer returned. Use it from
// one Run and one caller of Next at a time; Commit is safe for concurrent use.
type GroupSource struct {
	c     *Cluster
	o     GroupOptions
	start Start
	err   error // of the options
	in    *intake

	mu       sync.Mutex
	member   membership
	assigned map[int32]bool
	toldIdle bool    // that there was no partition for this member
	id       topicID // of the topic that is read; brokers forget a group's commits with the topic, this member does not
}

// NewGroupSource prepares a source; Run joins the group.
func NewGroupSource(c *Cluster, o GroupOptions) *GroupSource {
	if o.Start == "" {
		o.Start = "latest"
	}
	if o.UnknownTopic == "" {
		o.UnknownTopic = UnknownTopicFail
	}
	if o.Session <= 0 {
		o.Session = sessionDefault
	}
	if o.Heartbeat <= 0 {
		o.Heartbeat = heartbeatDefault
	}
	if o.Refresh <= 0 {
		o.Refresh = refreshDefault
	}
	o.Create.Name = o.Topic
	g := &GroupSource{c: c, o: o, in: newIntake(c, o.Limits)}
	g.start, g.err = ParseStart(o.Start)
	return g
}

// Run takes part in the group until ctx ends, and then leaves it and returns ctx's error, or until
// something does not pass. It can run once.
func (g *GroupSource) Run(ctx context.Context) error {
	if g.err != nil {
		return fmt.Errorf("running group %s: %w", g.o.Group, g.err)
	}
	if err := g.in.start(); err != nil {
		return err
	}
	return g.in.stopFailed(g.run(ctx))
}

func (g *GroupSource) run(ctx context.Context) error {
	if _, err := g.c.await(ctx, g.o.Topic, g.o.UnknownTopic, g.o.Create); err != nil {
		return err
	}
	group, err := kafka.NewConsumerGroup(kafka.ConsumerGroupConfig{
		ID: g.o.Group, Brokers: g.c.spec.Brokers, Dialer: g.c.dialer, Topics: []string{g.o.Topic},
		HeartbeatInterval: g.o.Heartbeat, SessionTimeout: g.o.Session, RebalanceTimeout: g.o.Session,
		JoinGroupBackoff: joinBackoff, Timeout: g.c.spec.Timeout,
		WatchPartitionChanges: true, PartitionWatchInterval: g.o.Refresh,
	})
	if err != nil {
		return fmt.Errorf("joining group %s: %w", g.o.Group, err)
	}
	defer leave(group)
	failures := 0
	for {
		generation, err := group.Next(ctx)
		switch {
		case err == nil:
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, kafka.ErrGroupClosed) || !passing(err):
			return fmt.Errorf("joining group %s: %w", g.o.Group, err)
		default:
			// kafka-go tries again by itself, and says so here each time.
			if failures++; failures == quietTries && !errors.Is(err, kafka.RebalanceInProgress) {
				g.c.log.Warn("kafka: cannot join the group, will try until it works", "group", g.o.Group, "error", err)
			}
			continue
		}
		failures = 0
		ended := make(chan error, 1)
		generation.Start(func(life context.Context) { ended <- g.generation(ctx, life, generation) })
		if err := <-ended; err != nil {
			return err
		}
	}
}

// leave closes the group, for at most leaveMax.
func leave(group *kafka.ConsumerGroup) {
	closed := make(chan struct{})
	go func() {
		_ = group.Close() // it has nothing to report
		close(closed)
	}()
	timer := time.NewTimer(leaveMax)
	defer timer.Stop()
	select {
	case <-closed:
	case <-timer.C:
	}
}

// generation reads the assigned partitions until life, the generation's, or ctx ends. A nil error
// means that the next generation is due.
func (g *GroupSource) generation(ctx, life context.Context, generation *kafka.Generation) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(life, cancel)()
	assigned := make(map[int32]bool)
	for _, a := range generation.Assignments[g.o.Topic] {
		assigned[int32(a.ID)] = true
	}
	g.mu.Lock()
	g.member = membership{group: g.o.Group, generation: generation.ID, member: generation.MemberID}
	g.assigned = assigned
	g.mu.Unlock()
	defer func() {
		g.mu.Lock()
		g.assigned = nil
		g.mu.Unlock()
		g.in.forget()
	}()
	g.tellJoined(generation.ID, len(assigned))
	err := g.read(ctx, assigned)
	if life.Err() != nil || ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// tellJoined says once when this member has nothing to do, and when that has changed.
func (g *GroupSource) tellJoined(generation int32, partitions int) {
	g.mu.Lock()
	told := g.toldIdle
	g.toldIdle = partitions == 0
	g.mu.Unlock()
	switch {
	case partitions == 0 && !told:
		g.c.log.Warn("kafka: no partition is left for this member of the group: it has more members than the topic has partitions. "+
			"It stands by and takes over when another one ends", "group", g.o.Group, "topic", g.o.Topic)
	case partitions > 0 && told:
		g.c.log.Info("kafka: this member of the group has partitions now", "group", g.o.Group, "topic", g.o.Topic, "partitions", partitions)
	default:
		g.c.log.Debug("kafka: joined", "group", g.o.Group, "generation", generation, "partitions", partitions)
	}
}

// read reads the assigned partitions, and where the user says to go on, those of a topic made anew, from their
// beginning.
func (g *GroupSource) read(ctx context.Context, assigned map[int32]bool) error {
	for anew := false; ; {
		err := g.readTopic(ctx, assigned, anew)
		gap, goesOn := isAnew(err, g.o.AllowGaps)
		if !goesOn || ctx.Err() != nil {
			return err
		}
		g.c.log.Warn("kafka: the topic was made anew, going on at its beginning as told", "group", g.o.Group, "error", gap)
		g.setTopic(topicID{})
		g.in.beginAnew()
		anew = true
	}
}

func (g *GroupSource) readTopic(ctx context.Context, assigned map[int32]bool, anew bool) error {
	positions, err := g.positions(ctx, assigned, anew)
	if err != nil {
		// The group may have moved on meanwhile, or the cluster be away: the next generation asks
		// again, and kafka-go paces them.
		gone := errors.Is(err, ErrUnknownTopic) && g.o.UnknownTopic != UnknownTopicFail
		if gone {
			absence := g.c.Absence(g.o.Topic)
			absence.Note()
			defer absence.End()
		}
		if passing(err) || errors.Is(err, errSettled) || gone {
			g.c.log.Warn("kafka: cannot begin to read the group's partitions", "group", g.o.Group, "error", err)
			return g.c.sleep(ctx, joinBackoff)
		}
		return err
	}
	readers, ctx := errgroup.WithContext(ctx)
	readers.Go(func() error {
		<-ctx.Done()
		return ctx.Err()
	})
	share := g.in.limits.share(len(positions))
	for _, p := range positions {
		r := newReader(g.in, g.o.Topic, p, share, g.o.AllowGaps, g.o.UnknownTopic != UnknownTopicFail)
		readers.Go(func() error { return r.run(ctx) })
	}
	return readers.Wait()
}

// positions are where the group's assigned partitions go on. What has none yet is resolved, and
// committed at once, so that a member which takes over before the first commit starts there too; so
// is all of a topic made anew, from its beginning. kafka-go's own offsets are not used: it takes an
// error for "nothing committed".
func (g *GroupSource) positions(ctx context.Context, assigned map[int32]bool, anew bool) ([]millrace.Position, error) {
	if len(assigned) == 0 {
		return nil, nil
	}
	info, err := g.c.lookUp(ctx, g.o.Topic)
	if err != nil {
		return nil, err
	}
	committed, err := g.c.CommittedOffsets(ctx, g.o.Group, g.o.Topic)
	if err != nil {
		return nil, err
	}
	if err := g.checkTopic(ctx, info.id, anew); err != nil {
		return nil, err
	}
	var positions, first []millrace.Position
	start := make(map[int32]Start, len(assigned))
	for partition := range assigned {
		if start[partition] = g.start; anew {
			start[partition] = Earliest
		}
	}
	for _, p := range committed {
		if !assigned[p.Partition] {
			continue
		}
		switch was := parseTopicID(p.TopicID); {
		case was != info.id && was != topicID{} && info.id != topicID{}:
			if err := g.c.anew(ctx, p, was.String(), info.id.String()); !g.o.AllowGaps {
				return nil, err
			}
			g.c.log.Warn("kafka: the topic was made anew, going on at its beginning as told", "group", g.o.Group, "partition", p.Partition)
			start[p.Partition] = Earliest
		case anew && (was == topicID{} || info.id == topicID{}): // nobody knows which topic it speaks of
		default:
			positions = append(positions, p)
			delete(start, p.Partition)
		}
	}
	for partition, start := range start {
		offset, err := g.c.resolve(ctx, g.o.Topic, partition, start)
		if err != nil {
			return nil, err
		}
		first = append(first, millrace.Position{Topic: g.o.Topic, Partition: partition, Offset: offset, TopicID: info.id.String()})
	}
	g.mu.Lock()
	member := g.member
	g.mu.Unlock()
	if err := g.c.commit(ctx, g.c.spec.Retry, member, first); err != nil {
		return nil, err
	}
	return append(positions, first...), nil
}

// checkTopic compares the topic with the one that this member has read.
func (g *GroupSource) checkTopic(ctx context.Context, id topicID, anew bool) error {
	g.mu.Lock()
	was := g.id
	g.mu.Unlock()
	if id != was && id != (topicID{}) && was != (topicID{}) && !anew {
		at := millrace.Position{Topic: g.o.Topic}
		if read := g.in.positions(); len(read) > 0 {
			at = read[0]
		}
		return g.c.anew(ctx, at, was.String(), id.String())
	}
	g.setTopic(id)
	return nil
}

func (g *GroupSource) setTopic(id topicID) {
	g.mu.Lock()
	g.id = id
	g.mu.Unlock()
}

// Next returns the next batch of an assigned partition, blocking until there is one, ctx ends, or
// Run has ended: then it returns Run's error. The caller releases the batch.
func (g *GroupSource) Next(ctx context.Context) (*millrace.Batch, error) { return g.in.next(ctx, nil) }

// NextOf is Next for batches of partitions that want accepts, as Source.NextOf.
func (g *GroupSource) NextOf(ctx context.Context, want func(partition int32) bool) (*millrace.Batch, error) {
	return g.in.next(ctx, want)
}

// Commit commits positions to the group and waits for the answer, for as long as ctx lives when the
// cluster is away. Positions of partitions that this member no longer has are left out, as are those of
// a topic that was made anew since: their new member reads from the last commit, so that the events
// between are delivered again. An error is one
// that does not pass.
func (g *GroupSource) Commit(ctx context.Context, positions []millrace.Position) error {
	g.mu.Lock()
	member := g.member
	mine := make([]millrace.Position, 0, len(positions))
	for _, p := range positions {
		former := p.TopicID != "" && g.id != (topicID{}) && p.TopicID != g.id.String()
		if p.Topic == g.o.Topic && g.assigned[p.Partition] && !former {
			mine = append(mine, p)
		}
	}
	g.mu.Unlock()
	err := g.c.commit(ctx, forever, member, mine)
	if errors.Is(err, errSettled) {
		return nil // a rebalance came between
	}
	return err
}

// Assigned lists the partitions that this member has at the moment.
func (g *GroupSource) Assigned() []int32 {
	g.mu.Lock()
	defer g.mu.Unlock()
	partitions := make([]int32, 0, len(g.assigned))
	for p := range g.assigned {
		partitions = append(partitions, p)
	}
	return partitions
}

// Lag is how many offsets each assigned partition is behind its readable end, counting what Next returned and was
// released.
func (g *GroupSource) Lag() map[int32]int64 { return g.in.lag() }

// Paused is how long, all partitions added up, reading waited for the consumer.
func (g *GroupSource) Paused() time.Duration { return g.in.pausedFor() }
