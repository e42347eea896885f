package offline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
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

// lane is one reading of the file, with the contenders that share it.
type lane struct {
	race       *race
	decoder    *decode.Decoder
	source     *files.Source
	contenders []*Contender
	events     []*millrace.Event
	faults     []error
	present    []bool // by feature: whether an event had a value of it
	seen       int64
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
			_ = l.source.Close() // a file that was only read
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
		lanes = append(lanes, newLane(r, c, source))
	}
	return lanes, nil
}

func newLane(r *race, c *Contender, source *files.Source) *lane {
	return &lane{race: r, decoder: c.Pieces.Decoder, source: source, contenders: []*Contender{c},
		present: make([]bool, len(c.Pieces.Decoder.NewEvent().Fields))}
}

// chunkRecords is how many records are decoded before they are learned: few enough to stay in the processor's cache,
// many enough that contenders seldom wait for each other.
const chunkRecords = 256

func (l *lane) run(ctx context.Context) error {
	for {
		b, err := l.source.Next(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading %s: %w", l.race.path, err)
		}
		for records := range slices.Chunk(b.Records, chunkRecords) {
			l.decode(records)
			l.learn(records)
		}
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
		var err error
		if fault := records[i].Fault; fault != nil { // nothing of it is there to be decoded
			err = fault
		} else {
			err = l.decoder.Decode(&records[i], l.events[i])
		}
		l.faults = append(l.faults, err)
		if err != nil {
			continue
		}
		for f := range l.events[i].Fields {
			l.present[f] = l.present[f] || l.events[i].Fields[f].Presence == millrace.Present
		}
	}
}

// learn gives the chunk to every contender. The slowest so far begins, so that nobody is left alone at the end with the
// longest piece of work.
func (l *lane) learn(records []millrace.Record) {
	if len(l.contenders) == 1 {
		l.race.slots <- struct{}{}
		l.contenders[0].learn(records, l.events, l.faults)
		<-l.race.slots
		return
	}
	slices.SortStableFunc(l.contenders, func(a, b *Contender) int { return cmp.Compare(b.busy, a.busy) })
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
