package consumers

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol/describeconfigs"
)

// Forever is a retention, or a time ahead, without a bound.
const Forever time.Duration = math.MaxInt64

// TopicSettings are a topic's, as far as the cluster tells them: of what it does not, the zero value stays.
type TopicSettings struct {
	// Retention is for how long a record is kept at least, by its time; Forever without a bound.
	Retention time.Duration
	// RetentionBytes is how much of a partition is kept; below 0 all.
	RetentionBytes int64
	// Compacted is that of records with one key only the last is kept.
	Compacted bool
	// Deleted is that what is older or more than the retention is deleted.
	Deleted bool
	// AheadMax is how far a record's time may lie ahead of the broker's clock; Forever without a bound.
	AheadMax time.Duration
	// Appended is that brokers write the time themselves.
	Appended bool
}

// topicResource is a topic's number among the resources that have settings.
const topicResource = 2

// Names of settings, as brokers have them.
const (
	settingPolicy         = "cleanup.policy"
	settingRetention      = "retention.ms"
	settingRetentionBytes = "retention.bytes"
	settingAhead          = "message.timestamp.after.max.ms"      // since Kafka 3.6
	settingDifference     = "message.timestamp.difference.max.ms" // until Kafka 3.9
	settingTimeType       = "message.timestamp.type"
)

// TopicSettings asks for a topic's settings; known is false when this user may not ask for them. Its error wraps
// ErrUnknownTopic where that fits.
func (c *Cluster) TopicSettings(ctx context.Context, topic string) (s TopicSettings, known bool, err error) {
	// Brokers before 3.6 do not mind that one of the names is unknown to them: they leave it out.
	names := []string{settingPolicy, settingRetention, settingRetentionBytes, settingAhead, settingDifference, settingTimeType}
	var found map[string]string
	err = c.persist(ctx, "asking for the settings of topic "+topic, func(ctx context.Context) (err error) {
		found, err = c.settings(ctx, topic, names...)
		return err
	})
	switch {
	case errors.Is(err, kafka.TopicAuthorizationFailed), errors.Is(err, kafka.ClusterAuthorizationFailed):
		return s, false, nil
	case err != nil:
		return s, false, err
	}
	s.Compacted = strings.Contains(found[settingPolicy], "compact")
	s.Deleted = strings.Contains(found[settingPolicy], "delete")
	s.Retention = settingDuration(found[settingRetention])
	s.RetentionBytes, _ = strconv.ParseInt(found[settingRetentionBytes], 10, 64) // of what is no number nothing is known
	s.AheadMax = settingDuration(found[settingDifference])
	if ahead, ok := found[settingAhead]; ok {
		s.AheadMax = settingDuration(ahead)
	}
	s.Appended = found[settingTimeType] == "LogAppendTime"
	return s, len(found) > 0, nil
}

// settings asks once for a topic's settings with these names.
func (c *Cluster) settings(ctx context.Context, topic string, names ...string) (map[string]string, error) {
	res, err := ask[*describeconfigs.Response](ctx, c, anyBroker, &describeconfigs.Request{
		Resources: []describeconfigs.RequestResource{{ResourceType: topicResource, ResourceName: topic, ConfigNames: names}},
	})
	if err != nil {
		return nil, err
	}
	found := make(map[string]string)
	for _, resource := range res.Resources {
		switch code := kafka.Error(resource.ErrorCode); code {
		case 0:
		case kafka.UnknownTopicOrPartition:
			return nil, fmt.Errorf("topic %s: %w", topic, ErrUnknownTopic)
		default:
			return nil, fmt.Errorf("topic %s: %w", topic, code)
		}
		for _, entry := range resource.ConfigEntries {
			found[entry.ConfigName] = entry.ConfigValue
		}
	}
	return found, nil
}

// settingDuration reads milliseconds, below 0 for ever. Of what is none nothing is known.
func settingDuration(text string) time.Duration {
	millis, err := strconv.ParseInt(text, 10, 64)
	switch {
	case err != nil:
		return 0
	case millis < 0 || millis > int64(Forever/time.Millisecond):
		return Forever
	}
	return time.Duration(millis) * time.Millisecond
}
