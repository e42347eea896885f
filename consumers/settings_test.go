package consumers

import (
	"errors"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

func TestTopicSettings(t *testing.T) {
	both(t, func(t *testing.T, b *bench) {
		topic := b.topic(1, "retention.ms", "3600000", "retention.bytes", "12345", "cleanup.policy", "compact,delete",
			"message.timestamp.type", "LogAppendTime")
		got, known, err := b.cluster.TopicSettings(b.ctx, topic)
		if err != nil || !known {
			t.Fatalf("%v, %v", known, err)
		}
		// How far ahead times may be depends on the broker's release.
		if got.AheadMax < 0 {
			t.Errorf("times ahead by %v", got.AheadMax)
		}
		got.AheadMax = 0
		want := TopicSettings{Retention: time.Hour, RetentionBytes: 12345, Compacted: true, Deleted: true, Appended: true}
		if got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
		forever := b.topic(1, "retention.ms", "-1", "cleanup.policy", "delete")
		got, _, err = b.cluster.TopicSettings(b.ctx, forever)
		if err != nil || got.Retention != Forever || got.Compacted || got.Appended {
			t.Errorf("%+v, %v", got, err)
		}
		if _, _, err := b.cluster.TopicSettings(b.ctx, topic+"-none"); !errors.Is(err, ErrUnknownTopic) {
			t.Errorf("a topic that does not exist: %v", err)
		}
	})
}

// TestTopicSettingsOfARealKafka knows what a Kafka of today says where nothing was set.
func TestTopicSettingsOfARealKafka(t *testing.T) {
	b := newReal(t)
	topic := b.topic(1, "message.timestamp.after.max.ms", "7200000")
	got, known, err := b.cluster.TopicSettings(b.ctx, topic)
	want := TopicSettings{Retention: 7 * 24 * time.Hour, RetentionBytes: -1, Deleted: true, AheadMax: 2 * time.Hour}
	if err != nil || !known || got != want {
		t.Errorf("%+v, %v, %v, want %+v", got, known, err, want)
	}
}

func TestTopicSettingsDenied(t *testing.T) {
	b := newFake(t)
	topic := b.topic(1)
	b.fake.ControlKey(int16(kmsg.DescribeConfigs), func(req kmsg.Request) (kmsg.Response, error, bool) {
		b.fake.KeepControl()
		res := req.ResponseKind().(*kmsg.DescribeConfigsResponse)
		r := kmsg.NewDescribeConfigsResponseResource()
		r.ErrorCode, r.ResourceType, r.ResourceName = 29, kmsg.ConfigResourceTypeTopic, topic // TOPIC_AUTHORIZATION_FAILED
		res.Resources = append(res.Resources, r)
		return res, nil, true
	})
	got, known, err := b.cluster.TopicSettings(b.ctx, topic)
	if err != nil || known || got != (TopicSettings{}) {
		t.Errorf("%+v, %v, %v", got, known, err)
	}
}

func TestSettingDuration(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"": 0, "x": 0, "-1": Forever, "9223372036854775807": Forever, "0": 0, "1500": 1500 * time.Millisecond,
	} {
		if got := settingDuration(text); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}
