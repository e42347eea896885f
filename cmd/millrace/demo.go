package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/spf13/cobra"

	"millrace/config"
	"millrace/payments"
	"millrace/pipeline"
	"millrace/pipeline/running"
)

type demoFlags struct {
	servers pipeline.Servers
	events  uint64
	rate    float64
	seed    uint64
	admin   string
	pprof   bool
	print   bool
}

func (a *app) demo() *cobra.Command {
	var f demoFlags
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Run the whole loop on an embedded broker and store",
		Long: `Generate payments, some of them fraud, into an embedded Kafka broker; score each as it comes, learn from it
when its fraud is reported minutes later, or when nothing was heard of it for an hour of the payments' time; snapshot to an
embedded Redis, and score with the newest snapshot, all in this process and over real connections, so that any Kafka client and
redis-cli can join in. The patterns of fraud shift now and then: watch the loss rise and fall. It ends with --events N, or with Ctrl-C.`,
		Example: `  millrace demo
  millrace demo --events 20000 --rate 4000 --output json
  millrace demo --print-config > payments.yaml`,
		Args: exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.print {
				_, err := fmt.Fprint(a.out, payments.Pipeline("", ""))
				return err
			}
			if err := checkRate(f.rate); err != nil {
				return err
			}
			return a.runDemo(cmd.Context(), f)
		},
	}
	cmd.Flags().Uint64Var(&f.events, "events", 0, "end after this many events; 0 runs until Ctrl-C")
	cmd.Flags().Float64Var(&f.rate, "rate", 1000, "events a second; 0 is as fast as it goes")
	cmd.Flags().Uint64Var(&f.seed, "seed", 1, "seed of the payments")
	cmd.Flags().StringVar(&f.admin, "admin", "127.0.0.1:0", "address for /metrics, /healthz and /readyz")
	cmd.Flags().BoolVar(&f.pprof, "pprof", false, "serve profiles on the admin address")
	cmd.Flags().StringVar(&f.servers.DataDir, "data-dir", "", "keep topics and snapshots here; in memory by default")
	cmd.Flags().StringVar(&f.servers.KafkaAddr, "embedded-kafka", "", "address the embedded broker listens on; a free loopback port by default")
	cmd.Flags().StringVar(&f.servers.RedisAddr, "embedded-redis", "", "address the embedded store listens on; a free loopback port by default")
	cmd.Flags().BoolVar(&f.print, "print-config", false, "print the demo's pipeline file and end")
	return cmd
}

// demo is one running demonstration.
type demo struct {
	feed
	flags demoFlags
	view  *view
}

func (a *app) runDemo(ctx context.Context, f demoFlags) error {
	asJSON, err := a.json()
	if err != nil {
		return err
	}
	p, err := config.Parse("payments.yaml", []byte(payments.Pipeline("", "")), func(string) (string, bool) { return "", false })
	if err != nil {
		return fmt.Errorf("reading the demo's pipeline: %w", err)
	}
	if err := boundMemory(p); err != nil {
		return err
	}
	p.Scores.Start = "earliest" // every event gets a score, also those before the first snapshot
	live := !asJSON && isTerminal(a.out)
	log, err := a.logger()
	if err != nil {
		return err
	}
	if live {
		log = slog.New(slog.DiscardHandler) // the view shows what matters
	}
	d := &demo{feed: feed{late: p.LateLabels(), log: log, started: time.Now()}, flags: f, view: newView(a.out, live)}
	d.running, err = pipeline.Open(ctx, pipeline.Options{Config: p, Learn: true, Score: true, Servers: f.servers, Admin: f.admin,
		PProf: f.pprof, Version: version, Runtime: running.Folder(os.LookupEnv), Log: log, Quiet: true, OnScore: d.view.score})
	if err != nil {
		return err
	}
	defer d.running.Close()
	if err := d.run(ctx, d.produce, func(ctx context.Context) { d.view.run(ctx, d) }); err != nil {
		return err
	}
	s := d.summary()
	if asJSON {
		return json.NewEncoder(a.out).Encode(s)
	}
	return s.print(a.out, "payments", "model")
}

// produce sends payments, behind those that an earlier run sent, and waits until all is done with them.
func (d *demo) produce(ctx context.Context) error {
	if err := d.begin(ctx); err != nil {
		return err
	}
	payments := payments.New(d.flags.seed)
	if d.late {
		payments.Skip(applied(&d.before))
	}
	_, err := d.running.Produce(ctx, d.count(generated(payments, d.late)), pipeline.Produce{Rate: d.flags.rate, Events: d.flags.events})
	if err != nil {
		return err
	}
	return d.running.Through(ctx)
}
