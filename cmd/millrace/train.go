package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"millrace"
	"millrace/config"
	"millrace/pipeline"
	"millrace/snapshot"
	"millrace/store"
)

func (a *app) train() *cobra.Command {
	var file, out string
	var epochs int
	var fresh bool
	cmd := &cobra.Command{
		Use:   "train -c FILE --epochs N DATA",
		Short: "Warm start: learn a file in several passes, then publish a first snapshot",
		Long: `Learn every row of a file in several passes and publish the result as a snapshot that scorers serve and
learners go on from (or write it to a file with --out). The metrics printed are those of the last pass,
whose rows were seen before when there are several: judge a model with evaluate.`,
		Example: `  millrace train -c payments.yaml --epochs 3 history.csv.gz
  millrace train -c payments.yaml --epochs 3 --out payments.millrace history.csv.gz`,
		Args: exactly(1, "one data file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if epochs < 1 {
				return config.Usagef("--epochs: %d is no number of passes: give 1 or more", epochs)
			}
			p, err := pipeline.Load(file)
			if err != nil {
				return err
			}
			return a.trainFile(cmd.Context(), p, args[0], out, epochs, fresh)
		},
	}
	cmd.Flags().StringVarP(&file, "config", "c", "", "pipeline file")
	cmd.Flags().IntVar(&epochs, "epochs", 1, "passes over the data")
	cmd.Flags().StringVar(&out, "out", "", "write the snapshot to this file in place of the store; millrace snapshots import reads it")
	cmd.Flags().BoolVar(&fresh, "fresh", false, "take the place of a model that has learned from its topic; old versions are kept")
	return cmd
}

func (a *app) trainFile(ctx context.Context, p *config.Pipeline, data, out string, epochs int, fresh bool) error {
	asJSON, err := a.json()
	if err != nil {
		return err
	}
	if out == "" && p.Redis.Mode == "embedded" {
		return config.Usagef("an embedded store ends with this process: set redis.url, or write the snapshot with --out FILE")
	}
	pieces, err := pipeline.Build(p)
	if err != nil {
		return err
	}
	m := pipeline.Manifest(p, "")
	var result *pass
	for epoch := 1; epoch <= epochs; epoch++ {
		pieces.Trainer.Progressive.Reset() // the metrics of a pass are its own
		if result, err = a.learnWithProgress(ctx, data, fmt.Sprintf("pass %d of %d", epoch, epochs), pieces); err != nil {
			return err
		}
		if result.Learned == 0 {
			return noneLearned(data, result)
		}
		m.Learned += result.Learned
		m.Rejected += result.rejected()
	}
	s := newSummary(pieces.Trainer.Progressive, p.Target().Classes)
	s.Events, s.Learned, s.Rejected = result.Events, result.Learned, result.rejected()
	s.EventsPerSecond = float64(result.Events) / max(result.Elapsed.Seconds(), 1e-9)
	m.Metrics = pieces.Trainer.Progressive.Metrics()
	where, err := a.deliver(ctx, p, pieces, m, out, fresh)
	if err != nil {
		return err
	}
	if asJSON {
		return json.NewEncoder(a.out).Encode(struct {
			summary
			Snapshot string `json:"snapshot"`
		}{s, where})
	}
	if err := s.print(a.out, p.Name, p.Model.Type); err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.out, "\nsnapshot: %s\n", where)
	return err
}

// deliver writes the snapshot to a file, or makes it the head in the store. It holds no
// positions: a learner that goes on from it starts where the pipeline file says.
func (a *app) deliver(ctx context.Context, p *config.Pipeline, pieces *pipeline.Pieces, m millrace.Manifest, out string, fresh bool) (string, error) {
	// Progressive metrics restart with the stream: those of a file would mix with it.
	pieces.Trainer.Progressive.Reset()
	m.CreatedAt = time.Now().UTC()
	m.Positions = []millrace.Position{}
	s := pieces.Snapshot(m)
	if out != "" {
		if err := snapshot.WriteFile(out, s); err != nil {
			return "", fmt.Errorf("writing the snapshot: %w", err)
		}
		return out, nil
	}
	log, err := a.logger()
	if err != nil {
		return "", err
	}
	st, err := store.Open(p.Redis, store.Options{Log: log})
	if err != nil {
		return "", fmt.Errorf("opening the store: %w", err)
	}
	head, err := pipeline.Publish(ctx, st, p, &s, fresh)
	if err := errors.Join(err, st.Close()); err != nil {
		return "", err
	}
	return fmt.Sprintf("version %d of %s", head.Seq, p.Name), nil
}

func noneLearned(data string, p *pass) error {
	if p.Events == 0 {
		return fmt.Errorf("%s has no rows", data)
	}
	return fmt.Errorf("no row of %s could be learned: %s; the first: %s", data, p.reasons(), p.First)
}

func fileSize(path string) (int64, error) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, config.UsageError{Err: fmt.Errorf("opening data: %w", err)}
	}
	return info.Size(), nil
}
