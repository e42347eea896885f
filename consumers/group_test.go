package consumers

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"millrace"
)

func groupOptions(topic string) GroupOptions {
	return GroupOptions{
		Group: topic + ".scorer", Topic: topic, Start: "earliest",
		Session: 6 * time.Second, Heartbeat: 50 * time.Millisecond, Refresh: 100 * time.Millisecond,
	}
}

// member is a scorer: it counts what it gets and commits it, until it is stopped.
type member struct {
	source *GroupSource
	stop   func()
}

// member starts a group member that reports each value it reads.
func (b *bench) member(o GroupOptions, seen chan<- string) *member {
	b.t.Helper()
	g := NewGroupSource(b.dial(), o)
	stopRun := start(b.t, g.Run)
	ctx, cancel := context.WithCancel(b.ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			batch, err := g.Next(ctx)
			if err != nil {
				return
			}
			for _, r := range batch.Records {
				seen <- fmt.Sprintf("%d/%s", batch.Partition, r.Value)
			}
			at := batch.Position()
			batch.Release()
			if err := g.Commit(ctx, []millrace.Position{at}); err != nil && ctx.Err() == nil {
				b.t.Errorf("committing: %v", err)
			}
		}
	}()
	m := &member{source: g}
	m.stop = func() {
		cancel()
		<-ended
		_ = stopRun()
	}
	b.t.Cleanup(m.stop)
	return m
}

// await takes what members report until each of n values was seen, and returns how often some were
// seen again.
func (b *bench) await(seen <-chan string, n int) (again int) {
	b.t.Helper()
	values := make(map[string]int)
	for len(values) < n {
		select {
		case v := <-seen:
			if values[v]++; values[v] > 1 {
				again++
			}
		case <-b.ctx.Done():
			b.t.Fatalf("only %d of %d values were seen", len(values), n)
		}
	}
	return again
}

func (b *bench) until(what string, is func() bool) {
	b.t.Helper()
	for !is() {
		if b.ctx.Err() != nil {
			b.t.Fatalf("waiting until %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func TestGroupRebalances(t *testing.T) {
	both(t, func(t *testing.T, b *bench) {
		topic := b.topic(4)
		seen := make(chan string, 10_000)
		one := b.member(groupOptions(topic), seen)
		for p := range int32(4) {
			b.write(numbered(topic, p, 0, 100))
		}
		b.await(seen, 400)
		b.until("one has all", func() bool { return len(one.source.Assigned()) == 4 })
		two := b.member(groupOptions(topic), seen)
		b.until("they share", func() bool { return len(one.source.Assigned()) == 2 && len(two.source.Assigned()) == 2 })
		for p := range int32(4) {
			b.write(numbered(topic, p, 100, 200))
		}
		if again := b.await(seen, 400); again > 400 {
			t.Errorf("%d values were seen again", again)
		}
		// What the first has not any more it cannot commit.
		theirs := millrace.Position{Topic: topic, Partition: two.source.Assigned()[0], Offset: 1}
		if err := one.source.Commit(b.ctx, []millrace.Position{theirs}); err != nil {
			t.Error(err)
		}
		committed := func(want int64) func() bool {
			return func() bool {
				positions, err := b.cluster.CommittedOffsets(b.ctx, topic+".scorer", topic)
				if err != nil {
					t.Fatal(err)
				}
				for _, p := range positions {
					if p.Offset != want {
						return false
					}
				}
				return len(positions) == 4
			}
		}
		b.until("all is committed", committed(200))
		one.stop()
		b.until("two has all", func() bool { return len(two.source.Assigned()) == 4 })
		for p := range int32(4) {
			b.write(numbered(topic, p, 200, 300))
		}
		b.await(seen, 400)
		b.until("all is committed again", committed(300))
	})
}

// A member that has no partition says so once, and again when it has.
func TestGroupSaysWhenThereIsNoPartition(t *testing.T) {
	both(t, func(t *testing.T, b *bench) {
		topic := b.topic(1)
		seen := make(chan string, 100)
		one := b.member(groupOptions(topic), seen)
		b.until("one has it", func() bool { return len(one.source.Assigned()) == 1 })
		two := b.member(groupOptions(topic), seen)
		idle := func(m *member) bool {
			m.source.mu.Lock()
			defer m.source.mu.Unlock()
			return m.source.toldIdle
		}
		b.until("the other has none", func() bool { return idle(one) || idle(two) })
		first, second := one, two
		if idle(one) {
			first, second = two, one
		}
		first.stop()
		b.until("it takes over", func() bool { return len(second.source.Assigned()) == 1 && !idle(second) })
	})
}

func TestGroupStartsAtLatestAndCommitsIt(t *testing.T) {
	both(t, func(t *testing.T, b *bench) {
		topic := b.topic(2)
		b.write(numbered(topic, 0, 0, 10))
		o := groupOptions(topic)
		o.Start = "latest"
		g := NewGroupSource(b.dial(), o)
		stop := start(t, g.Run)
		var positions []millrace.Position
		b.until("the first positions are committed", func() bool {
			var err error
			if positions, err = b.cluster.CommittedOffsets(b.ctx, o.Group, topic); err != nil {
				t.Fatal(err)
			}
			return len(positions) == 2
		})
		id := b.topicID(topic)
		want := []millrace.Position{{Topic: topic, Offset: 10, TopicID: id}, {Topic: topic, Partition: 1, TopicID: id}}
		if fmt.Sprint(positions) != fmt.Sprint(want) {
			t.Errorf("committed %v, want %v", positions, want)
		}
		if err := stop(); !errors.Is(err, context.Canceled) {
			t.Errorf("Run ended with %v", err)
		}
		// Nobody is there, and yet nothing is missed.
		b.write(numbered(topic, 0, 10, 15))
		seen := make(chan string, 100)
		b.member(o, seen)
		b.await(seen, 5)
	})
}

func TestGroupNoticesNewPartitions(t *testing.T) {
	b := newFake(t)
	topic := b.topic(1)
	seen := make(chan string, 100)
	m := b.member(groupOptions(topic), seen)
	b.until("it has the partition", func() bool { return len(m.source.Assigned()) == 1 })
	if _, err := b.admin.UpdatePartitions(b.ctx, 2, topic); err != nil {
		t.Fatal(err)
	}
	b.write(numbered(topic, 1, 0, 3))
	b.await(seen, 3)
}

func TestGroupErrors(t *testing.T) {
	b := newFake(t)
	topic := b.topic(1)
	o := groupOptions(topic)
	o.Start = "tomorrow"
	if err := NewGroupSource(b.cluster, o).Run(b.ctx); err == nil {
		t.Error("an impossible start is taken")
	}
	o = groupOptions("no-such-topic")
	if err := NewGroupSource(b.cluster, o).Run(b.ctx); !errors.Is(err, ErrUnknownTopic) {
		t.Errorf("unknown topic: %v", err)
	}
	// A committed position that the log does not hold.
	o = groupOptions(topic)
	if err := b.cluster.CommitOffsets(b.ctx, o.Group, []millrace.Position{{Topic: topic, Offset: 99}}); err != nil {
		t.Fatal(err)
	}
	g := NewGroupSource(b.cluster, o)
	stop := start(t, g.Run)
	var gap *millrace.GapError
	if _, err := g.Next(b.ctx); !errors.As(err, &gap) || gap.Position != 99 {
		t.Errorf("a gap: %v", err)
	}
	if err := stop(); !errors.As(err, &gap) {
		t.Errorf("Run ended with %v", err)
	}
}

// Batches of a partition that nobody wants wait while those of others are returned.
func TestGroupNextOf(t *testing.T) {
	both(t, func(t *testing.T, b *bench) {
		topic := b.topic(2)
		b.write(numbered(topic, 0, 0, 10))
		b.write(numbered(topic, 1, 0, 10))
		g := NewGroupSource(b.dial(), groupOptions(topic))
		stop := start(t, g.Run)
		for _, p := range []int32{1, 0} {
			batch, err := g.NextOf(b.ctx, func(of int32) bool { return of == p })
			if err != nil || batch.Partition != p {
				t.Fatalf("asked for partition %d: %v, %v", p, batch, err)
			}
			batch.Release()
		}
		if err := stop(); !errors.Is(err, context.Canceled) {
			t.Errorf("Run = %v", err)
		}
	})
}
