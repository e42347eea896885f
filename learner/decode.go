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

// slot is one decoded event. Each has a decoder of its own, because an event's texts may lie in its
// decoder's buffer and a chunk's events live side by side.
type slot struct {
	decoder   Decoder
	event     *millrace.Event
	rejection *millrace.Rejection // nil for a good event
}

// chunk is up to chunkEvents consecutive records of one batch, decoded.
type chunk struct {
	batch *millrace.Batch
	from  int // index of the first record in batch.Records
	n     int
	bytes int
	last  bool // the batch ends with this chunk
	slots [chunkEvents]slot
}

// decodeStage decodes batches into chunks, in the source's order.
type decodeStage struct {
	source Source
	out    chan *chunk
	free   chan *chunk
}

func newDecodeStage(source Source, newDecoder func() Decoder) *decodeStage {
	d := &decodeStage{source: source, out: make(chan *chunk, chunksInFlight), free: make(chan *chunk, chunksInFlight)}
	for range chunksInFlight {
		c := &chunk{}
		for i := range c.slots {
			dec := newDecoder()
			c.slots[i] = slot{decoder: dec, event: dec.NewEvent()}
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
		c.batch, c.from, c.bytes = b, from, 0
		c.n = min(chunkEvents, len(b.Records)-from)
		c.last = from+c.n == len(b.Records)
		for i := range c.n {
			c.bytes += len(b.Records[from+i].Value)
			c.slots[i].decode(&b.Records[from+i])
		}
		d.out <- c // never blocks: out holds as many chunks as there are
	}
	return nil
}

func (s *slot) decode(rec *millrace.Record) {
	s.rejection = nil
	if err := s.decoder.Decode(rec, s.event); err != nil {
		if !errors.As(err, &s.rejection) {
			s.rejection = &millrace.Rejection{Reason: millrace.ReasonBadRecord, Detail: err.Error()}
		}
	}
}

// recycle gives an applied chunk back, and with the batch's last chunk the batch.
func (d *decodeStage) recycle(c *chunk) {
	if c.last {
		c.batch.Release()
	}
	c.batch = nil
	d.free <- c
}
