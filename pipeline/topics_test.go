package pipeline

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"millrace"
)

// TestAnotherTopicIsRefused: positions speak of one topic. Those of another are never applied to it, which would leave
// out its first events, or read them from somewhere in the middle.
func TestAnotherTopicIsRefused(t *testing.T) {
	const n = 300
	r := newRig(t, 1)
	r.produce(rows(n, false))
	r.run(false, learnedAll(n))

	r.pipeline.Events.Topic = "a.later.topic" // before the old one in the order of positions
	r.produce(rows(2*n, false))
	e, err := openEnvironment(t.Context(), Options{Config: r.pipeline, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	_, err = openLearning(t.Context(), e, Options{})
	if err == nil || !strings.Contains(err.Error(), "a.later.topic") || !strings.Contains(err.Error(), "--allow-gaps") {
		t.Fatalf("another topic: %v", err)
	}
	_, err = openLearning(t.Context(), e, Options{AllowGaps: true})
	if err != nil {
		t.Fatal(err)
	}
	m := r.head().Manifest
	if len(m.Positions) != 1 || m.Positions[0].Topic != "a.later.topic" || m.Positions[0].Offset != 0 || m.Learned != n {
		t.Errorf("with --allow-gaps: positions %v after %d learned, want the new topic's start", m.Positions, m.Learned)
	}
}

// remakeTopic deletes the events topic, makes it anew and fills it with n rows.
func (r *rig) remakeTopic(n int) {
	r.t.Helper()
	r.deleteTopic(r.pipeline.Events.Topic)
	r.produce(rows(n, false))
}

func (r *rig) deleteTopic(topic string) {
	r.t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(r.servers.kafka.Addr()))
	if err != nil {
		r.t.Fatal(err)
	}
	defer client.Close()
	if _, err := kadm.NewClient(client).DeleteTopic(r.t.Context(), topic); err != nil {
		r.t.Fatal(err)
	}
}

// wantMadeAnew opens and runs stages and checks that they refuse the topic, with the way on.
func (r *rig) wantMadeAnew(learn, score bool) {
	r.t.Helper()
	ctx, stop := context.WithTimeout(r.t.Context(), 2*time.Minute)
	defer stop()
	s, err := open(ctx, Options{Config: r.pipeline, Learn: learn, Score: score, Log: r.log}, nil)
	if err == nil {
		err = s.Run(ctx)
		s.Close()
	}
	var gap *millrace.GapError
	if !errors.As(err, &gap) || !gap.Anew() || !strings.Contains(err.Error(), "at the new topic's beginning, run with --allow-gaps") {
		r.t.Fatalf("a topic made anew: %v", err)
	}
}

// TestTopicMadeAnew: a topic that was deleted and made anew under its old name is refused at start by learner and
// scorer, though it has more events than before, and with AllowGaps all of it is learned and scored, once.
func TestTopicMadeAnew(t *testing.T) {
	const before, after = 300, 700
	r := newRig(t, 2)
	r.produce(rows(before, false))
	r.pipeline.Scores.Start = "earliest"
	r.run(true, func(s *Pipeline) bool {
		return learnedAll(before)(s) && s.scoring.loop.Finished() == before
	})
	was := r.head().Manifest
	r.remakeTopic(after)
	r.wantMadeAnew(true, false)
	r.wantMadeAnew(false, true)
	if now := r.head().Manifest; now.Learned != was.Learned || now.Epoch != was.Epoch {
		t.Fatalf("the refused learner took or changed the model: %+v", now)
	}
	r.pipeline.Scores.Start = "latest" // which is for what was there before the first start, not for a topic made anew
	r.allowGaps = true
	r.run(true, func(s *Pipeline) bool {
		return learnedAll(before+after)(s) && s.scoring.loop.Finished() == after
	})
	r.allowGaps = false
	m := r.head().Manifest
	var read int64
	for _, p := range m.Positions {
		if read += p.Offset; p.TopicID == "" || p.TopicID == was.Positions[0].TopicID {
			t.Errorf("position %+v, the former topic was %s", p, was.Positions[0].TopicID)
		}
	}
	if read != after || m.Learned+m.Rejected != before+after {
		t.Errorf("positions %v after %d events, want %d of the new topic and %d in all", m.Positions, m.Learned+m.Rejected, after, before+after)
	}
	r.run(true, learnedAll(before+after)) // it is known now
}

// TestScoresTopicDeleted while it is written: the process goes on, and the scores are in a topic that is created anew.
func TestScoresTopicDeleted(t *testing.T) {
	const n = 300
	r := newRig(t, 2)
	r.pipeline.Scores.Start = "earliest"
	r.produce(rows(n, false))
	deleted := false
	r.run(true, func(s *Pipeline) bool {
		finished := s.scoring.loop.Finished()
		if !deleted && finished == n {
			r.deleteTopic(r.pipeline.Scores.Topic)
			r.produce(rows(n, false))
			deleted = true
		}
		return finished == 2*n && learnedAll(2*n)(s)
	})
	if got := len(r.read(r.pipeline.Scores.Topic)); got != n {
		t.Errorf("the new topic has %d scores, want %d", got, n)
	}
}
