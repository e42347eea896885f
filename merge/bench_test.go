package merge

import (
	"context"
	"testing"
	"time"

	"millrace"
)

// endless delivers batches of records whose times rise by step, as fast as they are taken.
type endless struct {
	from, step int64
	records    int
	next       int64
	free       []*millrace.Batch
}

func (e *endless) NextOf(context.Context, func(int32) bool) (*millrace.Batch, error) {
	// Three are enough: one is being used, one comes, one goes.
	if len(e.free) < 3 {
		e.free = append(e.free, &millrace.Batch{Topic: "t", Records: make([]millrace.Record, e.records)})
	}
	b := e.free[int(e.next)%len(e.free)]
	for i := range b.Records {
		r := &b.Records[i]
		r.Topic, r.Offset, r.Time = b.Topic, e.next, e.from+e.next*e.step
		e.next++
	}
	b.To = e.next
	b.End = b.To + 1
	return b, nil
}

func (e *endless) Standings() ([]millrace.Standing, bool) {
	return []millrace.Standing{{Answered: time.Now()}}, true
}

func (e *endless) Ask(context.Context, time.Time, func(int32) bool) error { return nil }

const benchRecords = 2048 // of a batch, as consumers delivers them

// BenchmarkOnePartition compares the way through a merger with the source itself.
func BenchmarkOnePartition(b *testing.B) {
	b.Run("source", func(b *testing.B) {
		s := &endless{step: 1, records: benchRecords}
		b.ReportAllocs()
		for n := 0; n < b.N; n += benchRecords {
			if _, err := s.NextOf(b.Context(), nil); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("merged", func(b *testing.B) {
		benchMerge(b, &endless{step: 1, records: benchRecords})
	})
}

// BenchmarkInterleaved merges partitions that take turns record by record.
func BenchmarkInterleaved(b *testing.B) {
	b.Run("2", func(b *testing.B) {
		benchMerge(b, &endless{from: 0, step: 2, records: benchRecords}, &endless{from: 1, step: 2, records: benchRecords})
	})
	b.Run("8", func(b *testing.B) {
		var all []Source
		for i := range int64(8) {
			all = append(all, &endless{from: i, step: 8, records: benchRecords})
		}
		benchMerge(b, all...)
	})
}

func benchMerge(b *testing.B, sources ...Source) {
	m := New(Options{Sources: sources, Now: time.Now})
	b.ReportAllocs()
	for n := 0; n < b.N; {
		s, err := m.Next(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		n += s.To - s.From
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds()/1e6, "M/s")
}
