package offline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"millrace"
	"millrace/decode"
)

// lane is one reading of the data, with the contenders that share it.
type lane struct {
	race       *race
	decoder    *decode.Decoder
	feed       feed
	contenders []*Contender
	present    []bool // by feature: whether an event had a value of it
	seen       int64

	chunk  []slot            // decoded and not yet learned
	used   []*millrace.Batch // used up with the chunk
	rest   stretch           // what the chunk had no room for
	events []*millrace.Event // for the slots, reused
}

// slot is one record of a chunk. Contenders read it side by side.
type slot struct {
	record *millrace.Record
	event  *millrace.Event // what it was decoded to
	fault  error           // why it could not be
}

func newLane(r *race, c *Contender, f feed) *lane {
	return &lane{race: r, decoder: c.Pieces.Decoder, feed: f, contenders: []*Contender{c},
		present: make([]bool, len(c.Pieces.Decoder.NewEvent().Fields))}
}

// chunkRecords is how many records are decoded before they are learned: few enough to stay in the processor's cache,
// many enough that contenders seldom wait for each other.
const chunkRecords = 256

func (l *lane) run(ctx context.Context) error {
	for {
		ended, err := l.fill(ctx)
		if err != nil {
			return fmt.Errorf("reading %s: %w", l.race.path, err)
		}
		l.learn()
		for _, b := range l.used {
			b.Release()
		}
		l.used = l.used[:0]
		if ended {
			return nil
		}
		read := l.feed.read()
		l.race.progress(l.race.read.Add(read - l.seen))
		l.seen = read
	}
}

// fill decodes the next records, as many as a chunk has; ended says that no more follow.
func (l *lane) fill(ctx context.Context) (ended bool, err error) {
	l.chunk = l.chunk[:0]
	for len(l.chunk) < chunkRecords {
		s := l.rest
		if s.batch == nil {
			if s, err = l.feed.next(ctx); errors.Is(err, io.EOF) {
				return true, nil
			} else if err != nil {
				return false, err
			}
		}
		to := min(s.to, s.from+chunkRecords-len(l.chunk))
		l.decode(s.batch.Records[s.from:to])
		l.rest = stretch{}
		if s.from = to; s.from < s.to {
			l.rest = s
		} else if s.last {
			l.used = append(l.used, s.batch)
		}
	}
	return false, nil
}

func (l *lane) decode(records []millrace.Record) {
	l.race.slots <- struct{}{}
	defer func() { <-l.race.slots }()
	for i := range records {
		if len(l.events) == len(l.chunk) {
			l.events = append(l.events, l.decoder.NewEvent())
		}
		s := slot{record: &records[i], event: l.events[len(l.chunk)]}
		if fault := records[i].Fault; fault != nil { // nothing of it is there to be decoded
			s.fault = fault
		} else {
			s.fault = l.decoder.Decode(&records[i], s.event)
		}
		l.chunk = append(l.chunk, s)
		if s.fault != nil {
			continue
		}
		for f := range s.event.Fields {
			l.present[f] = l.present[f] || s.event.Fields[f].Presence == millrace.Present
		}
	}
}

// learn gives the chunk to every contender. The slowest so far begins, so that nobody is left alone at the end with the
// longest piece of work.
func (l *lane) learn() {
	if len(l.contenders) == 1 {
		l.race.slots <- struct{}{}
		l.contenders[0].learn(l.chunk)
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
				l.contenders[i].learn(l.chunk)
				<-l.race.slots
			}
		})
	}
	_ = g.Wait() // they return no errors
}
