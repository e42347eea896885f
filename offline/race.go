package offline

import (
	"context"
	"errors"
	"reflect"
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"millrace/config"
	"millrace/learner"
)

// race learns a file with several contenders at once. Those that read events in the same way share one reading and
// decoding of the file. Each contender takes all events in their order, so that how the work is spread over processors
// changes nothing about the results.
type race struct {
	data       Data
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
// a *NoneLearnedError; one that is not there, or without the times that labels are merged by, or a race without a
// contender that could be built, is a config.UsageError. When ctx is cancelled after rows were learned, the contenders
// have their figures, and it is an *InterruptedError.
//
// Contenders were made of what data.Pipeline says.
func Race(ctx context.Context, data Data, contenders []*Contender, progress Progress) error {
	size, err := data.size()
	if err != nil {
		return err
	}
	r := &race{data: data, slots: make(chan struct{}, runtime.GOMAXPROCS(0))}
	for _, c := range contenders {
		if c.Err == nil {
			if err := c.begin(); err != nil {
				return err
			}
			r.contenders = append(r.contenders, c)
		}
	}
	r.share()
	if len(r.contenders) == 0 {
		return config.UsageError{Err: errors.Join(Failures(contenders)...)}
	}
	lanes, err := r.lanes()
	defer func() {
		for _, l := range lanes {
			l.close()
		}
	}()
	if err != nil {
		return err
	}
	for _, l := range lanes {
		l.part()
	}
	r.progress = progress(size * int64(len(lanes)))
	start := time.Now()
	g, reading := errgroup.WithContext(ctx)
	for _, l := range lanes {
		g.Go(func() error { return l.run(reading) })
	}
	calledOff := g.Wait()
	if calledOff != nil && (ctx.Err() == nil || !errors.Is(calledOff, context.Canceled)) {
		return calledOff
	}
	for _, l := range lanes {
		for _, c := range l.contenders {
			c.end(time.Since(start), l)
		}
	}
	if calledOff != nil {
		return r.interrupted(calledOff)
	}
	if err := r.contenders[0].Pass.untimed(); err != nil {
		return err
	}
	if first := r.contenders[0]; first.Pass.Learned == 0 {
		return &NoneLearnedError{File: data.Events, Pass: first.Pass}
	}
	return nil
}

// interrupted is calledOff, or says after how much where every contender has figures.
func (r *race) interrupted(calledOff error) error {
	events := uint64(0)
	for _, c := range r.contenders {
		if c.Pass.Learned == 0 {
			return calledOff
		}
		events = max(events, c.Pass.Events)
		c.Pass.Interrupted = true
	}
	return &InterruptedError{Events: events}
}

// share gives contenders the cores that the parts of their models run on: all others that there are, and to several
// those that nobody works on. A single one does not wait for reading and decoding, which take little.
func (r *race) share() {
	room, shared := r.slots, true
	if len(r.contenders) == 1 {
		shared = false
		room = make(chan struct{}, cap(r.slots)-1)
	}
	for _, c := range r.contenders {
		c.cores = learner.NewCores(room, shared)
	}
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
		l, err := newLane(r, c)
		lanes = append(lanes, l)
		if err != nil {
			return lanes, err
		}
	}
	return lanes, nil
}
