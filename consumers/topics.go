package consumers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol/createtopics"
)

// topicInfo is what one metadata answer said of a topic. It is never changed, so that whoever finds
// it wrong names it by its pointer and asks for a newer one.
type topicInfo struct {
	asked      time.Time
	id         topicID         // zero where the broker tells none
	partitions []int32         // ascending
	leaders    map[int32]int32 // -1 for none at the moment
}

// topicEntry lets one caller at a time ask for a topic, and the others share the answer.
type topicEntry struct {
	asking chan struct{} // capacity 1: who holds the token asks
	info   *topicInfo    // guarded by Cluster.mu
}

// topic returns what is known of a topic, asking when nothing is, or no more than stale.
func (c *Cluster) topic(ctx context.Context, name string, stale *topicInfo) (*topicInfo, error) {
	c.mu.Lock()
	e := c.topics[name]
	if e == nil {
		e = &topicEntry{asking: make(chan struct{}, 1)}
		c.topics[name] = e
	}
	info := e.info
	c.mu.Unlock()
	if info != nil && info != stale {
		return info, nil
	}
	select {
	case e.asking <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-e.asking }()
	c.mu.Lock()
	info = e.info
	c.mu.Unlock()
	if info != nil && info != stale {
		return info, nil // somebody asked meanwhile
	}
	fresh, err := c.askTopic(ctx, anyBroker, name)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	e.info = fresh
	c.mu.Unlock()
	return fresh, nil
}

// leader returns the broker that leads a partition, and what it was learned from.
func (c *Cluster) leader(ctx context.Context, topic string, partition int32, stale *topicInfo) (int32, *topicInfo, error) {
	info, err := c.topic(ctx, topic, stale)
	if err != nil {
		return -1, nil, err
	}
	leader, ok := info.leaders[partition]
	if !ok {
		return -1, info, fmt.Errorf("%s/%d: %w", topic, partition, kafka.UnknownTopicOrPartition)
	}
	if leader < 0 {
		return -1, info, fmt.Errorf("%s/%d: %w", topic, partition, kafka.LeaderNotAvailable)
	}
	return leader, info, nil
}

// Partitions lists a topic's partitions, ascending, as the cluster has them now. A topic that does
// not exist is ErrUnknownTopic at once.
func (c *Cluster) Partitions(ctx context.Context, topic string) ([]int32, error) {
	info, err := c.lookUp(ctx, topic)
	if err != nil {
		return nil, err
	}
	return slices.Clone(info.partitions), nil
}

// TopicID is the identity of the topic that has the name now, as positions carry it; "" where the brokers tell none. A
// topic that does not exist is ErrUnknownTopic at once.
func (c *Cluster) TopicID(ctx context.Context, topic string) (string, error) {
	info, err := c.lookUp(ctx, topic)
	if err != nil {
		return "", err
	}
	return info.id.String(), nil
}

// lookUp asks for a topic as it is now.
func (c *Cluster) lookUp(ctx context.Context, topic string) (info *topicInfo, err error) {
	err = c.persist(ctx, "looking up topic "+topic, func(ctx context.Context) error {
		info, err = c.refresh(ctx, topic)
		return err
	})
	return info, err
}

// refresh asks anew whatever is known.
func (c *Cluster) refresh(ctx context.Context, topic string) (*topicInfo, error) {
	c.mu.Lock()
	var known *topicInfo
	if e := c.topics[topic]; e != nil {
		known = e.info
	}
	c.mu.Unlock()
	return c.topic(ctx, topic, known)
}

// TopicSpec describes a topic to create.
type TopicSpec struct {
	Name        string
	Partitions  int               // 0 is 1
	Replication int               // 0 is the broker's default
	Configs     map[string]string // as "retention.ms"; the broker's defaults for the rest
}

// EnsureTopic creates a topic when there is none, and waits until all its partitions have leaders.
// A topic that exists stays as it is, whatever its partitions and settings.
func (c *Cluster) EnsureTopic(ctx context.Context, t TopicSpec) error {
	return c.persist(ctx, "creating topic "+t.Name, func(ctx context.Context) error {
		info, err := c.refresh(ctx, t.Name)
		if errors.Is(err, ErrUnknownTopic) {
			if err := c.createTopic(ctx, t); err != nil {
				return err
			}
			// Brokers learn of a new topic one after the other, so one may not know it yet.
			if info, err = c.refresh(ctx, t.Name); errors.Is(err, ErrUnknownTopic) {
				return fmt.Errorf("topic %s: %w", t.Name, kafka.LeaderNotAvailable)
			}
		}
		if err != nil {
			return err
		}
		for p, leader := range info.leaders {
			if leader < 0 {
				return fmt.Errorf("%s/%d: %w", t.Name, p, kafka.LeaderNotAvailable)
			}
		}
		return nil
	})
}

func (c *Cluster) createTopic(ctx context.Context, t TopicSpec) error {
	topic := createtopics.RequestTopic{Name: t.Name, NumPartitions: int32(max(t.Partitions, 1)), ReplicationFactor: -1}
	if t.Replication > 0 {
		topic.ReplicationFactor = int16(t.Replication)
	}
	for name, value := range t.Configs {
		topic.Configs = append(topic.Configs, createtopics.RequestConfig{Name: name, Value: value})
	}
	res, err := ask[*createtopics.Response](ctx, c, anyBroker, &createtopics.Request{
		Topics:    []createtopics.RequestTopic{topic},
		TimeoutMs: int32(c.spec.Timeout.Milliseconds()),
	})
	if err != nil {
		return err
	}
	// There is one; its settings may still be refused, which the message explains.
	for _, r := range res.Topics {
		code := kafka.Error(r.ErrorCode)
		switch {
		case code == 0, code == kafka.TopicAlreadyExists: // perhaps by our own first try
		case r.ErrorMessage != "":
			return fmt.Errorf("topic %s: %w: %s", r.Name, code, r.ErrorMessage)
		default:
			return fmt.Errorf("topic %s: %w", r.Name, code)
		}
	}
	return nil
}
