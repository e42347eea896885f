package learner

import (
	"context"
	"errors"
	"io"
	"slices"
	"sync"

	"millrace"
	"millrace/merge"
)

const (
	// chunkEvents is how many events travel from decoding to learning at once: enough to make the
	// channel's cost vanish, few enough that a chunk's events stay in the cache.
	chunkEvents = 256
	// chunksInFlight bounds decoded events that wait: one being decoded, one being learned, and two
	// between them so that neither waits for the other's jitter.
	chunksInFlight = 4
)

// slot is one record, decoded, or why it cannot be. Slots without a record only move a position, or say which
// partitions went idle or awoke.
type slot struct {
	event     *millrace.Event     // nil for what was not decoded
	rejection *millrace.Rejection // nil for a good event
	record    *millrace.Record    // nil for none
	batch     *millrace.Batch     // that the record is of; nil for changes of idleness
	label     bool                // it is of the labels' topic
	last      bool                // the batch is used up with it
	anew      bool                // it is the first of a topic that was made anew
	idleness  *idleness
}

// idleness is which of the events' partitions went idle, and which awoke, before the slots that follow.
type idleness struct{ idle, awake []int32 }

// chunk is up to chunkEvents slots, in the order that they are applied in: records of any number of batches.
type chunk struct {
	n       int
	records int // with those that faulty ranges stand for
	bytes   int
	slots   [chunkEvents]slot
	events  [chunkEvents]*millrace.Event // of the slots, by the events' decoder …
	labels  [chunkEvents]*millrace.Event // … and by the labels'; nil without one
	coming  Coming                       // of the slots, those that could be decoded
	decoded chan struct{}                // gets a token when all slots are decoded
}

// decoders are a goroutine's: of events, and of labels where there are any.
type decoders []Decoder

// decodeStage decodes records into chunks, in the merger's order. With several decoders chunks are decoded side by
// side, each by one of them, and handed on in their order all the same.
type decodeStage struct {
	merger  Merger
	own     decoders    // of the goroutine that asks the merger, where nobody else decodes
	others  []decoders  // of those that decode beside it
	work    chan *chunk // what those are to decode
	out     chan *chunk // in order; each is to be waited for
	free    chan *chunk
	filling *chunk
}

// newDecodeStage returns a stage for one or more sets of decoders.
func newDecodeStage(merger Merger, sets ...decoders) *decodeStage {
	inFlight := chunksInFlight + len(sets) - 1
	d := &decodeStage{merger: merger, own: sets[0], out: make(chan *chunk, inFlight), free: make(chan *chunk, inFlight)}
	if len(sets) > 1 {
		d.others, d.work = sets, make(chan *chunk, inFlight)
	}
	for range inFlight {
		c := &chunk{decoded: make(chan struct{}, 1)}
		for i := range c.slots {
			c.events[i] = d.own[0].NewEvent()
			if len(d.own) > 1 {
				c.labels[i] = d.own[1].NewEvent()
			}
		}
		d.free <- c
	}
	return d
}

// run decodes until the merger ends or ctx does. It closes out, so that what was decoded is still
// learned at the end of finite sources.
func (d *decodeStage) run(ctx context.Context) error {
	defer close(d.out)
	var beside sync.WaitGroup
	defer beside.Wait()
	for _, own := range d.others {
		beside.Go(func() {
			for c := range d.work {
				c.decode(own)
			}
		})
	}
	if d.work != nil {
		defer close(d.work)
	}
	for {
		s, err := d.merger.Next(ctx)
		if errors.Is(err, io.EOF) {
			d.flush()
			return nil
		}
		if err != nil {
			d.flush()
			return err
		}
		if err := d.stretch(ctx, &s); err != nil {
			return err
		}
		// Nothing that is decoded waits while the merger does.
		if r, ok := d.merger.(interface{ Ready() bool }); !ok || !r.Ready() {
			d.flush()
		}
	}
}

// stretch decodes a stretch. One without records still gives a slot: a position moves, or idleness changes.
func (d *decodeStage) stretch(ctx context.Context, s *merge.Stretch) error {
	if len(s.Idle)+len(s.Awake) > 0 {
		c, err := d.room(ctx)
		if err != nil {
			return err
		}
		c.add(slot{idleness: &idleness{slices.Clone(s.Idle), slices.Clone(s.Awake)}})
	}
	if s.Batch == nil {
		return nil
	}
	if s.From == s.To && s.Last {
		c, err := d.room(ctx)
		if err != nil {
			return err
		}
		c.add(slot{batch: s.Batch, label: s.Source > 0, last: true, anew: s.Anew})
	}
	for from := s.From; from < s.To; {
		c, err := d.room(ctx)
		if err != nil {
			return err
		}
		to := min(s.To, from+chunkEvents-c.n)
		d.fill(c, s, from, to)
		from = to
	}
	return nil
}

// fill takes records of a stretch into a chunk that has room for them, to be decoded.
func (d *decodeStage) fill(c *chunk, s *merge.Stretch, from, to int) {
	events := &c.events
	if s.Source > 0 {
		events = &c.labels
	}
	for i := from; i < to; i++ {
		rec, at := &s.Batch.Records[i], &c.slots[c.n]
		*at = slot{event: events[c.n], record: rec, batch: s.Batch, label: s.Source > 0, last: s.Last && i+1 == s.To,
			anew: s.Anew && i == s.From}
		c.n++
		c.bytes += len(rec.Value)
		c.records += int(rec.Count())
	}
}

// decode decodes the chunk's records.
func (c *chunk) decode(own decoders) {
	for i := range c.slots[:c.n] {
		at := &c.slots[i]
		switch {
		case at.record == nil:
		case at.record.Fault != nil: // nothing of it is there to be decoded
			at.rejection = at.record.Fault
		case at.label:
			at.rejection = decodeRecord(own[1], at.record, at.event)
		default:
			at.rejection = decodeRecord(own[0], at.record, at.event)
		}
		if at.record != nil && at.rejection == nil {
			c.coming.Add(at.event, at.label)
		}
	}
	c.decoded <- struct{}{}
}

// wait returns when the chunk is decoded, which does not take long.
func (c *chunk) wait() { <-c.decoded }

// add appends a slot, for which there is room.
func (c *chunk) add(s slot) {
	c.slots[c.n] = s
	c.n++
}

// ahead is called before each slot's turn, and tells the state by key of its event or label and of some that follow, a
// few at a time.
func (c *chunk) ahead(stream *Stream, s *slot) {
	if s.event != nil && s.rejection == nil {
		c.coming.Turn(stream, s.label)
	}
}

// room returns the chunk that is being filled, with room for a slot at least.
func (d *decodeStage) room(ctx context.Context) (*chunk, error) {
	if d.filling != nil && d.filling.n == chunkEvents {
		d.flush()
	}
	if d.filling == nil {
		select {
		case d.filling = <-d.free:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		d.filling.n, d.filling.records, d.filling.bytes = 0, 0, 0
		d.filling.coming.Reset()
	}
	return d.filling, nil
}

// flush hands the chunk on. It never blocks: out holds as many chunks as there are.
func (d *decodeStage) flush() {
	if d.filling == nil {
		return
	}
	if d.work != nil {
		d.work <- d.filling
	} else {
		d.filling.decode(d.own)
	}
	d.out <- d.filling
	d.filling = nil
}

func decodeRecord(decoder Decoder, rec *millrace.Record, dst *millrace.Event) *millrace.Rejection {
	err := decoder.Decode(rec, dst)
	if err == nil {
		return nil
	}
	var why *millrace.Rejection
	if !errors.As(err, &why) {
		why = &millrace.Rejection{Reason: millrace.ReasonBadRecord, Detail: err.Error()}
	}
	return why
}

// recycle gives an applied chunk back.
func (d *decodeStage) recycle(c *chunk) { d.free <- c }
