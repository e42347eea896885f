//go:build integration

package integration

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"millrace"
)

// remake deletes the events topic, makes it anew under its name, and fills it with n events.
func (p *pipeline) remake(data string, n int) {
	p.t.Helper()
	if _, err := p.kafka.DeleteTopic(p.t.Context(), p.spec.topic); err != nil {
		p.t.Fatal(err)
	}
	waitFor(p.t, "the topic being made anew", func() (bool, string) {
		// It is refused while the former is still being deleted.
		_, err := p.kafka.CreateTopic(p.t.Context(), int32(p.spec.partitions), 1, nil, p.spec.topic)
		return err == nil, fmt.Sprint(err)
	})
	p.produce(data, "--events", fmt.Sprint(n))
}

// topicID is the identity that Kafka gave the events topic.
func (p *pipeline) topicID() string {
	p.t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(p.spec.kafka)) // a new one: clients remember topics for a while
	if err != nil {
		p.t.Fatal(err)
	}
	defer client.Close()
	topics, err := kadm.NewClient(client).ListTopics(p.t.Context(), p.spec.topic)
	if err != nil {
		p.t.Fatal(err)
	}
	id := topics[p.spec.topic].ID
	return base64.RawURLEncoding.EncodeToString(id[:])
}

// wantMadeAnew waits for a stage to end because its topic was made anew, with the way on.
func wantMadeAnew(t *testing.T, s *stage, was string) {
	t.Helper()
	code, err := s.WaitExit(patience)
	last := lastLine(s.Stderr())
	for _, want := range []string{"deleted and made anew", was, "--allow-gaps"} {
		if err != nil || code != 1 || !strings.Contains(last, want) {
			t.Errorf("%s ends with %q, exit code %d, %v, want 1 and %q", s.Name(), last, code, err, want)
		}
	}
}

// A topic that is deleted, made anew under its name and filled beyond where learner and scorer stood has other events
// at the same offsets. Both refuse it, whether they run meanwhile or not, until a person tells them to go on, and then
// learn and score all of the new topic.
func TestTopicMadeAnew(t *testing.T) {
	p := newPipeline(t, pipelineSpec{name: "anew", learns: example(t, "elec"), partitions: 2})
	// Between the two it is gone for a moment, which ends who does not wait.
	p.rewriteEvents("{topic: anew.events, partitions: 2, unknown_topic: wait}")
	data := elec(t)
	p.produce(data, "--events", "1000")
	learner, scorer := p.running("learn"), p.running("score")
	p.waitApplied(learner)
	total, held := uint64(1000), p.topicID()
	for round, n := range []int{2500, 4000} { // while they run, while they do not
		was := p.topicID()
		if round == 0 {
			p.remake(data, n)
			wantMadeAnew(t, learner, was)
			wantMadeAnew(t, scorer, was)
		} else {
			learner.terminate()
			scorer.terminate()
			p.remake(data, n)
		}
		for _, name := range []string{"learn", "score"} {
			wantMadeAnew(t, p.start(name), held)
		}
		if v, _ := p.head(); v.Manifest.Learned+v.Manifest.Rejected != total {
			t.Fatalf("%d events were applied before anybody was told to go on, want %d", v.Manifest.Learned+v.Manifest.Rejected, total)
		}
		learner, scorer = p.running("learn", "--allow-gaps"), p.running("score", "--allow-gaps")
		total += uint64(n)
		p.waitAppliedN(learner, total)
		p.waitScored(scorer)
		held = p.topicID()
		p.checkAnew(held, n)
	}
	learner.terminate()
	scorer.terminate()
	if v, _ := p.head(); v.Manifest.Learned+v.Manifest.Rejected != total {
		t.Errorf("%d events were applied, want %d", v.Manifest.Learned+v.Manifest.Rejected, total)
	}
	// What was learned last is known again without being told.
	learner = p.running("learn")
	p.produce(data, "--events", "10")
	p.waitAppliedN(learner, total+10)
	learner.terminate()
}

// waitAppliedN waits until the head holds n events.
func (p *pipeline) waitAppliedN(s *stage, n uint64) {
	p.t.Helper()
	waitFor(p.t, fmt.Sprintf("%d events in a snapshot", n), func() (bool, string) {
		s.alive()
		v, ok := p.head()
		applied := v.Manifest.Learned + v.Manifest.Rejected
		return ok && applied >= n, fmt.Sprintf("there are %d", applied)
	})
}

// checkAnew checks that positions are of the topic that is, at its ends, and that each of its n events has a score.
func (p *pipeline) checkAnew(id string, n int) {
	p.t.Helper()
	v, _ := p.head()
	ends := p.ends(p.spec.topic)
	for _, at := range v.Manifest.Positions {
		if at.TopicID != id || at.Offset != ends[at.Partition] {
			p.t.Errorf("position %+v, the topic is %s and ends at %v", at, id, ends)
		}
	}
	scored := map[string]bool{}
	for _, r := range p.read(p.scores()) {
		if header(r, millrace.HeaderTopicID) == id {
			scored[header(r, millrace.HeaderSource)] = true
		}
	}
	if len(scored) != n || len(v.Manifest.Positions) != p.spec.partitions {
		p.t.Errorf("%d events of the new topic are scored, want %d; positions %+v", len(scored), n, v.Manifest.Positions)
	}
}
