package consumers

import (
	"context"
	"log/slog"

	"millrace"
)

// keeper makes records ones that are never given up while the producer runs: what does not pass is tried on too, as a
// person may be putting it right. It says what may be done meanwhile.
type keeper struct {
	// mend alters a record that the broker refuses for its size or its form; false when it cannot. nil alters none.
	mend func(rec *millrace.Record, err error) bool
	// create is how to create the topic when it is gone; nil leaves that to others.
	create *TopicSpec
	holds  string // what waits for the records, for people
}

// log adds what waits to a log's lines.
func (k *keeper) log(l *slog.Logger) *slog.Logger {
	if k == nil {
		return l
	}
	return l.With("waiting", k.holds)
}

// KeptWriter writes records that are never given up: whatever the failure, a write is tried for as long as the producer
// runs, and the log says so every 30 seconds. It is safe for concurrent use.
type KeptWriter struct {
	p    *Producer
	keep keeper
}

// NewKeptWriter writes through p, whose Run must be running for anything to be written. waiting is what waits for the
// records, for the log. create says how their topic is created anew when it is gone; nil leaves that to others.
func NewKeptWriter(p *Producer, waiting string, create *TopicSpec) *KeptWriter {
	return &KeptWriter{p: p, keep: keeper{create: create, holds: waiting}}
}

// Send is Producer.Send, but it waits for a topic that cannot be looked up, until ctx ends.
func (w *KeptWriter) Send(ctx context.Context, rec millrace.Record, done Done) error {
	return w.p.send(ctx, rec, done, &w.keep)
}

// Flush is Producer.Flush: an error is that of ctx, or says that the producer has stopped.
func (w *KeptWriter) Flush(ctx context.Context) error { return w.p.Flush(ctx) }
