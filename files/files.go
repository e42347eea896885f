// Package files reads CSV, TSV, JSON, JSON-lines and LIBSVM files as sources of records, so that
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
	"os"
	"path/filepath"
	"sync/atomic"

	"github.com/klauspost/compress/gzip"

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

// Source reads one file. Next and Close belong to one goroutine; Size, Read and Faults may be
// called from any, and so may a batch's Release.
type Source struct {
	path, name string
	format     string
	options    Options

	file     *os.File
	size     int64
	read     atomic.Int64
	faults   atomic.Int64
	rows     rows
	offset   int64
	time     int64 // of the row read last
	timed    bool  // a row had a time of its own
	disorder disorder
	pending  error // met after rows that are delivered first
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

// Open opens the file at path and reads its CSV header if it has one. A missing file, an unknown
// format or a bad header is an error.
func Open(path string, o Options) (*Source, error) {
	format, err := formatOf(path, o.Format)
	if err != nil {
		return nil, err
	}
	if o.BatchRecords <= 0 {
		o.BatchRecords = batchRecordsDefault
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("opening data: %w", err)
	}
	s := &Source{
		path: path, name: filepath.Base(path), format: format, options: o,
		file: file, free: make(chan *memory, batchesFreeMax),
	}
	info, err := file.Stat()
	switch {
	case err != nil:
		return nil, errors.Join(fmt.Errorf("opening data: %w", err), file.Close())
	case info.IsDir():
		return nil, errors.Join(fmt.Errorf("opening data: %s is a directory: name a file in it", path), file.Close())
	case info.Mode().IsRegular():
		s.size = info.Size()
	}
	if err := s.start(); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return s, nil
}

// start reads from wherever the file stands, which is its beginning.
func (s *Source) start() error {
	var in io.Reader = &counter{in: s.file, n: &s.read}
	if gzipped(s.path) {
		unzipped, err := gzip.NewReader(in)
		if err != nil {
			return fmt.Errorf("reading %s: its name ends in .gz, but it does not begin as gzip files do "+
				"(rename it if it is not compressed): %w", s.name, err)
		}
		in = unzipped
	}
	v := &window{in: in, name: s.name}
	if err := v.begin(s.format == "csv" || s.format == "tsv" || s.format == "libsvm"); err != nil {
		return err
	}
	var err error
	switch s.format {
	case "csv":
		s.rows, err = newTable(v, ',', &s.options)
	case "tsv":
		s.rows, err = newTable(v, '\t', &s.options)
	case "jsonl":
		s.rows = &lines{v: v}
	case "json":
		s.rows = &values{v: v}
	case "libsvm":
		s.rows, err = newSparse(v, s.options.Bag)
	}
	return err
}

// Line says in which line, from 1, a row of a file ends: row numbers begin at 0 and know neither a header nor blank
// lines. It reads the file from its beginning, so it is for the row that somebody asks about.
func Line(path string, o Options, row int64) (int64, error) {
	s, err := Open(path, o)
	if err != nil {
		return 0, err
	}
	defer s.file.Close()
	var data []byte
	for range row + 1 {
		if data, _, err = s.rows.row(data[:0]); err != nil {
			return 0, fmt.Errorf("looking for row %d of %s: %w", row+1, s.name, err)
		}
	}
	return s.rows.line(), nil
}

// Table says whether the file is CSV or TSV, whose cells have no types.
func (s *Source) Table() bool { return s.format == "csv" || s.format == "tsv" }

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
		case errors.Is(err, io.EOF):
			// A file without a row would loop for ever.
			if !s.options.Loop || row == 0 {
				return io.EOF
			}
			if err := s.rewind(); err != nil {
				return err
			}
		case errors.Is(err, io.ErrUnexpectedEOF) && gzipped(s.path):
			return fmt.Errorf("reading %s: the gzip file ends early, after row %d: it was cut off; get it again: %w", s.name, row, err)
		case err != nil:
			return fmt.Errorf("reading %s after row %d: %w", s.name, row, err)
		case full:
			return nil
		}
	}
}

// take reads rows into m, until it is full or an error stands for what follows.
func (s *Source) take(m *memory) (full bool, err error) {
	if l, ok := s.rows.(*lines); ok {
		faults, err := l.batch(m, s.name, s.offset, s.options.BatchRecords)
		s.faults.Add(faults)
		return true, err
	}
	for len(m.ends) < s.options.BatchRecords && len(m.data) < batchBytesMax {
		data, fault, err := s.rows.row(m.data)
		if err != nil {
			return false, err
		}
		if fault != nil {
			s.faults.Add(1)
			m.faults = append(m.faults, faulty{row: len(m.ends), text: fault.Error()})
		}
		m.data = data
		m.ends = append(m.ends, len(data))
	}
	return true, nil
}

func (s *Source) rewind() error {
	if _, err := s.file.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("starting %s again: %w", s.name, err)
	}
	s.read.Store(0)
	return s.start()
}

// Size is the file's size in bytes, compressed when it is; 0 when it is no regular file.
func (s *Source) Size() int64 { return s.size }

// Read is how many of the file's bytes have been read, in this round when it loops.
func (s *Source) Read() int64 { return s.read.Load() }

// Faults is how many rows could not be read so far. Each was delivered as a record with a Fault.
func (s *Source) Faults() int64 { return s.faults.Load() }

// Path is the file's, as it was opened.
func (s *Source) Path() string { return s.path }

// Timed reports whether a row so far had a time of its own, by Options.Time. It is for whoever calls Next.
func (s *Source) Timed() bool { return s.timed }

// Close closes the file. Batches already delivered stay valid.
func (s *Source) Close() error {
	if err := s.file.Close(); err != nil {
		return fmt.Errorf("closing %s: %w", s.name, err)
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
