package pipeline

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"millrace"
	"millrace/join"
	"millrace/learner"
	"millrace/merge"
)

// life is one of them.
type life struct {
	*learning
	of       *lives
	death    *death
	segments []segment
}

func letterOf(topic string, at join.Place) string { return fmt.Sprint(topic, at) }

// memoryLetters are the dead letters of all lives.
type memoryLetters struct{ of *lives }

func (m memoryLetters) Reject(_ context.Context, _ string, rec *millrace.Record, _ *millrace.Rejection) error {
	m.of.mu.Lock()
	defer m.of.mu.Unlock()
	m.of.letters[letterOf(rec.Topic, join.Place{Partition: rec.Partition, Offset: rec.Offset})] = true
	return nil
}
func (memoryLetters) Flush(context.Context) error { return nil }
func (memoryLetters) Pending() int                { return 0 }
func (memoryLetters) Blocked() time.Duration      { return 0 }

// Publish implements learner.Publisher until the learner dies.
func (f *life) Publish(ctx context.Context, s *millrace.Snapshot, cause millrace.Cause) (millrace.Head, error) {
	if f.death.comes(byFlip, 1) {
		return millrace.Head{}, errDead
	}
	head, err := f.publisher.Publish(ctx, s, cause)
	if err != nil {
		return head, err
	}
	f.flipped(head)
	if f.death.comes(byReply, 1) {
		return millrace.Head{}, errDead
	}
	return head, nil
}

// flipped notes a new head.
func (f *life) flipped(head millrace.Head) {
	f.of.mu.Lock()
	defer f.of.mu.Unlock()
	f.of.published++
	f.of.segments[head.Digest], f.of.good[head.Digest] = f.segments, true
	f.of.heads = append(f.of.heads, f.of.rig.redis("GET", "millrace:{loop}:head"))
}

// Keep implements learner.Checkpoints until the learner dies.
func (f *life) Keep(ctx context.Context, version *millrace.Manifest, digest, layout string, blocks learner.Blocks) error {
	err := f.checkpoints().Keep(ctx, version, digest, layout, func(write func(kind byte, block []byte) error) error {
		return blocks(func(kind byte, block []byte) error {
			if f.death.comes(byWriting, 1) {
				return errDead
			}
			return write(kind, block)
		})
	})
	if err != nil {
		return err
	}
	data, err := os.ReadFile(filepath.Join(f.of.state, "loop", newestCheckpoint))
	if err != nil {
		return err
	}
	f.of.mu.Lock()
	f.of.written[sha256.Sum256(data)] = written{*version, f.segments[len(f.segments)-1].lost}
	f.of.mu.Unlock()
	if f.death.comes(byKeeping, 1) {
		return errDead
	}
	return nil
}

// Holds implements learner.Checkpoints.
func (f *life) Holds(digest string) bool { return f.checkpoints().Holds(digest) }

// begin opens a learner as a process does that starts, without Kafka.
func (l *lives) begin(d *death, fresh bool) *life {
	l.t.Helper()
	ctx, p := l.t.Context(), l.pipeline
	e := newEnvironment(p, slog.New(l.told))
	e.store = l.rig.servers.store
	pieces, err := Build(p)
	if err == nil {
		err = e.openFolder(l.state)
	}
	if err != nil {
		l.t.Fatal(err)
	}
	f := &life{learning: &learning{env: e, learned: pieces, opened: time.Now()}, of: l, death: d}
	f.readAgain = func(ctx context.Context, m *millrace.Manifest, do func(context.Context, *merge.Merger) error) error {
		merger := l.logs.merger(marksOf(m), m.Positions, l.rng.Uint64(), nil)
		defer merger.Close()
		return do(ctx, merger)
	}
	m := Manifest(p, "cluster")
	before, err := e.store.Head(ctx, m.Model)
	if err != nil && !errors.Is(err, millrace.ErrNoSnapshot) {
		l.t.Fatal(err)
	}
	copied := f.copied()
	if !lost(copied, before) {
		copied = nil
	}
	was := before.Digest
	if copied != nil {
		was = digestOf(&copied.Manifest)
	}
	head, err := f.acquire(ctx, copied, fresh)
	if err != nil {
		l.t.Fatal(err)
	}
	if fresh || head.Candidate == "" {
		m.Positions, m.Keyed, was = slices.Clone(l.begins.Positions), l.begins.Keyed, ""
		s := f.learned.Snapshot(m)
		f.head, err = f.publisher.unserved(ctx, &s, millrace.CauseFresh)
		f.version = &s.Manifest
	} else {
		var s millrace.Snapshot
		if s, err = e.store.Load(ctx, m.Model, head, true); err == nil {
			m, err = f.goOn(ctx, m, head, &s, false)
		}
	}
	if err != nil {
		l.t.Fatal(err)
	}
	f.from = m
	f.rebuildKilled(was)
	return f
}

// rebuildKilled makes state by key again, and notes what is known of predictions. was is the digest of the version
// that is gone on from, as it was published first; empty for none.
func (f *life) rebuildKilled(was string) {
	l := f.of
	l.t.Helper()
	checkpoints, seen := l.checkpoints(), len(l.told.with(usedACheckpoint))
	there := f.env.folder.Checkpoints(func(string, error) {})
	err := f.overflow()
	if err == nil {
		err = f.rebuild(l.t.Context())
	}
	if err != nil {
		l.t.Fatalf("%v\n%s", err, strings.Join(l.tale, "\n"))
	}
	used := l.told.with(usedACheckpoint)[seen:]
	l.kinds["checkpoints used"] += len(used)
	switch {
	case len(used) == 0:
		l.used = append(l.used, "log")
	case f.learned.Join.Stats().Spilled > 0:
		l.kinds["of what waits on disk"]++
		l.used = append(l.used, "checkpoint, on disk")
	default:
		l.used = append(l.used, "checkpoint")
	}
	l.kinds["lives"]++
	from, missing := map[int32]int64{}, []unmeasured(nil)
	for _, c := range there {
		if len(used) == 0 || !strings.Contains(used[0], "file="+c.Path+" ") {
			continue
		}
		known, ok := l.written[sha256.Sum256(checkpoints[filepath.Base(c.Path)])]
		if !ok {
			l.t.Errorf("%s was used, which nobody has written", c.Path)
		}
		missing = slices.Clone(known.lost)
		for _, p := range ofTopic(killedTopics[0], c.Manifest.Positions) {
			from[p.Partition] = p.Offset
		}
	}
	for _, p := range ofTopic(killedTopics[0], f.from.Positions) {
		if from[p.Partition] < p.Offset {
			missing = append(missing, unmeasured{p.Partition, from[p.Partition], p.Offset})
		}
	}
	f.note(was, missing)
	l.tell("  begins at %d of version %d, checkpoint %v", f.from.Applied, f.head.Seq, used)
}

// note says what this life does not have the predictions of.
func (f *life) note(was string, missing []unmeasured) {
	l := f.of
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.segments[was] {
		if s.applied < f.from.Applied {
			f.segments = append(f.segments, s)
		}
	}
	f.segments = append(f.segments, segment{f.from.Applied, missing})
	l.segments[f.head.Digest], l.good[f.head.Digest] = f.segments, true
}

// run lets the learner learn until it is killed, or all is learned.
func (f *life) run() (ended bool) {
	l, p := f.of, f.of.pipeline
	l.t.Helper()
	letters := memoryLetters{l}
	o := learner.Options{Name: p.Name, Family: p.Model.Type, Classes: p.Label.Classes, Stream: f.learned.Stream, Layout: f.learned.Layout,
		Manifest: f.from, Head: f.head, Positions: f.from.Positions, Snapshots: p.Snapshots, DeadLetters: letters, Publisher: f,
		Decoder: f.learned.Decoder, Labels: learner.Labels{Decoder: f.learned.Labels, DeadLetters: letters}, Registerer: prometheus.NewRegistry(),
		Log: slog.New(slog.DiscardHandler), Now: time.Now, ShutdownTimeout: time.Minute, Checkpoints: f, Version: f.version,
		Merger: l.logs.merger(f.from.Positions, nil, l.rng.Uint64(), f.death)}
	f.learner = learner.New(o)
	err := f.learner.Run(l.t.Context())
	dead := f.death.comes(byNothing, 0)
	if killed(err) != nil || err != nil && !dead {
		l.t.Fatalf("%v\n%s", err, strings.Join(l.tale, "\n"))
	}
	return err == nil && !dead
}

// close gives back what the process would.
func (f *life) close() {
	f.takeOverflow()()
	if err := f.env.folder.Close(); err != nil {
		f.of.t.Error(err)
	}
}
