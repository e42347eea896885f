package embedded

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
)

// retain brings all logs back to their retention, the held ones as far as nobody needs them.
func (k *Kafka) retain() {
	needs := k.hold.needs() // may ask the broker, so not within
	k.ask(func(c *kfake.Cluster) {
		c.ApplyRetention() // of topics that have one of their own
		for _, topic := range k.hold.topics(c) {
			for _, info := range c.PartitionInfos(topic) {
				k.hold.trim(c, topic, info, needs)
			}
		}
	})
}

// needs asks the readers. It is nil where no topic is held.
func (h *holding) needs() []Reader {
	h.mu.Lock()
	readers := h.readers
	h.mu.Unlock()
	if readers == nil {
		return nil
	}
	return readers()
}

// topics are those that are written to or held, with names for their ids.
func (h *holding) topics(c *kfake.Cluster) []string {
	h.mu.Lock()
	ids, all := slices.Collect(maps.Keys(h.unknown)), maps.Clone(h.held)
	maps.Copy(all, h.written)
	clear(h.unknown)
	h.mu.Unlock()
	names := map[[16]byte]string{}
	for topic := range all {
		if info := c.TopicInfo(topic); info != nil {
			names[info.TopicID] = topic
			h.guardAll(c, info)
		}
	}
	for _, id := range ids {
		if info := c.TopicIDInfo(id); info != nil {
			names[id], all[info.Topic] = info.Topic, true
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.names = names
	return slices.Sorted(maps.Keys(all))
}

// guardAll guards the partitions of a topic that is held.
func (h *holding) guardAll(c *kfake.Cluster, topic *kfake.TopicInfo) {
	h.mu.Lock()
	held := h.held[topic.Topic]
	h.mu.Unlock()
	if !held {
		return
	}
	for _, info := range c.PartitionInfos(topic.Topic) {
		h.guard(c, logKey{topic.Topic, info.Partition}, topic.TopicID)
	}
}

// limit is the offset up to which a partition may be trimmed. Its newest batch always stays.
func (h *holding) limit(topic string, info *kfake.PartitionInfo, needs []Reader) int64 {
	limit := info.HighWatermark - 1
	h.mu.Lock()
	held := h.held[topic]
	h.mu.Unlock()
	if !held {
		return limit
	}
	for _, r := range needs {
		if r.Topic == topic {
			limit = min(limit, r.Needed[info.Partition])
		}
	}
	return limit
}

// trimSteps bounds the looks at one log, each of which may free a part of it at least.
const trimSteps = 256

// trim deletes the oldest records of a log above its retention, a little at a time, as sizes of records differ.
func (h *holding) trim(c *kfake.Cluster, topic string, info *kfake.PartitionInfo, needs []Reader) {
	limit := h.limit(topic, info, needs)
	for range trimSteps {
		excess, records := info.NumBytes-h.retention, info.HighWatermark-info.LogStartOffset
		if excess <= 0 || info.LogStartOffset >= limit {
			break
		}
		step := max(1, records/trimSteps, int64(float64(excess)/float64(info.NumBytes)*float64(records)/4))
		if c.DeleteRecords(topic, info.Partition, min(limit, info.LogStartOffset+step)) != nil {
			return // it was deleted meanwhile
		}
		next := h.look(c, topic, info.Partition)
		if next == nil {
			return
		}
		info = next
	}
	h.look(c, topic, info.Partition)
}

// look notes what a partition holds. What is written while it asks counts twice until the next look.
func (h *holding) look(c *kfake.Cluster, topic string, partition int32) *kfake.PartitionInfo {
	key := logKey{topic, partition}
	h.mu.Lock()
	before := h.sizes[key].written
	h.mu.Unlock()
	info := c.PartitionInfo(topic, partition)
	h.mu.Lock()
	defer h.mu.Unlock()
	if info == nil {
		delete(h.sizes, key)
		delete(h.full, key)
		return nil
	}
	size := logSize{info.NumBytes, h.sizes[key].written - before}
	h.sizes[key] = size
	if size.bytes() < h.fullAt() {
		delete(h.full, key)
	}
	return info
}

// Run keeps the logs within their retention until ctx is done.
func (k *Kafka) Run(ctx context.Context) error {
	ticker := time.NewTicker(retentionEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		case <-k.hold.wake:
		}
		k.retain()
	}
}

// Committed is where a group stands in a topic; empty for one that has committed nothing.
func (k *Kafka) Committed(group, topic string) map[int32]int64 {
	at := map[int32]int64{}
	k.ask(func(c *kfake.Cluster) {
		info := c.GroupInfo(group)
		if info == nil {
			return
		}
		for partition, commit := range info.Commits[topic] {
			at[partition] = commit.Offset
		}
	})
	return at
}

// Ends are the offsets that a topic's next records get.
func (k *Kafka) Ends(topic string) map[int32]int64 {
	ends := map[int32]int64{}
	k.ask(func(c *kfake.Cluster) {
		for _, info := range c.PartitionInfos(topic) {
			ends[info.Partition] = info.HighWatermark
		}
	})
	return ends
}

// ask asks the broker, unless it is closed: it would never answer.
func (k *Kafka) ask(what func(*kfake.Cluster)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.closed {
		what(k.cluster)
	}
}
