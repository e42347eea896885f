package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"millrace"
	"millrace/config"
	"millrace/pipeline"
	"millrace/store"
)

// promoteSnapshot makes a challenger the champion.
func (a *app) promoteSnapshot(file, url *string) *cobra.Command {
	var look looking
	cmd := &cobra.Command{
		Use: "promote CHALLENGER [VERSION]", Short: "Make a challenger's newest version, or another, the champion",
		Long: `Make a version of a challenger the head of the pipeline that -c names, and what its scorers serve. It takes a
new epoch, so the champion's running learner stops and goes on from the challenger's weights and positions.

Weights are only of use with the settings that they were learned with, so the pipeline file must have the
challenger's features, label and model: where they differ, put them into the champion's file first, keeping its name.
Promoting refuses, and says what differs, until they are equal. Processes that still run with the former file then
refuse the version: scorers go on serving their last one, the learner ends, and so does run. Start them again with the
new file (embedded servers end with run: give them a --data-dir).
The versions from before are kept, but going back to one needs the former file, too.`,
		Example:           "  millrace snapshots promote payments-bolder -c payments.yaml",
		ValidArgsFunction: a.completeFromStore(url, offerChallengers),
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 2 {
				return nil
			}
			return exactly(1, "a challenger, and its version unless it is the newest")(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := pipeline.Load(*file)
			if err != nil {
				return err
			}
			nameBrokers(p, look.brokers)
			st, err := a.openPipelineStore(cmd.Context(), p, *file, *url)
			if err != nil {
				return err
			}
			return errors.Join(a.promote(cmd.Context(), st, p, args, *file, look.force), st.Close())
		},
	}
	look.flags(cmd)
	return cmd
}

func (a *app) promote(ctx context.Context, st *store.Store, p *config.Pipeline, args []string, file string, force bool) error {
	asJSON, err := a.json()
	if err != nil {
		return err
	}
	name := args[0]
	h, err := versionOf(ctx, st, name, args[1:])
	if err != nil {
		return err
	}
	flip, err := a.flip(file, force)
	if err != nil {
		return err
	}
	done, err := pipeline.Promote(ctx, st, p, name, h, flip)
	if err != nil {
		return err
	}
	if asJSON {
		return json.NewEncoder(a.out).Encode(done)
	}
	_, err = fmt.Fprintf(a.out, "%s now serves version %d of %s, as version %d: recent loss %s, before %s\n%s\n",
		p.Name, done.Version, name, done.Seq, lossText(done.Metrics), lossText(done.Before), afterPromotion)
	return err
}

// afterPromotion is what becomes of the processes that run.
const afterPromotion = "a learner goes on from it; processes that run with the former pipeline file refuse it, and have to be started again with this one"

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
