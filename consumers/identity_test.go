package consumers

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"millrace"
	"millrace/consumers/internal/recordbatch"
)

// release is a broker that speaks Fetch and Metadata up to certain versions.
func release(fetch, metadata int16) kfake.Opt {
	v := kversion.Stable()
	v.SetMaxKeyVersion(int16(kmsg.Fetch), fetch)
	v.SetMaxKeyVersion(int16(kmsg.Metadata), metadata)
	return kfake.MaxVersions(v)
}

// releases are the three ways to know a topic again: by fetches that name its id, by asking for its id, and by what was
// read.
var releases = []struct {
	name string
	opt  kfake.Opt
	ids  bool
}{
	{"fetched by id", release(13, 12), true},
	{"asked for its id", release(12, 10), true},
	{"by fingerprint", release(11, 8), false},
}

// eachRelease runs a test on kfake in all of them, with a clock that the test may put forward, and on a real Kafka when
// there is one.
func eachRelease(t *testing.T, test func(t *testing.T, b *bench, ids bool, forward func(time.Duration))) {
	t.Helper()
	run := func(name string, ids, asks bool, open func(t *testing.T) *bench) {
		t.Run(name, func(t *testing.T) {
			b := open(t)
			var ahead atomic.Int64
			start := time.Now() // and the clock stands still, so that nothing is asked again because the test was slow
			b.cluster.now = func() time.Time { return start.Add(time.Duration(ahead.Load())) }
			test(t, b, ids, func(d time.Duration) {
				if asks { // fetches by id need no question, so no time needs to pass
					ahead.Add(int64(d))
				}
			})
		})
	}
	for i, r := range releases {
		run(r.name, r.ids, i > 0, func(t *testing.T) *bench { return newFake(t, r.opt) })
	}
	run("kafka", true, false, func(t *testing.T) *bench { return newReal(t) })
}

// anew deletes a topic, makes it anew, and fills each partition with n records.
func (b *bench) anew(topic string, partitions, n int) {
	b.t.Helper()
	if _, err := b.admin.DeleteTopic(b.ctx, topic); err != nil {
		b.t.Fatal(err)
	}
	for {
		res, err := b.admin.CreateTopic(b.ctx, int32(partitions), 1, nil, topic)
		if err == nil && res.Err == nil {
			break
		}
		if b.ctx.Err() != nil {
			b.t.Fatalf("making the topic anew: %v", err)
		}
		time.Sleep(20 * time.Millisecond) // it is still being deleted
	}
	for p := range int32(partitions) {
		records := numbered(topic, p, 0, n)
		for _, r := range records {
			r.Value = append([]byte("anew "), r.Value...)
		}
		b.write(records, kgo.UnknownTopicRetries(-1))
	}
}

func (b *bench) topicID(topic string) string {
	b.t.Helper()
	info, err := b.cluster.refresh(b.ctx, topic)
	if err != nil {
		b.t.Fatal(err)
	}
	return info.id.String()
}

// wantAnew reads until the source refuses, and checks that nothing of the new topic was delivered.
func wantAnew(ctx context.Context, t *testing.T, s nexter, position int64) millrace.GapError {
	t.Helper()
	for {
		batch, err := s.Next(ctx)
		var gap *millrace.GapError
		if errors.As(err, &gap) {
			if !gap.Anew() || gap.Position != position {
				t.Fatalf("refused with %+v, want a topic made anew at position %d", gap, position)
			}
			return *gap
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range batch.Records {
			if strings.HasPrefix(string(r.Value), "anew") {
				t.Fatalf("record %d of the new topic was delivered at a position of the former", r.Offset)
			}
		}
		batch.Release()
	}
}

// wantAll reads n records a partition of the new topic, each once, the first batch of them marked.
func wantAll(ctx context.Context, t *testing.T, s nexter, partitions, n int, id string) {
	t.Helper()
	seen := make(map[string]int)
	began := false
	for len(seen) < partitions*n {
		batch, err := s.Next(ctx)
		if err != nil {
			t.Fatalf("with %d records: %v", len(seen), err)
		}
		old := len(batch.Records) > 0 && !strings.HasPrefix(string(batch.Records[0].Value), "anew")
		if !old && (batch.Anew == began || batch.TopicID != id) {
			t.Fatalf("a batch of the new topic: anew %v, topic %q, want %v and %q", batch.Anew, batch.TopicID, !began, id)
		}
		began = began || batch.Anew
		for _, r := range batch.Records {
			if began {
				seen[fmt.Sprintf("%d/%s", r.Partition, r.Value)]++
			}
		}
		batch.Release()
	}
	for value, times := range seen {
		if times != 1 {
			t.Errorf("%s was read %d times", value, times)
		}
	}
}

// TestTopicMadeAnewBetweenTwoFetches: a reader is held up while the topic is deleted, made anew and filled beyond its
// position.
func TestTopicMadeAnewBetweenTwoFetches(t *testing.T) {
	for name, allowGaps := range map[string]bool{"refused": false, "allowed": true} {
		t.Run(name, func(t *testing.T) {
			eachRelease(t, func(t *testing.T, b *bench, ids bool, forward func(time.Duration)) {
				topic := b.topic(1)
				for i := range 4 {
					b.write(numbered(topic, 0, 10*i, 10*i+10))
				}
				was := b.topicID(topic)
				if (was != "") != ids {
					t.Fatalf("the topic's id is %q", was)
				}
				// Each fetch brings one batch, one waits to be taken and one for room: the reader stands behind the
				// second.
				s := b.source(SourceOptions{Topic: topic, AllowGaps: allowGaps, UnknownTopic: UnknownTopicWait,
					Limits: Limits{FetchBytes: 1, PrefetchBatches: 1, MaxWait: 20 * time.Millisecond}})
				b.until("the reader waits for room", func() bool { return waitsAt(s.in, 20) })
				b.anew(topic, 1, 300)
				forward(identityEvery)
				if allowGaps {
					wantAll(b.ctx, t, s, 1, 300, b.topicID(topic))
					return
				}
				gap := wantAnew(b.ctx, t, s, 20)
				if ids && (gap.Was != was || gap.Is != b.topicID(topic) || gap.Was == gap.Is) || gap.Start != 0 || gap.End != 300 {
					t.Errorf("refused with %+v, the topic was %s and is %s", gap, was, b.topicID(topic))
				}
			})
		})
	}
}

// lastPosition reads n records and says where the topic's only partition stands.
func (b *bench) lastPosition(topic string, n int) millrace.Position {
	b.t.Helper()
	s := NewSource(b.cluster, SourceOptions{Topic: topic})
	stop := start(b.t, s.Run)
	defer func() { _ = stop() }()
	for {
		batch, err := s.Next(b.ctx)
		if err != nil {
			b.t.Fatal(err)
		}
		p := batch.Position()
		batch.Release()
		if p.Offset == int64(n) {
			return p
		}
	}
}

// TestTopicMadeAnewWhileStopped: positions of a former run are held against the topic before anything is delivered.
func TestTopicMadeAnewWhileStopped(t *testing.T) {
	eachRelease(t, func(t *testing.T, b *bench, ids bool, _ func(time.Duration)) {
		topic := b.topic(1)
		b.write(numbered(topic, 0, 0, 50))
		at := b.lastPosition(topic, 50)
		if (at.TopicID != "") != ids || (at.Fingerprint == millrace.Fingerprint{}) != ids {
			t.Fatalf("the position is %+v", at)
		}
		// The same topic goes on.
		b.write(numbered(topic, 0, 50, 60))
		s := b.source(SourceOptions{Topic: topic, Positions: []millrace.Position{at}})
		if got := read(b.ctx, t, s, 10)[0]; got[0].Offset != 50 {
			t.Errorf("went on at %d", got[0].Offset)
		}
		b.anew(topic, 2, 120)
		s = b.source(SourceOptions{Topic: topic, Positions: []millrace.Position{at}})
		wantAnew(b.ctx, t, s, 50)
		s = b.source(SourceOptions{Topic: topic, Positions: []millrace.Position{at}, AllowGaps: true})
		wantAll(b.ctx, t, s, 2, 120, b.topicID(topic))
	})
}

// TestFewerPartitionsAnew: the new topic lacks a partition that there is a position for.
func TestFewerPartitionsAnew(t *testing.T) {
	b := newFake(t)
	topic := b.topic(2)
	was := b.topicID(topic)
	b.anew(topic, 1, 30)
	at := []millrace.Position{{Topic: topic, Offset: 5, TopicID: was}, {Topic: topic, Partition: 1, Offset: 7, TopicID: was}}
	wantAnew(b.ctx, t, b.source(SourceOptions{Topic: topic, Positions: at}), 5)
	s := b.source(SourceOptions{Topic: topic, Positions: at, AllowGaps: true})
	wantAll(b.ctx, t, s, 1, 30, b.topicID(topic))
}

// TestMorePartitionsAnew: the new topic has a partition more, which begins at its first record: not before the others
// are known to be of the same topic.
func TestMorePartitionsAnew(t *testing.T) {
	eachRelease(t, func(t *testing.T, b *bench, _ bool, forward func(time.Duration)) {
		topic := b.topic(1)
		b.write(numbered(topic, 0, 0, 10))
		b.write(numbered(topic, 0, 10, 20))
		s := b.source(SourceOptions{Topic: topic, UnknownTopic: UnknownTopicWait, Refresh: 10 * time.Millisecond,
			Limits: Limits{FetchBytes: 1, PrefetchBatches: 1, MaxWait: 20 * time.Millisecond}})
		b.until("the reader waits for room", func() bool { return waitsAt(s.in, 20) })
		b.anew(topic, 2, 120)
		forward(identityEvery)
		wantAnew(b.ctx, t, s, 20)
	})
}

// TestFirstSight: positions of a former release say nothing of their topic, and take what they find.
func TestFirstSight(t *testing.T) {
	eachRelease(t, func(t *testing.T, b *bench, ids bool, _ func(time.Duration)) {
		topic := b.topic(1)
		b.write(numbered(topic, 0, 0, 20))
		s := b.source(SourceOptions{Topic: topic, Positions: []millrace.Position{{Topic: topic, Offset: 7}}})
		batch, err := s.Next(b.ctx)
		if err != nil {
			t.Fatal(err)
		}
		defer batch.Release()
		if batch.From != 7 || batch.Anew || batch.TopicID != b.topicID(topic) || (batch.Fingerprint == millrace.Fingerprint{}) != ids {
			t.Errorf("batch from %d, anew %v, of %q, %+v", batch.From, batch.Anew, batch.TopicID, batch.Fingerprint)
		}
	})
}

// TestFingerprintThatIsGone: retention and compaction may take or rewrite what was read last. That proves nothing.
func TestFingerprintThatIsGone(t *testing.T) {
	b := newFake(t, release(11, 8))
	goesOn := func(what, topic string, at millrace.Position) {
		t.Helper()
		b.write(numbered(topic, 0, 50, 60))
		s := b.source(SourceOptions{Topic: topic, Positions: []millrace.Position{at}})
		if got := read(b.ctx, t, s, 10)[0]; got[0].Offset != 50 {
			t.Errorf("%s: went on at %d", what, got[0].Offset)
		}
	}
	topic := b.topic(1)
	b.write(numbered(topic, 0, 0, 50))
	at := b.lastPosition(topic, 50)
	offsets := make(kadm.Offsets)
	offsets.Add(kadm.Offset{Topic: topic, Partition: 0, At: 50})
	if _, err := b.admin.DeleteRecords(b.ctx, offsets); err != nil {
		t.Fatal(err)
	}
	goesOn("retention", topic, at)
	topic = b.topic(1, "cleanup.policy", "compact")
	b.write(numbered(topic, 0, 0, 50))
	at = b.lastPosition(topic, 50)
	at.Fingerprint.CRC++ // as if it had been rewritten
	goesOn("compaction", topic, at)
	// Of a topic that is not compacted the same is another topic's.
	topic = b.topic(1)
	b.write(numbered(topic, 0, 0, 60))
	at.Topic, at.Fingerprint.Last = topic, 59
	wantAnew(b.ctx, t, b.source(SourceOptions{Topic: topic, Positions: []millrace.Position{at}}), 50)
}

// TestFingerprintGivesWayToAnID: brokers that were upgraded tell ids; what was read last proves that it is the same
// topic.
func TestFingerprintGivesWayToAnID(t *testing.T) {
	b := newFake(t)
	topic := b.topic(1)
	b.write(numbered(topic, 0, 0, 50))
	b.write(numbered(topic, 0, 50, 60))
	res, err := b.cluster.fetch(b.ctx, &fetchRequest{topic: topic, leader: b.fake.LeaderFor(topic, 0), maxBytes: 1, clientID: "test", pool: &buffers{}})
	if err != nil {
		t.Fatal(err)
	}
	h, _, _, err := recordbatch.Split(res.records)
	if err != nil {
		t.Fatal(err)
	}
	at := millrace.Position{Topic: topic, Offset: 50, Fingerprint: fingerprint(&h)}
	batch, err := b.source(SourceOptions{Topic: topic, Positions: []millrace.Position{at}}).Next(b.ctx)
	if err != nil || batch.From != 50 || batch.TopicID == "" || batch.TopicID != b.topicID(topic) {
		t.Fatalf("%+v, %v", batch, err)
	}
	batch.Release()
	at.Fingerprint.Time++
	wantAnew(b.ctx, t, b.source(SourceOptions{Topic: topic, Positions: []millrace.Position{at}}), 50)
}

// groupAt waits until a group's only position is the one given.
func (b *bench) groupAt(group, topic string, offset int64) millrace.Position {
	b.t.Helper()
	var at millrace.Position
	b.until(fmt.Sprintf("the group stands at %d", offset), func() bool {
		positions, err := b.cluster.CommittedOffsets(b.ctx, group, topic)
		if err != nil {
			b.t.Fatal(err)
		}
		if len(positions) == 1 {
			at = positions[0]
		}
		return at.Offset == offset
	})
	return at
}

// TestGroupOfATopicMadeAnew: commits say which topic they speak of; where the broker forgets them with the topic, a
// member that runs still knows.
func TestGroupOfATopicMadeAnew(t *testing.T) {
	eachRelease(t, func(t *testing.T, b *bench, ids bool, _ func(time.Duration)) {
		topic := b.topic(1)
		seen := make(chan string, 10_000)
		o := groupOptions(topic)
		m := b.member(o, seen)
		b.write(numbered(topic, 0, 0, 100))
		b.await(seen, 100)
		at := b.groupAt(o.Group, topic, 100)
		if at.TopicID != b.topicID(topic) || (at.Fingerprint == millrace.Fingerprint{}) != ids {
			t.Fatalf("committed %+v", at)
		}
		m.stop()
		b.anew(topic, 1, 300)
		now := b.topicID(topic)
		// As a broker keeps it that does not forget commits with their topic.
		if err := b.cluster.CommitOffsets(b.ctx, o.Group, []millrace.Position{at}); err != nil {
			t.Fatal(err)
		}
		g := NewGroupSource(b.cluster, o)
		stop := start(t, g.Run)
		wantAnew(b.ctx, t, g, 100)
		var gap *millrace.GapError
		if err := stop(); !errors.As(err, &gap) || !gap.Anew() {
			t.Errorf("Run ended with %v", err)
		}
		o.AllowGaps, o.Start = true, "latest" // what is new altogether begins at its beginning all the same
		b.member(o, seen)
		b.await(seen, 300)
		if at := b.groupAt(o.Group, topic, 300); at.TopicID != now {
			t.Errorf("committed %+v, the topic is %s", at, now)
		}
	})
}

// TestGroupMemberOutlivesItsTopic: the topic is made anew under a member that runs.
func TestGroupMemberOutlivesItsTopic(t *testing.T) {
	for name, allowGaps := range map[string]bool{"refused": false, "allowed": true} {
		t.Run(name, func(t *testing.T) {
			eachRelease(t, func(t *testing.T, b *bench, ids bool, forward func(time.Duration)) {
				topic := b.topic(1)
				b.write(numbered(topic, 0, 0, 50))
				o := groupOptions(topic)
				o.AllowGaps, o.UnknownTopic = allowGaps, UnknownTopicWait
				g := NewGroupSource(b.cluster, o)
				start(t, g.Run)
				read(b.ctx, t, g, 50)
				b.anew(topic, 1, 300)
				forward(identityEvery)
				if allowGaps {
					wantAll(b.ctx, t, g, 1, 300, b.topicID(topic))
					if !ids {
						return
					}
					// What is still to be committed of the former is not a position in the new one.
					former := millrace.Position{Topic: topic, Offset: 50, TopicID: (topicID{1}).String()}
					if err := g.Commit(b.ctx, []millrace.Position{former}); err != nil {
						t.Fatal(err)
					}
					if at := b.groupAt(o.Group, topic, 0); at.TopicID != b.topicID(topic) {
						t.Errorf("committed %+v", at)
					}
					return
				}
				for {
					batch, err := g.Next(b.ctx)
					var gap *millrace.GapError
					if errors.As(err, &gap) && gap.Anew() {
						return
					}
					if err != nil || len(batch.Records) > 0 {
						t.Fatalf("%d records, %v", len(batch.Records), err)
					}
					batch.Release()
				}
			})
		})
	}
}

// TestGroupMemberRejoinsATopicMadeAnew: the broker has forgotten the group's commits with the topic, and the readers
// are gone with the former generation. The member still knows what it read.
func TestGroupMemberRejoinsATopicMadeAnew(t *testing.T) {
	b := newFake(t)
	topic := b.topic(1)
	for i := range 4 {
		b.write(numbered(topic, 0, 10*i, 10*i+10))
	}
	o := groupOptions(topic)
	o.UnknownTopic, o.Limits = UnknownTopicWait, Limits{FetchBytes: 1, PrefetchBatches: 1}
	g := NewGroupSource(b.cluster, o)
	start(t, g.Run)
	b.until("the reader waits for room", func() bool { return waitsAt(g.in, 20) })
	b.anew(topic, 2, 300) // more partitions are a reason to join again
	b.until("the group has joined again", func() bool {
		select {
		case <-g.in.stopped: // and refused it
			return true
		default:
			return len(g.Assigned()) == 2
		}
	})
	for {
		batch, err := g.Next(b.ctx)
		var gap *millrace.GapError
		if errors.As(err, &gap) && gap.Anew() {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range batch.Records {
			if strings.HasPrefix(string(r.Value), "anew") {
				t.Fatalf("record %d/%d of the new topic was delivered", r.Partition, r.Offset)
			}
		}
		batch.Release()
	}
}

// waitsAt reports whether the reader of partition 0 has a batch there to be taken, and another one up to an offset that
// waits for room.
func waitsAt(in *intake, offset int64) bool {
	in.mu.Lock()
	defer in.mu.Unlock()
	p := in.progress[0]
	return p != nil && p.at.Offset == offset && len(in.ready) == 1
}

// waiting is how many batches are there to be taken.
func waiting(in *intake) int {
	in.mu.Lock()
	defer in.mu.Unlock()
	return len(in.ready)
}
