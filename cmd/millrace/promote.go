package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"millrace"
	"millrace/config"
	"millrace/store"
)

// promoteSnapshot makes a challenger the champion.
func (a *app) promoteSnapshot(file, url *string) *cobra.Command {
	return &cobra.Command{
		Use: "promote CHALLENGER [VERSION]", Short: "Make a challenger's newest version, or another, the champion",
		Long: `Make a version of a challenger the head of the pipeline that -c names, and what its scorers serve. It takes a
new epoch, so the champion's running learner stops and goes on from the challenger's weights and positions.

Weights are only of use with the settings that they were learned with, so the pipeline file must have the
challenger's features, label and model: where they differ, put them into the champion's file first, keeping its name.
Promoting refuses, and says what differs, until they are equal. Processes that still run with the former file then
refuse the version: scorers go on serving their last one, the learner ends, and so does run. Start them again with the
new file (embedded servers end with run: give them a --data-dir).
The versions from before are kept, but going back to one needs the former file, too.`,
		Example: "  millrace snapshots promote payments-bolder -c payments.yaml",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 2 {
				return nil
			}
			return exactly(1, "a challenger, and its version unless it is the newest")(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := loadPipeline(*file)
			if err != nil {
				return err
			}
			st, err := a.openPipelineStore(p, *file, *url)
			if err != nil {
				return err
			}
			return errors.Join(a.promote(cmd.Context(), st, p, args), st.Close())
		},
	}
}

// promotion is what promoting did, and what the two models looked like before.
type promotion struct {
	millrace.Head
	Challenger string             `json:"challenger"`
	Version    uint64             `json:"version"` // of the challenger
	Learned    uint64             `json:"learned"`
	Metrics    map[string]float64 `json:"metrics"`
	Before     map[string]float64 `json:"before,omitempty"` // the champion's metrics until now
}

func (a *app) promote(ctx context.Context, st *store.Store, p *config.Pipeline, args []string) error {
	asJSON, err := a.json()
	if err != nil {
		return err
	}
	name := args[0]
	h, err := versionOf(ctx, st, name, args[1:])
	if err != nil {
		return err
	}
	s, err := st.Load(ctx, name, h, true)
	if err != nil {
		return err // it names the version
	}
	done := promotion{Challenger: name, Version: h.Seq, Learned: s.Manifest.Learned, Metrics: s.Manifest.Metrics}
	if done.Before, err = promotable(ctx, st, p, &s); err != nil {
		return fmt.Errorf("version %d of %s cannot be promoted to %s: %w", h.Seq, name, p.Name, err)
	}
	if done.Head, err = st.Promote(ctx, name, h, p.Name, person()); err != nil {
		return err
	}
	if asJSON {
		return json.NewEncoder(a.out).Encode(done)
	}
	_, err = fmt.Fprintf(a.out, "%s now serves version %d of %s, as version %d: recent loss %s, before %s\n",
		p.Name, done.Version, name, done.Seq, lossText(done.Metrics), lossText(done.Before))
	return err
}

// versionOf finds a model's version by the number in args, or its newest.
func versionOf(ctx context.Context, st *store.Store, model string, args []string) (millrace.Head, error) {
	if len(args) == 0 {
		h, err := st.Head(ctx, model)
		if errors.Is(err, millrace.ErrNoSnapshot) {
			return h, fmt.Errorf("the store has no version of %s: name a challenger as its pipeline file's name does", model)
		}
		if err != nil {
			return h, fmt.Errorf("looking for a version of %s: %w", model, err)
		}
		return h, nil
	}
	seq, err := versionArgument(args[0])
	if err != nil {
		return millrace.Head{}, err
	}
	versions, err := st.List(ctx, model)
	if err != nil {
		return millrace.Head{}, fmt.Errorf("listing versions of %s: %w", model, err)
	}
	i := slices.IndexFunc(versions, func(v store.Version) bool { return v.Head.Seq == seq })
	if i < 0 {
		return millrace.Head{}, fmt.Errorf("version %d of %s is not kept", seq, model)
	}
	return versions[i].Head, nil
}

// promotable checks that the pipeline's learner and scorers can go on with a version, and returns the metrics of the
// version that it would replace.
func promotable(ctx context.Context, st *store.Store, p *config.Pipeline, s *millrace.Snapshot) (map[string]float64, error) {
	old, m := s.Manifest, manifest(p, s.Manifest.Cluster)
	if old.SchemaHash != m.SchemaHash || old.TrainingHash != m.TrainingHash {
		return nil, fmt.Errorf("%w: it was learned with other settings than the pipeline file's:\n  %s\n"+
			"Give the champion's file the challenger's features, label and model, keeping its name; then promote, and start its processes again",
			millrace.ErrIncompatible, strings.Join(config.Diff(old.Spec, m.Spec), "\n  "))
	}
	if old.Learned == 0 {
		return nil, errors.New("it has learned nothing yet")
	}
	for _, at := range old.Positions {
		if at.Topic != p.Events.Topic {
			return nil, fmt.Errorf("it has learned topic %s, not %s", at.Topic, p.Events.Topic)
		}
	}
	pieces, err := newLearned(p)
	if err != nil {
		return nil, err
	}
	if err := pieces.layout.Restore(s.Serving, s.Training); err != nil {
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
