package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"millrace"
	"millrace/config"
	"millrace/learner"
)

// runFlags are shared by run, learn and score.
type runFlags struct {
	environmentOptions
	config string
	admin  string
	pprof  bool
}

type learnFlags struct {
	fresh            bool
	freshChallengers bool
	allowGaps        bool
	challengers      []string // pipeline files
}

func (f *runFlags) register(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&f.config, "config", "c", "", "pipeline file")
	cmd.Flags().StringVar(&f.dataDir, "data-dir", "", "where embedded servers keep topics and snapshots; in memory by default")
	cmd.Flags().StringVar(&f.kafkaAddr, "embedded-kafka", "", "address an embedded broker listens on; a free loopback port by default")
	cmd.Flags().StringVar(&f.redisAddr, "embedded-redis", "", "address an embedded store listens on; a free loopback port by default")
	cmd.Flags().StringVar(&f.admin, "admin", "", "address for /metrics, /healthz and /readyz, in place of the pipeline file's")
	cmd.Flags().BoolVar(&f.pprof, "pprof", false, "serve profiles on the admin address")
}

func (f *learnFlags) register(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.fresh, "fresh", false, "start with new weights and positions; old versions are kept")
	cmd.Flags().BoolVar(&f.allowGaps, "allow-gaps", false, "go on where events were lost, or on another cluster")
	cmd.Flags().StringArrayVar(&f.challengers, "challenger", nil, "pipeline file of a model that learns the same events and is never served; may be repeated")
	cmd.Flags().BoolVar(&f.freshChallengers, "fresh-challengers", false, "start challengers with new weights and positions; old versions are kept")
}

func (a *app) run() *cobra.Command {
	var f runFlags
	var l learnFlags
	cmd := &cobra.Command{
		Use:   "run -c FILE",
		Short: "Learn and score in one process",
		Long: `Learn from every event of the pipeline's topic and score it with the newest snapshot, until a signal
comes. The first signal drains, publishes a last snapshot and commits; the second exits at once.`,
		Example: `  millrace run -c payments.yaml
  millrace run -c payments.yaml --data-dir ./data    # embedded servers that survive restarts`,
		Args: exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.runStages(cmd.Context(), f, l, true, true) },
	}
	f.register(cmd)
	l.register(cmd)
	return cmd
}

func (a *app) learn() *cobra.Command {
	var f runFlags
	var l learnFlags
	cmd := &cobra.Command{
		Use:   "learn -c FILE",
		Short: "Learn only; scorers run elsewhere",
		Long:  "Learn from every event of the pipeline's topic and publish snapshots. One learner owns a model at a time.",
		Example: `  millrace learn -c payments.yaml
  millrace learn -c payments.yaml --challenger bolder.yaml    # learns too, is compared, never served`,
		Args: exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.runStages(cmd.Context(), f, l, true, false) },
	}
	f.register(cmd)
	l.register(cmd)
	return cmd
}

func (a *app) score() *cobra.Command {
	var f runFlags
	var l learnFlags
	cmd := &cobra.Command{
		Use:     "score -c FILE",
		Short:   "Score only; scorers of one pipeline share its partitions",
		Long:    "Score every event with the newest snapshot, waiting for the first. Start as many as the topic has partitions.",
		Example: "  millrace score -c payments.yaml",
		Args:    exactly(0, "no arguments"),
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.runStages(cmd.Context(), f, l, false, true) },
	}
	f.register(cmd)
	cmd.Flags().BoolVar(&l.allowGaps, "allow-gaps", false, "go on where events were lost")
	return cmd
}

// runStages runs the stages until ctx ends or one of them fails. An end that comes while a server or a topic is still
// waited for is as clean as any.
func (a *app) runStages(ctx context.Context, f runFlags, lf learnFlags, learn, score bool) error {
	err := a.openAndRun(ctx, f, lf, learn, score)
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

func (a *app) openAndRun(ctx context.Context, f runFlags, lf learnFlags, learn, score bool) error {
	p, err := loadPipeline(f.config)
	if err != nil {
		return err
	}
	log, err := a.logger()
	if err != nil {
		return err
	}
	if !learn || !score {
		if p.Kafka.Mode == "embedded" || p.Redis.Mode == "embedded" {
			return usagef("learn and score in separate processes need kafka.brokers and redis.url; embedded servers live inside one process: use run")
		}
	}
	if f.environmentOptions != (environmentOptions{}) && p.Kafka.Mode != "embedded" && p.Redis.Mode != "embedded" {
		return usagef("--data-dir, --embedded-kafka and --embedded-redis are for embedded servers, and %s names real ones", f.config)
	}
	var challengers []*config.Pipeline
	if learn {
		if challengers, err = loadChallengers(p, challengerFiles(p, f.config, lf.challengers)); err != nil {
			return err
		}
	}
	e, err := openEnvironment(ctx, p, f.environmentOptions, log)
	if err != nil {
		return err
	}
	defer e.Close()
	e.addChallengers(challengers)
	s := &stages{env: e}
	if err := s.open(ctx, f, lf, learn, score); err != nil {
		return err
	}
	return s.run(ctx, lf)
}

// stages are the parts of one run.
type stages struct {
	env      *environment
	admin    *webServer
	learning *learning
	scoring  *scoring
	learner  atomic.Pointer[learner.Learner] // the one at work; nil without a learning stage
	started  atomic.Bool
	// onLearning is told of the learner at work, again after a reload; may be nil.
	onLearning func(*learning)
	onScore    func(key, value []byte)

	// Around the stages: the admin server, and what keeps embedded servers going. It starts before them, because they may
	// wait for a topic for long, and ends after them.
	around     errgroup.Group
	stopAround context.CancelFunc
}

func (s *stages) open(ctx context.Context, f runFlags, lf learnFlags, learn, score bool) error {
	address := f.admin
	if address == "" {
		address = s.env.pipeline.Admin.Listen
	}
	var err error
	if s.admin, err = newAdmin(address, f.pprof || s.env.pipeline.Admin.PProf, s.env, s.ready); err != nil {
		return err
	}
	around, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.stopAround = stop
	s.env.run(around, &s.around)
	s.around.Go(func() error { return s.admin.Run(around) })
	if err := s.openParts(ctx, around, lf, learn, score); err != nil {
		stop()
		_ = s.around.Wait() // what is told is why opening failed
		return err
	}
	return nil
}

func (s *stages) openParts(ctx, around context.Context, lf learnFlags, learn, score bool) (err error) {
	if score { // before the learner waits for the topic: what is sent meanwhile is to be scored
		if err := placeScoring(ctx, s.env); err != nil {
			return err
		}
	}
	if learn {
		if s.learning, err = openLearning(ctx, s.env, lf); err != nil {
			return err
		}
	}
	if score {
		if s.scoring, err = openScoring(ctx, s.env, lf.allowGaps, s.onScore); err != nil {
			return err
		}
		return s.openHTTP(around)
	}
	return nil
}

// openHTTP answers single events when the pipeline names an address for it.
func (s *stages) openHTTP(around context.Context) error {
	server, err := newScoreServer(s.scoring)
	if server == nil || err != nil {
		return err
	}
	s.env.log.Info("answering POST /v1/score", "address", "http://"+server.Address())
	s.around.Go(func() error { return server.Run(around) })
	return nil
}

// tellEvery is how often a run says how it is doing: often enough to be looked at, rarely enough for a log.
const tellEvery = 30 * time.Second

// tell writes a line now and then until all stages have ended. A live view that has hooked in says it better.
func (s *stages) tell(ended <-chan struct{}) {
	ticker := time.NewTicker(tellEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ended:
			return
		case <-ticker.C:
			if s.onLearning == nil {
				s.env.log.Info("going on", s.figures()...)
				s.tellChallengers("going on")
			}
		}
	}
}

// figures are what a log line tells of a run.
func (s *stages) figures() []any {
	figures := []any{"pipeline", s.env.pipeline.Name}
	if l := s.learner.Load(); l != nil {
		figures = append(figures, learnerFigures(l.Status(), s.env.pipeline.Target().Classes)...)
	}
	if s.scoring != nil {
		figures = append(figures, "scored", s.scoring.loop.Scored(), "unscored", s.scoring.loop.Finished()-s.scoring.loop.Scored())
	}
	return figures
}

// learnerFigures are what a log line tells of a learner.
func learnerFigures(status learner.Status, classes int) []any {
	figures := []any{"learned", status.Learned, "rejected", status.Rejected, "version", status.Head.Seq}
	if classes > 0 {
		figures = append(figures, "log_loss", round4(status.Fading.LogLoss), "majority_log_loss", round4(status.FadingMajority.LogLoss))
	} else {
		figures = append(figures, "mae", round4(status.Fading.MAE), "mean_mae", round4(status.FadingMajority.MAE))
	}
	if classes == 2 {
		figures = append(figures, "roc_auc", round4(status.FadingBinary.ROCAUC))
	}
	return figures
}

// tellChallengers writes a line for each challenger, with the same figures as its champion's.
func (s *stages) tellChallengers(what string) {
	for _, c := range s.env.challengers {
		if l := c.learner.Load(); l != nil {
			c.env.log.Info(what, learnerFigures(l.Status(), c.env.pipeline.Target().Classes)...)
		}
	}
}

// ready reports why the process does not do its work yet.
func (s *stages) ready() error {
	if !s.started.Load() {
		return errors.New("starting")
	}
	if s.scoring != nil && s.scoring.scorer.Current() == nil {
		return errors.New("waiting for the first snapshot")
	}
	return nil
}

// run runs all parts. Learning and scoring drain on their own; the servers around them end last.
func (s *stages) run(ctx context.Context, lf learnFlags) error {
	defer s.stopAround()
	s.env.log.Info("running", "pipeline", s.env.pipeline.Name, "admin", "http://"+s.admin.Address(),
		"learning", s.learning != nil, "scoring", s.scoring != nil)
	s.started.Store(true)

	g, inner := errgroup.WithContext(ctx)
	var parts sync.WaitGroup
	part := func(run func() error) {
		parts.Add(1)
		g.Go(func() error {
			defer parts.Done()
			return run()
		})
	}
	if s.learning != nil {
		part(func() error {
			return learnUntil(inner, s.learning, lf, func(l *learning) {
				s.learner.Store(l.learner)
				if s.onLearning != nil {
					s.onLearning(l)
				}
			})
		})
	}
	if s.scoring != nil {
		part(func() error { return s.scoring.run(inner) })
	}
	for _, c := range s.env.challengers {
		part(func() error { return c.run(inner, lf.ofChallengers()) })
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		parts.Wait()
	}()
	s.tell(ended)
	err := g.Wait()
	s.stopAround()
	if aroundErr := s.around.Wait(); err == nil {
		err = aroundErr
	}
	if err == nil || errors.Is(err, context.Canceled) && ctx.Err() != nil {
		s.env.log.Info("stopped", s.figures()...)
		s.tellChallengers("stopped")
		return nil
	}
	var gap *millrace.GapError
	if errors.As(err, &gap) {
		err = fmt.Errorf("%w; to go on from there without the lost events, run with --allow-gaps", err)
	}
	return fmt.Errorf("running %s: %w", s.env.pipeline.Name, err)
}
