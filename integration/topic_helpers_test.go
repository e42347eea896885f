//go:build integration

package integration

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"millrace"
	"millrace/store"
)

// ends are the topic's log ends by partition; none when there is no such topic.
func (p *pipeline) ends(topic string) map[int32]int64 {
	p.t.Helper()
	listed, err := p.kafka.ListEndOffsets(p.t.Context(), topic)
	if err != nil {
		p.t.Fatal(err)
	}
	ends := map[int32]int64{}
	listed.Each(func(o kadm.ListedOffset) {
		if o.Err == nil {
			ends[o.Partition] = o.Offset
		}
	})
	return ends
}

// size is how many records a topic holds. Nothing here compacts or expires.
func (p *pipeline) size(topic string) uint64 {
	p.t.Helper()
	var n uint64
	for _, end := range p.ends(topic) {
		n += uint64(end)
	}
	return n
}

// read returns all records that a topic holds now.
func (p *pipeline) read(topic string) []*kgo.Record {
	p.t.Helper()
	want := p.size(topic)
	if want == 0 {
		return nil
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(p.spec.kafka), kgo.ConsumeTopics(topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchMaxPartitionBytes(16<<20))
	if err != nil {
		p.t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	var records []*kgo.Record
	for uint64(len(records)) < want {
		fetched := client.PollFetches(ctx)
		if err := fetched.Err(); err != nil {
			p.t.Fatalf("reading %s, %d of %d records: %v", topic, len(records), want, err)
		}
		records = append(records, fetched.Records()...)
	}
	return records
}

// head is the version that a learner would resume from; false while there is none or Redis is away.
func (p *pipeline) head() (store.Version, bool) {
	p.t.Helper()
	versions, err := p.store.List(p.t.Context(), p.spec.name)
	if err != nil {
		return store.Version{}, false
	}
	i := slices.IndexFunc(versions, func(v store.Version) bool { return v.IsHead })
	if i < 0 {
		return store.Version{}, false
	}
	return versions[i], true
}

// waitApplied waits until the head holds as many events as the topic.
func (p *pipeline) waitApplied(s *stage) {
	p.t.Helper()
	want := p.size(p.spec.topic)
	waitFor(p.t, fmt.Sprintf("%d events in a snapshot", want), func() (bool, string) {
		s.alive()
		v, ok := p.head()
		applied := v.Manifest.Learned + v.Manifest.Rejected
		return ok && applied >= want, fmt.Sprintf("there are %d", applied)
	})
}

// learnAll learns the topic to its end without being disturbed and returns the last version's manifest.
func (p *pipeline) learnAll(args ...string) millrace.Manifest {
	p.t.Helper()
	s := p.running("learn", args...)
	p.waitApplied(s)
	s.terminate()
	v, _ := p.head()
	return v.Manifest
}

// checkExact fails unless the head has applied each of the topic's events once, rejected of them to the dead letters,
// and reads on at the log's ends. It returns the head's manifest.
func (p *pipeline) checkExact(rejected uint64) millrace.Manifest {
	p.t.Helper()
	v, ok := p.head()
	if !ok {
		p.t.Fatal("there is no version")
	}
	m := v.Manifest
	if total := p.size(p.spec.topic); m.Learned+m.Rejected != total || m.Rejected != rejected {
		p.t.Errorf("learned %d + rejected %d of %d events, want %d rejected", m.Learned, m.Rejected, total, rejected)
	}
	positions := map[int32]int64{}
	for _, at := range m.Positions {
		positions[at.Partition] = at.Offset
	}
	if ends := p.ends(p.spec.topic); !maps.Equal(positions, ends) {
		p.t.Errorf("positions are %v, the log ends at %v", positions, ends)
	}
	return m
}

// waitTopic waits until the events topic has all its partitions.
func (p *pipeline) waitTopic() {
	p.t.Helper()
	waitFor(p.t, "topic "+p.spec.topic, func() (bool, string) {
		ends := p.ends(p.spec.topic)
		return len(ends) == p.spec.partitions, fmt.Sprintf("it has %d partitions", len(ends))
	})
}

// sourceOf is a record's place as headers name it.
func sourceOf(r *kgo.Record) string {
	return fmt.Sprintf("%s/%d/%d", r.Topic, r.Partition, r.Offset)
}

// header is a record's header, empty when it has none.
func header(r *kgo.Record, key string) string {
	for _, h := range r.Headers {
		if h.Key == key {
			return string(h.Value)
		}
	}
	return ""
}

// score is a record of a scores topic.
type score struct {
	Model         string
	Version       uint64
	Score         float64
	Class         string
	Probabilities map[string]float64
}

// checkScores fails unless every event of the topic, but those in unscored, has a score with probabilities that sum up
// to 1. It returns how many scores each version gave.
func (p *pipeline) checkScores(unscored map[string]bool) map[uint64]int {
	p.t.Helper()
	versions, seen := map[uint64]int{}, map[string]bool{}
	for _, r := range p.read(p.scores()) {
		var s score
		if err := json.Unmarshal(r.Value, &s); err != nil {
			p.t.Fatalf("score %s: %v", r.Value, err)
		}
		sum := 0.0
		for _, q := range s.Probabilities {
			sum += q
		}
		// Shortest float32 text each: ten classes add up to within ten roundings.
		if math.Abs(sum-1) > 1e-5 || s.Model != p.spec.name || s.Version == 0 || s.Probabilities[s.Class] == 0 {
			p.t.Fatalf("score %s: want model %s, a version, and probabilities that sum up to 1", r.Value, p.spec.name)
		}
		if got := header(r, "millrace-version"); got != strconv.FormatUint(s.Version, 10) {
			p.t.Fatalf("score %s: header millrace-version is %q", r.Value, got)
		}
		versions[s.Version]++
		seen[header(r, "millrace-source")] = true
	}
	missing := 0
	for partition, end := range p.ends(p.spec.topic) {
		for offset := range end {
			from := sourceOf(&kgo.Record{Topic: p.spec.topic, Partition: partition, Offset: offset})
			if seen[from] == unscored[from] {
				missing++
				if missing <= 3 {
					p.t.Errorf("%s: scored %t, want %t", from, seen[from], !unscored[from])
				}
			}
		}
	}
	if missing > 0 {
		p.t.Errorf("%d events are scored that should not be, or not scored that should", missing)
	}
	return versions
}

// waitScored waits until the scorer's group has committed all of the topic.
func (p *pipeline) waitScored(s *stage) {
	p.t.Helper()
	want := p.ends(p.spec.topic)
	waitFor(p.t, "all events being scored", func() (bool, string) {
		s.alive()
		committed, err := p.kafka.FetchOffsets(p.t.Context(), p.spec.name+".scorer")
		if err != nil {
			return false, err.Error()
		}
		at := map[int32]int64{}
		committed.Each(func(o kadm.OffsetResponse) { at[o.Partition] = o.At })
		return maps.Equal(at, want), fmt.Sprintf("committed %v of %v", at, want)
	})
}
