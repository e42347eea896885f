package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"millrace"
	"millrace/config"
	"millrace/pipeline"
)

// deadFlags are those of all that is done with dead letters.
type deadFlags struct {
	config, challenger string
	brokers            []string
	reason             string
	since              string
	limit              int
}

func (a *app) dead() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "dead list|show|replay",
		Short:   "Look at events and labels that could not be used, with why, and send them again",
		Example: "  millrace dead list -c payments.yaml",
		Args:    noVerb,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	var f deadFlags
	cmd.PersistentFlags().StringVarP(&f.config, "config", "c", "", "pipeline file")
	cmd.PersistentFlags().StringVar(&f.challenger, "challenger", "", "dead letters of this challenger, by its name in the pipeline file or by its own file")
	cmd.PersistentFlags().StringSliceVar(&f.brokers, "brokers", nil,
		"Kafka addresses in place of the pipeline file's; the embedded broker of a process of this machine is found without")
	list := &cobra.Command{
		Use: "list", Aliases: []string{"ls"}, Short: "Count dead letters by reason, with the newest of each",
		Long: `Count the dead letters of the pipeline's events, and of its labels where they come later, by reason, and tell of the
newest of each: where the value at fault stands, what was found and what would be right, and how the event begins. Nothing
is changed, and no group's positions are.`,
		Example: `  millrace dead list -c payments.yaml
  millrace dead list -c payments.yaml --reason wrong_type --limit 10 --since 24h
  millrace dead list -c payments.yaml --challenger payments-bolder --output json`,
		Args: exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.listDead(cmd.Context(), f) },
	}
	list.Flags().StringVar(&f.reason, "reason", "", "only those with this reason, as wrong_type")
	list.Flags().IntVar(&f.limit, "limit", 1, fmt.Sprintf("so many of the newest of each reason, at most %d", deadExamplesMax))
	list.Flags().StringVar(&f.since, "since", "", "only those written since: a time as 2026-01-31T12:00:00Z, or how long ago, as 36h or 7d")
	show := &cobra.Command{
		Use: "show TOPIC/PARTITION/OFFSET", Short: "Show one dead letter whole, and what to do",
		Long: `Show a dead letter, named by where it lies or by where the event lay that it is of (millrace-source), with its
headers, its whole value, why it could not be used and what to do about it.`,
		Example: "  millrace dead show payments.events/0/4711 -c payments.yaml",
		Args:    exactly(1, "the place of one letter or of its event, as payments.events/0/4711"),
		RunE:    func(cmd *cobra.Command, args []string) error { return a.showDead(cmd.Context(), f, args[0]) },
	}
	cmd.AddCommand(reading(list), reading(show), a.replayDead(&f))
	return cmd
}

// deadPipeline reads the pipeline file, or the challenger's, and finds its brokers.
func (a *app) deadPipeline(ctx context.Context, f deadFlags) (*config.Pipeline, error) {
	p, err := pipeline.Load(f.config)
	if err != nil {
		return nil, err
	}
	log, err := a.logger()
	if err != nil {
		return nil, err
	}
	if err := a.reachBroker(ctx, p, f.config, f.brokers, 0, log); err != nil {
		return nil, err
	}
	if f.challenger == "" {
		return p, nil
	}
	return pipeline.ChallengerOf(p, f.config, f.challenger)
}

// sinceTime reads --since.
func sinceTime(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, nil
	}
	if ago, err := millrace.ParseDuration(text); err == nil && ago >= 0 {
		return now.Add(-ago), nil
	}
	return time.Time{}, config.Usagef("--since: %q is neither a time as 2026-01-31T12:00:00Z nor how long ago, as 36h or 7d", text)
}

// startText is how a value begins, in one line of so many characters at most.
func startText(value []byte, most int) string {
	var b strings.Builder
	n := 0
	for _, r := range string(value[:min(len(value), 4*most)]) {
		if n++; n > most {
			return b.String() + "…"
		}
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 { // nothing of an event may steer a terminal
			r = ' '
		}
		b.WriteRune(r)
	}
	if len(value) > 4*most {
		return b.String() + "…"
	}
	return b.String()
}
