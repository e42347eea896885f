package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"millrace"
	"millrace/config"
	"millrace/offline"
	"millrace/pipeline"
	"millrace/snapshot"
	"millrace/store"
)

func (a *app) train() *cobra.Command {
	var file, out string
	var epochs int
	var fresh, keep bool
	var late dataFlags
	cmd := &cobra.Command{
		Use:   "train -c FILE --epochs N DATA...",
		Short: "Learn a file in several passes, then publish a first snapshot to start from",
		Long: `Learn every row of a file in several passes and publish the result as a snapshot that scorers serve and
learners go on from (or write it to a file with --out). The metrics printed are those of the last pass,
whose rows were seen before when there are several: judge a model with evaluate. Windows are empty and nothing waits for
its label when a pass begins.

A model that has learned already is not replaced: training refuses before it begins, unless --fresh says so. Ctrl-C prints the
figures so far and publishes nothing, unless --keep says so.`,
		Example: `  millrace train -c payments.yaml --epochs 3 history.csv.gz
  millrace train -c payments.yaml --epochs 3 --out payments.millrace history.csv.gz
  millrace train -c payments.yaml --epochs 20 --keep --fresh history.csv.gz`,
		Args: someFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			if epochs < 1 {
				return config.Usagef("--epochs: %d is no number of passes: give 1 or more", epochs)
			}
			p, err := pipeline.Load(file)
			if err != nil {
				return err
			}
			data, err := late.data(cmd.Context(), a, args, epochs > 1)
			if err != nil {
				return err
			}
			return a.trainFile(cmd.Context(), p, data, training{out, epochs, fresh, keep})
		},
	}
	cmd.Flags().StringVarP(&file, "config", "c", "", "pipeline file")
	late.add(cmd.Flags())
	cmd.Flags().IntVar(&epochs, "epochs", 1, "passes over the data")
	cmd.Flags().StringVar(&out, "out", "", "write the snapshot to this file in place of the store; millrace snapshots import reads it")
	cmd.Flags().BoolVar(&fresh, "fresh", false, "take the place of a model that has learned from its topic or was trained before; old versions are kept")
	cmd.Flags().BoolVar(&keep, "keep", false, "when Ctrl-C ends it early, publish or write what was learned so far")
	return cmd
}

// training is how long to train, and what becomes of it.
type training struct {
	out         string
	epochs      int
	fresh, keep bool
}

func (a *app) trainFile(ctx context.Context, p *config.Pipeline, data offline.Data, t training) error {
	asJSON, err := a.json()
	if err != nil {
		return err
	}
	to, err := a.deliverable(ctx, p, t)
	if err != nil {
		return err
	}
	defer to.drop()
	finish := func() {}
	figures, trained, err := offline.Train(ctx, p, data, t.epochs, func(epoch int) (progress offline.Progress) {
		finish()
		progress, finish = a.progress(fmt.Sprintf("pass %d of %d", epoch, t.epochs))
		return progress
	})
	finish()
	if err != nil && !interrupted(err) {
		return err
	}
	calledOff, where := err, ""
	if calledOff == nil || t.keep {
		// What was learned so far goes where it should in spite of the signal; the next one ends that as well.
		if where, err = a.deliver(context.WithoutCancel(ctx), p, &trained, to, t.fresh); err != nil {
			return err
		}
	}
	if asJSON {
		return cmp.Or(json.NewEncoder(a.out).Encode(trainedModel{figures, where}), calledOff)
	}
	if err := printSummary(a.out, figures, p.Name, p.Model.Type); err != nil {
		return err
	}
	if where == "" {
		where = "none, as training was interrupted; with --keep it would be what was learned so far"
	}
	_, err = fmt.Fprintf(a.out, "\nsnapshot: %s\n", where)
	return cmp.Or(err, calledOff)
}

// deliverable finds out before the work whether what will be trained can go where it should: a file's place, or nil for
// the store.
func (a *app) deliverable(ctx context.Context, p *config.Pipeline, t training) (*place, error) {
	if t.out != "" {
		return replacing("out", t.out)
	}
	if p.Redis.Mode == "embedded" {
		return nil, config.Usagef("an embedded store ends with this process: set redis.url, or write the snapshot with --out FILE")
	}
	st, err := a.openStore(p)
	if err != nil {
		return nil, err
	}
	_, err = pipeline.Publishable(ctx, st, p, millrace.CauseTrained, t.fresh)
	return nil, errors.Join(err, st.Close())
}

func (a *app) openStore(p *config.Pipeline) (*store.Store, error) {
	log, err := a.logger()
	if err != nil {
		return nil, err
	}
	st, err := store.Open(p.Redis, store.Options{Log: log})
	if err != nil {
		return nil, fmt.Errorf("opening the store: %w", err)
	}
	return st, nil
}

// deliver writes the snapshot to a file, or makes it the head in the store.
func (a *app) deliver(ctx context.Context, p *config.Pipeline, s *millrace.Snapshot, to *place, fresh bool) (string, error) {
	if to != nil {
		if err := snapshot.EncodeFile(to.file, *s); err != nil {
			return "", fmt.Errorf("writing the snapshot: %w", err)
		}
		return to.path, to.keep()
	}
	st, err := a.openStore(p)
	if err != nil {
		return "", err
	}
	head, err := pipeline.Publish(ctx, st, p, s, millrace.CauseTrained, fresh)
	if err := errors.Join(err, st.Close()); err != nil {
		return "", err
	}
	return fmt.Sprintf("version %d of %s", head.Seq, p.Name), nil
}

// trainedModel is what training came to, as JSON: the figures of the last pass.
type trainedModel struct {
	offline.Summary
	Snapshot string `json:"snapshot,omitempty"` // the file, or the version in the store
}
