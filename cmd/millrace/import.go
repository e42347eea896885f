package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"millrace"
	"millrace/config"
	"millrace/pipeline"
)

// importSnapshot publishes what train --out wrote.
func (a *app) importSnapshot(file, url *string) *cobra.Command {
	var fresh bool
	cmd := &cobra.Command{
		Use: "import SNAPSHOT", Short: "Publish a snapshot file that train --out wrote",
		Long: `Check a snapshot file and make it the head and what scorers serve. Its features, label and model must be
those of the pipeline file. The import owns the model for a moment, so a learner that runs ends its learning: start it again,
and it goes on from what was imported.`,
		Example: "  millrace snapshots import payments.millrace -c payments.yaml",
		Args:    exactly(1, "one snapshot file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := pipeline.Load(*file)
			if err != nil {
				return err
			}
			s, err := pipeline.ReadSnapshot(p, args[0])
			if err != nil {
				return err
			}
			return a.publishFile(cmd.Context(), p, &s, *file, *url, fresh)
		},
	}
	cmd.Flags().BoolVar(&fresh, "fresh", false, "take the place of a model that has learned from its topic; old versions are kept")
	return cmd
}

func (a *app) publishFile(ctx context.Context, p *config.Pipeline, s *millrace.Snapshot, file, url string, fresh bool) error {
	asJSON, err := a.json()
	if err != nil {
		return err
	}
	st, err := a.openPipelineStore(ctx, p, file, url)
	if err != nil {
		return err
	}
	head, err := pipeline.Publish(ctx, st, p, s, millrace.CauseImported, fresh)
	if err := errors.Join(err, st.Close()); err != nil {
		return err
	}
	if asJSON {
		return json.NewEncoder(a.out).Encode(head)
	}
	_, err = fmt.Fprintf(a.out, "version %d of %s\n", head.Seq, p.Name)
	return err
}
