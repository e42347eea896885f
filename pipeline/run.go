// Package pipeline is one running pipeline, for the binary and for whoever embeds it: it builds a pipeline from its
// file, opens servers, learner, scorer and challengers, runs them, and publishes versions that were made elsewhere. The
// rules of a pipeline's life stand here: resuming, fencing, promotion, shutting down. What fits what is compared in
// config/fits.go.
//
// Open and Pipeline.Run are for what runs, Pipeline.Status says how it does. Load and Build make a pipeline's pieces
// without running it. Publish, Promote and Rollback are for versions in a store. Mistakes of a file or of options are
// a config.UsageError or config.Errors; all other errors are failures of the moment.
package pipeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"millrace"
	"millrace/config"
	"millrace/learner"
	"millrace/pipeline/running"
	"millrace/web"
)

// Pipeline is one running pipeline: a broker and a store, embedded or external, and the stages on them.
type Pipeline struct {
	env      *environment
	o        Options
	admin    *web.Server
	answers  *web.Server // nil without an address for single events
	learning *learning
	scoring  *scoring
	learner  atomic.Pointer[learner.Learner] // the one at work; nil before it begins and without a learning stage
	opened   atomic.Bool                     // all of the above is made
	started  atomic.Bool
	// onLearning is told of the learner at work, again after a reload; tests set it.
	onLearning func(*learning)

	// Around the stages: the admin server, and what keeps embedded servers going. It starts before them, because they
	// may wait for a topic for long, and ends after them. broken is done when something of it fails.
	around     *errgroup.Group
	stopAround context.CancelFunc
	broken     context.Context
	// notice says to other commands where the process listens; nil where nothing is said. instance is its id, since
	// when it started.
	notice   *running.Notice
	instance string
	since    time.Time
	// abandoned says that Run has given something up that still runs.
	abandoned atomic.Bool
}

// Run opens a pipeline and runs it until ctx ends or a stage fails. An end that comes while a server or a topic is
// still waited for is as clean as any.
func Run(ctx context.Context, o Options) error {
	err := openAndRun(ctx, o)
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

func openAndRun(ctx context.Context, o Options) error {
	r, err := Open(ctx, o)
	if err != nil {
		return err
	}
	defer r.Close()
	return r.Run(ctx)
}

// Open reaches or starts the servers, takes ownership of the model where it is to learn, and prepares the stages. Run
// must follow, then Close. What the options and the file cannot have together is a config.UsageError, before anything
// starts.
func Open(ctx context.Context, o Options) (*Pipeline, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	var challengers []*config.Pipeline
	if o.Learn {
		var err error
		if challengers, err = loadChallengers(o.Config, challengerFiles(o.Config, o.File, o.Challengers)); err != nil {
			return nil, err
		}
	}
	return open(ctx, o, challengers)
}

func open(ctx context.Context, o Options, challengers []*config.Pipeline) (*Pipeline, error) {
	e, err := openEnvironment(ctx, o)
	if err != nil {
		return nil, err
	}
	e.addChallengers(challengers)
	r := &Pipeline{env: e, o: o, instance: newInstance(), since: time.Now()}
	if err := r.open(ctx); err != nil {
		r.withdraw()
		e.Close()
		return nil, err
	}
	return r, nil
}

// Close ends connections and embedded servers, after Run. What Run has given up keeps what it holds.
func (r *Pipeline) Close() {
	r.withdraw()
	if !r.abandoned.Load() {
		r.env.Close()
	}
}

func (r *Pipeline) open(ctx context.Context) error {
	var err error
	if r.admin, err = newAdmin(r.o, r.env, r.Status); err != nil {
		return err
	}
	around, stop := context.WithCancel(context.WithoutCancel(ctx))
	r.stopAround = stop
	r.around, r.broken = errgroup.WithContext(around)
	r.hold()
	r.env.run(around, r.around)
	r.around.Go(func() error { return r.admin.Run(around) })
	r.announce(ctx) // before topics are waited for: who fills them finds the broker by it
	if notice := r.notice; notice != nil {
		r.around.Go(func() error {
			r.keepNotice(around, notice)
			return nil
		})
	}
	if err := r.openParts(ctx, around); err != nil {
		stop()
		_ = r.around.Wait() // what is told is why opening failed
		return err
	}
	r.opened.Store(true)
	r.announce(ctx)
	return nil
}

func (r *Pipeline) openParts(ctx, around context.Context) (err error) {
	if r.o.Score { // before the learner waits for the topic: what is sent meanwhile is to be scored
		if err := placeScoring(ctx, r.env, r.o.AllowGaps); err != nil {
			return err
		}
	}
	if r.o.Learn {
		r.env.tellLearner()
		for _, c := range r.env.challengers {
			c.env.tellLearner()
		}
		if r.learning, err = openLearning(ctx, r.env, r.o); err != nil {
			return err
		}
		r.learner.Store(r.learning.learner)
	}
	if r.o.Score {
		if r.scoring, err = openScoring(ctx, r.env, r.o); err != nil {
			return err
		}
		return r.openHTTP(around)
	}
	return nil
}

// openHTTP answers single events when the pipeline names an address for it.
func (r *Pipeline) openHTTP(around context.Context) error {
	server, err := newScoreServer(r.scoring)
	if server == nil || err != nil {
		return err
	}
	r.answers = server
	r.env.log.Info("answering POST /v1/score", "address", "http://"+server.Address())
	r.around.Go(func() error { return server.Run(around) })
	return nil
}

// tellFigures writes a line for the pipeline and one for each challenger, with the same figures as its champion's.
func (r *Pipeline) tellFigures(what string) {
	s := r.Status()
	r.env.log.Info(what, figures(s)...)
	for i, c := range r.env.challengers {
		if told := learnerFigures(s.Challengers[i]); told != nil {
			c.env.log.Info(what, told...)
		}
	}
}

// Run runs all stages until ctx ends, or one of them or a server around them fails. Learning and scoring drain on their
// own; the servers around them end last. It returns within the shutdown timeout after that, with an error when
// something had to be given up.
func (r *Pipeline) Run(ctx context.Context) error {
	defer r.stopAround()
	r.env.log.Info("running", "pipeline", r.env.pipeline.Name, "admin", "http://"+r.admin.Address(),
		"learning", r.learning != nil, "scoring", r.scoring != nil)
	for _, c := range r.env.challengers {
		c.env.log.Info("learning beside it, never served", "champion", r.env.pipeline.Name, "family", c.env.pipeline.Model.Type)
	}
	r.started.Store(true)

	stages, stop := context.WithCancel(ctx)
	defer stop()
	defer context.AfterFunc(stages, r.release)()
	r.around.Go(func() error { return r.watchHeld(r.broken) })
	defer context.AfterFunc(r.broken, stop)() // nobody would notice a server that no longer answers
	g, inner := errgroup.WithContext(stages)
	if r.learning != nil {
		g.Go(func() error { return r.learn(inner) })
	}
	if r.scoring != nil {
		g.Go(func() error { return r.scoring.run(inner) })
	}
	for _, c := range r.env.challengers {
		g.Go(func() error { return c.run(inner, r.o.ofChallengers()) })
	}
	err := r.wait(inner, func() error {
		err := g.Wait()
		r.stopAround()
		return cmp.Or(r.around.Wait(), err) // a server that failed is why the stages ended
	})
	if err == nil || errors.Is(err, context.Canceled) && ctx.Err() != nil {
		r.tellFigures("stopped")
		return nil
	}
	return fmt.Errorf("running %s: %w", r.env.pipeline.Name, wayOn(err))
}

// wayOn adds to an error about lost events how to go on without them.
func wayOn(err error) error {
	var gap *millrace.GapError
	switch {
	case !errors.As(err, &gap) || gap.OtherCluster != "":
		return err
	case gap.Anew():
		return fmt.Errorf("%w; to go on at the new topic's beginning, run with --allow-gaps", err)
	}
	return fmt.Errorf("%w; to go on from there without the lost events, run with --allow-gaps", err)
}

// learn learns until ctx ends. A learner that another one fences ends alone where events are scored as well: what is
// served does not depend on who makes it.
func (r *Pipeline) learn(ctx context.Context) error {
	err := learnUntil(ctx, r.learning, r.o, func(l *learning) {
		r.learner.Store(l.learner)
		if r.scoring != nil {
			r.scoring.windows.compare(l)
		}
		if r.onLearning != nil {
			r.onLearning(l)
		}
	})
	var taken *takenError
	if r.scoring == nil || !errors.As(err, &taken) {
		return err
	}
	r.env.endLearning(err)
	r.env.log.Error("another learner owns the model: learning ends here, scoring goes on", "owner", taken.by, "epoch", taken.epoch,
		"error", taken.err)
	return nil
}
