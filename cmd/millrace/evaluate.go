package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"millrace"
	"millrace/config"
	"millrace/config/infer"
	"millrace/model"
	"millrace/offline"
	"millrace/pipeline"
	"millrace/pipeline/status"
)

func (a *app) evaluate() *cobra.Command {
	var file, label, family string
	var seed seedFlag
	var seeds int
	var late dataFlags
	var predictions string
	cmd := &cobra.Command{
		Use:   "evaluate [-c FILE] DATA...",
		Short: "Progressive validation over a file, without Kafka",
		Long: `Predict every row of files (CSV, JSON lines, LIBSVM, …; several are one after the other, - is standard input) before learning it, in order, and print the
losses beside those of two baselines: the majority class (or the mean) and the last label. Without a
pipeline file one is inferred from the data, as init does; LIBSVM labels are called y.

--seeds N does so with N seeds, of which --seed is the first, and prints the mean of the losses and their
standard deviation: what differs by less is chance.

--labels FILE has labels of their own, which come later: rows with the event's id, the label and when it was known. Both
files are merged by time and learned as the topics would be: an event without a label is predicted when it comes, and
learned when its label does, by label.wait, missing and early of the pipeline file. --label-delay simulates that: each
label in DATA comes so much later than its event.`,
		Example: `  millrace evaluate -c examples/elec.yaml elec.csv
  millrace evaluate --model logistic --label y data.csv.gz --output json
  millrace evaluate --model mlp --label y --seeds 5 data.csv
  millrace evaluate -c payments.yaml --label-delay 3d payments.csv
  millrace evaluate -c payments.yaml payments.csv --labels chargebacks.csv`,
		Args: someFiles,
		RunE: func(cmd *cobra.Command, args []string) error {
			if seeds < 1 || seeds > offline.SeedsMax {
				return config.Usagef("--seeds: %d is no number of seeds: give 1 to %d", seeds, offline.SeedsMax)
			}
			data, err := late.data(cmd.Context(), a, args, file == "" || seeds > 1)
			if err != nil {
				return err
			}
			p, err := a.pipelineFor(cmd.Context(), file, data, infer.Options{Label: label, Model: family, ScanAll: true})
			if err != nil {
				return err
			}
			seed.apply(p)
			if seeds > 1 && predictions != "" {
				return config.Usagef("--predictions are those of one seed: leave out --seeds")
			}
			if seeds > 1 {
				return a.evaluateSeeds(cmd.Context(), p, data, seeds)
			}
			return a.evaluateFile(cmd.Context(), p, data, predictions)
		},
	}
	cmd.Flags().StringVarP(&file, "config", "c", "", "pipeline file")
	cmd.Flags().StringVar(&label, "label", "", "without -c: the column to predict; guessed when left out")
	cmd.Flags().StringVar(&family, "model", "", "without -c: the family, one of "+strings.Join(model.Families(), ", ")+"; auto when left out")
	cmd.Flags().Var(&seed, "seed", "seed of all randomness, in place of the pipeline file's")
	late.add(cmd.Flags())
	cmd.Flags().StringVar(&predictions, "predictions", "", "write to this file what was predicted of each event when it came, and its label: as CSV, or JSON lines where it is named .jsonl")
	cmd.Flags().IntVar(&seeds, "seeds", 1, "how many seeds, one after the other, to take mean and spread over")
	withoutConfig(cmd, "label", "model")
	return cmd
}

// pipelineFor loads the pipeline file, or infers one from the data.
func (a *app) pipelineFor(ctx context.Context, file string, data offline.Data, o infer.Options) (*config.Pipeline, error) {
	if file == "" {
		r, p, err := offline.Inferred(ctx, data, o)
		if err != nil {
			return nil, config.UsageError{Err: err}
		}
		a.tellInferred(&r.Report)
		return p, nil
	}
	if o.Label != "" || o.Model != "" {
		return nil, config.Usagef("--label and --model are for runs without a pipeline file; %s names both", file)
	}
	return pipeline.Load(file)
}

func (a *app) evaluateFile(ctx context.Context, p *config.Pipeline, data offline.Data, predictions string) error {
	asJSON, err := a.json()
	if err != nil {
		return err
	}
	progress, finish := a.progress("evaluating")
	c, err := evaluateTo(ctx, p, data, predictions, progress)
	finish()
	if err != nil && !interrupted(err) {
		return err
	}
	a.tellMissing(&c.Pass)
	if asJSON {
		return cmp.Or(json.NewEncoder(a.out).Encode(c.Summary()), err)
	}
	a.tellRejected(&c.Pass)
	return cmp.Or(printSummary(a.out, c.Summary(), p.Name, p.Model.Type), err)
}

// namedLines reports whether a file's name says that it has JSON lines.
func namedLines(path string) bool {
	return slices.Contains([]string{".jsonl", ".ndjson", ".json"}, strings.ToLower(filepath.Ext(path)))
}

// evaluateTo evaluates, and writes predictions to a file, which is there once it is whole; empty is none.
func evaluateTo(ctx context.Context, p *config.Pipeline, data offline.Data, file string, progress offline.Progress) (*offline.Contender, error) {
	if file == "" {
		return offline.Evaluate(ctx, p, data, nil, progress)
	}
	to, err := replacing("predictions", file)
	if err != nil {
		return nil, err
	}
	defer to.drop()
	buffered := bufio.NewWriter(to.file)
	predictions, err := offline.NewPredictions(buffered, p, namedLines(file))
	if err != nil {
		return nil, err
	}
	c, err := offline.Evaluate(ctx, p, data, predictions, progress)
	written := cmp.Or(predictions.Close(), buffered.Flush()) // the second fails as the first did
	if err != nil && !interrupted(err) {
		return c, err
	}
	if written != nil {
		return c, written
	}
	return c, errors.Join(err, to.keep()) // those so far, as the figures
}

func printSummary(w io.Writer, s offline.Summary, name, family string) error {
	return printFigures(w, s, heading(s, name), family)
}

// heading is the line of counts.
func heading(s offline.Summary, name string) string {
	rest := ""
	if s.Unlabelled > 0 {
		rest = fmt.Sprintf("%d without a label, ", s.Unlabelled)
	}
	return fmt.Sprintf("%s: %s, %d learned, %d rejected, %s%.0f events/s%s\n", name, millrace.Counted(s.Events, "event"), s.Learned, s.Rejected, rest,
		s.EventsPerSecond, soFar(s.Interrupted))
}

// printFigures writes the table of figures and what else there is to say, below a heading.
func printFigures(w io.Writer, s offline.Summary, heading, family string) error {
	fmt.Fprintln(w, heading)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	names := []string{"majority", "last"}
	head := "\taccuracy\tlog-loss\t"
	if s.MAE != nil {
		head, names = "\tMAE\tRMSE\t", []string{"mean", "last"}
	}
	format := newErrorFormat(s.Baselines, 5)
	fmt.Fprintln(t, head)
	fmt.Fprintln(t, family+"\t"+row(s.Losses, format))
	for _, n := range names {
		fmt.Fprintln(t, "baseline "+n+"\t"+row(s.Baselines[n], format))
	}
	err := t.Flush()
	if s.NoBetter != "" {
		fmt.Fprintf(w, "\n%s\n", noBetterThan(s.NoBetter))
	}
	if s.ROCAUC != nil {
		fmt.Fprintf(w, "\npositive class %s: precision %.4f, recall %.4f; area under the ROC curve %.4f; average precision %.4f\n",
			s.Positive, *s.Precision, *s.Recall, *s.ROCAUC, *s.AveragePrecision)
	}
	if s.ECE != nil {
		fmt.Fprintf(w, "\nprobabilities are %.4f off the shares of events, %.4f of which is chance\n", *s.ECE, *s.ECEExpected)
	}
	if s.Coverage != nil {
		printCoverage(w, s.Losses)
	}
	return errors.Join(err, printLabels(w, s))
}

// printCoverage says what intervals or sets have held.
func printCoverage(w io.Writer, l status.Losses) {
	if l.MAE == nil {
		fmt.Fprintf(w, "\nsets hold %.2f %% of labels, with %.2f classes on average\n", 100**l.Coverage, *l.IntervalWidth)
		return
	}
	fmt.Fprintf(w, "\nintervals hold %.2f %% of labels and are %.6g wide on average; %.2f %% had no bounds\n", 100**l.Coverage, *l.IntervalWidth,
		100**l.Unbounded)
}

// noBetterThan says plainly that nothing was learned that a baseline does not know.
func noBetterThan(baseline string) string {
	of := map[string]string{"majority": "shares of the classes alone", "mean": "mean alone", "last": "label before"}[baseline]
	return "the model is no better than its baselines: the " + of + " predicted as well, or better"
}

// row is the losses as a table has them; format writes errors of numbers, so that those of all rows stand in line.
func row(l status.Losses, format errorFormat) string {
	if l.MAE != nil {
		return format.text(*l.MAE) + "\t" + format.text(*l.RMSE) + "\t"
	}
	if l.LogLoss == nil {
		return fmt.Sprintf("%.4f\t–\t", *l.Accuracy)
	}
	return fmt.Sprintf("%.4f\t%.4f\t", *l.Accuracy, *l.LogLoss)
}
