package learner

import (
	"context"
	"errors"
	"io"

	"millrace"
)

const (
	// chunkEvents is how many events travel from decoding to learning at once: enough to make the
	// channel's cost vanish, few enough that a chunk's events stay in the cache.
	chunkEvents = 256
	// chunksInFlight bounds decoded events that wait: one being decoded, one being learned, and two
	// between them so that neither waits for the other's jitter.
	chunksInFlight = 4
)

// slot is one decoded event, or why there is none.
type slot struct {
	event     *millrace.Event
	rejection *millrace.Rejection // nil for a good event
}

// chunk is up to chunkEvents consecutive records of one batch, decoded.
type chunk struct {
	batch *millrace.Batch
	from  int // index of the first record in batch.Records
	n     int
	bytes int
	more  int  // records that faulty ranges stand for, beyond one each
	last  bool // the batch ends with this chunk
	slots [chunkEvents]slot
}

// decodeStage decodes batches into chunks, in the source's order.
type decodeStage struct {
	source  Source
	decoder Decoder
	out     chan *chunk
	free    chan *chunk
}

func newDecodeStage(source Source, decoder Decoder) *decodeStage {
	d := &decodeStage{source: source, decoder: decoder, out: make(chan *chunk, chunksInFlight), free: make(chan *chunk, chunksInFlight)}
	for range chunksInFlight {
		c := &chunk{}
		for i := range c.slots {
			c.slots[i].event = decoder.NewEvent()
		}
		d.free <- c
	}
	return d
}

// run decodes until the source ends or ctx does. It closes out, so that what was decoded is still
// learned at the end of a finite source.
func (d *decodeStage) run(ctx context.Context) error {
	defer close(d.out)
	for {
		b, err := d.source.Next(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := d.batch(ctx, b); err != nil {
			return err
		}
	}
}

// batch decodes one batch. A batch without records still gives one chunk: it moves the position.
func (d *decodeStage) batch(ctx context.Context, b *millrace.Batch) error {
	for from := 0; from == 0 || from < len(b.Records); from += chunkEvents {
		var c *chunk
		select {
		case c = <-d.free:
		case <-ctx.Done():
			return ctx.Err()
		}
		c.batch, c.from, c.bytes, c.more = b, from, 0, 0
		c.n = min(chunkEvents, len(b.Records)-from)
		c.last = from+c.n == len(b.Records)
		for i := range c.n {
			rec := &b.Records[from+i]
			c.bytes += len(rec.Value)
			if rec.Fault != nil { // nothing of it is there to be decoded
				c.more += int(rec.Count()) - 1
				c.slots[i].rejection = rec.Fault
				continue
			}
			c.slots[i].rejection = d.decode(rec, c.slots[i].event)
		}
		d.out <- c // never blocks: out holds as many chunks as there are
	}
	return nil
}

func (d *decodeStage) decode(rec *millrace.Record, dst *millrace.Event) *millrace.Rejection {
	err := d.decoder.Decode(rec, dst)
	if err == nil {
		return nil
	}
	var why *millrace.Rejection
	if !errors.As(err, &why) {
		why = &millrace.Rejection{Reason: millrace.ReasonBadRecord, Detail: err.Error()}
	}
	return why
}

// recycle gives an applied chunk back, and with the batch's last chunk the batch.
func (d *decodeStage) recycle(c *chunk) {
	if c.last {
		c.batch.Release()
	}
	c.batch = nil
	d.free <- c
}
