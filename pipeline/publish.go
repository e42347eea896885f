package pipeline

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"millrace"
	"millrace/config"
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
	pieces, err := Build(p)
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
			return head, fmt.Errorf("%s has learned from its topic already (version %d, %d events): a trained version would take its "+
				"place and the topic be learned again; to do that, keeping old versions, use --fresh", p.Name, head.Seq, old.Manifest.Learned)
		}
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

// Promotion is what promoting did, and what the two models looked like before.
type Promotion struct {
	millrace.Head
	Challenger string             `json:"challenger"`
	Version    uint64             `json:"version"` // of the challenger
	Learned    uint64             `json:"learned"`
	Metrics    map[string]float64 `json:"metrics"`
	Before     map[string]float64 `json:"before,omitempty"` // the champion's metrics until now
}

// Promote makes a version of a challenger the pipeline's head and what its scorers serve, for the person that by names.
// It refuses one that the pipeline's learner and scorers could not go on with.
func Promote(ctx context.Context, st *store.Store, p *config.Pipeline, challenger string, version millrace.Head, by string) (Promotion, error) {
	s, err := st.Load(ctx, challenger, version, true)
	if err != nil {
		return Promotion{}, err // it names the version
	}
	done := Promotion{Challenger: challenger, Version: version.Seq, Learned: s.Manifest.Learned, Metrics: s.Manifest.Metrics}
	if done.Before, err = promotable(ctx, st, p, &s); err != nil {
		return done, fmt.Errorf("version %d of %s cannot be promoted to %s: %w", version.Seq, challenger, p.Name, err)
	}
	done.Head, err = st.Promote(ctx, challenger, version, p.Name, by)
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
		if at.Topic != p.Events.Topic {
			return nil, fmt.Errorf("it has learned topic %s, not %s", at.Topic, p.Events.Topic)
		}
	}
	pieces, err := Build(p)
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

// Rollback makes an older version of the pipeline's model its head again, and what its scorers serve, for the person
// that by names. It refuses one that the pipeline's learner could not go on with.
func Rollback(ctx context.Context, st *store.Store, p *config.Pipeline, seq uint64, by string) (millrace.Head, error) {
	if err := returnable(ctx, st, p, seq); err != nil {
		return millrace.Head{}, err
	}
	return st.Rollback(ctx, p.Name, seq, by) // its errors name the model and the version
}

// returnable checks that the pipeline's learner and scorers can go on with an older version: one of other settings
// would end the learner. The store reports a version that is not there or cannot be read.
func returnable(ctx context.Context, s *store.Store, p *config.Pipeline, seq uint64) error {
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
	return nil
}

// owner names this process for people who look at the store.
func owner() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return fmt.Sprintf("%s/%d", host, os.Getpid())
}
