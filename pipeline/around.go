package pipeline

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"
)

// part is something long-lived that a stage needs around it, with what it does for its errors.
type part struct {
	doing string
	run   func(context.Context) error
}

// runAround runs stage until ctx ends, with parts that outlive its drain: they are ended when it has returned. A part
// that fails ends the stage. It answers what the first part to fail said, and what the stage said.
func runAround(ctx context.Context, stage func(context.Context) error, parts ...part) (partErr, stageErr error) {
	around, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	inner, fail := context.WithCancel(ctx)
	defer fail()
	var g errgroup.Group
	for _, p := range parts {
		g.Go(func() error {
			if err := p.run(around); err != nil && around.Err() == nil {
				fail()
				return fmt.Errorf("%s: %w", p.doing, err)
			}
			return nil
		})
	}
	stageErr = stage(inner)
	stop()
	return g.Wait(), stageErr
}
