package pipeline

import (
	"context"
	"fmt"

	"millrace"
	"millrace/config"
	"millrace/decode"
	"millrace/files"
)

// FileRows gives the good rows of a file as rows of the pipeline's topic, keyed by events.key; report is told of those that
// are left out. The caller closes the source.
func FileRows(p *config.Pipeline, src *files.Source, report func(fault string)) (Rows, error) {
	keys, err := newKeyReader(p.Events.Key)
	if err != nil {
		return nil, err
	}
	rows := &fileRows{src: src, keys: keys, report: report}
	return rows.next, nil
}

// fileRows gives a file's good rows one at a time.
type fileRows struct {
	src    *files.Source
	keys   *keyReader
	batch  *millrace.Batch
	at     int
	report func(fault string)
}

func (r *fileRows) next(ctx context.Context) ([]byte, []byte, error) {
	for {
		if r.batch == nil || r.at == len(r.batch.Records) {
			if r.batch != nil {
				r.batch.Release()
			}
			var err error
			if r.batch, err = r.src.Next(ctx); err != nil {
				r.batch = nil
				return nil, nil, err
			}
			r.at = 0
			continue
		}
		rec := &r.batch.Records[r.at]
		r.at++
		if fault := headerOf(rec, millrace.HeaderFault); fault != "" {
			r.report(fault)
			continue
		}
		return r.keys.key(rec), rec.Value, nil
	}
}

func headerOf(rec *millrace.Record, key string) string {
	for _, h := range rec.Headers {
		if h.Key == key {
			return string(h.Value)
		}
	}
	return ""
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
