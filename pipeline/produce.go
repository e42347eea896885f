package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync/atomic"
	"time"

	"millrace"
	"millrace/config"
	"millrace/consumers"
)

// produceBytes bounds records on their way; then reading rows pauses.
const produceBytes = 32 << 20

// Row is what is written next. Key and Value are valid until the next one is asked for; a nil key is none.
type Row struct {
	Key, Value []byte
	Label      bool  // it goes to the topic of labels
	Time       int64 // the record's, Unix milliseconds; 0 is the time when it is written
	At         RowAt // goes into the record's header millrace-row; the zero value into none
}

// Rows gives the next row; io.EOF ends it.
type Rows func(ctx context.Context) (Row, error)

// Produce is how rows are written to topics.
type Produce struct {
	Rate     float64      // events a second; 0 is as fast as it goes
	Events   uint64       // end after so many; 0 is no bound
	Progress func(uint64) // is told now and then how many were written; may be nil
}

// Written is how many records were written.
type Written struct{ Events, Labels uint64 }

// ProduceTo reaches the pipeline's brokers, creates its topics where there are none, and writes rows to them until they
// or ctx end. It returns how many were written and acknowledged, and how long writing took.
func ProduceTo(ctx context.Context, p *config.Pipeline, log *slog.Logger, rows Rows, o Produce) (Written, time.Duration, error) {
	e := newEnvironment(p, log)
	defer e.Close()
	if err := e.openKafka(ctx, Servers{}); err != nil {
		return Written{}, 0, err
	}
	for _, topic := range []string{p.Events.Topic, p.Label.Topic} {
		if topic == "" {
			continue
		}
		if err := e.cluster.EnsureTopic(ctx, consumers.TopicSpec{Name: topic, Partitions: p.Events.Partitions}); err != nil {
			return Written{}, 0, fmt.Errorf("creating topic %s: %w", topic, err)
		}
	}
	start := time.Now()
	n, err := produceRows(ctx, e.cluster, p, rows, o)
	return n, time.Since(start), err
}

// Produce writes rows to the running pipeline's topics of events and labels.
func (r *Pipeline) Produce(ctx context.Context, rows Rows, o Produce) (Written, error) {
	return produceRows(ctx, r.env.cluster, r.env.pipeline, rows, o)
}

// produceRows writes rows until they end, ctx ends or enough are written, and waits for their acknowledgement. What a
// broker holds back when ctx ends is not written, and no error.
func produceRows(ctx context.Context, c *consumers.Cluster, p *config.Pipeline, rows Rows, o Produce) (Written, error) {
	producer := consumers.NewProducer(c, consumers.ProducerOptions{BufferBytes: produceBytes})
	around, stop := context.WithCancel(context.WithoutCancel(ctx))
	ran := make(chan error, 1)
	go func() { ran <- producer.Run(around) }()
	defer context.AfterFunc(ctx, producer.Hasten)()
	counting := &counter{sender: producer, labels: p.Label.Topic}
	written, err := sendRows(ctx, counting, p, rows, o)
	flushErr := acknowledge(ctx, around, producer)
	stop()
	runErr := <-ran
	if errors.Is(runErr, context.Canceled) {
		runErr = nil
	}
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		err = nil // an interrupt ends the rows; what was written must still be acknowledged
	}
	if ctx.Err() != nil && errors.Is(flushErr, consumers.ErrHeldBack) {
		return counting.acknowledged(), errors.Join(err, runErr)
	}
	if err = errors.Join(err, flushErr, runErr); err != nil {
		return counting.acknowledged(), err
	}
	return written, nil
}

// acknowledge waits until all that was sent is acknowledged: for as long as the broker holds it back, and after ctx has
// ended no longer than a drain takes. around outlives ctx.
func acknowledge(ctx, around context.Context, producer sender) error {
	flush, cancel := context.WithCancel(around)
	defer cancel()
	defer context.AfterFunc(ctx, func() {
		select {
		case <-time.After((&Options{}).drain()):
			cancel()
		case <-flush.Done():
		}
	})()
	err := producer.Flush(flush)
	if err != nil && flush.Err() != nil && around.Err() == nil {
		return fmt.Errorf("some rows are not acknowledged, and may be written or not: %s passed since the interrupt", (&Options{}).drain())
	}
	return err
}

// counter is a sender that counts what is acknowledged.
type counter struct {
	sender
	labels        string // their topic
	events, later atomic.Uint64
}

// Send sends a record, of which nobody else wants to know.
func (c *counter) Send(ctx context.Context, rec millrace.Record, _ consumers.Done) error {
	count := &c.events
	if rec.Topic == c.labels {
		count = &c.later
	}
	return c.sender.Send(ctx, rec, func(_ int32, _ int64, err error) {
		if err == nil {
			count.Add(1)
		}
	})
}

func (c *counter) acknowledged() Written {
	return Written{Events: c.events.Load(), Labels: c.later.Load()}
}

// sendRows sends rows until they end, ctx ends or enough are sent. What is held when ctx ends was not sent.
func sendRows(ctx context.Context, producer sender, p *config.Pipeline, rows Rows, o Produce) (Written, error) {
	start := time.Now()
	l := newLockstep(producer, p, time.Now)
	for o.Events == 0 || l.events() < o.Events {
		if err := ctx.Err(); err != nil {
			return l.written, err
		}
		if early := due(start, l.events(), o.Rate); early > 0 {
			if err := l.pause(ctx, early); err != nil {
				return l.written, err
			}
		}
		row, err := rows(ctx)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return l.written, errors.Join(fmt.Errorf("reading rows: %w", err), l.release(ctx))
		}
		if err := l.take(ctx, &row); err != nil {
			return l.written, err
		}
		if n := l.events(); n%1024 == 0 && o.Progress != nil {
			o.Progress(n)
		}
	}
	err := l.release(ctx)
	return l.written, err
}

// due is by how much event n comes before its time. At high rates the granularity of pauses makes small bursts.
func due(start time.Time, n uint64, rate float64) time.Duration {
	if rate <= 0 {
		return 0
	}
	return time.Duration(float64(n)/rate*float64(time.Second)) - time.Since(start)
}
