package consumers

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"

	"millrace"
	"millrace/consumers/internal/recordbatch"
)

// topicID is the identity that a cluster gives a topic when it is created (Kafka since 2.8); zero where it gives none.
// One that is deleted and made anew under its old name has another.
type topicID [16]byte

// String is the id as Kafka's own tools write it, and "" for none.
func (id topicID) String() string {
	if id == (topicID{}) {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(id[:])
}

// parseTopicID reads what String writes; what is none of its texts is no identity.
func parseTopicID(s string) topicID {
	var id topicID
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil || len(b) != len(id) {
		return topicID{}
	}
	copy(id[:], b)
	return id
}

// identityEvery is how old the answer to "is it still the same topic?" may be when records are delivered that were
// fetched by the topic's name: a topic that is deleted, made anew and filled beyond the position again is noticed
// within it. Fetches that name the topic's id need no such question.
const identityEvery = time.Second

// identity is what a reader knows of the topic that its position speaks of.
type identity struct {
	id   topicID              // zero while none is known
	text string               // id as positions and headers have it
	mark millrace.Fingerprint // of the last batch before the position; zero while none was read
	sure time.Time            // when it was last known to be the topic of that name; zero since something failed
	// untold is that brokers have stopped to tell ids, and that this was said.
	untold bool
}

// identityOf takes what a position says; one of a former release says nothing, and takes what it finds.
func identityOf(p millrace.Position) identity {
	var i identity
	i.name(parseTopicID(p.TopicID))
	i.mark = p.Fingerprint
	return i
}

func (i *identity) name(id topicID) { i.id, i.text = id, id.String() }

// identify compares the position's topic with the one that a look-up has found under its name, before anything is
// fetched.
func (r *reader) identify(ctx context.Context, leader int32, found topicID) error {
	if leader != r.leader { // a failover, or another release of the broker
		r.leader, r.speaks, r.sure = leader, 0, time.Time{}
	}
	switch {
	case found == topicID{} || found == r.id:
		return nil
	case r.id != topicID{}:
		return r.anew(ctx, r.text, found.String())
	}
	proved, err := r.compareMark(ctx, leader)
	if proved {
		r.name(found)
	}
	return err
}

// confirm asks whether the topic is still the same, unless that was asked within the last identityEvery. It is called
// between a fetch by name and the delivery of what it brought.
func (r *reader) confirm(ctx context.Context, leader int32) error {
	now := r.in.c.now()
	if !r.sure.IsZero() && now.Sub(r.sure) < identityEvery {
		return nil
	}
	proved, err := r.ask(ctx, leader)
	if proved {
		r.sure = now
	}
	return err
}

func (r *reader) ask(ctx context.Context, leader int32) (proved bool, err error) {
	if r.id == (topicID{}) {
		return r.compareMark(ctx, leader)
	}
	// The leader itself is asked: another broker may not have heard of the change yet.
	info, err := r.in.c.askTopic(ctx, leader, r.topic)
	switch {
	case err != nil:
		return false, err
	case info.id == r.id:
		return true, nil
	case info.id != topicID{}:
		return false, r.anew(ctx, r.text, info.id.String())
	}
	if !r.untold {
		r.in.c.log.Warn("kafka: the brokers tell no topic ids any more; a topic that is made anew is noticed by what was read last",
			"topic", r.topic, "partition", r.partition)
		r.untold = true
	}
	return r.compareMark(ctx, leader)
}

// compareMark looks whether the batch that was read last is still at its place. An equal one proves that the topic is
// the same, another one that it is not. One that is gone proves nothing: that is said, and the next one read stands in.
func (r *reader) compareMark(ctx context.Context, leader int32) (proved bool, err error) {
	if r.mark == (millrace.Fingerprint{}) {
		return true, nil
	}
	// Brokers send the first batch whole, however large.
	res, err := r.in.c.fetch(ctx, &fetchRequest{
		topic: r.topic, partition: r.partition, leader: leader, offset: r.mark.Last, maxBytes: 1,
		clientID: r.in.c.clientID, pool: &r.in.c.buffers, head: true,
	})
	if err != nil {
		return false, err
	}
	defer r.in.c.buffers.Put(res.records)
	switch {
	case res.code == kafka.OffsetOutOfRange, res.code == 0 && len(res.records) == 0:
		// A log that does not reach as far holds the position even less, which is a gap: outOfRange reports it.
		start, end, err := r.in.c.bounds(ctx, r.topic, r.partition, readUncommitted)
		if err != nil || r.mark.Last >= end {
			return false, err
		}
		if r.mark.Last >= start && res.code != 0 {
			return false, fmt.Errorf("fetching %s/%d: %w", r.topic, r.partition, kafka.OffsetNotAvailable) // it was written meanwhile
		}
		r.lostMark()
		return true, nil
	case res.code != 0:
		return false, fmt.Errorf("fetching %s/%d: %w", r.topic, r.partition, res.code)
	}
	h, ok := recordbatch.Peek(res.records)
	if !ok {
		return false, fmt.Errorf("%s/%d: reading the batch at offset %d again: it has no header", r.topic, r.partition, r.mark.Last)
	}
	there := fingerprint(&h)
	if there == r.mark {
		return true, nil
	}
	gone := h.BaseOffset > r.mark.Last
	if !gone { // compaction also rewrites batches in place
		if gone, err = r.in.c.compacted(ctx, r.topic); err != nil {
			return false, err
		}
	}
	if !gone {
		return false, r.anew(ctx, r.mark.String(), there.String())
	}
	r.lostMark()
	return true, nil
}

func fingerprint(h *recordbatch.Header) millrace.Fingerprint {
	return millrace.Fingerprint{Last: h.LastOffset(), Time: h.MaxTime, CRC: h.CRC}
}

func (r *reader) lostMark() {
	r.in.c.log.Warn("kafka: what was read last is gone from the log (by retention or compaction), so nothing proves that the topic "+
		"was not made anew; going on", "topic", r.topic, "partition", r.partition, "read", r.mark.String(), "position", r.position)
	r.mark = millrace.Fingerprint{}
}

// compacted asks whether the topic's cleanup policy includes compaction.
func (c *Cluster) compacted(ctx context.Context, topic string) (bool, error) {
	found, err := c.settings(ctx, topic, settingPolicy)
	var refused kafka.Error
	if errors.Is(err, ErrUnknownTopic) || errors.As(err, &refused) && !passingCode(refused) {
		// Who may not ask is not told: then what differs counts as another topic, which a person can decide about.
		return false, nil
	}
	return strings.Contains(found[settingPolicy], "compact"), err
}

// anewBoundsFor is how long the bounds of a topic made anew are asked for: its partitions may have no leaders yet, or
// there may be fewer of them.
const anewBoundsFor = 2 * time.Second

// anew says that the topic is not the one that the position speaks of.
func (r *reader) anew(ctx context.Context, was, is string) error {
	return r.in.c.anew(ctx, millrace.Position{Topic: r.topic, Partition: r.partition, Offset: max(r.position, 0)}, was, is)
}

func (c *Cluster) anew(ctx context.Context, p millrace.Position, was, is string) error {
	gap := &millrace.GapError{Topic: p.Topic, Partition: p.Partition, Position: p.Offset, Was: was, Is: is}
	// Without an answer the error is as true.
	_ = c.persistFor(ctx, anewBoundsFor, "asking for the bounds of "+p.Topic, func(ctx context.Context) (err error) {
		gap.Start, gap.End, err = c.bounds(ctx, p.Topic, p.Partition, readUncommitted)
		return err
	})
	return gap
}

// SameTopic compares positions with the topic that has their name now, by the ids that both tell: a *millrace.GapError
// says that it was made anew. What was read last is compared only when it is read on.
func (c *Cluster) SameTopic(ctx context.Context, topic string, positions []millrace.Position) error {
	info, err := c.lookUp(ctx, topic)
	if errors.Is(err, ErrUnknownTopic) {
		return nil // reading waits for it, or says so
	}
	if err != nil {
		return err
	}
	return c.sameTopic(ctx, info, positions)
}

func (c *Cluster) sameTopic(ctx context.Context, info *topicInfo, positions []millrace.Position) error {
	for _, p := range positions {
		if id := parseTopicID(p.TopicID); id != (topicID{}) && info.id != (topicID{}) && id != info.id {
			return c.anew(ctx, p, p.TopicID, info.id.String())
		}
	}
	return nil
}

// isAnew reports whether an error says that the topic was made anew, and the user has said to go on then.
func isAnew(err error, allowGaps bool) (*millrace.GapError, bool) {
	var gap *millrace.GapError
	return gap, errors.As(err, &gap) && gap.Anew() && allowGaps
}

// commitIdentity is what a commit's metadata says of the topic, as JSON: it is text that brokers keep beside an offset.
// Other clients write what they like there, so what does not read says nothing.
type commitIdentity struct {
	TopicID     string               `json:"topic_id,omitempty"`
	Fingerprint millrace.Fingerprint `json:"fingerprint,omitzero"`
	Note        string               `json:"note,omitempty"`
}

// commitMetadata is far below the 4 KiB that brokers take.
func commitMetadata(p millrace.Position, note string) string {
	if p.TopicID == "" && p.Fingerprint == (millrace.Fingerprint{}) && note == "" {
		return ""
	}
	text, err := json.Marshal(commitIdentity{TopicID: p.TopicID, Fingerprint: p.Fingerprint, Note: note})
	if err != nil {
		return "" // cannot be: strings and integers
	}
	return string(text)
}

func readCommitMetadata(text string, p *millrace.Position) (note string) {
	var c commitIdentity
	if json.Unmarshal([]byte(text), &c) == nil && (c.TopicID == "" || parseTopicID(c.TopicID) != topicID{}) {
		p.TopicID, p.Fingerprint = c.TopicID, c.Fingerprint
	}
	return c.Note
}
