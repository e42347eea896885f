package consumers

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol/listoffsets"
	"github.com/segmentio/kafka-go/protocol/offsetcommit"
	"github.com/segmentio/kafka-go/protocol/offsetfetch"

	"millrace"
)

// Start says where reading begins: Earliest, Latest, or a time in Unix milliseconds (StartAt).
type Start int64

const (
	// Latest is the end of what is readable: everything from then on.
	Latest Start = -1
	// Earliest is the first record that the log still holds.
	Earliest Start = -2
)

// StartAt begins with the first record whose timestamp is t or later; where there is none, it is
// Latest.
func StartAt(t time.Time) Start { return Start(max(t.UnixMilli(), 0)) }

// ParseStart reads "earliest", "latest" or a time in RFC 3339.
func ParseStart(s string) (Start, error) {
	switch s {
	case "earliest":
		return Earliest, nil
	case "latest":
		return Latest, nil
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return 0, fmt.Errorf("%q is no start: write earliest, latest or a time as 2026-01-31T12:00:00Z", s)
	}
	return StartAt(t), nil
}

func (s Start) String() string {
	switch s {
	case Latest:
		return "latest"
	case Earliest:
		return "earliest"
	}
	return time.UnixMilli(int64(s)).UTC().Format(time.RFC3339Nano)
}

// Isolation levels of requests.
const (
	readUncommitted int8 = 0
	readCommitted   int8 = 1
)

// Resolve turns a start into a position for each of a topic's partitions, ascending.
func (c *Cluster) Resolve(ctx context.Context, topic string, start Start) ([]millrace.Position, error) {
	info, err := c.lookUp(ctx, topic)
	if err != nil {
		return nil, err
	}
	// One by one: this happens once, before anything is learned. Should the topic be made anew meanwhile, the positions
	// name the former one, and reading from them is refused.
	positions := make([]millrace.Position, len(info.partitions))
	for i, p := range info.partitions {
		offset, err := c.resolve(ctx, topic, p, start)
		if err != nil {
			return nil, err
		}
		positions[i] = millrace.Position{Topic: topic, Partition: p, Offset: offset, TopicID: info.id.String()}
	}
	return positions, nil
}

func (c *Cluster) resolve(ctx context.Context, topic string, partition int32, start Start) (int64, error) {
	var offset int64
	what := fmt.Sprintf("asking for the %s offset of %s/%d", start, topic, partition)
	err := c.persist(ctx, what, func(ctx context.Context) (err error) {
		offset, err = c.listOffset(ctx, topic, partition, int64(start), readCommitted)
		if err == nil && offset < 0 { // no record is that young
			offset, err = c.listOffset(ctx, topic, partition, int64(Latest), readCommitted)
		}
		return err
	})
	return offset, err
}

// Bounds asks what a topic's partitions hold: the offset of the first record, and the readable end.
func (c *Cluster) Bounds(ctx context.Context, topic string) (map[int32][2]int64, error) {
	partitions, err := c.Partitions(ctx, topic)
	if err != nil {
		return nil, err
	}
	bounds := make(map[int32][2]int64, len(partitions))
	for _, p := range partitions {
		err := c.persist(ctx, "asking for the bounds of "+topic, func(ctx context.Context) error {
			start, end, err := c.bounds(ctx, topic, p, readCommitted)
			bounds[p] = [2]int64{start, end}
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return bounds, nil
}

func (c *Cluster) bounds(ctx context.Context, topic string, partition int32, isolation int8) (start, end int64, err error) {
	if start, err = c.listOffset(ctx, topic, partition, int64(Earliest), isolation); err != nil {
		return 0, 0, err
	}
	end, err = c.listOffset(ctx, topic, partition, int64(Latest), isolation)
	return start, end, err
}

// listOffset asks a partition's leader once, and once more after looking the leader up anew.
func (c *Cluster) listOffset(ctx context.Context, topic string, partition int32, at int64, isolation int8) (int64, error) {
	var (
		stale  *topicInfo
		offset int64
		err    error
	)
	// The leader may have moved since it was looked up; an answer from a former one says so.
	for range 2 {
		var leader int32
		leader, info, lookupErr := c.leader(ctx, topic, partition, stale)
		if lookupErr != nil {
			return 0, lookupErr
		}
		offset, err = c.listOffsetFrom(ctx, leader, topic, partition, at, isolation)
		if err == nil || !passing(err) {
			break
		}
		stale = info
	}
	return offset, err
}

func (c *Cluster) listOffsetFrom(ctx context.Context, leader int32, topic string, partition int32, at int64, isolation int8) (int64, error) {
	// -1 asks as a consumer, and whatever the leader's epoch.
	res, err := ask[*listoffsets.Response](ctx, c, leader, &listoffsets.Request{
		ReplicaID: -1, IsolationLevel: isolation,
		Topics: []listoffsets.RequestTopic{{Topic: topic, Partitions: []listoffsets.RequestPartition{{
			Partition: partition, CurrentLeaderEpoch: -1, Timestamp: at,
		}}}},
	})
	if err != nil {
		return 0, err
	}
	for _, t := range res.Topics {
		for _, p := range t.Partitions {
			if t.Topic != topic || p.Partition != partition {
				continue
			}
			if p.ErrorCode != 0 {
				return 0, fmt.Errorf("%s/%d: %w", topic, partition, kafka.Error(p.ErrorCode))
			}
			return p.Offset, nil
		}
	}
	return 0, fmt.Errorf("%s/%d: the answer does not speak of it", topic, partition)
}

// ErrGroupHasMembers says that a group takes positions from its members alone, as long as it has some.
var ErrGroupHasMembers = errors.New("the group has members, which commit by themselves")

// CommitOffsets commits positions to a group without being a member of it, for lag monitors. While the group has
// members the error wraps ErrGroupHasMembers.
func (c *Cluster) CommitOffsets(ctx context.Context, group string, positions []millrace.Position) error {
	// -1 and no member is how consumers outside a group's protocol commit.
	return c.commit(ctx, c.spec.Retry, membership{group: group, generation: -1}, positions)
}

// CommitNotes is CommitOffsets with a note beside each position, of at most NoteBytesMax.
func (c *Cluster) CommitNotes(ctx context.Context, group string, positions []millrace.Position, notes []string) error {
	return c.commit(ctx, c.spec.Retry, membership{group: group, generation: -1, notes: notes}, positions)
}

// NoteBytesMax is well below the 4 KiB that brokers take by default beside an offset, with what else stands there.
const NoteBytesMax = 3000

// membership is who commits.
type membership struct {
	group      string
	generation int32
	member     string
	notes      []string // beside each position that it commits; nil for none
}

func (c *Cluster) commit(ctx context.Context, howLong time.Duration, m membership, positions []millrace.Position) error {
	if len(positions) == 0 {
		return nil
	}
	req := &offsetcommit.Request{
		GroupID: m.group, GenerationID: m.generation, MemberID: m.member,
		RetentionTimeMs: -1, // the broker's own; brokers since 2.1 do not read it
	}
	byTopic := make(map[string]int)
	for at, p := range positions {
		note := ""
		if m.notes != nil {
			note = m.notes[at]
		}
		i, ok := byTopic[p.Topic]
		if !ok {
			i = len(req.Topics)
			byTopic[p.Topic] = i
			req.Topics = append(req.Topics, offsetcommit.RequestTopic{Name: p.Topic})
		}
		req.Topics[i].Partitions = append(req.Topics[i].Partitions, offsetcommit.RequestPartition{
			PartitionIndex: p.Partition, CommittedOffset: p.Offset, CommittedLeaderEpoch: -1,
			CommittedMetadata: commitMetadata(p, note),
		})
	}
	return c.persistFor(ctx, howLong, "committing offsets of group "+m.group, func(ctx context.Context) error {
		return c.commitOnce(ctx, req)
	})
}

func (c *Cluster) commitOnce(ctx context.Context, req *offsetcommit.Request) error {
	ctx, cancel := context.WithTimeout(ctx, c.spec.Timeout)
	defer cancel()
	// Sent as it is: the Transport looks up the group's coordinator.
	m, err := c.transport.RoundTrip(ctx, c.addr, req)
	if err != nil {
		return c.named(err)
	}
	for _, t := range m.(*offsetcommit.Response).Topics {
		for _, p := range t.Partitions {
			code := kafka.Error(p.ErrorCode)
			switch code {
			case 0:
				continue
			case kafka.IllegalGeneration, kafka.UnknownMemberId, kafka.RebalanceInProgress:
				if req.MemberID == "" {
					return settled("%s/%d: %w: %w", t.Name, p.PartitionIndex, ErrGroupHasMembers, code)
				}
				// The partitions are about to be somebody else's: trying again does not bring them back.
				return settled("%s/%d: %w", t.Name, p.PartitionIndex, code)
			}
			return fmt.Errorf("%s/%d: %w", t.Name, p.PartitionIndex, code)
		}
	}
	return nil
}

// ErrGroupDenied says that the cluster does not let this user ask about a group.
var ErrGroupDenied = errors.New("not allowed to ask about the group")

// CommittedOffsets asks where a group stands: one position for each partition that it has committed
// one for, ascending. Its error wraps ErrUnknownTopic or ErrGroupDenied where those fit.
func (c *Cluster) CommittedOffsets(ctx context.Context, group, topic string) ([]millrace.Position, error) {
	positions, _, err := c.CommittedNotes(ctx, group, topic)
	return positions, err
}

// CommittedNotes is CommittedOffsets with the notes that CommitNotes wrote, by partition.
func (c *Cluster) CommittedNotes(ctx context.Context, group, topic string) (positions []millrace.Position, notes map[int32]string, err error) {
	partitions, err := c.Partitions(ctx, topic)
	if err != nil {
		return nil, nil, err
	}
	err = c.persist(ctx, "asking for the offsets of group "+group, func(ctx context.Context) (err error) {
		notes = map[int32]string{}
		positions, err = c.committed(ctx, group, topic, partitions, notes)
		return err
	})
	return positions, notes, err
}

// committed asks once. It adds the notes beside positions to notes, which may be nil.
func (c *Cluster) committed(ctx context.Context, group, topic string, partitions []int32, notes map[int32]string) ([]millrace.Position, error) {
	ctx, cancel := context.WithTimeout(ctx, c.spec.Timeout)
	defer cancel()
	m, err := c.transport.RoundTrip(ctx, c.addr, &offsetfetch.Request{
		GroupID: group,
		Topics:  []offsetfetch.RequestTopic{{Name: topic, PartitionIndexes: partitions}},
	})
	if err != nil {
		return nil, c.named(err)
	}
	res, ok := m.(*offsetfetch.Response)
	if !ok {
		return nil, errors.New("the answer is of another kind")
	}
	switch code := kafka.Error(res.ErrorCode); code {
	case 0:
	case kafka.GroupIdNotFound:
		return nil, nil // some brokers say so of a group that has committed nothing yet
	case kafka.GroupAuthorizationFailed:
		return nil, fmt.Errorf("%w: %w", ErrGroupDenied, code)
	default:
		return nil, code
	}
	var positions []millrace.Position
	for _, t := range res.Topics {
		for _, p := range t.Partitions {
			if p.ErrorCode != 0 {
				return nil, fmt.Errorf("%s/%d: %w", t.Name, p.PartitionIndex, kafka.Error(p.ErrorCode))
			}
			// -1 is nothing committed.
			if p.CommittedOffset >= 0 {
				at := millrace.Position{Topic: t.Name, Partition: p.PartitionIndex, Offset: p.CommittedOffset}
				if note := readCommitMetadata(p.Metadata, &at); note != "" && notes != nil {
					notes[at.Partition] = note
				}
				positions = append(positions, at)
			}
		}
	}
	sortPositions(positions)
	return positions, nil
}
