package consumers

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"millrace"
)

// hurried makes the bench's cluster one whose waits take a millisecond and count in full, and returns its clock.
func (b *bench) hurried(log *lines) (now func() time.Time) {
	b.t.Helper()
	var mu sync.Mutex
	at := time.Unix(0, 0)
	now = func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		return at
	}
	c, err := Dial(testSpec(b.addrs...), Options{Log: slog.New(slog.NewTextHandler(log, nil)), Now: now,
		Sleep: func(ctx context.Context, d time.Duration) error {
			mu.Lock()
			at = at.Add(d)
			mu.Unlock()
			time.Sleep(time.Millisecond)
			return ctx.Err()
		}})
	if err != nil {
		b.t.Fatal(err)
	}
	b.cluster = c
	return now
}

// queue sends n numbered records with keys.
func (w *KeptWriter) queue(t *testing.T, b *bench, topic string, from, n int) {
	t.Helper()
	for i := from; i < from+n; i++ {
		rec := millrace.Record{Topic: topic, Partition: -1, Key: fmt.Appendf(nil, "k%d", i), Value: fmt.Appendf(nil, "v%d", i)}
		if err := w.Send(b.ctx, rec, func(_ int32, _ int64, err error) {
			if err != nil {
				t.Errorf("record %d: %v", i, err)
			}
		}); err != nil {
			t.Fatal(err)
		}
	}
}

// wantQueued reads a topic that must hold those records alone.
func wantQueued(t *testing.T, b *bench, topic string, from, n int) {
	t.Helper()
	got := map[string]bool{}
	for _, records := range read(b.ctx, t, b.source(SourceOptions{Topic: topic}), n) {
		for _, r := range records {
			got[string(r.Value)] = true
		}
	}
	for i := from; i < from+n; i++ {
		if !got[fmt.Sprintf("v%d", i)] {
			t.Errorf("record %d is not in the new topic", i)
		}
	}
}

// TestKeptWriterTopicDeleted while records are written: it is created anew, and none of them is given up.
func TestKeptWriterTopicDeleted(t *testing.T) {
	both(t, func(t *testing.T, b *bench) {
		topic := b.topic(3)
		w := NewKeptWriter(b.producer(ProducerOptions{}), "scores", &TopicSpec{Name: topic, Partitions: 2, Replication: 1})
		w.queue(t, b, topic, 0, 20)
		if err := w.Flush(b.ctx); err != nil {
			t.Fatal(err)
		}
		if _, err := b.admin.DeleteTopics(b.ctx, topic); err != nil {
			t.Fatal(err)
		}
		w.queue(t, b, topic, 20, 20)
		if err := w.Flush(b.ctx); err != nil {
			t.Fatal(err)
		}
		wantQueued(t, b, topic, 20, 20)
		if partitions, err := b.cluster.Partitions(b.ctx, topic); err != nil || len(partitions) != 2 {
			t.Errorf("partitions %v, %v; want the two that it is created with", partitions, err)
		}
	})
}

// TestKeptWriterMayNotCreate the topic that is gone: it waits and says so every 30 seconds, until it may.
func TestKeptWriterMayNotCreate(t *testing.T) {
	b := newFake(t, kfake.NumBrokers(1))
	log := &lines{}
	now := b.hurried(log)
	topic := b.topic(1)
	p := b.producer(ProducerOptions{})
	w := NewKeptWriter(p, "scores", &TopicSpec{Name: topic, Partitions: 1, Replication: 1})
	w.queue(t, b, topic, 0, 1)
	if err := w.Flush(b.ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := b.admin.DeleteTopics(b.ctx, topic); err != nil {
		t.Fatal(err)
	}
	var allowed atomic.Bool
	b.fake.ControlKey(int16(kmsg.CreateTopics), func(req kmsg.Request) (kmsg.Response, error, bool) {
		b.fake.KeepControl()
		if allowed.Load() {
			return nil, nil, false
		}
		res := req.ResponseKind().(*kmsg.CreateTopicsResponse)
		rt := kmsg.NewCreateTopicsResponseTopic()
		rt.Topic, rt.ErrorCode = topic, kerr.TopicAuthorizationFailed.Code
		res.Topics = append(res.Topics, rt)
		return res, nil, true
	})
	began := now()
	w.queue(t, b, topic, 1, 3)
	for now().Sub(began) < 5*time.Minute {
		if b.ctx.Err() != nil || t.Failed() {
			t.Fatalf("it does not wait, but:\n%s", log.text.String())
		}
		time.Sleep(time.Millisecond)
	}
	if n := log.count("partition=0 waiting=scores"); n < 8 || n > 13 {
		t.Errorf("told %d times in five minutes", n)
	}
	if log.count("creating it anew") == 0 {
		t.Error("the log does not say what keeps the topic from being created")
	}
	allowed.Store(true)
	if err := w.Flush(b.ctx); err != nil {
		t.Fatal(err)
	}
	wantQueued(t, b, topic, 1, 3)
}

// TestKeptWriterRefusedForm: without a way to alter a record, one that is too large waits for a person, and is kept.
func TestKeptWriterRefusedForm(t *testing.T) {
	b := newFake(t, kfake.NumBrokers(1))
	log := &lines{}
	now := b.hurried(log)
	topic := b.topic(1)
	var allowed atomic.Bool
	b.fake.ControlKey(int16(kmsg.Produce), func(req kmsg.Request) (kmsg.Response, error, bool) {
		b.fake.KeepControl()
		if allowed.Load() {
			return nil, nil, false
		}
		return produceAnswer(req, topic, kerr.MessageTooLarge.Code), nil, true
	})
	w := NewKeptWriter(b.producer(ProducerOptions{}), "scores", nil)
	began := now()
	w.queue(t, b, topic, 0, 2)
	for now().Sub(began) < time.Minute && b.ctx.Err() == nil && !t.Failed() {
		time.Sleep(time.Millisecond)
	}
	allowed.Store(true)
	if err := w.Flush(b.ctx); err != nil {
		t.Fatal(err)
	}
	wantQueued(t, b, topic, 0, 2)
}

// TestGivenUpIsNotPromised: records that may be given up are not said to be tried until it works.
func TestGivenUpIsNotPromised(t *testing.T) {
	b := newFake(t, kfake.NumBrokers(1))
	log := &lines{}
	b.hurried(log)
	p := b.producer(ProducerOptions{})
	if err := p.Send(b.ctx, millrace.Record{Topic: "no-such-topic", Partition: 0}, nil); err != nil {
		t.Fatal(err)
	}
	if err := p.Flush(b.ctx); err == nil {
		t.Error("it was written to a topic that is not there")
	}
	if log.count("until it works") > 0 || log.count("will try a little longer") != 1 {
		t.Errorf("the log:\n%s", log.text.String())
	}
}

// TestHeldBackIsToldSeldom: an embedded broker holds producers back for moments, many times a minute: only what
// lasts is said.
func TestHeldBackIsToldSeldom(t *testing.T) {
	for _, c := range []struct{ tries, told int }{{8, 0}, {60, 1}} { // eight take a few seconds, sixty two minutes
		b := newFake(t, kfake.NumBrokers(1))
		log := &lines{}
		b.hurried(log)
		topic := b.topic(1)
		for range c.tries {
			b.produceError(topic, kerr.NotEnoughReplicas.Code)
		}
		p := b.producer(ProducerOptions{})
		if err := p.Send(b.ctx, millrace.Record{Topic: topic, Value: []byte("v")}, nil); err != nil {
			t.Fatal(err)
		}
		if err := p.Flush(b.ctx); err != nil {
			t.Fatal(err)
		}
		if told, again := log.count("until it works"), log.count("writing again"); min(told, 1) != c.told || again != c.told {
			t.Errorf("after %d tries it is said %d times, and that it works again %d times:\n%s", c.tries, told, again, log.text.String())
		}
	}
}
