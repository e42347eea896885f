package consumers

import (
	"context"
	"errors"
	"fmt"

	"github.com/segmentio/kafka-go"

	"millrace"
	"millrace/consumers/internal/recordbatch"
)

// OffsetsAt returns for each of a topic's partitions, ascending, the position of the first record whose time is
// unixMillis or later, or the end where there is none.
func (c *Cluster) OffsetsAt(ctx context.Context, topic string, unixMillis int64) ([]millrace.Position, error) {
	return c.Resolve(ctx, topic, Start(max(unixMillis, 0)))
}

// FirstTime returns the record time, in Unix milliseconds, of what comes first behind positions: the least that the
// partitions' next batches begin with, so that it may lie a little before the record at a position. ok is false when
// nothing is behind any. Positions outside their logs are no matter here: reading from them says so.
func (c *Cluster) FirstTime(ctx context.Context, positions []millrace.Position) (unixMillis int64, ok bool, err error) {
	for _, p := range positions {
		var at int64
		var found bool
		what := fmt.Sprintf("asking for the first record of %s/%d", p.Topic, p.Partition)
		err := c.persist(ctx, what, func(ctx context.Context) (err error) {
			at, found, err = c.timeAt(ctx, p)
			return err
		})
		if err != nil {
			return 0, false, err
		}
		if found && (!ok || at < unixMillis) {
			unixMillis, ok = at, true
		}
	}
	return unixMillis, ok, nil
}

// timeAt asks once for the time that the batch at a position begins with; below the log's start, for the first's.
func (c *Cluster) timeAt(ctx context.Context, p millrace.Position) (unixMillis int64, ok bool, err error) {
	res, err := c.head(ctx, p)
	if errors.Is(err, kafka.OffsetOutOfRange) {
		start, _, err := c.bounds(ctx, p.Topic, p.Partition, readUncommitted)
		if err != nil || p.Offset >= start {
			return 0, false, err
		}
		p.Offset = start
		return c.timeAt(ctx, p)
	}
	if err != nil {
		return 0, false, err
	}
	defer c.buffers.Put(res.records)
	h, ok := recordbatch.Peek(res.records)
	return h.FirstTime(), ok, nil
}

// head fetches the header of the batch at a position, and once more after looking the leader up anew.
func (c *Cluster) head(ctx context.Context, p millrace.Position) (*fetchResponse, error) {
	var stale *topicInfo
	for tries := 0; ; tries++ {
		leader, info, err := c.leader(ctx, p.Topic, p.Partition, stale)
		if err != nil {
			return nil, err
		}
		res, err := c.fetch(ctx, &fetchRequest{
			topic: p.Topic, partition: p.Partition, leader: leader, offset: p.Offset, maxBytes: 1,
			clientID: c.clientID, pool: &c.buffers, head: true,
		})
		if err == nil && res.code != 0 {
			c.buffers.Put(res.records)
			err = res.code
		}
		if err == nil {
			return res, nil
		}
		if tries > 0 || !passing(err) {
			return nil, fmt.Errorf("fetching %s/%d at %d: %w", p.Topic, p.Partition, p.Offset, err)
		}
		stale = info
	}
}
