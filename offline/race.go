package offline

import (
	"context"
	"errors"
	"fmt"
	"os"
	"reflect"
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"millrace/config"
	"millrace/files"
)

// race learns a file with several contenders at once. Those that read events in the same way share one reading and
// decoding of the file. Each contender takes all events in their order, so that how the work is spread over processors
// changes nothing about the results.
type race struct {
	path       string
	contenders []*Contender // those that could be built
	read       atomic.Int64 // bytes of the file, over all lanes
	progress   func(read int64)
	// slots bounds how many goroutines work at once, so that what a contender takes is its own time and not its
	// neighbours'.
	slots chan struct{}
}

// Progress is told how many bytes will be read in all, and gives what is told of those that were.
type Progress func(total int64) func(read int64)

// Race learns the whole file once with every contender that could be built. A file without a row that can be learned is
// a
// *NoneLearnedError; one that is not there, or a race without a contender that could be built, is a config.UsageError.
func Race(ctx context.Context, path string, contenders []*Contender, progress Progress) error {
	size, err := fileSize(path)
	if err != nil {
		return err
	}
	r := &race{path: path, slots: make(chan struct{}, runtime.GOMAXPROCS(0))}
	for _, c := range contenders {
		if c.Err == nil {
			c.begin()
			r.contenders = append(r.contenders, c)
		}
	}
	if len(r.contenders) == 0 {
		return config.UsageError{Err: errors.Join(Failures(contenders)...)}
	}
	lanes, err := r.lanes()
	defer func() {
		for _, l := range lanes {
			l.feed.close()
		}
	}()
	if err != nil {
		return err
	}
	r.progress = progress(size * int64(len(lanes)))
	start := time.Now()
	g, ctx := errgroup.WithContext(ctx)
	for _, l := range lanes {
		g.Go(func() error { return l.run(ctx) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for _, l := range lanes {
		for _, c := range l.contenders {
			c.Pass.Elapsed, c.Pass.present = time.Since(start), l.present
			c.Curve.end(c.Pass.Events, c.Pieces.Trainer.Progressive)
		}
	}
	if first := r.contenders[0]; first.Pass.Learned == 0 {
		return &NoneLearnedError{File: path, Pass: first.Pass}
	}
	return nil
}

func fileSize(path string) (int64, error) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, config.UsageError{Err: fmt.Errorf("opening data: %w", err)}
	}
	return info.Size(), nil
}

// lanes puts contenders that decode alike together.
func (r *race) lanes() ([]*lane, error) {
	var lanes []*lane
	for _, c := range r.contenders {
		i := slices.IndexFunc(lanes, func(l *lane) bool {
			return reflect.DeepEqual(l.contenders[0].Pipeline.DecodeSpec(), c.Pipeline.DecodeSpec())
		})
		if i >= 0 {
			lanes[i].contenders = append(lanes[i].contenders, c)
			continue
		}
		source, err := files.Open(r.path, c.Pieces.Files)
		if err != nil {
			return lanes, err
		}
		lanes = append(lanes, newLane(r, c, &wholeFile{source}))
	}
	return lanes, nil
}
