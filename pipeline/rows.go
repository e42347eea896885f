package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"

	"millrace"
	"millrace/config"
	"millrace/decode"
	"millrace/files"
)

// OpenRows reads the good rows of a file as rows of the pipeline's topic, keyed by events.key. in says how it is read;
// with loop it begins again at the end. report is told of the rows that are left out. A file that cannot be read is a
// config.UsageError.
func OpenRows(p *config.Pipeline, path string, in files.Input, loop bool, report func(fault string)) (*FileRows, error) {
	o := fileOptions(p)
	o.Input, o.Loop = in, loop
	events, err := openRowReader(path, p.Events.Key, o, report)
	if err != nil {
		return nil, err
	}
	events.columns = eventColumns(p)
	if path != files.StdinPath { // whose first row may take its time
		if _, err := events.peek(context.Background()); err != nil && !errors.Is(err, io.EOF) {
			return nil, errors.Join(err, events.src.Close())
		}
	}
	return &FileRows{events: events}, nil
}

// FileRows gives the good rows of a file one at a time, or those of two files in the order of their times.
type FileRows struct {
	events   *rowReader
	labels   *rowReader // nil without
	shift    int64      // what times of rows become times of records by, in milliseconds; for two files
	disorder []string

	// Of rows with a number: the files' digest, what topics have of them, and for two files the next row's number.
	digest string
	sent   *sentRows
	next   int64
	passed uint64 // events that were there
	again  func() (*FileRows, error)
}

// Disorder says, a text each, which of two files have rows that are not in the order of their times.
func (r *FileRows) Disorder() []string { return r.disorder }

// Notes says what was found out of the files so far and nobody asked for, a text each.
func (r *FileRows) Notes() []string {
	notes := r.events.src.Notes()
	if r.labels != nil {
		notes = append(notes, r.labels.src.Notes()...)
	}
	return notes
}

// Absent says which columns of features the first events lack; empty while none was read, and where all are there.
func (r *FileRows) Absent() string { return r.events.absent }

// disordered is Disorder of the rows read so far.
func (r *FileRows) disordered() (all []string) {
	for _, of := range []*rowReader{r.events, r.labels} {
		if text := of.src.Disorder(); text != "" {
			all = append(all, text)
		}
	}
	return all
}

// Size is that of the files, in bytes.
func (r *FileRows) Size() int64 {
	n := r.events.src.Size()
	if r.labels != nil && n >= 0 {
		n += r.labels.src.Size()
	}
	return n
}

// Read is how many bytes of the files have been read.
func (r *FileRows) Read() int64 {
	n := r.events.src.Read()
	if r.labels != nil {
		n += r.labels.src.Read()
	}
	return n
}

// Close closes the files.
func (r *FileRows) Close() error {
	err := r.events.src.Close()
	if r.labels != nil {
		err = errors.Join(err, r.labels.src.Close())
	}
	return err
}

// Next gives the next row that is to be sent; it is Rows.
func (r *FileRows) Next(ctx context.Context) (Row, error) {
	for {
		row, err := r.read(ctx)
		if err != nil || r.sent == nil || !r.sent.has(row.At) {
			return row, err
		}
		if !row.Label {
			r.passed++
		}
	}
}

// read gives the next row.
func (r *FileRows) read(ctx context.Context) (Row, error) {
	if r.labels == nil {
		rec, err := r.events.peek(ctx)
		if err != nil {
			return Row{}, err
		}
		row := r.events.take(rec)
		row.Time = 0 // it happens now
		if r.digest != "" {
			row.At.Digest = r.digest
			row.At.Pass, row.At.Row = r.events.src.Place(rec.Offset)
			if r.sent != nil {
				row.At.Pass += r.sent.block.Pass
			}
		}
		return row, nil
	}
	event, err := r.events.peek(ctx)
	if err != nil && !errors.Is(err, io.EOF) {
		return Row{}, err
	}
	label, labelErr := r.labels.peek(ctx)
	if labelErr != nil && (!errors.Is(labelErr, io.EOF) || err != nil) {
		return Row{}, labelErr
	}
	var row Row
	if event != nil && (label == nil || event.Time <= label.Time) { // at one time the event comes first
		row = r.events.take(event)
	} else {
		row = r.labels.take(label)
		row.Label = true
	}
	row.Time += r.shift
	if r.digest != "" {
		row.At = RowAt{Digest: r.digest, Row: r.next}
	}
	r.next++
	return row, nil
}

// rowReader reads the good rows of one file.
type rowReader struct {
	src    *files.Source
	keys   *keyReader
	batch  *millrace.Batch
	at     int
	report func(fault string)

	columns rowColumns // that are read
	checked bool
	absent  string // what of them no row seems to have
}

// openRowReader opens a file whose rows are keyed by the value at a path; an empty one is for rows without a key.
func openRowReader(path, key string, o files.Options, report func(fault string)) (*rowReader, error) {
	keys, err := newKeyReader(key)
	if err != nil {
		return nil, err
	}
	src, err := files.Open(path, o)
	if err != nil {
		return nil, config.UsageError{Err: err}
	}
	return &rowReader{src: src, keys: keys, report: report}, nil
}

// peek returns the next good row without taking it; io.EOF is after the last.
func (r *rowReader) peek(ctx context.Context) (*millrace.Record, error) {
	for {
		if r.batch == nil || r.at == len(r.batch.Records) {
			if r.batch != nil {
				r.batch.Release()
			}
			var err error
			if r.batch, err = r.src.Next(ctx); err != nil {
				r.batch = nil
				return nil, err
			}
			r.at = 0
			if !r.checked {
				if err := r.columns.check(r.src.Path(), r.batch.Records); err != nil {
					return nil, err
				}
				r.absent = r.columns.absent(r.src.Path(), r.batch.Records)
				r.checked = true
			}
			continue
		}
		rec := &r.batch.Records[r.at]
		if rec.Fault == nil {
			return rec, nil
		}
		r.at++
		r.report(rec.Fault.Detail)
	}
}

// take takes the row that peek returned. Its memory is valid until the next peek.
func (r *rowReader) take(rec *millrace.Record) Row {
	r.at++
	return Row{Key: r.keys.key(rec), Value: rec.Value, Time: rec.Time}
}

// keyReader reads the value at one path as a record key.
type keyReader struct {
	decoder *decode.Decoder
	event   *millrace.Event
}

func newKeyReader(path string) (*keyReader, error) {
	if path == "" {
		return &keyReader{}, nil
	}
	var limits decode.Limits
	limits.SetDefaults()
	d, err := decode.New(decode.Spec{ID: path, Label: decode.LabelSpec{Path: path, Type: "number"}, Limits: limits})
	if err != nil {
		return nil, fmt.Errorf("compiling events.key: %w", err)
	}
	return &keyReader{decoder: d, event: d.NewEvent()}, nil
}

// key is nil when the record has none: Kafka then spreads such records over partitions.
func (k *keyReader) key(rec *millrace.Record) []byte {
	if k.decoder == nil || k.decoder.Decode(rec, k.event) != nil || k.event.ID == nil {
		return nil
	}
	return k.event.ID
}
