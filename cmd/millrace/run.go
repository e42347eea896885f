package main

import (
	"context"
	"log/slog"
	"os"
	"time"

	"github.com/spf13/cobra"

	"millrace/config"
	"millrace/pipeline"
	"millrace/pipeline/running"
)

// runFlags are shared by run, learn and score.
type runFlags struct{ pipeline.Options }

func (f *runFlags) register(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&f.File, "config", "c", "", "pipeline file")
	cmd.Flags().StringVar(&f.Servers.DataDir, "data-dir", "", "where embedded servers keep topics and snapshots; in memory by default")
	cmd.Flags().StringVar(&f.Servers.KafkaAddr, "embedded-kafka", "", "address an embedded broker listens on; a free loopback port by default")
	cmd.Flags().StringVar(&f.Servers.RedisAddr, "embedded-redis", "", "address an embedded store listens on; a free loopback port by default")
	cmd.Flags().StringVar(&f.Admin, "admin", "", "address for /metrics, /healthz and /readyz, in place of the pipeline file's")
	cmd.Flags().BoolVar(&f.PProf, "pprof", false, "serve profiles on the admin address")
}

// hideEmbedded leaves flags of embedded servers out of the help of verbs that refuse them with a sentence: embedded
// servers live within one process.
func hideEmbedded(cmd *cobra.Command) {
	for _, name := range []string{"data-dir", "embedded-kafka", "embedded-redis"} {
		cmd.Flags().Lookup(name).Hidden = true
	}
}

func (f *runFlags) registerLearning(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.Fresh, "fresh", false, "start with new weights and positions; old versions are kept")
	cmd.Flags().BoolVar(&f.AllowGaps, "allow-gaps", false, "go on where events were lost, on another cluster, or at the beginning of a topic made anew")
	cmd.Flags().StringVar(&f.StateDir, "state-dir", "", "folder for a copy of the newest version, in place of the pipeline file's state; "+
		"a store that has lost its data is filled from it, and windows and waiting events start from there")
	cmd.Flags().StringArrayVar(&f.Challengers, "challenger", nil, "pipeline file of a model that learns the same events and is never served; may be repeated")
	cmd.Flags().BoolVar(&f.FreshChallengers, "fresh-challengers", false, "start challengers with new weights and positions; old versions are kept")
}

func (a *app) run() *cobra.Command {
	var f runFlags
	var from fromFlags
	cmd := &cobra.Command{
		Use:   "run -c FILE",
		Short: "Learn and score in one process",
		Long: `Learn from every event of the pipeline's topic and score it with the newest snapshot, until a signal
comes. At the first signal it finishes what it has read, publishes a last snapshot and commits; the second ends it at once.

With --from it sends the rows of files to the topic meanwhile, as produce does, each of which is scored and learned, and prints
how well that went at its end: at a signal, or with --until-done by itself.`,
		Example: `  millrace run -c payments.yaml
  millrace run -c payments.yaml --data-dir ./data    # embedded servers that survive restarts
  millrace run -c payments.yaml --from data.csv --until-done
  millrace run -c payments.yaml --from data.csv --rate 100 --loop`,
		Args: exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			given, err := from.given()
			switch {
			case err != nil:
				return err
			case given:
				return a.runFrom(cmd.Context(), f, from)
			}
			return a.runPipeline(cmd.Context(), f, true, true)
		},
	}
	f.register(cmd)
	f.registerLearning(cmd)
	from.register(cmd)
	return cmd
}

func (a *app) learn() *cobra.Command {
	var f runFlags
	cmd := &cobra.Command{
		Use:   "learn -c FILE",
		Short: "Learn only; scorers run elsewhere",
		Long:  "Learn from every event of the pipeline's topic and publish snapshots. One learner owns a model at a time.",
		Example: `  millrace learn -c payments.yaml
  millrace learn -c payments.yaml --challenger bolder.yaml    # learns too, is compared, never served`,
		Args: exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.runPipeline(cmd.Context(), f, true, false) },
	}
	f.register(cmd)
	hideEmbedded(cmd)
	f.registerLearning(cmd)
	return cmd
}

func (a *app) score() *cobra.Command {
	var f runFlags
	cmd := &cobra.Command{
		Use:     "score -c FILE",
		Short:   "Score only; scorers of one pipeline share its partitions",
		Long:    "Score every event with the newest snapshot, waiting for the first. Start as many as the topic has partitions.",
		Example: "  millrace score -c payments.yaml",
		Args:    exactly(0, "no arguments"),
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.runPipeline(cmd.Context(), f, false, true) },
	}
	f.register(cmd)
	hideEmbedded(cmd)
	cmd.Flags().BoolVar(&f.AllowGaps, "allow-gaps", false, "go on where events were lost, or at the beginning of a topic made anew")
	return cmd
}

func (a *app) runPipeline(ctx context.Context, f runFlags, learn, score bool) error {
	if err := a.loadRun(&f, learn, score); err != nil {
		return err
	}
	return pipeline.Run(ctx, f.Options)
}

// nameBrokers names the brokers that a person gave to the pipeline, in place of its file's.
func nameBrokers(p *config.Pipeline, brokers []string) {
	if len(brokers) > 0 {
		p.Kafka.Mode, p.Kafka.Brokers = "external", brokers
	}
}

// reachBroker names the brokers to the pipeline: those that a person gave, or that of the process of this machine which
// runs its file with one of its own.
func (a *app) reachBroker(ctx context.Context, p *config.Pipeline, file string, brokers []string, patience time.Duration, log *slog.Logger) error {
	nameBrokers(p, brokers)
	o := a.locating(file, patience, log)
	o.Broker = true
	return pipeline.Locate(ctx, p, o)
}

// locating says where the process that runs a pipeline file is looked for.
func (a *app) locating(file string, patience time.Duration, log *slog.Logger) pipeline.Locating {
	return pipeline.Locating{File: file, Runtime: running.Folder(os.LookupEnv), Patience: patience, Log: log}
}
