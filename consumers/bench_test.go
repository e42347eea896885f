package consumers

import (
	"context"
	"errors"
	"slices"
	"syscall"
	"testing"
	"time"

	"millrace"
)

// cpuSeconds is what this process has used.
func cpuSeconds(tb testing.TB) float64 {
	tb.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		tb.Fatal(err)
	}
	return float64(u.Utime.Sec+u.Stime.Sec) + float64(u.Utime.Usec+u.Stime.Usec)/1e6
}

// BenchmarkKafka writes records of 180 bytes to four partitions of a real Kafka and reads them.
func BenchmarkKafka(b *testing.B) {
	for _, codec := range []string{"none", "lz4"} {
		bench := newReal(b)
		// As long as it takes: the bench's own time is for tests.
		bench.ctx = context.Background()
		bench.t = b
		topic := bench.topic(4)
		// Enough that reading lasts a second.
		const n = 8_000_000
		value := make([]byte, 180)
		for i := range value {
			value[i] = byte('a' + i*i%17)
		}
		b.Run("produce/"+codec, func(b *testing.B) {
			p := bench.producer(ProducerOptions{Compression: codec})
			b.ReportAllocs()
			cpu, records := cpuSeconds(b), 0
			for b.Loop() {
				for range n {
					if err := p.Send(bench.ctx, millrace.Record{Topic: topic, Partition: int32(records % 4), Time: 1, Value: value}, nil); err != nil {
						b.Fatal(err)
					}
					records++
				}
				if err := p.Flush(bench.ctx); err != nil {
					b.Fatal(err)
				}
			}
			report(b, records, cpuSeconds(b)-cpu)
		})
		b.Run("consume/"+codec, func(b *testing.B) {
			b.ReportAllocs()
			cpu, records := cpuSeconds(b), 0
			for b.Loop() {
				ctx, cancel := context.WithCancel(bench.ctx)
				s := NewSource(bench.cluster, SourceOptions{Topic: topic})
				ended := make(chan error, 1)
				go func() { ended <- s.Run(ctx) }()
				for left := n; left > 0; {
					batch, err := s.Next(ctx)
					if err != nil {
						b.Fatal(err)
					}
					left -= len(batch.Records)
					records += len(batch.Records)
					batch.Release()
				}
				cancel()
				if err := <-ended; !errors.Is(err, context.Canceled) {
					b.Fatal(err)
				}
			}
			report(b, records, cpuSeconds(b)-cpu)
			var u syscall.Rusage
			if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err == nil {
				b.ReportMetric(float64(u.Maxrss)/1024, "MiB-resident")
			}
		})
	}
}

func report(b *testing.B, records int, cpu float64) {
	b.ReportMetric(float64(records)/b.Elapsed().Seconds(), "records/s")
	b.ReportMetric(cpu/float64(records)*1e6, "cpu-s/M")
	b.ReportMetric(0, "ns/op") // an op is a whole topic: it says nothing
}

// BenchmarkRoundTrip sends records one by one at 1,000 a second and waits for each to come back: one
// produce and one fetch.
func BenchmarkRoundTrip(b *testing.B) {
	bench := newReal(b)
	bench.ctx = context.Background()
	topic := bench.topic(1)
	s := bench.source(SourceOptions{Topic: topic})
	p := bench.producer(ProducerOptions{})
	value := make([]byte, 180)
	var took []time.Duration
	for b.Loop() {
		from := time.Now()
		if err := p.Send(bench.ctx, millrace.Record{Topic: topic, Value: value}, nil); err != nil {
			b.Fatal(err)
		}
		batch, err := s.Next(bench.ctx)
		if err != nil {
			b.Fatal(err)
		}
		batch.Release()
		took = append(took, time.Since(from))
		time.Sleep(time.Until(from.Add(time.Millisecond)))
	}
	slices.Sort(took)
	b.ReportMetric(took[len(took)/2].Seconds()*1e3, "p50-ms")
	b.ReportMetric(took[len(took)*99/100].Seconds()*1e3, "p99-ms")
}
