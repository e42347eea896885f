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
	"millrace/config"
	"millrace/decode"
	"millrace/merge"
	"millrace/model"
)

// lane is one reading of the data, with the contenders that share it.
type lane struct {
	race       *race
	events     *decode.Decoder
	labels     *decode.Decoder // of labels that come later
	feed       feed
	files      []*fileTopic
	contenders []*Contender
	present    []bool // by feature: whether an event had a value of it
	rowIDs     bool   // events are known by their rows' numbers
	seen       int64
	ids        [2]string // the first of an event, and of a label that comes later

	rest merge.Stretch // what the chunk before had no room for
}

// chunk is records that are decoded and not yet learned.
type chunk struct {
	slots  []slot
	events [2]room           // that events, and labels that come later, are decoded into
	used   []*millrace.Batch // used up with the chunk
}

// room is events to decode into, as many as a chunk has needed.
type room struct {
	events []*millrace.Event
	used   int
}

// slot is one record of a chunk. Contenders read it side by side.
type slot struct {
	record *millrace.Record
	event  *millrace.Event // what it was decoded to
	fault  error           // why it could not be
	label  bool            // it is of a label, not of an event
}

func newLane(r *race, c *Contender) (l *lane, err error) {
	l = &lane{race: r, events: c.Pieces.Decoder, contenders: []*Contender{c},
		present: make([]bool, len(c.Pieces.Decoder.NewEvent().Fields)), rowIDs: c.Pipeline.Events.ID == ""}
	if r.data.late() {
		if l.labels, err = decode.New(r.data.labelSpec(c.Pipeline)); err != nil {
			return l, config.UsageError{Err: fmt.Errorf("compiling the schema of labels: %w", err)}
		}
	}
	l.feed, l.files, err = r.data.openFeed(c)
	return l, err
}

// part gives contenders that share events copies to write to.
func (l *lane) part() {
	for _, c := range l.contenders {
		c.own = nil
		if len(l.contenders) > 1 && c.writesEvents() {
			c.own = []*millrace.Event{l.events.NewEvent()}
		}
	}
}

// read is how many bytes of the files have been read.
func (l *lane) read() (n int64) {
	for _, f := range l.files {
		n += f.Read()
	}
	return n
}

func (l *lane) close() {
	for _, f := range l.files {
		_ = f.Close() // a file that was only read
	}
}

const (
	// chunkRecords is how many records are decoded before they are learned: few enough to stay in the processor's
	// cache, many enough that contenders seldom wait for each other, and decoding and learning seldom for one another;
	// and a multiple of what a model's parts take side by side.
	chunkRecords = 3 * model.ChunkEvents
	// chunksInFlight are one being decoded, one being learned, and one between them.
	chunksInFlight = 3
)

// run reads, decodes and learns, each on a goroutine of its own and in order. What was decoded before an error is
// learned.
func (l *lane) run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	reading, enough := context.WithCancel(ctx)
	defer enough()
	for _, f := range l.files {
		f.readAhead(reading, g)
	}
	free, ready := make(chan *chunk, chunksInFlight), make(chan *chunk, chunksInFlight)
	for range chunksInFlight {
		free <- &chunk{}
	}
	g.Go(func() error {
		defer close(ready)
		defer enough() // labels that would come after the last event are never asked for
		return l.decodeAll(ctx, free, ready)
	})
	for c := range ready {
		l.learn(c.slots)
		c.reset()
		free <- c
	}
	return g.Wait()
}

// decodeAll decodes to the end of the data.
func (l *lane) decodeAll(ctx context.Context, free <-chan *chunk, ready chan<- *chunk) error {
	for {
		var c *chunk
		select {
		case c = <-free:
		case <-ctx.Done():
			return ctx.Err()
		}
		ended, err := l.fill(ctx, c)
		if err != nil {
			return fmt.Errorf("reading %s: %w", l.race.data.Events, err)
		}
		ready <- c // has room for all that there are
		if ended {
			return nil
		}
		read := l.read()
		l.race.progress(l.race.read.Add(read - l.seen))
		l.seen = read
	}
}

// fill decodes the next records, as many as a chunk has; ended says that no more follow.
func (l *lane) fill(ctx context.Context, c *chunk) (ended bool, err error) {
	for len(c.slots) < chunkRecords {
		s := l.rest
		if s.Batch == nil {
			if s, err = l.feed.Next(ctx); errors.Is(err, io.EOF) {
				return true, nil
			} else if err != nil {
				return false, err
			}
			if s.Batch == nil {
				continue
			}
		}
		to := min(s.To, s.From+chunkRecords-len(c.slots))
		l.decode(c, s.Batch.Records[s.From:to], s.Source == labels)
		l.rest = merge.Stretch{}
		if s.From = to; s.From < s.To {
			l.rest = s
		} else if s.Last {
			c.used = append(c.used, s.Batch)
		}
	}
	return false, nil
}

func (l *lane) decode(c *chunk, records []millrace.Record, label bool) {
	l.race.slots <- struct{}{}
	defer func() { <-l.race.slots }()
	for i := range records {
		if label {
			l.decodeLabel(c, &records[i])
			continue
		}
		s := slot{record: &records[i], event: c.events[0].next(l.events)}
		s.fault = decodeRecord(l.events, s.record, s.event)
		c.slots = append(c.slots, s)
		if s.fault != nil {
			continue
		}
		for f := range s.event.Fields {
			l.present[f] = l.present[f] || s.event.Fields[f].Presence == millrace.Present
		}
		if l.race.data.Delay.Given {
			l.withhold(&s)
		}
		l.noteID(0, s.event)
	}
}

// withhold takes an event's label off it: it comes later. An event without a path of its id is known by its row.
func (l *lane) withhold(s *slot) {
	s.event.Label = millrace.Label{Weight: s.event.Label.Weight, Weighted: s.event.Label.Weighted}
	if l.rowIDs {
		s.event.ID = s.record.Key
	}
}

func (l *lane) decodeLabel(c *chunk, rec *millrace.Record) {
	s := slot{record: rec, event: c.events[labels].next(l.labels), label: true}
	if s.fault = decodeRecord(l.labels, rec, s.event); s.fault != nil && l.race.data.Delay.Given && !ofLabel(s.fault) {
		return // an event that no label came for, or could
	}
	c.slots = append(c.slots, s)
	if s.fault == nil {
		l.noteID(labels, s.event)
	}
}

// noteID keeps the first id of a source, for messages of ids that do not match.
func (l *lane) noteID(source int, e *millrace.Event) {
	if l.ids[source] == "" {
		l.ids[source] = string(e.ID)
	}
}

// next is an event to decode into.
func (r *room) next(d *decode.Decoder) *millrace.Event {
	if r.used == len(r.events) {
		r.events = append(r.events, d.NewEvent())
	}
	r.used++
	return r.events[r.used-1]
}

// reset forgets records that were learned.
func (c *chunk) reset() {
	for _, b := range c.used {
		b.Release()
	}
	c.slots, c.used = c.slots[:0], c.used[:0]
	c.events[0].used, c.events[labels].used = 0, 0
}

// decodeRecord decodes a record, unless nothing of it is there to be decoded.
func decodeRecord(d *decode.Decoder, rec *millrace.Record, e *millrace.Event) error {
	if rec.Fault != nil {
		return rec.Fault
	}
	return d.Decode(rec, e)
}

// learn gives the chunk to every contender. The slowest so far begins, so that nobody is left alone at the end with the
// longest piece of work.
func (l *lane) learn(chunk []slot) {
	if len(l.contenders) == 1 {
		l.race.slots <- struct{}{}
		l.contenders[0].learn(chunk)
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
				l.contenders[i].learn(chunk)
				<-l.race.slots
			}
		})
	}
	_ = g.Wait() // they return no errors
}
