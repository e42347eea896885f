package consumers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"millrace"
	"millrace/consumers/internal/recordbatch"
)

// takePieces reads a batch that is larger than a partition may take at once, piece by piece and alone in the lane.
// Records that are too large are passed over, those around them are read.
func (r *reader) takePieces(ctx context.Context, b *stored) error {
	if !r.inLane {
		if err := r.in.lane.enter(ctx, r.stand); err != nil {
			return err
		}
		r.inLane = true
		defer r.leaveLane()
	}
	pieces, err := recordbatch.NewPieces(b.header, b.body, &r.in.c.buffers, r.keys)
	if err != nil {
		return r.fault(ctx, b, int(b.header.Count), nil, err)
	}
	defer pieces.Close()
	for {
		if err := r.yield(ctx, b.end); err != nil {
			return err
		}
		if err := r.in.room(ctx, r.stand, 0); err != nil {
			return err
		}
		piece, err := pieces.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return r.fault(ctx, b, pieces.Left(), piece.Over, err)
		case piece.Over != nil:
			err = r.passOver(ctx, b, piece.Over)
		default:
			err = r.takePiece(ctx, b, pieces, &piece)
		}
		if err != nil || r.position > b.header.LastOffset() || r.ended() {
			return err
		}
	}
}

func (r *reader) takePiece(ctx context.Context, b *stored, pieces *recordbatch.Pieces, piece *recordbatch.Piece) error {
	mem := newMemory(piece.Bytes, &r.in.c.buffers, r.in.budget)
	defer mem.letGo()
	err := r.takeRecords(ctx, &piece.Records, mem, b.end)
	if errors.Is(err, recordbatch.ErrMalformed) {
		return r.fault(ctx, b, pieces.Left()+piece.Records.Left(), nil, err)
	}
	if err == nil {
		pieces.Walked(&piece.Records)
	}
	return err
}

// passOver delivers what is left of a record that is too large.
func (r *reader) passOver(ctx context.Context, b *stored, o *recordbatch.Over) error {
	if o.Record.Offset < r.position {
		return nil
	}
	rec := r.remains(o)
	rec.Fault = &millrace.Rejection{Reason: millrace.ReasonTooLarge,
		Detail: fmt.Sprintf("the record has %d bytes; no more than %d are read of one", o.Size, recordbatch.RecordBytesMax)}
	return r.deliverFault(ctx, rec, b.end)
}

// fault delivers the rest of a batch, from position on, as one faulty record: left records of it have not been walked.
func (r *reader) fault(ctx context.Context, b *stored, left int, o *recordbatch.Over, why error) error {
	last := b.header.LastOffset()
	if b.unsure && (last < r.position || last >= b.end) {
		last = r.position
	}
	r.corrupt = 0
	r.current()
	if last < r.position {
		// Its records are read; what is wrong stands behind them.
		r.in.c.log.Warn("kafka: a batch is malformed behind its last record, which loses nothing", "topic", r.topic,
			"partition", r.partition, "offset", last, "error", why)
		return nil
	}
	rec := millrace.Record{Time: b.header.BaseTime}
	if o != nil {
		rec = r.remains(o)
	}
	rec.Offset, rec.Last = r.position, last
	rec.Lost = min(int64(max(left, 1)), last-r.position+1)
	rec.Fault = &millrace.Rejection{Reason: millrace.ReasonBadBatch, Detail: why.Error()}
	if b.cutFrom > 0 && !errors.Is(why, recordbatch.ErrTooLarge) {
		rec.Fault = &millrace.Rejection{Reason: millrace.ReasonTooLarge,
			Detail: fmt.Sprintf("the batch has %d bytes as the log holds it; no more than %d are read of one", b.cutFrom, responseKeptMax)}
	}
	return r.deliverFault(ctx, rec, b.end)
}

// remains is a record of what could be kept of one, with the original sizes as a dead letter tells them.
func (r *reader) remains(o *recordbatch.Over) millrace.Record {
	rec := o.Record
	var cut []string
	note := func(what string, n int64, kept int) {
		if n > int64(kept) {
			cut = append(cut, what+"="+strconv.FormatInt(n, 10))
		}
	}
	note("value", o.ValueBytes, len(rec.Value))
	note("key", o.KeyBytes, len(rec.Key))
	note("headers", o.Headers, len(rec.Headers))
	if len(cut) > 0 {
		rec.Headers = append(rec.Headers, millrace.Header{Key: millrace.HeaderTruncated, Value: []byte(strings.Join(cut, " "))})
	}
	return rec
}

// deliverFault puts a record with a fault into the run; its memory is its own.
func (r *reader) deliverFault(ctx context.Context, rec millrace.Record, end int64) error {
	if len(r.current().records) >= runRecordsMax {
		if err := r.flush(ctx, end); err != nil {
			return err
		}
	}
	cur := r.current()
	rec.Topic, rec.Partition = r.topic, r.partition
	*cur.slot() = rec
	r.position = rec.Next()
	cur.to = r.position
	return nil
}
