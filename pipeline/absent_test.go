package pipeline

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"millrace/config"
	"millrace/consumers"
)

// readiness is what the admin server says of a process, also while that opens; empty while nobody answers.
func readiness(t *testing.T, address string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+"/readyz", nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return ""
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}

// freeAddress is one that nobody listens on.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// TestTopicsThatAreAbsent: whatever waits for a topic that does not exist (of events or labels, at the first start, at
// a later one, or deleted meanwhile) says so: the log with the topic and what to do, and /readyz. Once there is one, a
// first start goes on.
func TestTopicsThatAreAbsent(t *testing.T) {
	for _, c := range []struct {
		name, topic   string
		learn         bool // or score
		learned       bool // there is a version, learned from both topics
		whileItRuns   bool // the topic is deleted only then
		goesOn, ready bool
	}{
		{name: "no events for a learner", topic: "loop.events", learn: true, goesOn: true},
		{name: "no labels for a learner", topic: "loop.labels", learn: true, goesOn: true},
		{name: "no events for a scorer", topic: "loop.events"},
		{name: "events are gone at a restart", topic: "loop.events", learn: true, learned: true},
		{name: "labels are gone at a restart", topic: "loop.labels", learn: true, learned: true},
		{name: "events are gone at a scorer's restart", topic: "loop.events", learned: true},
		{name: "labels go", topic: "loop.labels", learn: true, learned: true, whileItRuns: true},
		{name: "events go from a scorer", topic: "loop.events", learned: true, whileItRuns: true},
		{name: "no scorer needs labels", topic: "loop.labels", learned: true, ready: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := newKeyedRig(t, 1, "drop")
			all := story(time.Now().Add(-time.Hour).Truncate(time.Second), 200, 1)
			if c.learned {
				r.write(all)
				r.run(true, r.appliedAll)
			}
			r.pipeline.Events.UnknownTopic = config.UnknownTopicWait
			create := func(topic string) {
				if err := r.servers.cluster.EnsureTopic(t.Context(), consumers.TopicSpec{Name: topic, Partitions: 1}); err != nil {
					t.Fatal(err)
				}
			}
			if !c.learned && c.topic == "loop.labels" {
				create("loop.events")
			}
			if c.learned && !c.whileItRuns {
				r.deleteTopic(c.topic)
			}
			var lines logLines
			o := Options{Config: r.pipeline, Learn: c.learn, Score: !c.learn, Admin: freeAddress(t), Log: slog.New(slog.NewTextHandler(&lines, nil))}
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			ended := make(chan error, 1)
			go func() { ended <- Run(ctx, o) }()
			until := func(what string, done func() bool) {
				t.Helper()
				for deadline := time.Now().Add(time.Minute); !done(); time.Sleep(5 * time.Millisecond) {
					select {
					case err := <-ended:
						t.Fatalf("it ended before it %s: %v\n%s", what, err, lines.String())
					default:
					}
					if time.Now().After(deadline) {
						t.Fatalf("it never %s: %q\n%s", what, readiness(t, o.Admin), lines.String())
					}
				}
			}
			ready := func() bool { return readiness(t, o.Admin) == "ready" }
			if c.whileItRuns {
				until("was ready", ready)
				r.deleteTopic(c.topic)
			}
			if c.ready {
				until("was ready", ready)
			} else {
				until("said what it waits for", func() bool {
					return strings.Contains(readiness(t, o.Admin), "waiting for topic "+c.topic+", which does not exist")
				})
				if text := lines.String(); !strings.Contains(text, "topic="+c.topic) || !strings.Contains(text, "create it") {
					t.Errorf("the log does not say what is missing, and what to do:\n%s", text)
				}
			}
			if c.goesOn {
				create("loop.events")
				create("loop.labels")
				until("was ready", ready)
			}
			stop()
			if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		})
	}
}
