package pipeline

import (
	"cmp"
	"context"
	"fmt"
	"time"
)

// ShutdownTimeout is how long the end may take, from the moment that it is asked for. Whoever starts processes waits
// for about as long before they are killed.
const ShutdownTimeout = 20 * time.Second

func (o *Options) shutdown() time.Duration { return cmp.Or(o.ShutdownTimeout, ShutdownTimeout) }

// closing is the part of a shutdown that comes after the stages' drain: leaving the group (3 s at most) and answering
// the requests over HTTP that have begun (1 s).
const closing = 5 * time.Second

// drain is how long the stages have to finish: the last snapshot, acknowledgements, commits. All of them count from the
// same moment.
func (o *Options) drain() time.Duration { return max(o.shutdown()-closing, o.shutdown()/2) }

// tellEvery is how often a run says how it is doing: often enough to be looked at, rarely enough for a log.
const tellEvery = 30 * time.Second

// wait waits for all stages to end, and writes a line now and then meanwhile. stages ends when the stages are to; every
// wait of theirs is bounded by less than the shutdown timeout. What outlasts that nevertheless is given up.
func (r *Pipeline) wait(stages context.Context, all func() error) error {
	ended := make(chan error, 1)
	go func() { ended <- all() }()
	overdue := make(chan struct{})
	defer context.AfterFunc(stages, func() { time.AfterFunc(r.o.shutdown(), func() { close(overdue) }) })()
	ticker := time.NewTicker(tellEvery)
	defer ticker.Stop()
	for {
		select {
		case err := <-ended:
			return err
		case <-overdue:
			r.abandoned.Store(true)
			return fmt.Errorf("something still ran %s after the end was asked for, and was given up", r.o.shutdown())
		case <-ticker.C:
			if !r.o.Quiet {
				r.tellFigures("going on")
			}
		}
	}
}
