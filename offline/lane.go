package offline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
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
	present    []bool    // by feature: whether an event had a value of it
	rowIDs     bool      // events are known by their rows' numbers
	ids        [2]string // the first of an event, and of a label that comes later

	taking sync.Mutex // of what follows
	taken  int        // chunks
	ended  bool       // no more follow
	failed error      // why, if that is no end of the files
	given  int64      // records
	seen   int64
	rest   merge.Stretch // what the chunk before had no room for
}

// chunk is records that are decoded and not yet learned.
type chunk struct {
	turn    int  // that it is learned in
	awaited bool // who decoded it waits for its turn
	taken   []stretch
	slots   []slot
	events  [2]room           // that events, and labels that come later, are decoded into
	used    []*millrace.Batch // used up with the chunk
	ids     [2]string         // as a lane's, where its worker had none before
}

// stretch is records that are not decoded yet.
type stretch struct {
	records []millrace.Record
	label   bool
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
	// chunkRecords are decoded at least before they are learned, and chunkRecordsMost at most: as many as stay in a
	// core's cache, for whoever waits for a turn is woken once a chunk, which takes as long as a hundred records; and a
	// multiple of what a model's parts take side by side.
	chunkRecords, chunkRecordsMost = 3 * model.ChunkEvents, 18 * model.ChunkEvents
	// chunkBytes is about what a chunk's events take, with eventBytes and fieldBytes for each.
	chunkBytes, eventBytes, fieldBytes = 1 << 20, 256, 48
	// workersMax are as many as ever have work: learning is one after the other.
	workersMax = 4
)

// run reads, decodes and learns: reading goes on beside, and each chunk is decoded and learned by one worker, in its
// turn. What was decoded before an error is learned.
func (l *lane) run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	reading, enough := context.WithCancel(ctx)
	defer enough()
	for _, f := range l.files {
		f.readAhead(reading, g)
	}
	workers := min(cap(l.race.slots), workersMax)
	chunks := workers
	if workers > 1 {
		chunks += 2 // decoded and not learned yet
	}
	free := make(chan *chunk, chunks)
	for range chunks {
		free <- &chunk{}
	}
	order := newTurns(func(c *chunk) {
		l.learn(c)
		c.reset()
		free <- c // has room for all that there are
	})
	all := make([]*worker, workers)
	for i := range all {
		all[i] = l.newWorker()
		g.Go(func() error {
			defer enough() // labels that would come after the last event are never asked for
			return all[i].run(ctx, free, order)
		})
	}
	err := g.Wait()
	for _, w := range all {
		for f, present := range w.present {
			l.present[f] = l.present[f] || present
		}
	}
	return err
}

// take takes the next records, as many as a chunk has. Those before an error are taken, too, and the error is returned
// where there are none.
func (l *lane) take(ctx context.Context, c *chunk) error {
	l.taking.Lock()
	defer l.taking.Unlock()
	most := chunkBytes / (eventBytes + fieldBytes*len(l.present)) / model.ChunkEvents * model.ChunkEvents
	most = min(max(most, chunkRecords), chunkRecordsMost)
	for n := 0; n < most && !l.ended; {
		if l.race.data.limit.reached(l.given) {
			l.ended = true
			break
		}
		s := l.rest
		if s.Batch == nil {
			var err error
			if s, err = l.feed.Next(ctx); err != nil {
				if l.ended = true; !errors.Is(err, io.EOF) {
					l.failed = fmt.Errorf("reading %s: %w", l.race.data.Events, err)
				}
				break
			}
			if s.Batch == nil {
				continue
			}
		}
		to := min(s.To, s.From+most-n)
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
	if len(c.taken) == 0 {
		return l.failed
	}
	c.turn = l.taken
	l.taken++
	read := l.read()
	l.race.progress(l.race.read.Add(read - l.seen))
	l.seen = read
	return nil
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
	c.slots, c.used, c.taken, c.awaited = c.slots[:0], c.used[:0], c.taken[:0], false
	c.ids = [2]string{}
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
