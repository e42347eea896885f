package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"millrace/config"
	"millrace/config/infer"
	"millrace/learner"
	"millrace/model"
	"millrace/pipeline"
	"millrace/pipeline/status"
)

func (a *app) evaluate() *cobra.Command {
	var file, label, family string
	var seed seedFlag
	var seeds int
	cmd := &cobra.Command{
		Use:   "evaluate [-c FILE] DATA",
		Short: "Progressive validation over a file, without Kafka",
		Long: `Predict every row of a CSV, JSON-lines or LIBSVM file before learning it, in order, and print the
losses beside those of two baselines: the majority class (or the mean) and the last label. Without a
pipeline file one is inferred from the data, as init does; LIBSVM labels are called y.

--seeds N does so with N seeds, of which --seed is the first, and prints the mean of the losses and their
standard deviation: what differs by less is chance.`,
		Example: `  millrace evaluate -c examples/elec.yaml elec.csv
  millrace evaluate --model logistic --label y data.csv.gz --output json
  millrace evaluate --model mlp --label y --seeds 5 data.csv`,
		Args: exactly(1, "one data file"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if seeds < 1 || seeds > seedsMax {
				return config.Usagef("--seeds: %d is no number of seeds: give 1 to %d", seeds, seedsMax)
			}
			p, err := a.pipelineFor(cmd.Context(), file, args[0], infer.Options{Label: label, Model: family, ScanAll: true})
			if err != nil {
				return err
			}
			seed.apply(p)
			if seeds > 1 {
				return a.evaluateSeeds(cmd.Context(), p, args[0], seeds)
			}
			return a.evaluateFile(cmd.Context(), p, args[0])
		},
	}
	cmd.Flags().StringVarP(&file, "config", "c", "", "pipeline file")
	cmd.Flags().StringVar(&label, "label", "", "without -c: the column to predict; guessed when left out")
	cmd.Flags().StringVar(&family, "model", "", "without -c: the family, one of "+strings.Join(model.Families(), ", ")+"; auto when left out")
	cmd.Flags().Var(&seed, "seed", "seed of all randomness, in place of the pipeline file's")
	cmd.Flags().IntVar(&seeds, "seeds", 1, "how many seeds, one after the other, to take mean and spread over")
	return cmd
}

// pipelineFor loads the pipeline file, or infers one from the data.
func (a *app) pipelineFor(ctx context.Context, file, data string, o infer.Options) (*config.Pipeline, error) {
	if file == "" {
		_, p, err := inferred(ctx, data, o)
		if err != nil {
			return nil, config.UsageError{Err: err}
		}
		return p, nil
	}
	if o.Label != "" || o.Model != "" {
		return nil, config.Usagef("--label and --model are for runs without a pipeline file; %s names both", file)
	}
	return pipeline.Load(file)
}

func (a *app) evaluateFile(ctx context.Context, p *config.Pipeline, data string) error {
	asJSON, err := a.json()
	if err != nil {
		return err
	}
	pieces, err := pipeline.Build(p)
	if err != nil {
		return err
	}
	result, err := a.learnWithProgress(ctx, data, "evaluating", pieces)
	if err != nil {
		return err
	}
	if result.Learned == 0 {
		return noneLearned(data, result)
	}
	if text := result.missing(p.Features); text != "" {
		fmt.Fprintln(a.err, text)
	}
	s := newSummary(pieces.Trainer.Progressive, p.Target().Classes)
	s.Events, s.Learned, s.Rejected = result.Events, result.Learned, result.rejected()
	s.EventsPerSecond = float64(result.Events) / max(result.Elapsed.Seconds(), 1e-9)
	if asJSON {
		return json.NewEncoder(a.out).Encode(s)
	}
	if result.First != "" {
		fmt.Fprintf(a.err, "rejected: %s; the first: %s\n", result.reasons(), result.First)
	}
	return s.print(a.out, p.Name, p.Model.Type)
}

func (a *app) learnWithProgress(ctx context.Context, data, what string, pieces *pipeline.Pieces) (*pass, error) {
	size, err := fileSize(data)
	if err != nil {
		return nil, err
	}
	bar := a.newProgress(size, what, true)
	defer bar.finish()
	return learnFile(ctx, data, pieces, bar.set)
}

// summary is what evaluate, train and demo print.
type summary struct {
	Events   uint64 `json:"events"`
	Learned  uint64 `json:"learned"`
	Rejected uint64 `json:"rejected"`
	status.Losses
	Baselines       map[string]status.Losses `json:"baselines"`
	EventsPerSecond float64                  `json:"events_per_second"`
}

func newSummary(p *learner.Progressive, classes int) summary {
	model, first, last := p.Report(learner.All)
	s := summaryOf(pipeline.Losses(model, classes), pipeline.Losses(first, classes), pipeline.Losses(last, classes))
	if b, ok := p.Binary(learner.All); ok {
		s.Precision, s.Recall, s.ROCAUC = &b.Precision, &b.Recall, &b.ROCAUC
	}
	return s
}

// liveSummary is the summary of a learner at work.
func liveSummary(l *status.Learning) summary { return summaryOf(l.Model.All, l.Baseline.All, l.Last) }

func summaryOf(model, first, last status.Losses) summary {
	last.LogLoss = nil // a label has no probability
	name := "majority"
	if model.MAE != nil {
		name = "mean"
	}
	return summary{Losses: model, Baselines: map[string]status.Losses{name: first, "last": last}}
}

func (s summary) print(w io.Writer, name, family string) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "%s: %d events, %d learned, %d rejected, %.0f events/s\n\n", name, s.Events, s.Learned, s.Rejected, s.EventsPerSecond)
	names := []string{"majority", "last"}
	head := "\taccuracy\tlog-loss\t"
	if s.MAE != nil {
		head, names = "\tMAE\tRMSE\t", []string{"mean", "last"}
	}
	format := errorFormat(s.Baselines, 5)
	fmt.Fprintln(t, head)
	fmt.Fprintln(t, family+"\t"+row(s.Losses, format))
	for _, n := range names {
		fmt.Fprintln(t, "baseline "+n+"\t"+row(s.Baselines[n], format))
	}
	if err := t.Flush(); err != nil || s.ROCAUC == nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\npositive class: precision %.4f, recall %.4f; area under the ROC curve %.4f\n", *s.Precision, *s.Recall, *s.ROCAUC)
	return err
}

// row is the losses as a table has them; format is that of errors of numbers, equal for all rows so that they stand in line.
func row(l status.Losses, format string) string {
	if l.MAE != nil {
		return fmt.Sprintf(format+"\t"+format+"\t", *l.MAE, *l.RMSE)
	}
	if l.LogLoss == nil {
		return fmt.Sprintf("%.4f\t–\t", *l.Accuracy)
	}
	return fmt.Sprintf("%.4f\t%.4f\t", *l.Accuracy, *l.LogLoss)
}
