package consumers

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"millrace"
)

// transaction writes values in one transaction and ends it.
func (b *bench) transaction(client *kgo.Client, commit bool, records ...*kgo.Record) {
	b.t.Helper()
	if err := client.BeginTransaction(); err != nil {
		b.t.Fatal(err)
	}
	if err := client.ProduceSync(b.ctx, records...).FirstErr(); err != nil {
		b.t.Fatal(err)
	}
	if err := client.EndTransaction(b.ctx, kgo.TransactionEndTry(commit)); err != nil {
		b.t.Fatal(err)
	}
}

func TestTransactions(t *testing.T) {
	both(t, func(t *testing.T, b *bench) {
		topic := b.topic(1)
		one := b.client(kgo.TransactionalID(topic+"-1"), kgo.RecordPartitioner(kgo.ManualPartitioner()))
		two := b.client(kgo.TransactionalID(topic+"-2"), kgo.RecordPartitioner(kgo.ManualPartitioner()))
		b.transaction(one, true, numbered(topic, 0, 0, 10)...)
		b.transaction(one, false, numbered(topic, 0, 1000, 1010)...)
		b.write(numbered(topic, 0, 10, 15)) // outside any transaction
		// Two at a time, the first aborted: its records stand between those of the other.
		for _, c := range []*kgo.Client{one, two} {
			if err := c.BeginTransaction(); err != nil {
				t.Fatal(err)
			}
		}
		for i := range 5 {
			if err := one.ProduceSync(b.ctx, numbered(topic, 0, 2000+i, 2001+i)...).FirstErr(); err != nil {
				t.Fatal(err)
			}
			if err := two.ProduceSync(b.ctx, numbered(topic, 0, 15+i, 16+i)...).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
		if err := one.EndTransaction(b.ctx, kgo.TryAbort); err != nil {
			t.Fatal(err)
		}
		if err := two.EndTransaction(b.ctx, kgo.TryCommit); err != nil {
			t.Fatal(err)
		}
		b.transaction(one, true, numbered(topic, 0, 20, 25)...)
		b.transaction(one, false, numbered(topic, 0, 3000, 3010)...) // the log ends with a marker
		s := b.source(SourceOptions{Topic: topic})
		got := read(b.ctx, t, s, 25)[0]
		for i, r := range got {
			if string(r.Value) != strconv.Itoa(i) {
				t.Fatalf("record %d is %q at offset %d", i, r.Value, r.Offset)
			}
		}
		// Positions come to the very end, beyond the last marker.
		bounds, err := b.cluster.Bounds(b.ctx, topic)
		if err != nil {
			t.Fatal(err)
		}
		end := bounds[0][1]
		for s.Lag()[0] != 0 {
			batch, err := s.Next(b.ctx)
			if err != nil {
				t.Fatal(err)
			}
			if len(batch.Records) != 0 {
				t.Fatalf("aborted records: %+v", batch.Records)
			}
			batch.Release()
		}
		if s.in.progress[0].taken != end || end != 10+1+10+1+5+10+2+5+1+10+1 {
			t.Errorf("read to %d of %d", s.in.progress[0].taken, end)
		}
		fromEverywhere(b, topic, end, got)
	})
}

// Where an answer begins with what is not to be read, the batches join up nevertheless, and one that
// holds nothing else still says how far reading has come.
func TestBatchesJoinUpOverMarkers(t *testing.T) {
	both(t, func(t *testing.T, b *bench) {
		topic := b.topic(1)
		client := b.client(kgo.TransactionalID(topic), kgo.RecordPartitioner(kgo.ManualPartitioner()))
		b.transaction(client, true, numbered(topic, 0, 0, 3)...)
		ctx, cancel := context.WithTimeout(b.ctx, 10*time.Second)
		defer cancel()
		s := b.source(SourceOptions{Topic: topic, Positions: []millrace.Position{{Topic: topic, Offset: 3}}})
		for i, next := range []int64{4, 8} {
			if i > 0 {
				b.transaction(client, false, numbered(topic, 0, 3, 6)...)
			}
			for from := []int64{3, 4}[i]; from < next; {
				batch, err := s.Next(ctx)
				if err != nil {
					t.Fatalf("waiting for a batch from %d: %v", from, err)
				}
				if batch.From != from || len(batch.Records) != 0 {
					t.Fatalf("a batch from %d to %d with %d records, want it from %d and empty", batch.From, batch.To, len(batch.Records), from)
				}
				from = batch.To
				batch.Release()
			}
		}
	})
}

// fromEverywhere checks that each place to go on from, also within an aborted transaction, shows the
// same records.
func fromEverywhere(b *bench, topic string, end int64, all []copied) {
	b.t.Helper()
	for from := int64(0); from < end; from += 3 {
		want := all
		for len(want) > 0 && want[0].Offset < from {
			want = want[1:]
		}
		p := []millrace.Position{{Topic: topic, Offset: from}}
		for i, r := range read(b.ctx, b.t, b.source(SourceOptions{Topic: topic, Positions: p}), len(want))[0] {
			if r.Offset != want[i].Offset || string(r.Value) != string(want[i].Value) {
				b.t.Fatalf("from %d: record %d is %q at %d", from, i, r.Value, r.Offset)
			}
		}
	}
}

func TestOpenTransactionIsNotRead(t *testing.T) {
	both(t, func(t *testing.T, b *bench) {
		topic := b.topic(1)
		b.write(numbered(topic, 0, 0, 3))
		open := b.client(kgo.TransactionalID(topic), kgo.RecordPartitioner(kgo.ManualPartitioner()))
		if err := open.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		if err := open.ProduceSync(b.ctx, numbered(topic, 0, 3, 6)...).FirstErr(); err != nil {
			t.Fatal(err)
		}
		latest, err := b.cluster.Resolve(b.ctx, topic, Latest)
		if err != nil || latest[0].Offset != 3 {
			t.Errorf("latest is %v, %v, want 3: before the open transaction", latest, err)
		}
		s := b.source(SourceOptions{Topic: topic})
		read(b.ctx, t, s, 3)
		if err := open.EndTransaction(b.ctx, kgo.TryCommit); err != nil {
			t.Fatal(err)
		}
		if got := read(b.ctx, t, s, 3)[0]; string(got[0].Value) != "3" {
			t.Errorf("after the commit: %q", got[0].Value)
		}
	})
}
