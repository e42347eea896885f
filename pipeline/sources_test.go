package pipeline

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
)

// TestRecentSources: places are told apart by topic, partition and offset, and the oldest are forgotten once there are
// too many.
func TestRecentSources(t *testing.T) {
	s := recentSources{most: 3}
	s.add("t", 0, 63)
	s.add("t", 0, 0) // the same word
	s.add("t", 1, 63)
	s.add("u", 0, 63)
	for _, c := range []struct {
		topic     string
		partition int32
		offset    int64
		want      bool
	}{{"t", 0, 63, true}, {"t", 0, 0, true}, {"t", 0, 1, false}, {"t", 0, 127, false}, {"t", 1, 63, true}, {"t", 2, 63, false}, {"u", 0, 63, true}, {"v", 0, 63, false}} {
		if s.has(c.topic, c.partition, c.offset) != c.want {
			t.Errorf("%+v", c)
		}
	}
	for i := range int64(1000) {
		s.add("t", 3, 64*i)
		if len(s.words) > 3 || len(s.order) > 3 {
			t.Fatalf("%d words, an order of %d", len(s.words), len(s.order))
		}
		if !s.has("t", 3, 64*i) || i > 1 && !s.has("t", 3, 64*(i-2)) || i > 2 && s.has("t", 3, 64*(i-3)) {
			t.Fatalf("after %d: %v", i, s.words)
		}
	}
	if s.has("t", 0, 63) {
		t.Error("the oldest is still known")
	}
}

// TestReplayAlone: while a replay is under way a second one of the same letters is refused, and sends nothing; another
// pipeline's is not, and neither is a dry run.
func TestReplayAlone(t *testing.T) {
	r := replayRig(t, 5)
	runtime := filepath.Join(t.TempDir(), "run")
	tried := 0
	first := r.resend(Replay{Runtime: runtime, batch: 2, sent: func() {
		tried++
		done, err := ReplayDead(t.Context(), r.pipeline, slog.New(slog.DiscardHandler), Replay{Runtime: runtime})
		if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("replaying dead letters of %s: process ", r.pipeline.Name)) || len(done) > 0 {
			t.Errorf("a second one: %+v, %v", done, err)
		}
		r.resend(Replay{Runtime: runtime, DryRun: true})
		other := *r.pipeline
		other.Name = "another"
		if _, err := ReplayDead(t.Context(), &other, slog.New(slog.DiscardHandler), Replay{Runtime: runtime, Reason: "empty"}); err != nil {
			t.Errorf("another pipeline's: %v", err)
		}
	}})
	if first.Sent != 5 || tried == 0 {
		t.Errorf("the first: %+v, %d times", first, tried)
	}
	if again := r.resend(Replay{Runtime: runtime}); again.Sent != 0 || again.SentBefore != 5 {
		t.Errorf("once it has ended: %+v", again)
	}
	for letter, records := range r.replayedEvents() {
		if len(records) != 1 {
			t.Errorf("%s was sent %d times", letter, len(records))
		}
	}
}
