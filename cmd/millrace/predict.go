package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"millrace"
	"millrace/config"
	"millrace/files"
	"millrace/pipeline"
)

type predictFlags struct {
	config   string
	snapshot string
	redis    string
	url      string
	brokers  []string
	cold     bool
	rows     bool
	out      string
	version  uint64 // explain: one that is not served; 0 for the served one
	shape    shapeFlags
}

func (a *app) predict() *cobra.Command {
	var f predictFlags
	cmd := &cobra.Command{
		Use:   "predict -c FILE DATA...",
		Short: "Score the rows of a file with the served version, or with a snapshot file",
		Long: `Score every row of files (CSV, JSON lines, …; several are one after the other, - is standard input) as the pipeline's scorers
would, and write a line a row, in their order: the score as the scores topic has it, or {"row": …, "reason": …, "detail": …} for
a row that cannot be scored. So line 7 is that of row 7. Nothing is learned, and nothing goes to any topic.

The version is the one that the pipeline's store serves, or --snapshot FILE, which train --out wrote. Windows are filled from the
pipeline's topic first, and then each row is observed as if it came now, after all that the topic holds; with --cold they begin
empty, and rows come at their own times, as in evaluate. Lags stand as the version has them.

With --url a running pipeline is asked over HTTP (scores.http), many rows a request. Its windows are those of the moment.`,
		Example: `  millrace predict -c payments.yaml new.csv > scores.jsonl
  millrace predict -c payments.yaml --snapshot payments.millrace --out scores.jsonl new.csv
  millrace predict -c payments.yaml --url http://127.0.0.1:8080 new.csv
  zcat new.jsonl.gz | millrace predict -c payments.yaml -`,
		Args: someFiles,
		RunE: func(cmd *cobra.Command, args []string) error { return a.predictFiles(cmd.Context(), f, args) },
	}
	cmd.Flags().StringVarP(&f.config, "config", "c", "", "pipeline file")
	cmd.Flags().StringVar(&f.snapshot, "snapshot", "", "score with this snapshot file in place of the served version")
	cmd.Flags().StringVar(&f.url, "url", "", "ask the running pipeline at this address (scores.http), as http://127.0.0.1:8080, in place of scoring here")
	cmd.Flags().StringVar(&f.redis, "redis", "", "Redis URL in place of the pipeline file's; the embedded store of a process of this machine is found without")
	cmd.Flags().StringSliceVar(&f.brokers, "brokers", nil, "Kafka addresses in place of the pipeline file's, for windows")
	cmd.Flags().BoolVar(&f.cold, "cold", false, "begin with empty windows, in place of what the events topic says")
	cmd.Flags().BoolVar(&f.rows, "rows", false, `begin each line with its row's number, as "row": 1`)
	cmd.Flags().StringVar(&f.out, "out", "", "write the lines to this file, which appears once it is whole, in place of standard output; as a table where it is named .csv")
	f.shape.add(cmd.Flags())
	return reading(cmd)
}

func (a *app) predictFiles(ctx context.Context, f predictFlags, args []string) error {
	p, err := pipeline.Load(f.config)
	if err != nil {
		return err
	}
	asJSON, err := a.json()
	if err != nil {
		return err
	}
	path, in, err := f.shape.files(ctx, a, args, "", false)
	if err != nil {
		return err
	}
	to, err := newPlace(f.out, a.out)
	if err != nil {
		return err
	}
	defer to.drop()
	predictor, err := a.openPredictor(ctx, p, f)
	if err != nil {
		return err
	}
	o, err := predictor.Options(in)
	if err != nil {
		return err
	}
	src, err := files.Open(path, o)
	if err != nil {
		return config.UsageError{Err: err}
	}
	if predictor.Cold() {
		fmt.Fprintln(a.err, "windows begin empty (--cold): rows are scored by those before them alone")
	}
	progress, finish := a.progress("scoring")
	buffered := bufio.NewWriterSize(to.writer(), outBytes)
	lines, flush := io.Writer(buffered), func() error { return nil }
	if namedCSV(f.out) {
		table, err := newScoreTable(buffered, p.Label.Classes)
		if err != nil {
			return cmp.Or(err, src.Close())
		}
		lines, flush = table, table.flush
	}
	done, err := predictor.Predict(ctx, src, lines, f.rows, progress(src.Size()))
	finish()
	if err := cmp.Or(err, flush(), buffered.Flush(), src.Close()); err != nil {
		return err
	}
	if err := to.keep(); err != nil {
		return err
	}
	for _, text := range append(src.Notes(), done.Absent) {
		if text != "" {
			fmt.Fprintln(a.err, text)
		}
	}
	return a.tellPredicted(done, predictor.Version(), path, o, asJSON)
}

// outBytes of lines are written at once.
const outBytes = 256 << 10

// openPredictor finds the servers that it takes, and opens it.
func (a *app) openPredictor(ctx context.Context, p *config.Pipeline, f predictFlags) (*pipeline.Predictor, error) {
	log, err := a.logger()
	if err != nil {
		return nil, err
	}
	if f.redis != "" {
		p.Redis.Mode, p.Redis.URL = "external", f.redis
	}
	nameBrokers(p, f.brokers)
	if f.url != "" {
		if f.snapshot != "" || f.cold {
			return nil, config.Usagef("--url asks a running pipeline for scores: leave out --snapshot and --cold")
		}
		return pipeline.AskPredictor(p, f.url)
	}
	o := pipeline.Predicting{Snapshot: f.snapshot, Cold: f.cold, Version: f.version, Log: log}
	where := a.locating(f.config, startPatience, log)
	where.Broker, where.Store = o.Needs(p)
	if err := pipeline.Locate(ctx, p, where); err != nil {
		return nil, err
	}
	return pipeline.OpenPredictor(ctx, p, o)
}

// predictedRows is what became of rows, as JSON.
type predictedRows struct {
	Rows     uint64                     `json:"rows"`
	Scored   uint64                     `json:"scored"`
	Rejected uint64                     `json:"rejected"` // could not be scored; each has its line, too
	Reasons  map[millrace.Reason]uint64 `json:"reasons"`  // rows by why they could not be scored
	First    string                     `json:"first"`    // what is wrong with the first of them, and where; "" where there is none
	Version  string                     `json:"version"`  // what they were scored with
}

// tellPredicted says on standard error how many rows were scored with what, and what is wrong with the others.
func (a *app) tellPredicted(done pipeline.Predicted, version, path string, o files.Options, asJSON bool) error {
	first := ""
	if done.First != nil {
		first = done.First.Text(path, o)
	}
	if asJSON {
		return json.NewEncoder(a.err).Encode(predictedRows{done.Rows, done.Scored, done.Rows - done.Scored, done.Faults, first, version})
	}
	fmt.Fprintf(a.err, "%s of %s scored with %s\n", thousands(int64(done.Scored)), plural(int64(done.Rows), "row"), version)
	if first == "" {
		return nil
	}
	fmt.Fprintf(a.err, "not scored: %s; the first: %s\n", reasonsText(done.Faults), first)
	return nil
}

// reasonsText lists reasons with their counts, the most frequent first.
func reasonsText(counts map[millrace.Reason]uint64) string {
	reasons := slices.SortedFunc(maps.Keys(counts), func(a, b millrace.Reason) int {
		return cmp.Or(cmp.Compare(counts[b], counts[a]), strings.Compare(string(a), string(b)))
	})
	out := make([]string, len(reasons))
	for i, r := range reasons {
		out[i] = fmt.Sprintf("%s %d", r, counts[r])
	}
	return strings.Join(out, ", ")
}
