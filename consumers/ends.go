package consumers

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol/listoffsets"
)

// Ask returns when every partition that want accepts, of those that were last seen at their ends with nothing left to
// take, has been seen so anew by a question asked after that moment, or turned out to have more; or when ctx or the
// source's Run ends. want must not call the source.
//
// A reader's own fetch tells it too, but only when the broker has waited for records for as long as it may.
func (s *Source) Ask(ctx context.Context, after time.Time, want func(partition int32) bool) error {
	for {
		told := s.in.want(after, want)
		if told == nil {
			return nil
		}
		select {
		case <-told:
		case <-s.in.stopped:
			return s.in.err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// want has the ends of partitions asked for that were last asked for before a moment. What it returns is closed when
// one stands otherwise than now; it is nil when there are none.
func (in *intake) want(after time.Time, want func(int32) bool) <-chan struct{} {
	in.mu.Lock()
	defer in.mu.Unlock()
	some := false
	for p, s := range in.stands {
		if s.ended || s.queued > 0 || s.since.IsZero() || !s.asked.Before(after) || !want(p) {
			continue
		}
		s.wanted, some = true, true
	}
	if !some {
		return nil
	}
	select {
	case in.asks <- struct{}{}:
	default:
	}
	if in.told == nil {
		in.told = make(chan struct{})
	}
	return in.told
}

// tell wakes those who wait for a stand to change. The lock is held.
func (in *intake) tell() {
	if in.told != nil {
		close(in.told)
		in.told = nil
	}
}

// askEnds asks for the ends of partitions that somebody wants, until ctx ends.
func (in *intake) askEnds(ctx context.Context, topic string) error {
	wait := backoff{c: in.c}
	stale := make(map[int32]*topicInfo)
	for {
		select {
		case <-in.asks:
		case <-ctx.Done():
			return ctx.Err()
		}
		err := in.askRound(ctx, topic, stale)
		if err == nil {
			wait.reset()
			continue
		}
		// The readers meet what is wrong, too, and say so. Until it is over the partitions' ends stay unknown.
		in.c.log.Debug("kafka: cannot ask where partitions end, will try again", "topic", topic, "error", err)
		if err := wait.wait(ctx); err != nil {
			return err
		}
		select {
		case in.asks <- struct{}{}:
		default:
		}
	}
}

// askRound asks each leader once for the ends of all its partitions that are wanted. stale holds what was known of
// partitions whose leader could not be asked.
func (in *intake) askRound(ctx context.Context, topic string, stale map[int32]*topicInfo) error {
	in.mu.Lock()
	var partitions []int32
	for p, s := range in.stands {
		if s.wanted {
			partitions = append(partitions, p)
		}
	}
	in.mu.Unlock()
	var failed error
	byLeader := make(map[int32][]int32)
	known := make(map[int32]*topicInfo, len(partitions))
	for _, p := range partitions {
		leader, info, err := in.c.leader(ctx, topic, p, stale[p])
		if known[p] = info; err != nil {
			failed = err
			continue
		}
		byLeader[leader] = append(byLeader[leader], p)
	}
	var mu sync.Mutex
	var all sync.WaitGroup
	for leader, partitions := range byLeader {
		all.Go(func() {
			asked := in.c.now()
			ends, err := in.c.listEnds(ctx, leader, topic, partitions)
			in.sawEnds(asked, ends)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				failed = err
			}
			for _, p := range partitions {
				if delete(stale, p); err != nil {
					stale[p] = known[p]
				}
			}
		})
	}
	all.Wait()
	return failed
}

// sawEnds notes where partitions ended when that was asked.
func (in *intake) sawEnds(asked time.Time, ends map[int32]int64) {
	now := in.c.now()
	in.mu.Lock()
	defer in.mu.Unlock()
	for p, end := range ends {
		s := in.stands[p]
		if s == nil {
			continue
		}
		s.wanted = false
		switch {
		case end > s.position:
			s.since = time.Time{} // its reader is about to find it
		case s.asked.Before(asked):
			s.answered, s.asked = now, asked
		}
	}
	in.tell()
}

// listEnds asks a broker for the readable ends of partitions that it leads. With an error the ends are those of the
// partitions that it told of.
func (c *Cluster) listEnds(ctx context.Context, leader int32, topic string, partitions []int32) (map[int32]int64, error) {
	// -1 asks as a consumer, and whatever the leader's epoch.
	req := listoffsets.RequestTopic{Topic: topic}
	for _, p := range partitions {
		req.Partitions = append(req.Partitions, listoffsets.RequestPartition{Partition: p, CurrentLeaderEpoch: -1, Timestamp: int64(Latest)})
	}
	res, err := ask[*listoffsets.Response](ctx, c, leader, &listoffsets.Request{
		ReplicaID: -1, IsolationLevel: readCommitted, Topics: []listoffsets.RequestTopic{req}})
	if err != nil {
		return nil, err
	}
	ends := make(map[int32]int64, len(partitions))
	var failed error
	for _, t := range res.Topics {
		if t.Topic != topic {
			continue
		}
		for _, p := range t.Partitions {
			if p.ErrorCode != 0 {
				failed = fmt.Errorf("%s/%d: %w", topic, p.Partition, kafka.Error(p.ErrorCode))
				continue
			}
			ends[p.Partition] = p.Offset
		}
	}
	if failed == nil && len(ends) < len(partitions) {
		failed = fmt.Errorf("%s: the answer speaks of %d partitions of %d", topic, len(ends), len(partitions))
	}
	return ends, failed
}
