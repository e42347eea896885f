package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"millrace"
	"millrace/config"
	"millrace/pipeline"
)

func (a *app) explain() *cobra.Command {
	var f predictFlags
	cmd := &cobra.Command{
		Use:   "explain -c FILE EVENT",
		Short: "Say why an event is scored as it is: what each feature has moved the score by",
		Long: `Score one event, a JSON object (- reads it from standard input), with the version that the pipeline's store serves, and
say by how much each feature has moved the score from that of a usual event: the strongest first, each with its value and the
usual one that it is compared with. Contributions and base add up to the score: in log-odds where classes are predicted, in
the label's units for numbers. docs/EXPLAIN.md says what they mean, and what they do not.

Nothing is learned, and nothing goes to any topic. --version N is one of the versions that snapshots list has, --snapshot FILE
a file that train --out wrote. Windows are filled from the pipeline's topic first; with --cold they are empty.`,
		Example: `  millrace explain -c payments.yaml '{"amount": 1200, "country": "DE"}'
  echo '{"amount": 1200}' | millrace explain -c payments.yaml --snapshot payments.millrace --output json -`,
		Args: exactly(1, "one event, a JSON object"),
		RunE: func(cmd *cobra.Command, args []string) error { return a.explainEvent(cmd.Context(), f, args[0]) },
	}
	cmd.Flags().StringVarP(&f.config, "config", "c", "", "pipeline file")
	cmd.Flags().StringVar(&f.snapshot, "snapshot", "", "explain with this snapshot file in place of the served version")
	cmd.Flags().Uint64Var(&f.version, "version", 0, "explain with this version in place of the served one")
	cmd.Flags().StringVar(&f.redis, "redis", "", "Redis URL in place of the pipeline file's; the embedded store of a process of this machine is found without")
	cmd.Flags().StringSliceVar(&f.brokers, "brokers", nil, "Kafka addresses in place of the pipeline file's, for windows")
	cmd.Flags().BoolVar(&f.cold, "cold", false, "begin with empty windows, in place of what the events topic says")
	return reading(cmd)
}

func (a *app) explainEvent(ctx context.Context, f predictFlags, event string) error {
	p, err := pipeline.Load(f.config)
	if err != nil {
		return err
	}
	asJSON, err := a.json()
	if err != nil {
		return err
	}
	if f.snapshot != "" && f.version > 0 {
		return config.Usagef("--snapshot and --version are two versions: leave out one of them")
	}
	data := []byte(event)
	if event == "-" {
		// One byte more than fits says that it does not.
		if data, err = io.ReadAll(io.LimitReader(a.in, int64(p.Limits.Event)+1)); err != nil {
			return fmt.Errorf("reading the event from standard input: %w", err)
		}
	}
	predictor, err := a.openPredictor(ctx, p, f)
	if err != nil {
		return err
	}
	report, err := predictor.Explain(bytes.TrimSpace(data))
	var why *millrace.Rejection
	if errors.As(err, &why) {
		return config.UsageError{Err: fmt.Errorf("the event cannot be scored, and so has no reasons: %w", err)}
	}
	if err != nil {
		return err
	}
	if asJSON {
		return json.NewEncoder(a.out).Encode(report)
	}
	out := bufio.NewWriter(a.out)
	return errors.Join(pipeline.ExplainText(out, &report), out.Flush())
}
