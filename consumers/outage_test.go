package consumers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"testing"
	"time"

	"millrace"
)

func TestOutageManual(t *testing.T) {
	b := newReal(t)
	b.ctx = context.Background()
	c, err := Dial(testSpec(b.addrs...), Options{Log: slog.New(slog.NewTextHandler(os.Stderr, nil))})
	if err != nil {
		t.Fatal(err)
	}
	b.cluster = c
	topic := b.topic(3)
	p := b.producer(ProducerOptions{})
	s := b.source(SourceOptions{Topic: topic})
	seen := make(chan string, 100000)
	m := b.member(groupOptions(topic), seen)
	n := 0
	for from := time.Now(); time.Since(from) < 60*time.Second; n++ {
		if err := p.Send(b.ctx, millrace.Record{Topic: topic, Partition: int32(n % 3), Value: []byte(strconv.Itoa(n))}, func(_ int32, _ int64, err error) {
			if err != nil {
				t.Error(err)
			}
		}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Millisecond)
	}
	fmt.Println("sent", n)
	if err := p.Flush(b.ctx); err != nil {
		t.Fatal(err)
	}
	values := map[string]int{}
	next := map[int32]int64{}
	ctx, cancel := context.WithTimeout(b.ctx, 20*time.Second)
	defer cancel()
	for len(values) < n {
		batch, err := s.Next(ctx)
		if err != nil {
			t.Fatal(err, len(values))
		}
		if at, ok := next[batch.Partition]; ok && at != batch.From {
			t.Fatal("hole", at, batch.From)
		}
		next[batch.Partition] = batch.To
		for _, r := range batch.Records {
			values[string(r.Value)]++
		}
		batch.Release()
	}
	dup := 0
	for _, k := range values {
		dup += k - 1
	}
	fmt.Println("read", len(values), "twice written", dup)
	fmt.Println("group again", b.await(seen, n), errors.Is(nil, nil), m.source.Lag())
}
