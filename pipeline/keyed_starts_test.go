package pipeline

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"millrace"
	"millrace/config"
	"millrace/consumers"
	"millrace/snapshot"
)

// within is a few seconds of event time that has just gone by, with events and their labels.
func within(n int) (events, labels []stamped) {
	base := time.Now().Add(-2 * time.Second).UnixMilli()
	for i := range n {
		at := base + int64(i)
		events = append(events, stamped{"loop.events", 0, at, fmt.Sprintf(`{"id":"e%d","time":%d,"amount":%d,"card":"c"}`, i, at, i)})
		labels = append(labels, stamped{"loop.labels", 0, at, fmt.Sprintf(`{"id":"e%d","outcome":"fraud"}`, i)})
	}
	return events, labels
}

// TestLabelsBeforeAnyEvent: the events topic is empty when the learner starts, and labels come before the first event,
// also over a restart. They wait for it, wherever events begin.
func TestLabelsBeforeAnyEvent(t *testing.T) {
	for _, start := range []string{"earliest", "latest"} {
		t.Run(start, func(t *testing.T) {
			r := newKeyedRig(t, 1, "drop")
			r.pipeline.Events.Start = start
			events, labels := within(200)
			r.write(nil)
			r.run(false, func(*Pipeline) bool { return r.applied() == 0 })
			r.write(labels)
			r.run(false, r.appliedAll)
			if m := r.head().Manifest; m.Learned != 0 || m.Names["label_early"] != 200 || m.Names["label_unmatched"] != 0 {
				t.Errorf("before the first event: %d learned, %v", m.Learned, m.Names)
			}
			r.write(events)
			r.run(false, r.appliedAll)
			if m, want := r.head().Manifest, (map[string]uint64{"joined": 200, "label_joined": 200, "label_early": 200}); m.Learned != 200 || !maps.Equal(m.Names, want) {
				t.Errorf("%d learned, %v, want %v", m.Learned, m.Names, want)
			}
		})
	}
}

// TestNoTopicOfLabelsYet: what the file says of topics that do not exist holds for that of labels.
func TestNoTopicOfLabelsYet(t *testing.T) {
	events, labels := within(100)
	topic := func(r *rig, name string) {
		if err := r.servers.cluster.EnsureTopic(t.Context(), consumers.TopicSpec{Name: name, Partitions: 1}); err != nil {
			t.Fatal(err)
		}
	}
	t.Run("fail", func(t *testing.T) {
		r := newKeyedRig(t, 1, "drop")
		r.pipeline.Events.UnknownTopic = config.UnknownTopicFail
		topic(r, "loop.events")
		if err := r.fails(); err == nil || !strings.Contains(err.Error(), "loop.labels") {
			t.Errorf("without it: %v", err)
		}
	})
	t.Run("create", func(t *testing.T) {
		r := newKeyedRig(t, 3, "drop")
		r.run(false, func(*Pipeline) bool { return true })
		if bounds, err := r.servers.cluster.Bounds(t.Context(), "loop.labels"); err != nil || len(bounds) != 3 {
			t.Errorf("created with %d partitions, %v", len(bounds), err)
		}
	})
	t.Run("wait", func(t *testing.T) {
		r := newKeyedRig(t, 1, "drop")
		r.pipeline.Events.UnknownTopic = config.UnknownTopicWait
		var lines logLines
		r.log = slog.New(slog.NewTextHandler(&lines, nil))
		topic(r, "loop.events")
		go func() {
			for !strings.Contains(lines.String(), "topic=loop.labels") && t.Context().Err() == nil {
				time.Sleep(10 * time.Millisecond)
			}
			r.write(append(events, labels...))
		}()
		r.run(false, func(p *Pipeline) bool { return r.applied() > 0 && r.appliedAll(p) })
		if m := r.head().Manifest; m.Learned != 100 || !strings.Contains(lines.String(), "does not exist yet") {
			t.Errorf("%d learned, %v\n%s", m.Learned, m.Names, lines.String())
		}
	})
}

// TestFreshWithLateLabels: a model that begins anew joins all from the beginning again, as the first one did.
func TestFreshWithLateLabels(t *testing.T) {
	r, _ := learnedLate(t, 1000)
	want := r.head()
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	p, err := open(ctx, Options{Config: r.pipeline, Learn: true, Fresh: true, Log: r.log}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if m := r.head().Manifest; m.Learned != 0 || len(m.Names) != 0 || m.Keyed.Now > 0 {
		t.Errorf("it begins with %+v", m)
	}
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	for !r.appliedAll(p) && ctx.Err() == nil {
		time.Sleep(5 * time.Millisecond)
	}
	stop()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	sameKeyed(t, r.head(), want)
}

// TestTrainedThenLate: a version that was trained from files, labels joined, starts a pipeline. Nothing that waited in
// the files waits there, and the topics are read from where the file says.
func TestTrainedThenLate(t *testing.T) {
	r := newKeyedRig(t, 1, "drop")
	trained, err := Build(r.pipeline)
	if err != nil {
		t.Fatal(err)
	}
	all := story(time.Now().Add(-2*time.Hour).Truncate(time.Second), 500, 1)
	tellPieces(t, trained, all)
	m := Manifest(r.pipeline, "")
	m.Learned = 400
	s := trained.Snapshot(m)
	file := filepath.Join(t.TempDir(), "trained.millrace")
	if err := snapshot.WriteFile(file, s); err != nil {
		t.Fatal(err)
	}
	if s, err = ReadSnapshot(r.pipeline, file); err != nil {
		t.Fatal(err)
	}
	if _, err := Publish(t.Context(), r.servers.store.Store, r.pipeline, &s, millrace.CauseImported, false); err != nil {
		t.Fatal(err)
	}
	live := story(time.Now().Add(-time.Hour).Truncate(time.Second), 500, 1)
	r.write(live)
	r.crash(300)
	r.run(false, r.appliedAll)
	got := r.head().Manifest
	if got.Learned < 700 || got.Names["lost"] != 0 || got.Names["duplicate"] > 20 || got.Positions[0].Offset != 500 {
		t.Errorf("%d learned, %v, at %+v", got.Learned, got.Names, got.Positions)
	}
}

// tellPieces applies a story of one partition each without Kafka, up to what expires by its last event.
func tellPieces(t *testing.T, pieces *Pieces, all []stamped) {
	t.Helper()
	event, label, next := pieces.Decoder.NewEvent(), pieces.Labels.NewEvent(), map[string]int64{}
	for _, s := range all {
		rec := &millrace.Record{Topic: s.topic, Partition: s.partition, Offset: next[s.topic], Time: s.at, Value: []byte(s.value)}
		next[s.topic]++
		switch {
		case s.topic == "loop.labels":
			if err := pieces.Labels.Decode(rec, label); err != nil {
				pieces.Stream.Refuse(rec, true)
				continue
			}
			_, _ = pieces.Stream.Label(label, rec)
		case pieces.Decoder.Decode(rec, event) != nil:
			pieces.Stream.Refuse(rec, false)
		default:
			_, _ = pieces.Stream.Event(event, rec)
			for pieces.Stream.Expire() {
			}
		}
	}
}
