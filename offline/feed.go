package offline

import (
	"context"

	"millrace"
	"millrace/files"
)

// feed gives a lane its records in the order in which they are learned.
type feed interface {
	// next returns io.EOF after the last.
	next(ctx context.Context) (stretch, error)
	// read is how many bytes of files were read so far.
	read() int64
	close()
}

// stretch is what comes next: records [from, to) of a batch, which is used up with them when they are its last.
type stretch struct {
	batch    *millrace.Batch
	from, to int
	last     bool
}

// wholeFile feeds a file as it is.
type wholeFile struct{ *files.Source }

func (f *wholeFile) next(ctx context.Context) (stretch, error) {
	b, err := f.Next(ctx)
	if err != nil {
		return stretch{}, err
	}
	return stretch{batch: b, to: len(b.Records), last: true}, nil
}

func (f *wholeFile) read() int64 { return f.Read() }

func (f *wholeFile) close() { _ = f.Close() } // a file that was only read
