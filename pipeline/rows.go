package pipeline

import (
	"context"
	"fmt"

	"millrace"
	"millrace/config"
	"millrace/decode"
	"millrace/files"
)

// OpenRows reads the good rows of a file as rows of the pipeline's topic, keyed by events.key. With loop it begins
// again at the end. report is told of the rows that are left out. A file that cannot be read is a config.UsageError.
func OpenRows(p *config.Pipeline, path string, loop bool, report func(fault string)) (*FileRows, error) {
	keys, err := newKeyReader(p.Events.Key)
	if err != nil {
		return nil, err
	}
	o := fileOptions(p)
	o.Loop = loop
	src, err := files.Open(path, o)
	if err != nil {
		return nil, config.UsageError{Err: err}
	}
	return &FileRows{src: src, keys: keys, report: report}, nil
}

// FileRows gives a file's good rows one at a time.
type FileRows struct {
	src    *files.Source
	keys   *keyReader
	batch  *millrace.Batch
	at     int
	report func(fault string)
}

// Size is the file's, in bytes.
func (r *FileRows) Size() int64 { return r.src.Size() }

// Read is how many bytes of the file have been read.
func (r *FileRows) Read() int64 { return r.src.Read() }

// Close closes the file.
func (r *FileRows) Close() error { return r.src.Close() }

// Next gives the next row; it is Rows.
func (r *FileRows) Next(ctx context.Context) (key, value []byte, err error) {
	for {
		if r.batch == nil || r.at == len(r.batch.Records) {
			if r.batch != nil {
				r.batch.Release()
			}
			if r.batch, err = r.src.Next(ctx); err != nil {
				r.batch = nil
				return nil, nil, err
			}
			r.at = 0
			continue
		}
		rec := &r.batch.Records[r.at]
		r.at++
		if rec.Fault != nil {
			r.report(rec.Fault.Detail)
			continue
		}
		return r.keys.key(rec), rec.Value, nil
	}
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
