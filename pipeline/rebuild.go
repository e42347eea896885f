package pipeline

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"millrace"
	"millrace/consumers"
	"millrace/learner"
	"millrace/merge"
)

// resumeKeyed completes what m, whose positions are those of a version that was restored, says of state by key: the
// marks from which it is made again, and where labels begin that were not taken before.
func (l *learning) resumeKeyed(ctx context.Context, m, old *millrace.Manifest, allowGaps bool) error {
	p := l.env.pipeline
	if !l.learned.keyed() {
		return nil
	}
	events := ofTopic(p.Events.Topic, m.Positions)
	if old.Keyed == nil { // learned before there was any
		k, labels, err := l.keyedFrom(ctx, events)
		m.Keyed, m.Positions = k, slices.Concat(events, labels)
		return err
	}
	k := *old.Keyed
	k.Rebuild = slices.Clone(k.Rebuild)
	m.Keyed = &k
	if allowGaps {
		if err := l.patch(ctx, m); err != nil {
			return err
		}
	}
	if !p.LateLabels() || len(ofTopic(p.Label.Topic, m.Positions)) > 0 {
		return nil
	}
	from := events
	if len(l.waiting) > 0 { // by the time of the first event that may wait
		from = slices.Clone(events)
		for i := range from {
			if mark, ok := markOf(&k, from[i]); ok {
				from[i].Offset = mark.Offset
			}
		}
	}
	fresh, labels, err := l.keyedFrom(ctx, from)
	if err != nil {
		return err
	}
	m.Positions = append(m.Positions, labels...)
	for _, mark := range fresh.Rebuild {
		if mark.Topic == p.Label.Topic {
			k.Rebuild = append(k.Rebuild, mark)
		}
	}
	return nil
}

// patch takes out of m's marks what the logs no longer hold, as a person has said to go on without it.
func (l *learning) patch(ctx context.Context, m *millrace.Manifest) error {
	k := m.Keyed
	rebuild, newest := k.Rebuild, k.Newest
	defer func() { l.patched = !slices.Equal(rebuild, k.Rebuild) || !slices.Equal(newest, k.Newest) }()
	k.Rebuild = slices.Clone(k.Rebuild)
	for _, topic := range readTopics(l.env.pipeline) {
		err := l.env.cluster.SameTopic(ctx, topic, ofTopic(topic, m.Positions))
		var gap *millrace.GapError
		if err == nil {
			continue
		}
		if !errors.As(err, &gap) {
			return err
		}
		of := func(mark millrace.Mark) bool { return mark.Topic == topic }
		k.Rebuild, k.Newest = slices.DeleteFunc(k.Rebuild, of), slices.DeleteFunc(slices.Clone(k.Newest), of)
		l.env.log.Warn("state by key is not made again from a topic that was made anew", "topic", topic, "error", gap)
	}
	k.Rebuild = slices.DeleteFunc(k.Rebuild, func(mark millrace.Mark) bool {
		return l.elsewhere(millrace.Position{Topic: mark.Topic})
	})
	// Asked once: the logs may lose more meanwhile, and what is told is what is gone on without.
	logs, err := boundsOfLogs(ctx, l.env.cluster, l.env.pipeline)
	if err != nil {
		return err
	}
	if gap := logs.reach(l.env.pipeline, m); gap != nil {
		l.env.log.Warn("going on as told, without what the log no longer holds", "error", gap)
	}
	k.Rebuild = logs.clamped(m)
	return nil
}

// forget counts whoever waits in a version as lost, and returns what became of all events with that.
func (l *learning) forget(old *millrace.Manifest) (map[string]uint64, error) {
	if !l.learned.keyed() {
		return nil, nil //nolint:nilnil // nothing but learned and rejected
	}
	if len(l.waiting) == 0 {
		return old.Names, nil
	}
	none := *old
	none.Positions, none.Keyed = nil, &millrace.Keyed{Watermark: math.MinInt64, Now: math.MinInt64}
	s := l.learned.Stream
	if err := s.BeginRebuild(&none, l.waiting); err != nil {
		return nil, err
	}
	l.waiting = nil
	if lost := s.EndRebuild(&none); lost > 0 {
		l.env.log.Warn("events and labels that waited are lost: their logs are other ones", "lost", lost)
	}
	return s.Names(), nil
}

// tellRebuildEvery is how often a log line says how far reading again has come.
const tellRebuildEvery = 10 * time.Second

// rebuild makes state by key again: from a checkpoint in the state folder, or else from the log alone.
func (l *learning) rebuild(ctx context.Context) error {
	done, err := l.fromCheckpoint(ctx)
	if !done && err == nil {
		err = l.rebuildFrom(ctx, &l.from, nil)
	}
	if err != nil {
		return fmt.Errorf("making state by key again: %w", wayOn(err))
	}
	l.waiting = nil
	return nil
}

// rebuildFrom reads the log from the marks of m up to its positions, which are those that learning goes on from.
func (l *learning) rebuildFrom(ctx context.Context, m *millrace.Manifest, checkpoint learner.Blocks) error {
	r := newRebuilding(l, m)
	r.Checkpoint = checkpoint
	began := time.Now()
	var lost uint64
	run := func(ctx context.Context, m *merge.Merger) (err error) {
		r.Merger = m
		lost, err = r.Run(ctx)
		return err
	}
	var err error
	if toRead(m) > 0 {
		l.env.rebuilding.Store(r)
		stop := l.tellRebuild(ctx, r)
		read := l.readAgain
		if read == nil {
			read = l.readLogs
		}
		err = read(ctx, m, run)
		stop()
		l.env.rebuilding.Store(nil)
	} else {
		err = run(ctx, nil)
	}
	if err != nil {
		return err
	}
	if lost > 0 {
		l.env.log.Warn("events and labels that waited are no longer in the log: they are counted as lost", "lost", lost)
	}
	if done, total := r.Progress(); total > 0 {
		l.env.log.Info("state by key is made again", "records", done, "seconds", time.Since(began).Seconds())
	}
	return nil
}

func newRebuilding(l *learning, m *millrace.Manifest) *learner.Rebuilding {
	r := &learner.Rebuilding{Stream: l.learned.Stream, Manifest: m, Waiting: l.waiting, Decoder: l.learned.Decoder,
		NewDecoder: func() learner.Decoder { return l.learned.Decoder.Clone() }}
	if l.learned.Labels != nil {
		r.Labels, r.NewLabels = l.learned.Labels, func() learner.Decoder { return l.learned.Labels.Clone() }
	}
	return r
}

// readLogs reads what state by key is made again from, a source a topic.
func (l *learning) readLogs(ctx context.Context, m *millrace.Manifest, do func(context.Context, *merge.Merger) error) error {
	topics := readTopics(l.env.pipeline)
	sources := make([]*consumers.Source, 0, len(topics))
	for _, topic := range topics {
		from, until := ofTopic(topic, m.Positions), []millrace.Position(nil)
		for i, at := range from {
			mark, ok := markOf(m.Keyed, at)
			if !ok || mark.Offset == at.Offset {
				continue
			}
			until = append(until, at)
			// The fingerprint speaks of what lies before the position, not before the mark.
			from[i].Offset, from[i].Fingerprint = mark.Offset, millrace.Fingerprint{}
		}
		sources = append(sources, span(l.env, topic, from, until, l.o.AllowGaps))
	}
	return readMerged(ctx, l.env, do, sources...)
}

// markOf is the rebuild mark of a position's partition.
func markOf(k *millrace.Keyed, p millrace.Position) (mark millrace.Mark, ok bool) {
	if k == nil {
		return mark, false
	}
	i := slices.IndexFunc(k.Rebuild, func(m millrace.Mark) bool { return m.Topic == p.Topic && m.Partition == p.Partition })
	if i < 0 {
		return mark, false
	}
	return k.Rebuild[i], true
}

// rebuildRemaining is how many records are still to be read again.
func (e *environment) rebuildRemaining() float64 {
	if again := e.rebuilding.Load(); again != nil {
		done, total := again.Progress()
		return float64(total - min(done, total))
	}
	return 0
}

// tellRebuild writes a log line now and then until it is told to stop.
func (l *learning) tellRebuild(ctx context.Context, r *learner.Rebuilding) (stop func()) {
	ctx, stop = context.WithCancel(ctx)
	go func() {
		ticker := time.NewTicker(tellRebuildEvery)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
				done, total := r.Progress()
				l.env.log.Info("reading the log again to make state by key", "records", done, "of", total)
			}
		}
	}()
	return stop
}
