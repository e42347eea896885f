package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"millrace/pipeline"
	"millrace/pipeline/running"
)

type replayFlags struct {
	again, inLog, dryRun bool
}

func (a *app) replayDead(f *deadFlags) *cobra.Command {
	var r replayFlags
	cmd := &cobra.Command{
		Use: "replay", Short: "Send dead letters again to where they came from, once the pipeline file is mended",
		Long: `Send dead letters to the topic that they came from, with their key, value, headers and time. Each is decoded with
the pipeline file as it is now: what would be rejected again is passed over, and stays for a later replay. So are letters
that are not whole. What was sent is remembered by a group of its own (<name>.dead.replay), and not sent again without
--again. Headers say where the event stood, why it was rejected, and which letter it was sent from.

A mended file is another model, begun anew (--fresh), so start what runs the pipeline with it first. With events.start:
earliest, as by default, it reads the events from the log by itself as long as that holds them: they are passed over, too.
Replay is for what lies before events.start, and for what the log no longer holds. A second one at the same time is refused.`,
		Example: `  millrace dead replay -c payments.yaml --dry-run
  millrace dead replay -c payments.yaml --reason wrong_type`,
		Args: exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.replay(cmd.Context(), *f, r) },
	}
	cmd.Flags().StringVar(&f.reason, "reason", "", "only those with this reason, as wrong_type")
	cmd.Flags().BoolVar(&r.again, "again", false, "also those that were sent before")
	cmd.Flags().BoolVar(&r.inLog, "in-log", false, "also those that the topic still holds behind events.start")
	cmd.Flags().BoolVar(&r.dryRun, "dry-run", false, "only say what would be sent")
	return cmd
}

func (a *app) replay(ctx context.Context, f deadFlags, r replayFlags) error {
	asJSON, err := a.json()
	if err != nil {
		return err
	}
	p, err := a.deadPipeline(ctx, f)
	if err != nil {
		return err
	}
	log, err := a.logger()
	if err != nil {
		return err
	}
	progress, finish := a.recordsProgress("replaying dead letters")
	all, err := pipeline.ReplayDead(ctx, p, log, pipeline.Replay{Reason: f.reason, Again: r.again, InLog: r.inLog, DryRun: r.dryRun,
		Runtime: running.Folder(os.LookupEnv), Progress: progress})
	finish()
	if asJSON {
		if all == nil {
			all = []pipeline.Replayed{}
		}
		return errors.Join(err, json.NewEncoder(a.out).Encode(all))
	}
	for i := range all {
		if _, outErr := fmt.Fprintln(a.out, strings.Join(replayText(&all[i], r.dryRun), "\n")); outErr != nil {
			return errors.Join(err, outErr)
		}
	}
	return err
}

func replayText(r *pipeline.Replayed, dryRun bool) []string {
	sent := "sent again to"
	if dryRun {
		sent = "would be sent again to"
	}
	lines := []string{fmt.Sprintf("%s: %s %s %s", r.Topic, plural(r.Sent, "dead letter"), sent, r.From)}
	add := func(n int64, what string) {
		if n > 0 {
			lines = append(lines, fmt.Sprintf("  %d passed over: %s", n, what))
		}
	}
	add(int64(r.SentBefore), "sent before (--again sends them once more)")
	add(int64(r.Other), "of other reasons")
	for _, reason := range slices.Sorted(maps.Keys(r.Rejected)) {
		add(int64(r.Rejected[reason]), "would be rejected again, "+reason)
	}
	add(int64(r.InLog), fmt.Sprintf("%s still holds them behind events.start, where the model of the mended file begins (--in-log sends them)", r.From))
	add(int64(r.Truncated), "not whole: they were cut to fit")
	add(int64(r.Ranges), "stand for records that could not be read")
	add(int64(r.Foreign), "not of "+r.From)
	add(int64(r.Copies), "further letters of events that are sent")
	if r.GivenUp > 0 {
		lines = append(lines, fmt.Sprintf("  %d of those lie too far apart to be remembered: only --again reads them anew", r.GivenUp))
	}
	return lines
}
