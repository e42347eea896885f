package learner

import (
	"context"

	"millrace"
	"millrace/merge"
)

// Source delivers runs of records. Next blocks until one is ready, ctx ends, or reading cannot go
// on; io.EOF ends a finite source. The batch belongs to the caller until it calls Release.
type Source interface {
	Next(ctx context.Context) (*millrace.Batch, error)
}

// Merger delivers records of several partitions, and topics (events first, then labels), in the order that they are
// applied in, under a Source's terms. Where it also has a method Ready, that reports whether Next would return at once.
type Merger interface {
	Next(ctx context.Context) (merge.Stretch, error)
}

// runs are a source's batches as they come, each in one piece: the order of partitions matters only to state by key.
type runs struct{ source Source }

func (r runs) Next(ctx context.Context) (merge.Stretch, error) {
	b, err := r.source.Next(ctx)
	if err != nil {
		return merge.Stretch{}, err
	}
	anew := b.Anew
	b.Anew = false // a stretch says it once
	return merge.Stretch{Batch: b, To: len(b.Records), Last: true, Anew: anew}, nil
}
