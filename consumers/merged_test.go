package consumers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"millrace/merge"
)

var _ merge.Source = (*Source)(nil)

// timed are records of a partition, one for each time, Unix milliseconds.
func timed(topic string, partition int32, size int, times ...int64) []*kgo.Record {
	var records []*kgo.Record
	for _, at := range times {
		records = append(records, &kgo.Record{Topic: topic, Partition: partition, Value: make([]byte, size), Timestamp: time.UnixMilli(at)})
	}
	return records
}

// every counts from a time on in steps.
func every(from, step int64, n int) []int64 {
	times := make([]int64, n)
	for i := range times {
		times[i] = from + int64(i)*step
	}
	return times
}

// mergeAll reads n records, or until io.EOF with 0, and returns them as topic's index, partition and offset.
func mergeAll(ctx context.Context, t testing.TB, m *merge.Merger, n int) (all []string) {
	t.Helper()
	for n == 0 || len(all) < n {
		s, err := m.Next(ctx)
		if errors.Is(err, io.EOF) && n == 0 {
			return all
		}
		if err != nil {
			t.Fatalf("after %d records: %v", len(all), err)
		}
		if s.Batch == nil {
			continue
		}
		for _, r := range s.Batch.Records[s.From:s.To] {
			all = append(all, fmt.Sprintf("%d/%d/%d", s.Source, r.Partition, r.Offset))
		}
		if s.Last {
			s.Batch.Release()
		}
	}
	return all
}

func TestMerged(t *testing.T) {
	both(t, func(t *testing.T, b *bench) {
		events, labels := b.topic(2), b.topic(1)
		now := time.Now().UnixMilli()
		b.write(slices.Concat(timed(events, 0, 10, every(now, 4, 1000)...), timed(events, 1, 10, every(now+1, 4, 1000)...),
			timed(labels, 0, 10, every(now+2, 4, 1000)...)))
		// Every fourth millisecond is nobody's.
		want := make([]string, 0, 3000)
		for i := range 1000 {
			want = append(want, fmt.Sprintf("0/0/%d", i), fmt.Sprintf("0/1/%d", i), fmt.Sprintf("1/0/%d", i))
		}
		limits := Limits{FetchBytes: 1 << 10, PrefetchBytes: 8 << 10, MaxWait: 50 * time.Millisecond}
		m := merge.New(merge.Options{Now: time.Now, Sources: []merge.Source{
			b.source(SourceOptions{Topic: events, Limits: limits}), b.source(SourceOptions{Topic: labels, Limits: limits})}})
		if got := mergeAll(b.ctx, t, m, 3000); !slices.Equal(got, want) {
			t.Errorf("%v", got)
		}
		// Read again between two vectors, it ends there.
		m = merge.New(merge.Options{Now: time.Now, Sources: []merge.Source{
			b.source(SourceOptions{Topic: events, Limits: limits, Positions: spans(events, 100, 100), Until: spans(events, 900, 900)}),
			b.source(SourceOptions{Topic: labels, Limits: limits, Positions: spans(labels, 100), Until: spans(labels, 900)})}})
		if got := mergeAll(b.ctx, t, m, 0); !slices.Equal(got, want[300:2700]) {
			t.Errorf("between: %d records: %v", len(got), got)
		}
	})
}

// TestMergedSkewIsBounded: one partition's records are all written an hour before another's, and both hold many times
// what a source may. All of the one comes first, and the other waits with a bounded number of batches.
func TestMergedSkewIsBounded(t *testing.T) {
	b := newFake(t)
	topic := b.topic(2)
	const n, size = 400, 100 << 10 // 40 MB a partition
	now := time.Now().Add(-2 * time.Hour).UnixMilli()
	b.write(timed(topic, 0, size, every(now+time.Hour.Milliseconds(), 10, n)...), kgo.ProducerBatchCompression(kgo.NoCompression()))
	b.write(timed(topic, 1, size, every(now, 10, n)...), kgo.ProducerBatchCompression(kgo.GzipCompression()))
	const limit = 2 << 20
	s := b.source(SourceOptions{Topic: topic, Limits: Limits{PrefetchBytes: limit, MaxWait: 20 * time.Millisecond}})
	var most int64
	m := merge.New(merge.Options{Now: time.Now, Sources: []merge.Source{s}})
	var got []int32
	for len(got) < 2*n {
		stretch, err := m.Next(b.ctx)
		if err != nil {
			t.Fatalf("after %d records: %v", len(got), err)
		}
		s.in.budget.mu.Lock()
		most = max(most, s.in.budget.used)
		s.in.budget.mu.Unlock()
		if stretch.Batch == nil {
			continue
		}
		for range stretch.To - stretch.From {
			got = append(got, stretch.Batch.Partition)
		}
		if stretch.Last {
			stretch.Batch.Release()
		}
	}
	if !slices.IsSortedFunc(got, func(a, b int32) int { return int(b - a) }) {
		t.Error("partitions are mixed")
	}
	// The budget, and for each partition an answer and a batch that is opened.
	if bound := int64(limit + 2*(limit+usualBytesMax)); most > bound {
		t.Errorf("%d MiB were held, the bound is %d MiB", most>>20, bound>>20)
	}
	t.Logf("%.1f MiB were held of 80", float64(most)/(1<<20))
}

// TestMergedLargeBatches: two partitions take turns record by record, and each batch needs the lane.
func TestMergedLargeBatches(t *testing.T) {
	b := newFake(t)
	topic := b.topic(2)
	now := time.Now().UnixMilli()
	const n = 40 // of 1 MiB in one batch, far more than a partition may take at once
	for p := range int32(2) {
		b.write(timed(topic, p, 1<<20, every(now+int64(p), 2, n)...), kgo.ProducerBatchCompression(kgo.GzipCompression()),
			kgo.ProducerBatchMaxBytes(64<<20), kgo.MaxBufferedBytes(256<<20), kgo.ProducerLinger(200*time.Millisecond))
	}
	s := b.source(SourceOptions{Topic: topic, Limits: Limits{PrefetchBytes: 1 << 20, PrefetchBatches: 1, MaxWait: 20 * time.Millisecond}})
	got := mergeAll(b.ctx, t, merge.New(merge.Options{Now: time.Now, Sources: []merge.Source{s}}), 2*n)
	for i := range n {
		if got[2*i] != fmt.Sprintf("0/0/%d", i) || got[2*i+1] != fmt.Sprintf("0/1/%d", i) {
			t.Fatalf("%v", got)
		}
	}
}

// TestMergedManyPartitions: more than there are seats for batches that are ready, and all have more ready than is next.
func TestMergedManyPartitions(t *testing.T) {
	b := newFake(t)
	const partitions, rounds = readyMax + 20, 4
	topic := b.topic(partitions)
	now := time.Now().UnixMilli()
	for round := range int64(rounds) {
		var all []*kgo.Record
		for p := range int32(partitions) {
			all = append(all, timed(topic, p, 10, now+round*partitions+int64(p))...)
		}
		b.write(all)
	}
	// One batch a fetch, each of one record.
	s := b.source(SourceOptions{Topic: topic, Limits: Limits{FetchBytes: 1, MaxWait: 20 * time.Millisecond}})
	got := mergeAll(b.ctx, t, merge.New(merge.Options{Now: time.Now, Sources: []merge.Source{s}}), rounds*partitions)
	for i, word := range got {
		if want := fmt.Sprintf("0/%d/%d", i%partitions, i/partitions); word != want {
			t.Fatalf("record %d is %s, want %s", i, word, want)
		}
	}
}

// TestMergedLiveLatency: at their ends a scorer's records are not held, whichever partition they come from.
func TestMergedLiveLatency(t *testing.T) {
	b := newFake(t)
	topic := b.topic(3)
	s := b.source(SourceOptions{Topic: topic})
	m := merge.New(merge.Options{Now: time.Now, Live: true, Sources: []merge.Source{s}})
	b.until("its partitions are known", func() bool { _, ok := s.Standings(); return ok })
	client := b.client(kgo.RecordPartitioner(kgo.ManualPartitioner()))
	var waits []time.Duration
	for i := range 60 {
		from := time.Now()
		go func() {
			// An error shows as a record that does not come.
			_ = client.ProduceSync(b.ctx, timed(topic, int32(i%3), 10, from.UnixMilli())...).FirstErr()
		}()
		mergeAll(b.ctx, t, m, 1)
		waits = append(waits, time.Since(from))
	}
	slices.Sort(waits)
	// The first waits until the other partitions are known to be empty; the median shows what a record waits.
	if median := waits[len(waits)/2]; median > 200*time.Millisecond {
		t.Errorf("a record took %v: %v", median, waits)
	}
	t.Logf("median %v", waits[len(waits)/2])
}
