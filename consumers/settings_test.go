package consumers

import (
	"errors"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kmsg"

	"millrace"
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

func TestOffsetsAtAndFirstTime(t *testing.T) {
	both(t, func(t *testing.T, b *bench) {
		topic := b.topic(3)
		from := time.Now().Add(-time.Hour).UnixMilli()
		b.write(append(timed(topic, 0, 1, every(from, 1000, 10)...), timed(topic, 1, 1, every(from+500, 1000, 10)...)...))
		b.write(timed(topic, 0, 1, every(from+20_000, 1000, 10)...))
		for _, c := range []struct {
			at   int64
			want [3]int64
		}{{-5, [3]int64{0, 0, 0}}, {from, [3]int64{0, 0, 0}}, {from + 1, [3]int64{1, 0, 0}}, {from + 9400, [3]int64{10, 9, 0}},
			{from + 60_000, [3]int64{20, 10, 0}}} {
			got, err := b.cluster.OffsetsAt(b.ctx, topic, c.at)
			if err != nil || len(got) != 3 {
				t.Fatalf("%+v, %v", got, err)
			}
			for p, want := range c.want {
				if got[p].Offset != want || got[p].Partition != int32(p) || got[p].TopicID != b.topicID(topic) {
					t.Errorf("at %d: %+v, want offset %d", c.at-from, got[p], want)
				}
			}
		}
		for _, c := range []struct {
			positions []millrace.Position
			want      int64 // -1 is none
		}{
			{spans(topic, 0, 0, 0), from}, {spans(topic, -1, 0, 0), from + 500}, {spans(topic, 10, -1, -1), from + 20_000},
			{spans(topic, 12, -1, -1), from + 20_000}, // its batch's
			{spans(topic, 20, 10, 0), -1}, {spans(topic, -1, -1, 0), -1}, {nil, -1},
		} {
			got, ok, err := b.cluster.FirstTime(b.ctx, c.positions)
			if err != nil || ok != (c.want >= 0) || ok && got != c.want {
				t.Errorf("%v: %d, %v, %v, want %d", c.positions, got-from, ok, err, c.want-from)
			}
		}
		if _, ok, err := b.cluster.FirstTime(b.ctx, spans(topic, 99)); err != nil || ok {
			t.Errorf("beyond the end: %v, %v", ok, err)
		}
		offsets := make(kadm.Offsets)
		offsets.Add(kadm.Offset{Topic: topic, Partition: 0, At: 10})
		if _, err := b.admin.DeleteRecords(b.ctx, offsets); err != nil {
			t.Fatal(err)
		}
		if got, ok, err := b.cluster.FirstTime(b.ctx, spans(topic, 3)); err != nil || !ok || got != from+20_000 {
			t.Errorf("below the start: %d, %v, %v", got-from, ok, err)
		}
	})
}
