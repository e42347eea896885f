package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"millrace"
	"millrace/config"
	"millrace/decode"
	"millrace/files"
	"millrace/pipeline"
)

// contender is one of several models that learn the same events side by side, each with features and weights of its own.
type contender struct {
	name     string
	pipeline *config.Pipeline
	pieces   *pipeline.Pieces // nil when it could not be built
	err      error            // why
	pass     pass
	busy     time.Duration // spent on extracting, predicting and learning
	curve    curve
}

// newContender builds a contender, or keeps why that is not possible: the others go on.
func newContender(name string, p *config.Pipeline) *contender {
	c := &contender{name: name, pipeline: p, pass: pass{Rejected: map[millrace.Reason]uint64{}}}
	c.curve = newCurve(p.Target().Classes > 0)
	if found := p.Model.Validate(p.Target()); len(found) > 0 {
		c.err = errors.New(found[0].Message) // shorter than New's, which speaks of a file
		return c
	}
	c.pieces, c.err = pipeline.Build(p)
	return c
}

// learn takes one chunk of decoded events, in order.
func (c *contender) learn(records []millrace.Record, events []*millrace.Event, faults []error) {
	start := time.Now()
	for i := range records {
		err := faults[i]
		if err == nil {
			err = c.pieces.Trainer.Apply(events[i])
		}
		c.pass.count(&records[i], err)
		c.curve.add(c.pass.Events, c.pieces.Trainer.Progressive)
	}
	c.busy += time.Since(start)
}

// eventsPerSecond is how fast the contender alone learns events that are decoded.
func (c *contender) eventsPerSecond() float64 {
	return float64(c.pass.Events) / max(c.busy.Seconds(), 1e-9)
}

// stateBytes is the size of what a snapshot of the contender holds.
func (c *contender) stateBytes() int64 {
	b := c.pieces.Layout.NewBuffer()
	return int64(len(b.Serving()) + len(b.Training()))
}

// race learns a file with several contenders at once. Those that read events in the same way share one reading and decoding
// of the file. Each contender takes all events in their order, so that how the work is spread over processors changes
// nothing about the results.
type race struct {
	path       string
	contenders []*contender // those that could be built
	read       atomic.Int64 // bytes of the file, over all lanes
	progress   func(read int64)
	// slots bounds how many goroutines work at once, so that what a contender takes is its own time and not its
	// neighbours'.
	slots chan struct{}
}

// lane is one reading of the file, with the contenders that share it.
type lane struct {
	race       *race
	decoder    *decode.Decoder
	source     *files.Source
	contenders []*contender
	events     []*millrace.Event
	faults     []error
	seen       int64
}

// runRace learns the whole file with every contender that could be built. start is told how many bytes will be read in all,
// and gives what is told of those that were.
func runRace(ctx context.Context, path string, contenders []*contender, start func(total int64) func(read int64)) error {
	size, err := fileSize(path)
	if err != nil {
		return err
	}
	r := &race{path: path, slots: make(chan struct{}, runtime.GOMAXPROCS(0))}
	for _, c := range contenders {
		if c.err == nil {
			r.contenders = append(r.contenders, c)
		}
	}
	lanes, err := r.lanes()
	defer func() {
		for _, l := range lanes {
			_ = l.source.Close() // a file that was only read
		}
	}()
	if err != nil {
		return err
	}
	r.progress = start(size * int64(len(lanes)))
	g, ctx := errgroup.WithContext(ctx)
	for _, l := range lanes {
		g.Go(func() error { return l.run(ctx) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for _, c := range r.contenders {
		c.curve.end(c.pass.Events, c.pieces.Trainer.Progressive)
	}
	return nil
}

// lanes puts contenders that decode alike together.
func (r *race) lanes() ([]*lane, error) {
	var lanes []*lane
	for _, c := range r.contenders {
		i := slices.IndexFunc(lanes, func(l *lane) bool {
			return reflect.DeepEqual(l.contenders[0].pipeline.DecodeSpec(), c.pipeline.DecodeSpec())
		})
		if i >= 0 {
			lanes[i].contenders = append(lanes[i].contenders, c)
			continue
		}
		source, err := files.Open(r.path, c.pieces.Files)
		if err != nil {
			return lanes, err
		}
		lanes = append(lanes, &lane{race: r, decoder: c.pieces.Decoder, source: source, contenders: []*contender{c}})
	}
	return lanes, nil
}

func (l *lane) run(ctx context.Context) error {
	for {
		b, err := l.source.Next(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading %s: %w", l.race.path, err)
		}
		l.decode(b.Records)
		l.learn(b.Records)
		b.Release()
		read := l.source.Read()
		l.race.progress(l.race.read.Add(read - l.seen))
		l.seen = read
	}
}

func (l *lane) decode(records []millrace.Record) {
	l.race.slots <- struct{}{}
	defer func() { <-l.race.slots }()
	for len(l.events) < len(records) {
		l.events = append(l.events, l.decoder.NewEvent())
	}
	l.faults = l.faults[:0]
	for i := range records {
		l.faults = append(l.faults, l.decoder.Decode(&records[i], l.events[i]))
	}
}

// learn gives the chunk to every contender. The slowest so far begins, so that nobody is left alone at the end with the
// longest piece of work.
func (l *lane) learn(records []millrace.Record) {
	slices.SortStableFunc(l.contenders, func(a, b *contender) int { return cmp.Compare(b.busy, a.busy) })
	var next atomic.Int64
	var g errgroup.Group
	for range min(cap(l.race.slots), len(l.contenders)) {
		g.Go(func() error {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(l.contenders) {
					return nil
				}
				l.race.slots <- struct{}{}
				l.contenders[i].learn(records, l.events, l.faults)
				<-l.race.slots
			}
		})
	}
	_ = g.Wait() // they return no errors
}
