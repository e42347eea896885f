package pipeline

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// noCommits is a connection on which no offsets can be committed.
type noCommits struct{ net.Conn }

func (c noCommits) Write(b []byte) (int, error) {
	const offsetCommit = 8
	if len(b) >= 6 && binary.BigEndian.Uint16(b[4:]) == offsetCommit {
		return 0, errors.Join(errors.New("the connection was lost"), c.Close())
	}
	return c.Conn.Write(b)
}

// openScorer opens a scorer that starts at the topic's end, over connections that wrap changes.
func (r *rig) openScorer(wrap func(net.Conn) net.Conn) (*Pipeline, error) {
	r.t.Helper()
	r.produce(rows(50, false))
	r.pipeline.Scores.Start, r.pipeline.Kafka.Retry = "latest", 300*time.Millisecond
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return wrap(conn), nil
	}
	return open(r.t.Context(), Options{Config: r.pipeline, Score: true, Log: r.log, dial: dial}, nil)
}

// TestScoringThatCannotPlaceItselfDoesNotBegin: without the positions that it was to commit a scorer would take all
// that the topic holds for new, and score it though it was told to start at the end.
func TestScoringThatCannotPlaceItselfDoesNotBegin(t *testing.T) {
	s, err := newRig(t, 1).openScorer(func(c net.Conn) net.Conn { return noCommits{c} })
	if err == nil {
		s.stopAround()
		s.Close()
		t.Fatal("it begins without positions, at the beginning of the topic")
	}
}

// TestScoringBesideMembers: a group whose members are at work takes no positions from others, and needs none.
func TestScoringBesideMembers(t *testing.T) {
	r := newRig(t, 1)
	client, err := kgo.NewClient(kgo.SeedBrokers(r.servers.kafka.Addr()), kgo.ConsumerGroup(scorerGroup(r.pipeline.Name)),
		kgo.ConsumeTopics(r.pipeline.Events.Topic), kgo.DisableAutoCommit())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	r.produce(rows(50, false))
	if fetched := client.PollFetches(t.Context()); fetched.Err() != nil || fetched.Empty() { // it has joined
		t.Fatal(fetched.Err())
	}
	s, err := r.openScorer(func(c net.Conn) net.Conn { return c })
	if err != nil {
		t.Fatal(err)
	}
	s.stopAround()
	s.Close()
}
