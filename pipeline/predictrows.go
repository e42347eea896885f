package pipeline

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"millrace"
	"millrace/files"
	"millrace/scorer"
	"millrace/scorer/wire"
)

// Predicted is what became of rows.
type Predicted struct {
	Rows   uint64 // all: each has its line
	Scored uint64
	// Faults are the rows that could not be scored, by reason.
	Faults map[millrace.Reason]uint64
	First  *RowFault // the first of them; nil when there is none
	Absent string    // features' columns that the first rows lack; empty where all are there
}

// RowFault is why a row could not be scored, as its line says it.
type RowFault struct {
	Row    int64           `json:"row"` // from 1
	Reason millrace.Reason `json:"reason"`
	Path   string          `json:"path,omitempty"`
	Detail string          `json:"detail"`

	placed bool // the detail names file and line
}

// add counts what became of a batch.
func (p *Predicted) add(rows *rowCounts) {
	p.Rows += uint64(rows.scored) + uint64(len(rows.faults))
	p.Scored += uint64(rows.scored)
	for i := range rows.faults {
		f := rows.faults[i]
		if p.Faults == nil {
			p.Faults, p.First = make(map[millrace.Reason]uint64), &f
		}
		p.Faults[f.Reason]++
	}
}

// rowScorer scores rows for one goroutine.
type rowScorer interface {
	// score appends a line for each row of a batch, in their order, and counts them.
	score(ctx context.Context, b *millrace.Batch, dst []byte, counts *rowCounts) ([]byte, error)
}

// rowCounts is what became of the rows of a batch.
type rowCounts struct {
	scored int
	faults []RowFault
	number bool // each line begins with its row's number
}

// good appends a row's score, an object.
func (c *rowCounts) good(dst []byte, row int64, score []byte) []byte {
	c.scored++
	if c.number && bytes.HasPrefix(score, []byte{'{'}) {
		dst = append(strconv.AppendInt(append(dst, `{"row":`...), row, 10), ',')
		score = score[1:]
	}
	return append(append(dst, score...), '\n')
}

// bad appends a line that says why a row was not scored.
func (c *rowCounts) bad(dst []byte, f RowFault) ([]byte, error) {
	c.faults = append(c.faults, f)
	line, err := json.Marshal(f)
	if err != nil {
		return dst, fmt.Errorf("telling of row %d: %w", f.Row, err)
	}
	return append(append(dst, line...), '\n'), nil
}

// faultOf is why a record of a file was not scored.
func faultOf(rec *millrace.Record, why *millrace.Rejection) RowFault {
	return RowFault{Row: rec.Offset + 1, Reason: why.Reason, Path: why.Path, Detail: why.Detail, placed: why == rec.Fault}
}

// localRows scores rows in this process.
type localRows struct {
	session *scorer.Session
	encoder *wire.Encoder
	windows *rowWindows // nil for a pipeline without
	result  millrace.Score
	line    []byte
}

func (l *localRows) score(_ context.Context, b *millrace.Batch, dst []byte, counts *rowCounts) (_ []byte, err error) {
	now := time.Now().UnixMilli()
	for i := range b.Records {
		rec := &b.Records[i]
		if l.windows == nil || l.windows.filled {
			rec.Time = now // a row comes when it is scored, as an event does that is asked about
		}
		why := rec.Fault
		if why == nil {
			switch err := l.session.Score(rec, &l.result); {
			case err == nil:
				l.line = l.encoder.Append(l.line[:0], &l.result)
				dst = counts.good(dst, rec.Offset+1, l.line)
				if l.windows != nil {
					l.windows.observe()
				}
				continue
			case !errors.As(err, &why):
				return dst, fmt.Errorf("scoring row %d: %w", rec.Offset+1, err)
			}
		}
		if dst, err = counts.bad(dst, faultOf(rec, why)); err != nil {
			return dst, err
		}
	}
	return dst, nil
}

// predictWorkersMax is as many as one reader of files keeps busy.
const predictWorkersMax = 8

// job is a batch on its way: several are scored at once, and written in their order.
type job struct {
	batch  *millrace.Batch
	lines  []byte
	counts rowCounts
	err    error
	done   chan struct{}
}

// Predict writes a line for each row of the source, in their order: its score as the scores topic has it, or why there
// is none. With number each score begins with its row's number, from 1. progress is told now and then how many bytes of
// the files have been read; may be nil.
func (r *Predictor) Predict(ctx context.Context, src *files.Source, out io.Writer, number bool, progress func(read int64)) (p Predicted, err error) {
	workers := min(runtime.GOMAXPROCS(0), predictWorkersMax)
	if r.windows != nil {
		workers = 1 // each row is seen by those after it
	}
	g, ctx := errgroup.WithContext(ctx)
	ordered, work := make(chan *job, 2*workers), make(chan *job)
	free := make(chan *job, 4*workers)
	g.Go(func() error {
		defer close(ordered)
		defer close(work)
		return readJobs(ctx, src, number, func(b *millrace.Batch) error {
			columns := eventColumns(r.pipeline)
			p.Absent = columns.absent(src.Path(), b.Records)
			return columns.check(src.Path(), b.Records)
		}, free, ordered, work)
	})
	for range workers {
		rows := r.session()
		g.Go(func() error {
			for j := range work {
				j.lines, j.err = rows.score(ctx, j.batch, j.lines[:0], &j.counts)
				j.batch.Release()
				j.done <- struct{}{}
			}
			return nil
		})
	}
	g.Go(func() error {
		for j := range ordered {
			select {
			case <-j.done:
			case <-ctx.Done():
				return ctx.Err()
			}
			if _, err := out.Write(j.lines); err != nil {
				return fmt.Errorf("writing scores: %w", err)
			}
			p.add(&j.counts)
			if j.err != nil {
				return j.err
			}
			if progress != nil {
				progress(src.Read())
			}
			select {
			case free <- j:
			default:
			}
		}
		return nil
	})
	err = g.Wait()
	return p, err
}

// readJobs has the first batch looked at, reads batches and gives each to a worker, and, in their order, to who writes
// them.
func readJobs(ctx context.Context, src *files.Source, number bool, look func(first *millrace.Batch) error, free <-chan *job, to ...chan<- *job) error {
	for first := true; ; first = false {
		b, err := src.Next(ctx)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading rows: %w", err)
		}
		if first {
			if err := look(b); err != nil {
				b.Release()
				return err
			}
		}
		var j *job
		select {
		case j = <-free:
		default:
			j = &job{done: make(chan struct{}, 1)}
		}
		j.batch, j.err = b, nil
		j.counts = rowCounts{faults: j.counts.faults[:0], number: number}
		for _, c := range to {
			select {
			case c <- j:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
}

// Text says what is wrong with a row, and in which line of which file where that can be read again.
func (f *RowFault) Text(path string, o files.Options) string {
	why := &millrace.Rejection{Reason: f.Reason, Path: f.Path, Detail: f.Detail}
	if f.placed {
		return f.Detail
	}
	return fmt.Sprintf("%s: %v", files.Where(path, o, f.Row-1), why)
}
