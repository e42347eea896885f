package consumers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"millrace"
	"millrace/consumers/internal/recordbatch"
)

func TestCorruptBatch(t *testing.T) {
	b := newFake(t)
	topic := b.topic(1)
	b.write(numbered(topic, 0, 0, 5))
	b.write(numbered(topic, 0, 5, 10))
	b.write(numbered(topic, 0, 10, 15))
	res, err := b.cluster.fetch(b.ctx, &fetchRequest{
		topic: topic, leader: b.fake.LeaderFor(topic, 0), maxBytes: 1 << 20, clientID: "test", pool: &buffers{},
	})
	if err != nil || res.code != 0 || len(res.records) < 2*recordbatch.HeaderBytes {
		t.Fatalf("%+v, %v", res, err)
	}
	_, _, rest, err := recordbatch.Split(res.records)
	if err != nil {
		t.Fatal(err)
	}
	rest[recordbatch.HeaderBytes+3] ^= 1
	breakSecond := func(req kmsg.Request) (kmsg.Response, error, bool) {
		b.fake.KeepControl()
		offset := req.(*kmsg.FetchRequest).Topics[0].Partitions[0].FetchOffset
		if offset >= 10 {
			return nil, nil, false
		}
		answer := fetchError(req, topic, 0).(*kmsg.FetchResponse)
		p := &answer.Topics[0].Partitions[0]
		p.HighWatermark, p.LastStableOffset, p.RecordBatches = 15, 15, res.records
		return answer, nil, true
	}
	b.fake.ControlKey(int16(kmsg.Fetch), breakSecond)
	s := b.source(SourceOptions{Topic: topic})
	read(b.ctx, t, s, 5)
	_, err = s.Next(b.ctx)
	var corrupt *CorruptError
	if !errors.As(err, &corrupt) || corrupt.Topic != topic || corrupt.From != 5 || corrupt.To != 10 {
		t.Fatalf("got %v", err)
	}
	s = b.source(SourceOptions{Topic: topic, AllowGaps: true})
	var offsets []int64
	for len(offsets) < 10 {
		batch, err := s.Next(b.ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range batch.Records {
			offsets = append(offsets, r.Offset)
		}
		batch.Release()
	}
	if fmt.Sprint(offsets) != "[0 1 2 3 4 10 11 12 13 14]" {
		t.Errorf("stepping over: %v", offsets)
	}
}

func TestLeaderMoves(t *testing.T) {
	b := newFake(t, kfake.NumBrokers(3))
	topic := b.topic(1)
	s := b.source(SourceOptions{Topic: topic})
	p := b.producer(ProducerOptions{})
	for i := range 12 {
		if err := b.fake.MoveTopicPartition(topic, 0, int32(i%3)); err != nil {
			t.Fatal(err)
		}
		if err := p.Send(b.ctx, millrace.Record{Topic: topic, Value: []byte("x")}, nil); err != nil {
			t.Fatal(err)
		}
		if err := p.Flush(b.ctx); err != nil {
			t.Fatal(err)
		}
		read(b.ctx, t, s, 1)
	}
}

func TestPassingErrors(t *testing.T) {
	b := newFake(t)
	topic := b.topic(1)
	b.write(numbered(topic, 0, 0, 1))
	codes := []int16{
		kerr.NotLeaderForPartition.Code, kerr.LeaderNotAvailable.Code, kerr.UnknownTopicOrPartition.Code, kerr.OffsetNotAvailable.Code,
		kerr.KafkaStorageError.Code, kerr.FencedLeaderEpoch.Code, kerr.UnknownServerError.Code,
	}
	for _, code := range codes {
		b.fake.ControlKey(int16(kmsg.Fetch), func(req kmsg.Request) (kmsg.Response, error, bool) {
			return fetchError(req, topic, code), nil, true
		})
	}
	first := NewSource(b.cluster, SourceOptions{Topic: topic})
	stop := start(t, first.Run)
	read(b.ctx, t, first, 1)
	_ = stop() // it would get the next error, too
	if err := b.dial().Check(b.ctx); err != nil {
		t.Fatal(err)
	}
	b.fake.ControlKey(int16(kmsg.Fetch), func(req kmsg.Request) (kmsg.Response, error, bool) {
		return fetchError(req, topic, kerr.TopicAuthorizationFailed.Code), nil, true
	})
	if _, err := b.source(SourceOptions{Topic: topic}).Next(b.ctx); err == nil || passing(err) {
		t.Errorf("no authorization: %v", err)
	}
}

func fetchError(req kmsg.Request, topic string, code int16) kmsg.Response {
	res := req.ResponseKind().(*kmsg.FetchResponse)
	rt := kmsg.NewFetchResponseTopic()
	rt.Topic = topic
	rt.TopicID = req.(*kmsg.FetchRequest).Topics[0].TopicID
	rp := kmsg.NewFetchResponseTopicPartition()
	rp.ErrorCode = code
	rt.Partitions = append(rt.Partitions, rp)
	res.Topics = append(res.Topics, rt)
	return res
}

func TestBrokerRestarts(t *testing.T) {
	dir := t.TempDir()
	open := func(ports ...int) *kfake.Cluster {
		opts := []kfake.Opt{kfake.NumBrokers(1), kfake.DataDir(dir)}
		if len(ports) > 0 {
			opts = append(opts, kfake.Ports(ports...))
		}
		fake, err := kfake.NewCluster(opts...)
		if err != nil {
			t.Fatal(err)
		}
		return fake
	}
	fake := open()
	b := newBench(t, fake, fake.ListenAddrs()...)
	var port int
	if _, err := fmt.Sscanf(b.addrs[0], "127.0.0.1:%d", &port); err != nil {
		t.Fatal(err)
	}
	topic := b.topic(2)
	s := b.source(SourceOptions{Topic: topic})
	p := b.producer(ProducerOptions{})
	sent := make(chan error, 100)
	for i := range 100 {
		if i == 50 {
			for range 50 {
				if err := <-sent; err != nil {
					t.Fatal(err)
				}
			}
			fake.Close()
		}
		rec := millrace.Record{Topic: topic, Partition: int32(i % 2), Value: []byte(strconv.Itoa(i))}
		if err := p.Send(b.ctx, rec, func(_ int32, _ int64, err error) { sent <- err }); err != nil {
			t.Fatal(err)
		}
	}
	fake = open(port)
	defer fake.Close()
	if err := p.Flush(b.ctx); err != nil {
		t.Fatal(err)
	}
	got := read(b.ctx, t, s, 100)
	for p := range int32(2) {
		for i, r := range got[p] {
			if want := strconv.Itoa(2*i + int(p)); string(r.Value) != want {
				t.Fatalf("partition %d: record %d is %q, want %s", p, i, r.Value, want)
			}
		}
	}
}

// forgetful is a transport whose brokers do not know a topic for a while.
type forgetful struct {
	kafka.RoundTripper
	asked atomic.Int64
	from  int64 // the questions for the topic that are answered so
	to    int64
}

func (f *forgetful) RoundTrip(ctx context.Context, addr net.Addr, req kafka.Request) (kafka.Response, error) {
	switch req := req.(type) {
	case *topicRequest:
		if n := f.asked.Add(1); n >= f.from && n < f.to {
			return &topicResponse{code: kafka.UnknownTopicOrPartition, found: true}, nil
		}
	case *fetchRequest:
		if n := f.asked.Load(); n >= f.from-1 && n < f.to-1 {
			return nil, io.ErrUnexpectedEOF // so that the leader is asked for again
		}
		return f.RoundTripper.RoundTrip(ctx, addr, req)
	}
	return f.RoundTripper.RoundTrip(ctx, addr, req)
}

// TestTopicUnknownForAMoment: a topic that was read before does not stop a source that fails for unknown topics, before
// the time has passed that an unreachable cluster has, too. One that stays unknown does.
func TestTopicUnknownForAMoment(t *testing.T) {
	for _, passes := range []bool{true, false} {
		b := newFake(t)
		topic := b.topic(1)
		f := &forgetful{RoundTripper: b.cluster.transport, from: math.MaxInt64, to: math.MaxInt64}
		spec := testSpec(b.addrs...)
		spec.Retry = 5 * time.Second
		if !passes {
			spec.Retry = 300 * time.Millisecond
		}
		c, err := Dial(spec, Options{Transport: f})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		b.cluster = c
		b.write(numbered(topic, 0, 0, 1))
		f.from = 2 // the first one finds the leader
		if passes {
			f.to = 8
		}
		s := b.source(SourceOptions{Topic: topic, Refresh: 50 * time.Millisecond})
		if passes {
			read(b.ctx, t, s, 1)
			if f.asked.Load() < f.to {
				t.Errorf("%d questions for the topic: it was never unknown", f.asked.Load())
			}
			continue
		}
		for err == nil {
			var batch *millrace.Batch
			if batch, err = s.Next(b.ctx); err == nil {
				batch.Release()
			}
		}
		if !errors.Is(err, ErrUnknownTopic) {
			t.Errorf("a topic that stays unknown: %v", err)
		}
	}
}
