package pipeline

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"millrace"
	"millrace/consumers"
	"millrace/join/disk"
	"millrace/learner"
	"millrace/merge"
	"millrace/store"
)

// learnerGroup is the group whose offsets follow the snapshots. It is for people and lag monitors;
// nothing is restored from it.
func learnerGroup(name string) string { return name + ".learner" }

// deadLetterBytes bounds dead letters that are not yet acknowledged; then fetching pauses.
const deadLetterBytes = 16 << 20

// A learner takes small fetches together: what it learns is published seconds later, and a thousand fetches
// a second would take the broker's time from the scorers, who answer at once.
const (
	learnMinBytes = 64 << 10
	learnMaxWait  = 50 * time.Millisecond
)

// learning is a learner with all it needs, acquired and restored.
type learning struct {
	env       *environment
	o         Options
	writer    writer
	from      millrace.Manifest  // what learning goes on from
	head      millrace.Head      // … and the version that it is, as it is known to scorers
	version   *millrace.Manifest // … and what that says of itself
	waiting   []byte             // of the version that this is: who waits
	copy      *millrace.Manifest // of the copy in the state folder, as it was found; nil where there was none
	patched   bool               // state by key is made without what the log no longer holds
	learner   *learner.Learner   // nil until state by key is made again
	atWork    atomic.Bool        // there is a learner
	source    *consumers.Source
	labels    *consumers.Source // nil where labels come with their events
	merger    *merge.Merger     // nil without state by key
	producer  *consumers.Producer
	learned   *Pieces
	onDisk    *disk.Store // what of its events that wait has no room in memory; nil without
	publisher *publisher
	registry  prometheus.Registerer
	opened    time.Time
	// readAgain reads what state by key is made again from; nil is from Kafka. Tests set it.
	readAgain func(ctx context.Context, m *millrace.Manifest, do func(context.Context, *merge.Merger) error) error
}

// openLearning takes ownership of the model, restores its head (or publishes an empty first version)
// and places the source at the head's positions.
func openLearning(ctx context.Context, e *environment, o Options) (*learning, error) {
	p := e.pipeline
	pieces, err := Build(p)
	if err != nil {
		return nil, err
	}
	clusterID, err := e.cluster.ID(ctx)
	if err != nil {
		return nil, fmt.Errorf("asking for the cluster's id: %w", err)
	}
	l := &learning{env: e, o: o, learned: pieces, opened: time.Now()}
	m := Manifest(p, clusterID)
	if err := e.openFolder(cmp.Or(o.StateDir, p.State)); err != nil {
		return nil, err
	}
	if wanted, err := l.overflows(); err != nil {
		return nil, err
	} else if wanted {
		l.warnOfSpace()
	}
	copied, err := l.precheck(ctx, m, o)
	if err != nil {
		return nil, err
	}
	absent, err := l.warnOfLogs(ctx, reachesBackOf(p, pieces.Windows))
	if err != nil {
		return nil, err
	}
	if err := ensureTopics(ctx, e, deadTopics(p)...); err != nil {
		return nil, err
	}
	head, err := l.acquire(ctx, copied, o.Fresh)
	if err != nil {
		return nil, err
	}
	switch {
	case o.Fresh:
		m, err = l.begin(ctx, m, millrace.CauseFresh)
	case head.Candidate == "":
		m, err = l.begin(ctx, m, millrace.CauseFirst)
	default:
		m, err = l.resume(ctx, m, head, o.AllowGaps)
	}
	if err != nil {
		return nil, err
	}
	if _, err := l.warnOfLogs(ctx, absent); err != nil { // of topics that are there by now
		return nil, err
	}
	l.from = m
	e.keepMarks(&m)
	if err := l.overflow(); err != nil {
		return nil, err
	}
	l.build()
	if !l.learned.keyed() { // nothing is to be read first
		return l, l.prepare(ctx)
	}
	return l, nil
}

// precheck looks whether the learner could go on from the head. One that could not is refused before it takes the model
// from a learner that does. It returns the copy in the state folder where the store has lost that version.
func (l *learning) precheck(ctx context.Context, m millrace.Manifest, o Options) (copied *millrace.Snapshot, err error) {
	if o.Fresh {
		return nil, nil //nolint:nilnil // nothing is restored
	}
	head, err := l.env.store.Head(ctx, m.Model)
	if err != nil && !errors.Is(err, millrace.ErrNoSnapshot) {
		return nil, fmt.Errorf("looking for a version of %s: %w", m.Model, err)
	}
	if copied = l.copied(); lost(copied, head) {
		return copied, l.usable(ctx, m, millrace.Head{Seq: copied.Manifest.Seq}, copied.Manifest, o.AllowGaps)
	}
	if head.Candidate == "" {
		return nil, l.emptied(ctx)
	}
	_, err = l.load(ctx, m, head, o.AllowGaps)
	return nil, err
}

// begin resolves all positions and publishes them as an unserved version, empty or as trained, before anything is
// learned from the topic, so that a crash at any later moment starts from the same place.
func (l *learning) begin(ctx context.Context, m millrace.Manifest, cause millrace.Cause) (millrace.Manifest, error) {
	positions, err := resolveWaiting(ctx, l.env)
	if err != nil {
		return m, err
	}
	m.Positions, m.CreatedAt = positions, time.Now().UTC()
	if l.learned.keyed() {
		var labels []millrace.Position
		if m.Keyed, labels, err = l.keyedFrom(ctx, positions); err != nil {
			return m, err
		}
		m.Positions = append(m.Positions, labels...)
	}
	s := l.learned.Snapshot(m)
	if l.head, err = l.publisher.unserved(ctx, &s, cause); err != nil {
		return m, fmt.Errorf("publishing the first version: %w", err)
	}
	l.version = &s.Manifest
	return m, nil
}

// load reads a version whole and checks that it is usable.
func (l *learning) load(ctx context.Context, m millrace.Manifest, head millrace.Head, allowGaps bool) (millrace.Snapshot, error) {
	s, err := l.env.store.Load(ctx, m.Model, head, true)
	if errors.Is(err, millrace.ErrCorrupt) || errors.Is(err, store.ErrGone) {
		return s, fmt.Errorf("%w; `millrace snapshots repair` shows which older version can take its place", err)
	}
	if err != nil {
		return s, err // it names the version
	}
	return s, l.usable(ctx, m, head, s.Manifest, allowGaps)
}

// usable reports why a learner cannot go on from a version: it does not fit the pipeline, or the cluster.
func (l *learning) usable(ctx context.Context, m millrace.Manifest, head millrace.Head, old millrace.Manifest, allowGaps bool) error {
	if err := l.env.pipeline.Fits(&old); err != nil {
		what, advice := fmt.Sprintf("version %d of %s", head.Seq, m.Model), "To start anew, keeping old versions, run with --fresh"
		switch head.Cause {
		case millrace.CausePromoted:
			what += ", which was promoted by " + head.By
			advice = "Start with the pipeline file that it was promoted with"
		case millrace.CauseRollback:
			what += ", to which " + head.By + " rolled back"
			advice = "Start with the pipeline file that it was learned with, or roll back to a version of this one's"
		}
		return fmt.Errorf("going on from %s: %w\n%s", what, err, advice)
	}
	// A version trained from a file has no positions, and so speaks of no cluster.
	if len(old.Positions) > 0 && old.Cluster != m.Cluster && !allowGaps {
		return fmt.Errorf("%w (snapshot: %s); to go on with this cluster from where events.start says, run with --allow-gaps",
			&millrace.GapError{OtherCluster: m.Cluster}, old.Cluster)
	}
	if allowGaps || len(old.Positions) == 0 {
		return nil // the source begins at the beginning of a topic made anew
	}
	if err := l.sameNames(head, old); err != nil {
		return err
	}
	if old.JoinedBy != "" && m.JoinedBy != "" && old.JoinedBy != m.JoinedBy {
		return fmt.Errorf("version %d of %s joins by %s, and the pipeline by %s: what waits would not be found again; to go on and count "+
			"it as lost, run with --allow-gaps", head.Seq, old.Model, old.JoinedBy, m.JoinedBy)
	}
	for _, topic := range readTopics(l.env.pipeline) {
		if err := l.env.cluster.SameTopic(ctx, topic, ofTopic(topic, old.Positions)); err != nil {
			return wayOn(err)
		}
	}
	return wayOn(reaches(ctx, l.env.cluster, l.env.pipeline, &old))
}

// sameNames reports positions that speak of other topics than the pipeline's.
func (l *learning) sameNames(head millrace.Head, old millrace.Manifest) error {
	p := l.env.pipeline
	i := slices.IndexFunc(old.Positions, l.elsewhere)
	if i < 0 {
		return nil
	}
	was := old.Positions[i].Topic
	if len(ofTopic(p.Events.Topic, old.Positions)) == 0 {
		return fmt.Errorf("version %d of %s was learned from topic %s, and the pipeline's is %s; to go on with that from where "+
			"events.start says, run with --allow-gaps", head.Seq, old.Model, was, p.Events.Topic)
	}
	if !p.LateLabels() {
		return fmt.Errorf("version %d of %s takes labels from topic %s, and the pipeline has no label.topic: the events that wait for one "+
			"would never be learned; to go on without them, run with --allow-gaps", head.Seq, old.Model, was)
	}
	return fmt.Errorf("version %d of %s takes labels from topic %s, and the pipeline's label.topic is %s; to go on with that, from before the "+
		"first event that may still wait, run with --allow-gaps", head.Seq, old.Model, was, p.Label.Topic)
}

// elsewhere reports whether a position speaks of a topic that the pipeline does not learn from.
func (l *learning) elsewhere(p millrace.Position) bool {
	return !slices.Contains(readTopics(l.env.pipeline), p.Topic)
}

// resume restores the head into the pieces.
func (l *learning) resume(ctx context.Context, m millrace.Manifest, head millrace.Head, allowGaps bool) (millrace.Manifest, error) {
	s, err := l.load(ctx, m, head, allowGaps)
	if err != nil {
		return m, err
	}
	return l.goOn(ctx, m, head, &s, allowGaps)
}

// goOn restores a version that was loaded, the head, into the pieces.
func (l *learning) goOn(ctx context.Context, m millrace.Manifest, head millrace.Head, s *millrace.Snapshot, allowGaps bool) (_ millrace.Manifest,
	err error) {
	old := s.Manifest
	if err := l.adopt(&m, &old); err != nil {
		return m, err
	}
	if err := l.learned.Layout.Restore(s.Serving, s.Training); err != nil {
		return m, fmt.Errorf("restoring version %d: %w", head.Seq, err)
	}
	if old.Profile != m.Profile {
		l.env.log.Warn("the numeric profile differs from the snapshot's; results go on equal to tolerance, not bit for bit",
			"snapshot", old.Profile, "here", m.Profile)
	}
	m.Learned, m.Rejected = old.Learned, old.Rejected
	if l.learned.keyed() { // without state by key nothing else becomes of a record
		m.Applied, m.Names, l.waiting = old.Applied, old.Names, l.learned.Layout.Tail()
	}
	m.Positions = slices.DeleteFunc(slices.Clone(old.Positions), l.elsewhere)
	if old.Cluster != m.Cluster {
		m.Positions = nil // offsets of another cluster say nothing about this one's log
	}
	// Trained from a file, or from another topic or cluster: it learned nothing of this one.
	if len(ofTopic(l.env.pipeline.Events.Topic, m.Positions)) == 0 {
		if m.Names, err = l.forget(&old); err != nil {
			return m, err
		}
		return l.begin(ctx, m, millrace.CauseFirst)
	}
	m.CreatedAt = old.CreatedAt
	if err := l.resumeKeyed(ctx, &m, &old, allowGaps); err != nil {
		return m, err
	}
	l.head, l.version = head, &old
	if l.publisher.copies.lacks(head) {
		l.publisher.copies.keep(s)
	}
	if i := l.learned.Trainer.Intervals; i != nil && i.Seen() == 0 && m.Learned > 0 {
		l.env.log.Info("intervals begin anew: the version has none of this level", "level", i.Level(), "unbounded_until_learned", i.Needs())
	}
	l.env.log.Info("resuming", "model", m.Model, "seq", head.Seq, "learned", m.Learned, "rejected", m.Rejected)
	return m, nil
}

// adopt makes the pieces, and m, those of the pipeline as it goes on from a version: with the widths that its file
// leaves to be chosen and the version has.
func (l *learning) adopt(m, old *millrace.Manifest) error {
	p := l.env.pipeline.Beside(old)
	as := Manifest(p, m.Cluster)
	if bytes.Equal(as.Spec, m.Spec) {
		return nil
	}
	pieces, err := Build(p)
	if err != nil {
		return err
	}
	l.learned = pieces
	m.Spec, m.SchemaHash, m.TrainingHash = as.Spec, as.SchemaHash, as.TrainingHash
	return nil
}

// build makes what the learner reads and writes with.
func (l *learning) build() {
	e, p := l.env, l.env.pipeline
	l.producer = consumers.NewProducer(e.cluster, consumers.ProducerOptions{BufferBytes: deadLetterBytes})
	l.source = l.newSource(p.Events.Topic)
	lags := []lagOf{{p.Events.Topic, l.source.Lag}}
	sources := []merge.Source{l.source}
	if p.LateLabels() {
		l.labels = l.newSource(p.Label.Topic)
		lags = append(lags, lagOf{p.Label.Topic, l.labels.Lag})
		sources = append(sources, l.labels)
	}
	if l.learned.keyed() {
		l.merger = merge.New(merge.Options{Sources: sources, Now: time.Now, Stalled: e.stalled})
	}
	l.registry = e.learnerMetrics()
	if l.merger != nil {
		l.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "millrace_merge_stalled_seconds",
			Help: "For how long records have waited for a partition that does not answer; 0 while none is waited for."},
			func() float64 { return l.merger.Stalled().Seconds() }), prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "millrace_rebuild_remaining_records",
			Help: "Records that the learner still has to read again to make its state by key, before it goes on learning; else 0."},
			e.rebuildRemaining))
	}
	behind := newLag("learner", lags...)
	e.lag.Store(behind)
	l.registry.MustRegister(behind, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "millrace_snapshots_held_bytes", Help: "What all versions of the model hold in the store, after the latest publication."},
		func() float64 { return float64(l.writer.Held().Bytes) }))
}

// newSource reads one of the pipeline's topics from where learning goes on.
func (l *learning) newSource(topic string) *consumers.Source {
	return consumers.NewSource(l.env.cluster, consumers.SourceOptions{Topic: topic, Positions: ofTopic(topic, l.from.Positions),
		AllowGaps: l.o.AllowGaps, UnknownTopic: l.env.pipeline.Events.UnknownTopic,
		Limits: consumers.Limits{MinBytes: learnMinBytes, MaxWait: learnMaxWait}})
}

// newDeadLetters writes to a topic of dead letters. It is created anew like at the start, should somebody delete it:
// without dead letters nothing is published.
func (l *learning) newDeadLetters(topic string) *consumers.DeadLetters {
	return consumers.NewDeadLetters(l.producer, topic, &consumers.TopicSpec{Name: topic, Partitions: l.env.pipeline.Events.Partitions})
}

// prepare makes the learner, after making again what it goes on from and what no version holds.
func (l *learning) prepare(ctx context.Context) error {
	if err := l.rebuild(ctx); err != nil {
		return err
	}
	p := l.env.pipeline
	if text := p.TimeTeachesLabel(); text != "" {
		l.env.log.Warn(text)
	}
	o := learner.Options{
		Name: p.Name, Family: p.Model.Type, Classes: p.Label.Classes, Stream: l.learned.Stream, Layout: l.learned.Layout,
		Manifest: l.from, Head: l.head, Positions: l.from.Positions, Snapshots: p.Snapshots,
		Source: l.source, DeadLetters: l.newDeadLetters(p.Events.DeadLetters), Publisher: l.publisher,
		Decoder: l.learned.Decoder, NewDecoder: func() learner.Decoder { return l.learned.Decoder.Clone() },
		Published: l.commit, Registerer: l.registry, Log: l.env.log, Now: time.Now, ShutdownTimeout: l.o.drain(),
	}
	if l.merger != nil {
		o.Merger, o.Stalled, o.Retention = l.merger, l.merger.Stalled, l.kept(ctx, p.Events.Topic)
		o.Checkpoints, o.Version = l.checkpoints(), l.version
	}
	if p.LateLabels() {
		o.Labels = learner.Labels{Decoder: l.learned.Labels, NewDecoder: func() learner.Decoder { return l.learned.Labels.Clone() },
			DeadLetters: l.newDeadLetters(p.Label.DeadLetters), Retention: l.kept(ctx, p.Label.Topic)}
	}
	l.learner = learner.New(o)
	l.atWork.Store(true)
	return nil
}

// kept is for how long a topic keeps its records; 0 where that is not known or has no bound. A metric has it, so that a
// topic that forgets too soon is seen before a restart finds out.
func (l *learning) kept(ctx context.Context, topic string) time.Duration {
	settings, known, err := l.env.cluster.TopicSettings(ctx, topic)
	if err != nil {
		l.env.log.Debug("retention of a topic not known", "topic", topic, "error", err)
	}
	if err != nil || !known || !settings.Deleted || settings.Retention == consumers.Forever {
		return 0
	}
	return settings.Retention
}

// commit tells lag monitors where the snapshot stands.
func (l *learning) commit(ctx context.Context, _ millrace.Head, positions []millrace.Position) {
	ctx, cancel := context.WithTimeout(ctx, l.env.pipeline.Kafka.Timeout)
	defer cancel()
	if err := l.env.cluster.CommitOffsets(ctx, learnerGroup(l.env.pipeline.Name), positions); err != nil {
		l.env.log.Debug("group offsets not committed; lag monitors show an older state", "error", err)
	}
}
