package consumers

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"millrace"
)

// rejected writes n dead letters and waits until they are acknowledged.
func rejected(t *testing.T, b *bench, d *DeadLetters, from, n int) {
	t.Helper()
	why := &millrace.Rejection{Reason: millrace.ReasonEmpty, Detail: strings.Repeat("why ", 100)}
	for i := range n {
		if err := d.Reject(b.ctx, "", &millrace.Record{Topic: "e", Offset: int64(from + i), Value: bytesOf(5000)}, why); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Flush(b.ctx); err != nil || d.Pending() != 0 || d.Blocked() != 0 {
		t.Fatalf("%v, %d pending, blocked for %s", err, d.Pending(), d.Blocked())
	}
}

// TestDeadLetterTopicDeleted while dead letters are written: it is created anew, as it may be. Made anew by a person
// with fewer partitions, it takes also what was meant for those that are gone.
func TestDeadLetterTopicDeleted(t *testing.T) {
	both(t, func(t *testing.T, b *bench) {
		topic := b.topic(3)
		d := NewDeadLetters(b.producer(ProducerOptions{}), topic, &TopicSpec{Name: topic, Partitions: 2, Replication: 1})
		rejected(t, b, d, 0, 6)
		if _, err := b.admin.DeleteTopics(b.ctx, topic); err != nil {
			t.Fatal(err)
		}
		rejected(t, b, d, 6, 6)
		got := map[string]bool{}
		for _, records := range read(b.ctx, t, b.source(SourceOptions{Topic: topic}), 6) {
			for _, r := range records {
				got[header(r, millrace.HeaderSource)] = true
			}
		}
		for i := range 6 {
			if !got[fmt.Sprintf("e/0/%d", 6+i)] {
				t.Errorf("the letter of e/0/%d is not in the new topic", 6+i)
			}
		}
		partitions, err := b.cluster.Partitions(b.ctx, topic)
		if err != nil || len(partitions) != 2 {
			t.Errorf("partitions %v, %v; want the two that it is created with", partitions, err)
		}
	})
}

// TestDeadLettersToTightTopics: whatever a topic takes, the headers that say why and where get through.
func TestDeadLettersToTightTopics(t *testing.T) {
	both(t, func(t *testing.T, b *bench) {
		p := b.producer(ProducerOptions{})
		tight := b.topic(1, "max.message.bytes", "400")
		rejected(t, b, NewDeadLetters(p, tight, nil), 0, 3)
		for i, r := range read(b.ctx, t, b.source(SourceOptions{Topic: tight}), 3)[0] {
			if header(r, millrace.HeaderReason) != "empty" || header(r, millrace.HeaderSource) != fmt.Sprintf("e/0/%d", i) ||
				header(r, millrace.HeaderTruncated) != "value=4995" || len(r.Value) > 0 {
				t.Errorf("letter %d: %d bytes, headers %v", i, len(r.Value), r.Headers)
			}
		}
	})
}

// TestDeadLettersToACompactedTopic get a key, without which it would refuse them for ever.
func TestDeadLettersToACompactedTopic(t *testing.T) {
	b := newFake(t)
	topic := b.topic(1)
	b.fake.ControlKey(int16(kmsg.Produce), func(req kmsg.Request) (kmsg.Response, error, bool) {
		return produceAnswer(req, topic, kerr.InvalidRecord.Code), nil, true
	})
	rejected(t, b, NewDeadLetters(b.producer(ProducerOptions{}), topic, nil), 7, 1)
	if r := read(b.ctx, t, b.source(SourceOptions{Topic: topic}), 1)[0][0]; string(r.Key) != "e/0/7" {
		t.Errorf("its key is %q", r.Key)
	}
}

// lines is a log that is read while it is written.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lines) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), text)
}

// TestBlockedDeadLettersAreTold: which topic, why and what waits, every 30 seconds, for as long as it lasts.
func TestBlockedDeadLettersAreTold(t *testing.T) {
	for name, known := range map[string]bool{"refused": true, "no such topic": false} {
		t.Run(name, func(t *testing.T) {
			b := newFake(t, kfake.NumBrokers(1))
			topic := "no-such-topic"
			if known {
				topic = b.topic(1)
			}
			log := &lines{}
			b.hurried(log)
			b.fake.ControlKey(int16(kmsg.Produce), func(req kmsg.Request) (kmsg.Response, error, bool) {
				b.fake.KeepControl()
				return produceAnswer(req, topic, kerr.TopicAuthorizationFailed.Code), nil, true
			})
			d := NewDeadLetters(b.producer(ProducerOptions{}), topic, nil)
			ctx, cancel := context.WithCancel(b.ctx)
			written := make(chan error, 1)
			go func() {
				written <- d.Reject(ctx, "", &millrace.Record{Topic: "e"}, &millrace.Rejection{Reason: millrace.ReasonEmpty})
			}()
			for d.Blocked() < 5*time.Minute {
				time.Sleep(time.Millisecond)
			}
			cancel()
			if err := <-written; (err == nil) != known {
				t.Errorf("rejecting: %v", err)
			}
			if n := log.count("waiting=snapshots topic="+topic) + log.count("topic="+topic+" partition=0 waiting=snapshots"); n < 8 || n > 13 {
				t.Errorf("told %d times in five minutes of\n%s", n, log.text.String())
			}
		})
	}
}
