package consumers

import (
	"context"
	"errors"

	"millrace"
	"millrace/consumers/internal/recordbatch"
)

// stored is a batch as the log has it, its checksum found right.
type stored struct {
	header  *recordbatch.Header
	body    []byte
	memory  *memory // of body
	end     int64   // of the partition
	cutFrom int64   // its whole size when body is only its beginning, else 0
	unsure  bool    // its header may be wrong
}

// takeBatch reads one record batch. position is beyond every record that was read, also after an
// error, and beyond the batch when there is none. What of it cannot be read becomes a faulty record.
func (r *reader) takeBatch(ctx context.Context, txns *transactions, b *stored) error {
	h := b.header
	skip, err := txns.skip(h, b.body)
	if err != nil {
		return r.fault(ctx, b, int(h.Count), nil, err)
	}
	// Begun before position moves on: a batch without records is part of the run, too.
	r.current()
	// Compaction may leave a batch without records, to remember its producer's sequence by.
	if !skip && h.Count > 0 {
		if err := r.takeBody(ctx, b); err != nil {
			return err
		}
	}
	// Compaction may have taken the last records: the header still says where the batch ended.
	r.position = min(h.LastOffset()+1, r.until)
	r.current().to = r.position
	if r.position > h.LastOffset() {
		r.mark = fingerprint(h)
	}
	r.corrupt = 0
	return nil
}

func (r *reader) takeBody(ctx context.Context, b *stored) error {
	body, mem := b.body, b.memory
	switch {
	case b.cutFrom > 0 || len(body) > usualBytesMax:
		return r.takePieces(ctx, b)
	case b.header.Codec() != recordbatch.None:
		var err error
		mem, err = r.decompress(ctx, b)
		if errors.Is(err, recordbatch.ErrTooLarge) {
			return r.takePieces(ctx, b)
		}
		if errors.Is(err, recordbatch.ErrMalformed) {
			return r.fault(ctx, b, int(b.header.Count), nil, err)
		}
		if err != nil {
			return err
		}
		defer mem.letGo()
		body = mem.bytes
	}
	records := recordbatch.NewRecords(b.header, body)
	records.Intern(r.keys)
	err := r.takeRecords(ctx, &records, mem, b.end)
	if errors.Is(err, recordbatch.ErrMalformed) {
		return r.fault(ctx, b, records.Left(), nil, err)
	}
	return err
}

func (r *reader) decompress(ctx context.Context, b *stored) (*memory, error) {
	// A batch may open to many times its size, so the budget is asked once more.
	open := int64(min(len(b.body)*openGuess, usualBytesMax))
	if err := r.yield(ctx, b.end); err != nil {
		return nil, err
	}
	if err := r.in.room(ctx, r.stand, open); err != nil {
		return nil, err
	}
	defer r.in.budget.opened(open)
	bytes, _, err := r.in.c.open.Open(b.header.Codec(), b.body)
	if err != nil {
		return nil, err
	}
	return newMemory(bytes, &r.in.c.buffers, r.in.budget), nil
}

// openGuess is about how many times its size a batch opens to.
const openGuess = 5

// takeRecords takes the records of a walk. An error that wraps ErrMalformed is about the next one.
func (r *reader) takeRecords(ctx context.Context, records *recordbatch.Records, mem *memory, end int64) error {
	// The inner loop of reading: nothing in it allocates, locks or asks the time.
	cur := r.current()
	for {
		if len(cur.records) >= runRecordsMax || len(cur.headers) >= runHeadersMax {
			if err := r.flush(ctx, end); err != nil {
				return err
			}
			cur = r.current()
		}
		rec := cur.slot()
		more, err := records.Next(rec, &cur.headers)
		if more && err != nil { // it has too many headers
			rec.Fault = &millrace.Rejection{Reason: millrace.ReasonTooLarge, Detail: err.Error()}
			err = nil
		}
		if !more || err != nil {
			cur.unslot()
			return err
		}
		// A batch is the broker's smallest unit, so it may begin before what was asked for.
		if rec.Offset < r.position {
			rec.Fault = nil
			cur.unslot()
			continue
		}
		if rec.Offset >= r.until {
			cur.unslot()
			r.position = r.until
			cur.to = r.position
			return nil
		}
		cur.hold(mem)
		rec.Topic, rec.Partition = r.topic, r.partition
		r.position = rec.Offset + 1
		cur.to = r.position
	}
}
