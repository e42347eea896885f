package pipeline

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"

	"millrace"
	"millrace/config"
	"millrace/consumers"
	"millrace/snapshot"
	"millrace/store"
)

// ReadSnapshot reads a snapshot file and checks that it fits the pipeline.
func ReadSnapshot(p *config.Pipeline, path string) (millrace.Snapshot, error) {
	s, err := snapshot.ReadFile(path)
	if err != nil {
		return s, fmt.Errorf("reading the snapshot: %w", err)
	}
	if err := p.Fits(&s.Manifest); err != nil {
		return s, fmt.Errorf("%s: %w", path, err)
	}
	pieces, err := Build(p.Beside(&s.Manifest))
	if err != nil {
		return s, err
	}
	if err := pieces.Layout.Restore(s.Serving, s.Training); err != nil {
		return s, fmt.Errorf("restoring %s: %w", path, err)
	}
	return s, nil
}

// Publish makes a snapshot that was trained from a file, or brought from one, the head, and what scorers serve. A model
// that has learned from its topic is left alone, as its positions would be lost, unless fresh says that they may.
func Publish(ctx context.Context, st *store.Store, p *config.Pipeline, s *millrace.Snapshot, cause millrace.Cause, fresh bool) (millrace.Head, error) {
	head, err := Publishable(ctx, st, p, cause, fresh)
	if err != nil {
		return head, err
	}
	// Scorers that have seen the version that the file is a copy of take it for newer.
	w, _, err := st.AcquireWith(ctx, p.Name, store.AcquireOptions{By: owner(), After: s.Manifest.Epoch, Anew: fresh})
	if err != nil {
		return head, err // it names the model
	}
	if head, err = w.Publish(ctx, s, store.PublishOptions{Cause: cause, Serve: true, Retention: retention(p)}); err != nil {
		return head, fmt.Errorf("publishing the snapshot: %w", err)
	}
	return head, nil
}

// Publishable refuses what Publish would, before there is anything to publish. It returns the head, if there is one.
func Publishable(ctx context.Context, st *store.Store, p *config.Pipeline, cause millrace.Cause, fresh bool) (millrace.Head, error) {
	head, err := st.Head(ctx, p.Name)
	if err != nil && !errors.Is(err, millrace.ErrNoSnapshot) && (!fresh || !errors.Is(err, store.ErrHeadLost)) {
		return head, fmt.Errorf("looking for a version of %s: %w", p.Name, err)
	}
	if err == nil && !fresh {
		old, err := st.Load(ctx, p.Name, head, false)
		if err != nil {
			return head, fmt.Errorf("looking at the head of %s: %w", p.Name, err)
		}
		if m := &old.Manifest; len(m.Positions) > 0 && (m.Learned > 0 || m.Applied > 0) {
			return head, fmt.Errorf("%s has learned from its topic already (version %d, %s): a trained version would take its "+
				"place and the topic be learned again; to do that, keeping old versions, use --fresh", p.Name, head.Seq, millrace.Counted(old.Manifest.Learned, "event"))
		}
		if cause == millrace.CauseTrained && old.Manifest.Learned > 0 {
			return head, fmt.Errorf("%s serves version %d, of %s, already: a trained one would take its place; to do that, keeping old "+
				"versions, use --fresh, or write it with --out FILE", p.Name, head.Seq, millrace.Counted(old.Manifest.Learned, "event"))
		}
	}
	return head, nil
}

// Promotion is what promoting did, and what the two models looked like before.
type Promotion struct {
	millrace.Head
	Challenger string             `json:"challenger"`
	Version    uint64             `json:"version"` // of the challenger
	Learned    uint64             `json:"learned"`
	Metrics    map[string]float64 `json:"metrics"`
	Before     map[string]float64 `json:"before,omitempty"` // the champion's metrics until now
}

// Flip says who moves a model's pointers, and how.
type Flip struct {
	By string // a person, for the history
	// Force leaves out looking whether the log still holds what a version's windows, and the events that wait in it,
	// are made again from.
	Force bool
	// Locating finds the brokers for that, where only another process knows them.
	Locating Locating
}

// Promote makes a version of a challenger the pipeline's head and what its scorers serve. It refuses one that the
// pipeline's learner and scorers could not go on with.
func Promote(ctx context.Context, st *store.Store, p *config.Pipeline, challenger string, version millrace.Head, flip Flip) (Promotion, error) {
	s, err := st.Load(ctx, challenger, version, true)
	if err != nil {
		return Promotion{}, err // it names the version
	}
	done := Promotion{Challenger: challenger, Version: version.Seq, Learned: s.Manifest.Learned, Metrics: s.Manifest.Metrics}
	if done.Before, err = promotable(ctx, st, p, &s); err == nil && !flip.Force {
		err = logReaches(ctx, p, &s.Manifest, flip.Locating)
	}
	if err != nil {
		return done, fmt.Errorf("version %d of %s cannot be promoted to %s: %w", version.Seq, challenger, p.Name, err)
	}
	done.Head, err = st.Promote(ctx, challenger, version, p.Name, flip.By)
	return done, err
}

// promotable checks that the pipeline's learner and scorers can go on with a version, and returns the metrics of the
// version that it would replace.
func promotable(ctx context.Context, st *store.Store, p *config.Pipeline, s *millrace.Snapshot) (map[string]float64, error) {
	old := s.Manifest
	if err := p.Fits(&old); err != nil {
		return nil, fmt.Errorf("%w\nGive the champion's file the challenger's features, label and model, keeping its name; then promote, "+
			"and start its processes again", err)
	}
	if old.Learned == 0 {
		return nil, errors.New("it has learned nothing yet")
	}
	for _, at := range old.Positions {
		if !slices.Contains(readTopics(p), at.Topic) {
			return nil, fmt.Errorf("it has learned topic %s, not %s", at.Topic, strings.Join(readTopics(p), " and "))
		}
	}
	pieces, err := Build(p.Beside(&old))
	if err != nil {
		return nil, err
	}
	if err := pieces.Layout.Restore(s.Serving, s.Training); err != nil {
		return nil, fmt.Errorf("restoring it: %w", err)
	}
	head, err := st.Head(ctx, p.Name)
	if errors.Is(err, millrace.ErrNoSnapshot) {
		return nil, nil //nolint:nilnil // a champion without a version has no metrics
	}
	if err != nil {
		return nil, fmt.Errorf("looking for a version of %s: %w", p.Name, err)
	}
	now, err := st.Load(ctx, p.Name, head, false)
	if err != nil {
		return nil, fmt.Errorf("looking at the champion: %w", err)
	}
	if len(now.Manifest.Positions) > 0 && len(old.Positions) > 0 && now.Manifest.Cluster != old.Cluster {
		return nil, fmt.Errorf("it has learned from Kafka cluster %s, the champion from %s", old.Cluster, now.Manifest.Cluster)
	}
	return now.Manifest.Metrics, nil
}

// Rollback makes an older version of the pipeline's model its head again, and what its scorers serve. It refuses one
// that the pipeline's learner could not go on with.
func Rollback(ctx context.Context, st *store.Store, p *config.Pipeline, seq uint64, flip Flip) (millrace.Head, error) {
	if err := returnable(ctx, st, p, seq, flip); err != nil {
		return millrace.Head{}, err
	}
	return st.Rollback(ctx, p.Name, seq, flip.By) // its errors name the model and the version
}

// returnable checks that the pipeline's learner and scorers can go on with an older version: one of other settings, or
// one whose log is gone, would end the learner. The store reports a version that is not there or cannot be read.
func returnable(ctx context.Context, s *store.Store, p *config.Pipeline, seq uint64, flip Flip) error {
	versions, err := s.List(ctx, p.Name)
	if err != nil {
		return fmt.Errorf("listing versions of %s: %w", p.Name, err)
	}
	i := slices.IndexFunc(versions, func(v store.Version) bool { return v.Head.Seq == seq })
	if i < 0 || versions[i].Fault != "" {
		return nil
	}
	if err := p.Fits(&versions[i].Manifest); err != nil {
		return fmt.Errorf("going back to version %d of %s: %w\nRoll back with the file that it was learned with, and start its processes "+
			"again with that", seq, p.Name, err)
	}
	if flip.Force {
		return nil
	}
	if err := logReaches(ctx, p, &versions[i].Manifest, flip.Locating); err != nil {
		return fmt.Errorf("going back to version %d of %s: %w", seq, p.Name, err)
	}
	return nil
}

// logReaches reports a version with state by key that a learner could not make again, or of which that cannot be told.
func logReaches(ctx context.Context, p *config.Pipeline, version *millrace.Manifest, o Locating) error {
	if version.Keyed == nil {
		return nil
	}
	const unasked = "its windows, or the events that wait in it, are made again from the log"
	o.Broker, o.Store = true, false
	err := Locate(ctx, p, o)
	if err == nil {
		err = askLog(ctx, p, version)
	}
	var gap *millrace.GapError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &gap):
		return fmt.Errorf("%w; to flip all the same, add --force, and start the learner with --allow-gaps then", err)
	}
	return fmt.Errorf("%w: "+unasked+", and cannot be looked for now; to flip without that, add --force", err)
}

// askLog looks whether the log holds what a version's state by key is made again from.
func askLog(ctx context.Context, p *config.Pipeline, version *millrace.Manifest) (err error) {
	c, err := consumers.Dial(p.Kafka, consumers.Options{Log: slog.New(slog.DiscardHandler), ClientID: "millrace"})
	if err != nil {
		return fmt.Errorf("connecting to Kafka: %w", err)
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	if err := c.Check(ctx); err != nil {
		return err
	}
	for _, topic := range readTopics(p) {
		if err := c.SameTopic(ctx, topic, ofTopic(topic, version.Positions)); err != nil {
			return err
		}
	}
	return reaches(ctx, c, p, version)
}

// owner names this process for people who look at the store.
func owner() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return fmt.Sprintf("%s/%d", host, os.Getpid())
}
