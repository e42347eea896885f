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
	"millrace/learner"
	"millrace/merge"
)

// lane is one reading of the data, with the contenders that share it.
type lane struct {
	race       *race
	events     *decode.Decoder
	labels     *decode.Decoder // of labels that come later
	feed       feed
	files      []*fileTopic
	contenders []*Contender
	present    []bool    // by feature: whether an event had a value of it
	rowIDs     bool      // events are known by their rows' numbers
	ids        [2]string // the first of an event, and of a label that comes later

	most  int   // records of a chunk
	given int64 // records
	seen  int64
	rest  merge.Stretch // what the chunk before had no room for
}

// chunk is records that are decoded and not yet learned.
type chunk struct {
	taken  []stretch
	slots  []slot
	events [2]learner.Room   // that events, and labels that come later, are decoded into
	used   []*millrace.Batch // used up with the chunk
	ids    [2]string         // as a lane's, where its worker had none before
}

// stretch is records that are not decoded yet.
type stretch struct {
	records []millrace.Record
	label   bool
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
	l.most = learner.ChunkRecords(len(l.present))
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

// run reads, decodes and learns: reading goes on beside, and each chunk is decoded and learned by one worker, in its
// turn. What was decoded before an error is learned.
func (l *lane) run(ctx context.Context) error {
	reading, enough := context.WithCancel(ctx)
	var g errgroup.Group
	for _, f := range l.files {
		f.readAhead(reading, &g)
	}
	workers := min(cap(l.race.slots), learner.WorkersMost)
	all := make([]*worker, workers)
	for i := range all {
		all[i] = l.newWorker()
	}
	err := learner.NewTurns(learner.Work[*chunk]{
		New:     func() *chunk { return &chunk{} },
		Fill:    l.fill,
		Prepare: func(worker int, c *chunk) { all[worker].decode(c) },
		Learn: func(c *chunk) error {
			l.learn(c)
			c.reset()
			return nil
		},
	}).Run(ctx, workers)
	enough()     // labels that would come after the last event are never asked for
	_ = g.Wait() // they return no errors
	for _, w := range all {
		for f, present := range w.present {
			l.present[f] = l.present[f] || present
		}
	}
	return err
}

// fill fills a chunk with the next records, as many as it has room for.
func (l *lane) fill(ctx context.Context, c *chunk) (n int, err error) {
	for n < l.most {
		if l.race.data.limit.reached(l.given) {
			err = io.EOF
			break
		}
		s := l.rest
		if s.Batch == nil {
			if s, err = l.feed.Next(ctx); err != nil {
				if !errors.Is(err, io.EOF) {
					err = fmt.Errorf("reading %s: %w", l.race.data.Events, err)
				}
				break
			}
			if s.Batch == nil {
				continue
			}
		}
		to := min(s.To, s.From+l.most-n)
		if l.race.data.limit != nil {
			to = min(to, s.From+int(l.race.data.limit.rows-l.given))
		}
		c.taken = append(c.taken, stretch{s.Batch.Records[s.From:to], s.Source == labels})
		n += to - s.From
		l.given += int64(to - s.From)
		l.rest = merge.Stretch{}
		if s.From = to; s.From < s.To {
			l.rest = s
		} else if s.Last {
			c.used = append(c.used, s.Batch)
		}
	}
	read := l.read()
	l.race.progress(l.race.read.Add(read - l.seen))
	l.seen = read
	return n, err
}

// reset forgets records that were learned.
func (c *chunk) reset() {
	for _, b := range c.used {
		b.Release()
	}
	c.slots, c.used, c.taken = c.slots[:0], c.used[:0], c.taken[:0]
	c.ids = [2]string{}
	c.events[0].Reset()
	c.events[labels].Reset()
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
func (l *lane) learn(c *chunk) {
	for source, id := range c.ids {
		l.ids[source] = cmp.Or(l.ids[source], id)
	}
	chunk := c.slots
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
