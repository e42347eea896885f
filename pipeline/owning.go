package pipeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"millrace"
	"millrace/store"
)

// run learns until ctx ends. Sources and the producer outlive the learner's drain. started is told when the learner is
// at work.
func (l *learning) run(ctx context.Context, started func(*learning)) error {
	defer l.takeOverflow()()
	parts := []part{{"reading events", l.source.Run}, {"writing dead letters", l.producer.Run}, {"watching the model's owner", l.watchOwner}}
	if l.labels != nil {
		parts = append(parts, part{"reading labels", l.labels.Run})
	}
	partErr, learnErr := runAround(ctx, func(ctx context.Context) error {
		if l.learner == nil {
			if err := l.prepare(ctx); err != nil {
				return err
			}
		}
		started(l)
		err := l.learner.Run(ctx)
		if err == nil {
			l.copyAgain(ctx)
		}
		return err
	}, parts...)
	if l.merger != nil {
		l.merger.Close()
	}
	return cmp.Or(partErr, learnErr)
}

// ownerEvery is how often a learner looks whether it still owns its model: a person's flip, or another learner, is then
// noticed also while no events come and nothing is published.
const ownerEvery = time.Second

// watchOwner ends with an error that wraps millrace.ErrFenced when a newer epoch owns the model. When the store has
// lost what this learner published it has that published again.
func (l *learning) watchOwner(ctx context.Context) error {
	ticker := time.NewTicker(ownerEvery)
	defer ticker.Stop()
	for lost := false; ; {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		switch err := l.writer.Standing(ctx); {
		case err == nil:
			lost = false
		case errors.Is(err, millrace.ErrFenced):
			return err
		case errors.Is(err, millrace.ErrEpochLost):
			if !lost {
				lost = true
				l.env.log.Warn("the store has lost what was published; publishing it again", "model", l.env.pipeline.Name, "error", err)
			}
			if l.atWork.Load() {
				l.learner.PublishAgain()
			}
		}
		// Otherwise Redis is away, and nobody else can take the model either.
	}
}

// takenError is the error of a learner that another one fenced by right. It wraps millrace.ErrFenced.
type takenError struct {
	by    string
	epoch uint64
	err   error
}

func (e *takenError) Error() string {
	return fmt.Sprintf("%v (now %s, epoch %d)", e.err, e.by, e.epoch)
}
func (e *takenError) Unwrap() error { return e.err }

// learnUntil learns until ctx ends, and reloads after a person's flip. It ends with a *takenError when another learner
// owns the model.
func learnUntil(ctx context.Context, l *learning, o Options, started func(*learning)) error {
	o.Fresh = false // what it was opened with; reloading goes on from what a person chose
	for {
		err := l.run(ctx, started)
		switch {
		case !errors.Is(err, millrace.ErrFenced):
			return err
		case ctx.Err() != nil:
			return l.endFenced(ctx, err)
		}
		if l, err = reload(ctx, l, err, o); err != nil {
			return err
		}
	}
}

// endFencedTimeout bounds the question who flipped the model, when the process is to end.
const endFencedTimeout = 2 * time.Second

// endFenced is the end of a learner whose last snapshot was refused. Where a person flipped the model that is as clean
// as any: what the snapshot would have held is learned again from what the person chose.
func (l *learning) endFenced(ctx context.Context, fenced error) error {
	asking, stop := context.WithTimeout(context.WithoutCancel(ctx), endFencedTimeout)
	defer stop()
	if err := l.flippedByPerson(asking, fenced, true); err != nil {
		return err
	}
	return ctx.Err()
}

// reloadEvery is how long a learner is at work at least before it reloads. Who flips versions in a loop then has
// learners load one a second, and not as many as the store answers for.
const reloadEvery = time.Second

// reload opens the learner anew that was fenced by a person's flip. fenced says how it ended.
func reload(ctx context.Context, l *learning, fenced error, o Options) (*learning, error) {
	began := l.opened
	for {
		if err := l.flippedByPerson(ctx, fenced, false); err != nil {
			return nil, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(time.Until(began.Add(reloadEvery))):
		}
		began = time.Now()
		next, err := openLearning(ctx, l.env, o)
		if !errors.Is(err, millrace.ErrFenced) {
			return next, err
		}
		fenced = err // again, while it was being opened
	}
}

// flippedByPerson is nil when it was a person who fenced the learner, so that it should reload, or may end well.
func (l *learning) flippedByPerson(ctx context.Context, fenced error, ending bool) error {
	head, owner, err := l.whoOwns(ctx)
	if err != nil {
		return errors.Join(fenced, err)
	}
	// A learner that came after the person's flip owns the model by right. Taking it back would fence that one,
	// which would take it back in turn.
	if !head.Cause.ByPerson() || owner.Epoch != head.Epoch {
		return &takenError{by: owner.By, epoch: owner.Epoch, err: fenced}
	}
	what := "a person flipped the model; reloading"
	if ending {
		what = "a person flipped the model; the last snapshot is not published, and the next start learns again from there"
	}
	l.env.log.Info(what, "cause", head.Cause, "by", head.By, "seq", head.Seq)
	return nil
}

// whoOwns asks what the head is and whose the model, for as long as the pipeline file says while Redis is away.
func (l *learning) whoOwns(ctx context.Context) (head millrace.Head, owner store.Owner, err error) {
	p := l.env.pipeline
	err = reached(ctx, l.env.log, "Redis", p.Redis.Retry, func(ctx context.Context) error {
		if head, err = l.env.store.Head(ctx, p.Name); err != nil {
			return err
		}
		owner, err = l.env.store.Owner(ctx, p.Name)
		return err
	})
	return head, owner, err
}
