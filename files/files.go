// Package files reads CSV, TSV, JSON, JSON-lines, LIBSVM and Parquet files as sources of records, so that
// evaluate, train and produce run the very decoder on JSON bytes that a Kafka topic meets.
//
// Open starts a Source, whose Next gives batches until io.EOF. A file that is no text, or has no header, is an
// error of Open. A single row that cannot be read is delivered all the same, as a record whose Fault says where it
// stands, what it is and what to do. Its value is the row's raw text, which is never a JSON object.
package files

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"sync/atomic"

	"millrace"
)

const (
	// batchRecordsDefault rows a batch keep the cost of a hand-over far below that of its rows, and
	// a batch of small rows within a core's cache.
	batchRecordsDefault = 1024
	// batchBytesMax ends a batch early, so that long rows do not pile up by the thousand.
	batchBytesMax = 1 << 20
	// batchesFreeMax batches wait for reuse: one being filled, one queued, one learned from, one spare.
	batchesFreeMax = 4
	// rowBytesMax bounds one row. It lies far above the decoder's default limit of 1 MiB, so that a
	// row too large for the pipeline still gets there and is refused with that reason.
	rowBytesMax = 16 << 20
	// faultBytesMax of a row's raw text are kept when it is too long to be a row at all.
	faultBytesMax = 1 << 10
)

// Options say how a file is read. The zero value is right for most.
type Options struct {
	Input
	// BatchRecords is the largest number of rows a batch; 1024 when zero.
	BatchRecords int
	// Loop starts again at the end of the file; offsets go on rising.
	Loop bool
	// Strings names the CSV columns whose cells stay JSON strings even when they look like numbers
	// or booleans; nil is none. Categories such as 1.0 or true need it.
	Strings func(column string) bool
	// Bag is the key under which a LIBSVM row has its entries, as {"y":1,"x":{"17":0.5}} for x. When
	// empty each stands beside the label, as {"y":1,"17":0.5}, which is for files with few indices.
	Bag string
	// Features names the CSV columns that are features; nil is none. A row in which all of them are missing says
	// nothing, and is a fault, as one without any cell is.
	Features func(column string) bool
	// Known names the columns that a pipeline reads; nil is that nobody knows yet. A first row that names one is the
	// header, and such a column is never left out.
	Known func(column string) bool
	// Time gives a row's own time in Unix milliseconds; ok is false where it has none. It is called with each row as a
	// JSON object, by whoever calls Next; nil is none.
	Time func(row []byte) (ms int64, ok bool)
	// Missing names the CSV columns whose cells are left out, as empty ones are, when they hold a word for which the
	// function of that name says so; nil is none. Columns of numbers need it.
	Missing func(column string) bool
}

// RowError says which row of a file could not be read, and why.
type RowError struct {
	File   string
	Line   int64 // from 1
	Column int   // byte of the line, from 1; 0 when it is the whole row
	Text   string
}

func (e *RowError) Error() string {
	if e.Column > 0 {
		return fmt.Sprintf("%s:%d:%d: %s", e.File, e.Line, e.Column, e.Text)
	}
	return fmt.Sprintf("%s:%d: %s", e.File, e.Line, e.Text)
}

// Source reads one file, or several as one. Next and Close belong to one goroutine; Size, Read and Faults may be
// called from any, and so may a batch's Release.
type Source struct {
	name    string // of the first file
	paths   []string
	options Options

	file     *begun
	at       int      // which of the paths it is
	before   []*begun // what each was when it was read last; nil before
	size     int64
	read     atomic.Int64
	faults   atomic.Int64
	offset   int64
	time     int64 // of the row read last
	timed    bool  // a row had a time of its own
	disorder disorder
	told     []string // notes of files that are read
	again    bool     // it is not the first round
	length   int64    // rows of a round; 0 until the first one is read
	pending  error    // met after rows that are delivered first
	free     chan *memory
}

// rows reads a format row by row.
type rows interface {
	// row appends the next row to dst: as a JSON object, or, with a fault, as its raw text. It
	// returns io.EOF after the last row.
	row(dst []byte) ([]byte, *RowError, error)
	// line is the line that the row read last ended in, from 1.
	line() int64
}

// Open opens the file at path, with those that follow it as one stream, and reads its CSV header if it has one. A
// missing file, an unknown format, a bad header or one that differs from the first file's is an error.
func Open(path string, o Options) (*Source, error) {
	if o.BatchRecords <= 0 {
		o.BatchRecords = batchRecordsDefault
	}
	s := &Source{paths: append([]string{path}, o.More...), options: o, free: make(chan *memory, batchesFreeMax)}
	s.before = make([]*begun, len(s.paths))
	if err := s.lookAhead(); err != nil {
		return nil, err
	}
	if err := s.start(0); err != nil {
		return nil, err
	}
	s.name = s.file.name
	return s, nil
}

// start goes on with a file from its beginning.
func (s *Source) start(at int) error {
	if s.file != nil {
		if !s.again {
			s.told = append(s.told, s.file.notes(s.at > 0)...)
		}
		if err := s.file.Close(); err != nil {
			return fmt.Errorf("closing %s: %w", s.file.name, err)
		}
		s.file = nil
	}
	file, err := begin(s.paths[at], &s.options, &s.read, s.before[at])
	if err != nil {
		return err
	}
	s.file, s.at, s.before[at] = file, at, file
	return nil
}

// Where is a row's place for people, its number from 0: file and line where the files can be read again, from the
// beginning, else the first file and the row's number from 1.
func Where(path string, o Options, row int64) string {
	if size, known, err := Size(path, o.Input); err == nil && known && size > 0 {
		if name, line, err := Line(path, o, row); err == nil {
			return fmt.Sprintf("%s:%d", name, line)
		}
	}
	if path == StdinPath {
		return fmt.Sprintf("%s, row %d", StdinName, row+1)
	}
	return fmt.Sprintf("%s, row %d", filepath.Base(path), row+1)
}

// Line says where the row of a number stands, as file and line, from 1, that it ends in: row numbers begin at 0 and
// know neither a header nor blank lines. It reads everything from the beginning, so it is for the row that somebody
// asks about.
func Line(path string, o Options, row int64) (name string, line int64, err error) {
	s, err := Open(path, o)
	if err != nil {
		return "", 0, err
	}
	defer s.Close() //nolint:errcheck // a file that was only read
	var data []byte
	for n := int64(0); n <= row; {
		if data, _, err = s.file.rows.row(data[:0]); err == nil {
			n++
			continue
		}
		if errors.Is(err, io.EOF) && s.at+1 < len(s.paths) {
			err = s.start(s.at + 1)
		}
		if err != nil {
			return "", 0, fmt.Errorf("looking for row %d of %s: %w", row+1, s.name, err)
		}
	}
	return s.file.name, s.file.rows.line(), nil
}

// Table says whether the file is CSV or TSV, whose cells have no types.
func (s *Source) Table() bool { _, ok := s.file.rows.(*table); return ok }

// Next returns the next batch: its records hold JSON objects, the offsets are row numbers from 0,
// the topic is the file's name. The time is the row's own; where it has none, and where it cannot be read, that of the
// row before, as one is written after the other; in a file without times the row's number in milliseconds. It returns
// io.EOF after the last. A batch is valid until its Release, which gives its memory back to this source.
func (s *Source) Next(ctx context.Context) (*millrace.Batch, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if s.pending != nil {
		return nil, s.pending
	}
	m := s.memory()
	s.pending = s.fill(m)
	m.cut(s.name, s.offset)
	if len(m.records) == 0 && s.pending != nil {
		m.release()
		return nil, s.pending
	}
	b := millrace.NewBatch(m.release)
	b.Topic = s.name
	b.From, b.To = s.offset, s.offset+int64(len(m.records))
	b.End = b.To
	b.Records = m.records
	s.stamp(b.Records)
	s.offset = b.To
	return b, nil
}

// stamp gives records their time.
func (s *Source) stamp(records []millrace.Record) {
	for i := range records {
		rec := &records[i]
		if s.options.Time != nil && rec.Fault == nil {
			if ms, ok := s.options.Time(rec.Value); ok {
				s.disorder.see(rec.Offset, ms, !s.timed)
				s.time, s.timed = ms, true
			}
		}
		if !s.timed {
			s.time = rec.Offset
		}
		rec.Time = s.time
	}
}

// fill reads rows into m until it is full. An error stands for what follows the rows read.
func (s *Source) fill(m *memory) error {
	for {
		full, err := s.take(m)
		row := s.offset + int64(m.rows())
		switch {
		case errors.Is(err, io.EOF) && s.at+1 < len(s.paths):
			if err := s.start(s.at + 1); err != nil {
				return err
			}
		case errors.Is(err, io.EOF):
			// A file without a row would loop for ever.
			if !s.options.Loop || row == 0 {
				return io.EOF
			}
			s.read.Store(0)
			if s.length == 0 {
				s.length = row
			}
			err := s.start(0)
			if s.again = true; err != nil {
				return fmt.Errorf("starting again: %w", err)
			}
		case errors.Is(err, io.ErrUnexpectedEOF) && s.file.packed != "":
			return fmt.Errorf("reading %s: the %s file ends early, after row %d: it was cut off; get it again: %w", s.file.name, s.file.packed, row, err)
		case err != nil:
			return fmt.Errorf("reading %s after row %d: %w", s.file.name, row, err)
		case full:
			return nil
		}
	}
}

// take reads rows into m, until it is full or an error stands for what follows.
func (s *Source) take(m *memory) (full bool, err error) {
	if l, ok := s.file.rows.(*lines); ok && len(m.ends) == 0 {
		faults, err := l.batch(m, s.name, s.offset, s.options.BatchRecords)
		s.faults.Add(faults)
		return true, err
	}
	_, json := s.file.rows.(*values)
	for len(m.ends) < s.options.BatchRecords && len(m.data) < batchBytesMax {
		data, fault, err := s.file.rows.row(m.data)
		if err != nil {
			return false, err
		}
		if fault != nil {
			s.faults.Add(1)
			m.faults = append(m.faults, faulty{row: len(m.ends), why: rejection(fault.Error(), json)})
		}
		m.data = data
		m.ends = append(m.ends, len(data))
	}
	return true, nil
}

// Place is where a record that was delivered stands: in which round of a source that loops, and in which row of that,
// both from 0. It is for whoever calls Next.
func (s *Source) Place(offset int64) (round, row int64) {
	if s.length == 0 {
		return 0, offset
	}
	return offset / s.length, offset % s.length
}

// Size is the files' size in bytes, compressed when they are; 0 when one is no regular file.
func (s *Source) Size() int64 { return s.size }

// Read is how many of the files' bytes have been read, in this round when it loops.
func (s *Source) Read() int64 { return s.read.Load() }

// Faults is how many rows could not be read so far. Each was delivered as a record with a Fault.
func (s *Source) Faults() int64 { return s.faults.Load() }

// Path is the first file's, as it was opened.
func (s *Source) Path() string { return s.paths[0] }

// Timed reports whether a row so far had a time of its own, by Options.Time. It is for whoever calls Next.
func (s *Source) Timed() bool { return s.timed }

// Close closes the file. Batches already delivered stay valid.
func (s *Source) Close() error {
	if s.file == nil {
		return nil
	}
	if err := s.file.Close(); err != nil {
		return fmt.Errorf("closing %s: %w", s.file.name, err)
	}
	return nil
}

// counter counts what is read through it, for progress bars.
type counter struct {
	in io.Reader
	n  *atomic.Int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.in.Read(p)
	c.n.Add(int64(n))
	return n, err
}
