package learner_test

import (
	"context"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"millrace"
	"millrace/learner"
	"millrace/model"
	"millrace/snapshot"
)

// endless delivers the same records again and again, in batches, until so many were delivered.
type endless struct {
	records []millrace.Record
	left    int
}

func (s *endless) Next(context.Context) (*millrace.Batch, error) {
	if s.left <= 0 {
		return nil, io.EOF
	}
	b := millrace.NewBatch(nil)
	b.Topic, b.Records = "t", s.records[:min(s.left, len(s.records))]
	b.To = int64(len(b.Records))
	s.left -= len(b.Records)
	return b, nil
}

type noLetters struct{}

func (noLetters) Reject(context.Context, string, *millrace.Record, *millrace.Rejection) error {
	return nil
}
func (noLetters) Flush(context.Context) error { return nil }
func (noLetters) Pending() int                { return 0 }
func (noLetters) Blocked() time.Duration      { return 0 }

type noStore struct{}

func (noStore) Publish(context.Context, *millrace.Snapshot, millrace.Cause) (millrace.Head, error) {
	return millrace.Head{}, nil
}

// BenchmarkRun is the whole loop of a pipeline without state by key: what a source delivers is decoded on one goroutine
// and learned on another.
func BenchmarkRun(b *testing.B) {
	d, t := pieces(b, 8, model.Spec{Type: "logistic", Optimizer: model.OptimizerSpec{Type: "sgd", Rate: 0.2}})
	layout, err := snapshot.NewLayout(nil, snapshot.Part{Prefix: "features", State: t.Extractor},
		snapshot.Part{Prefix: "model", State: t.Model}, snapshot.Part{Prefix: "progressive", State: t.Progressive})
	if err != nil {
		b.Fatal(err)
	}
	l := learner.New(learner.Options{Name: "bench", Classes: []string{"0", "1"}, Stream: learner.NewStream(learner.StreamOptions{Trainer: t}),
		Layout: layout, Source: &endless{records(8), b.N}, Decoder: d, DeadLetters: noLetters{}, Publisher: noStore{},
		Registerer: prometheus.NewRegistry(), Log: slog.New(slog.DiscardHandler), Now: time.Now, ShutdownTimeout: time.Second})
	b.ReportAllocs()
	b.ResetTimer()
	if err := l.Run(context.Background()); err != nil {
		b.Fatal(err)
	}
}
