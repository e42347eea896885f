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
)

// lane is one reading of the data, with the contenders that share it.
type lane struct {
	race       *race
	events     decoding
	labels     decoding // of labels that come later
	feed       feed
	files      []*fileTopic
	contenders []*Contender
	present    []bool // by feature: whether an event had a value of it
	rowIDs     bool   // events are known by their rows' numbers
	seen       int64
	ids        [2]string // the first of an event, and of a label that comes later

	chunk []slot            // decoded and not yet learned
	used  []*millrace.Batch // used up with the chunk
	rest  merge.Stretch     // what the chunk had no room for
}

// decoding decodes records of one kind into events that it has for that, as many as a chunk holds.
type decoding struct {
	*decode.Decoder
	events []*millrace.Event
	used   int // of the events, by the chunk
}

// slot is one record of a chunk. Contenders read it side by side.
type slot struct {
	record *millrace.Record
	event  *millrace.Event // what it was decoded to
	fault  error           // why it could not be
	label  bool            // it is of a label, not of an event
}

func newLane(r *race, c *Contender) (l *lane, err error) {
	l = &lane{race: r, events: decoding{Decoder: c.Pieces.Decoder}, contenders: []*Contender{c},
		present: make([]bool, len(c.Pieces.Decoder.NewEvent().Fields)), rowIDs: c.Pipeline.Events.ID == ""}
	if r.data.late() {
		if l.labels.Decoder, err = decode.New(r.data.labelSpec(c.Pipeline)); err != nil {
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

// chunkRecords is how many records are decoded before they are learned: few enough to stay in the processor's cache,
// many enough that contenders seldom wait for each other.
const chunkRecords = 256

func (l *lane) run(ctx context.Context) error {
	for {
		ended, err := l.fill(ctx)
		if err != nil {
			return fmt.Errorf("reading %s: %w", l.race.data.Events, err)
		}
		l.learn()
		for _, b := range l.used {
			b.Release()
		}
		l.used = l.used[:0]
		if ended {
			return nil
		}
		read := l.read()
		l.race.progress(l.race.read.Add(read - l.seen))
		l.seen = read
	}
}

// fill decodes the next records, as many as a chunk has; ended says that no more follow.
func (l *lane) fill(ctx context.Context) (ended bool, err error) {
	l.chunk, l.events.used, l.labels.used = l.chunk[:0], 0, 0
	for len(l.chunk) < chunkRecords {
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
		to := min(s.To, s.From+chunkRecords-len(l.chunk))
		l.decode(s.Batch.Records[s.From:to], s.Source == labels)
		l.rest = merge.Stretch{}
		if s.From = to; s.From < s.To {
			l.rest = s
		} else if s.Last {
			l.used = append(l.used, s.Batch)
		}
	}
	return false, nil
}

func (l *lane) decode(records []millrace.Record, label bool) {
	l.race.slots <- struct{}{}
	defer func() { <-l.race.slots }()
	for i := range records {
		if label {
			l.decodeLabel(&records[i])
			continue
		}
		s := slot{record: &records[i], event: l.events.next()}
		s.fault = l.events.decode(s.record, s.event)
		l.chunk = append(l.chunk, s)
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

func (l *lane) decodeLabel(rec *millrace.Record) {
	s := slot{record: rec, event: l.labels.next(), label: true}
	if s.fault = l.labels.decode(rec, s.event); s.fault != nil && l.race.data.Delay.Given && !ofLabel(s.fault) {
		return // an event that no label came for, or could
	}
	l.chunk = append(l.chunk, s)
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
func (d *decoding) next() *millrace.Event {
	if d.used == len(d.events) {
		d.events = append(d.events, d.NewEvent())
	}
	d.used++
	return d.events[d.used-1]
}

// decode decodes a record, unless nothing of it is there to be decoded.
func (d *decoding) decode(rec *millrace.Record, e *millrace.Event) error {
	if rec.Fault != nil {
		return rec.Fault
	}
	return d.Decode(rec, e)
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
