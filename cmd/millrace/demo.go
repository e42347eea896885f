package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"millrace/config"
	"millrace/offline"
	"millrace/payments"
	"millrace/pipeline"
	"millrace/pipeline/running"
	"millrace/pipeline/status"
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
	flags    demoFlags
	late     bool // labels come later
	running  *pipeline.Pipeline
	log      *slog.Logger
	started  time.Time
	view     *view
	before   status.Learning // what an earlier run with the same data directory left
	produced atomic.Uint64
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
	d := &demo{flags: f, late: p.LateLabels(), log: log, started: time.Now(), view: newView(a.out, live)}
	d.running, err = pipeline.Open(ctx, pipeline.Options{Config: p, Learn: true, Score: true, Servers: f.servers, Admin: f.admin,
		PProf: f.pprof, Version: version, Runtime: running.Folder(os.LookupEnv), Log: log, Quiet: true, OnScore: d.view.score})
	if err != nil {
		return err
	}
	defer d.running.Close()
	if err := d.run(ctx); err != nil {
		return err
	}
	s := d.summary()
	if asJSON {
		return json.NewEncoder(a.out).Encode(s)
	}
	return s.print(a.out)
}

// run produces, learns and scores; it ends when all is done, ctx ends, or something fails.
func (d *demo) run(ctx context.Context) error {
	inner, stop := context.WithCancel(ctx)
	defer stop()
	g, inner := errgroup.WithContext(inner)
	g.Go(func() error { defer stop(); return d.running.Run(inner) })
	g.Go(func() error {
		d.view.run(inner, d)
		return nil
	})
	g.Go(func() error {
		err := d.produce(inner)
		if inner.Err() != nil && errors.Is(err, inner.Err()) {
			return nil
		}
		stop()
		return err
	})
	return g.Wait()
}

// produce sends payments, behind those that an earlier run sent, and waits until all is done with them.
func (d *demo) produce(ctx context.Context) error {
	// What waits for its label is known once the log was read again.
	begun := func(s *status.Status) bool {
		return s.Learning.State == status.AtWork && (s.Learning.Late != nil || !d.late)
	}
	if err := d.until(ctx, begun); err != nil {
		return err
	}
	d.before = *d.running.Status().Learning
	before := applied(&d.before)
	payments := payments.New(d.flags.seed)
	if d.late {
		payments.Skip(before)
	}
	n, err := d.running.Produce(ctx, d.count(generated(payments, d.late)), pipeline.Produce{Rate: d.flags.rate, Events: d.flags.events})
	if err != nil {
		return err
	}
	return d.until(ctx, func(s *status.Status) bool {
		return applied(s.Learning) >= before+n.Events && s.Scoring.Scored+s.Scoring.Unscored >= n.Events && d.labelled(s.Learning) >= n.Labels
	})
}

// applied is how many events the learner has taken.
func applied(l *status.Learning) uint64 {
	if l.Late != nil {
		return l.Late.Events()
	}
	return l.Learned + l.Rejected + l.Unlabelled
}

// labelled is how many labels the learner has taken since the demo began.
func (d *demo) labelled(l *status.Learning) uint64 {
	if l.Late == nil {
		return 0
	}
	return since(l.Late.Labels(), d.before.Late.Labels())
}

func (d *demo) count(rows pipeline.Rows) pipeline.Rows {
	return func(ctx context.Context) (pipeline.Row, error) {
		row, err := rows(ctx)
		if err == nil && !row.Label {
			d.produced.Add(1)
		}
		return row, err
	}
}

// until waits until the pipeline is where done says.
func (d *demo) until(ctx context.Context, done func(*status.Status) bool) error {
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
		if s := d.running.Status(); done(&s) {
			return nil
		}
	}
}

// since is how much a count has risen; after a rollback it may have fallen.
func since(now, before uint64) uint64 { return now - min(now, before) }

// demoSummary is what the demo prints at its end.
type demoSummary struct {
	offline.Summary
	Scores    uint64  `json:"scores"`
	Snapshots uint64  `json:"snapshots"`
	Seconds   float64 `json:"seconds"`
}

func (d *demo) summary() demoSummary {
	now := d.running.Status()
	l := now.Learning
	s := demoSummary{Summary: offline.SummaryOf(l.Model.All, l.Baseline.All, l.Last)}
	s.Positive = l.Positive
	s.Events, s.Learned, s.Rejected = d.produced.Load(), since(l.Learned, d.before.Learned), since(l.Rejected, d.before.Rejected)
	s.Scores, s.Snapshots = now.Scoring.Scored, l.Published
	d.tellLate(&s.Summary, l.Late)
	s.Seconds = time.Since(d.started).Seconds()
	s.EventsPerSecond = float64(s.Events) / s.Seconds
	return s
}

// tellLate adds what became of events and labels since the demo began, and what waits at its end.
func (d *demo) tellLate(s *offline.Summary, now *status.Late) {
	if now == nil || d.before.Late == nil {
		return
	}
	waiting := uint64(now.Waiting)
	s.Waiting, s.LabelsEarly, s.Names = &waiting, uint64(now.Kept), map[string]uint64{}
	s.Labels = since(now.Labels(), d.before.Late.Labels())
	for name, n := range now.Names {
		s.Names[name] = since(n, d.before.Late.Names[name])
	}
}
