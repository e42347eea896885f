package pipeline

import (
	"log/slog"
	"strings"
	"testing"
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
	e, err := openEnvironment(t.Context(), r.pipeline, Servers{}, slog.New(slog.DiscardHandler))
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
