package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"millrace"
	"millrace/config"
	"millrace/consumers"
)

// produceBytes bounds records on their way; then reading rows pauses.
const produceBytes = 32 << 20

// Rows gives the next event's key and value, valid until the next call; io.EOF ends it. A nil key is none.
type Rows func(ctx context.Context) (key, value []byte, err error)

// Produce is how rows are written to a topic.
type Produce struct {
	Rate     float64      // events a second; 0 is as fast as it goes
	Events   uint64       // end after so many; 0 is no bound
	Progress func(uint64) // is told now and then how many were written; may be nil
}

// ProduceTo reaches the pipeline's brokers, creates its events topic where there is none, and writes rows to it until
// they or ctx end. It returns how many were written and acknowledged, and how long writing took.
func ProduceTo(ctx context.Context, p *config.Pipeline, log *slog.Logger, rows Rows, o Produce) (uint64, time.Duration, error) {
	e := newEnvironment(p, log)
	defer e.Close()
	if err := e.openKafka(ctx, Servers{}); err != nil {
		return 0, 0, err
	}
	if err := e.cluster.EnsureTopic(ctx, consumers.TopicSpec{Name: p.Events.Topic, Partitions: p.Events.Partitions}); err != nil {
		return 0, 0, fmt.Errorf("creating topic %s: %w", p.Events.Topic, err)
	}
	start := time.Now()
	n, err := produceRows(ctx, e.cluster, p.Events.Topic, rows, o)
	return n, time.Since(start), err
}

// Produce writes rows to the running pipeline's events topic.
func (r *Pipeline) Produce(ctx context.Context, rows Rows, o Produce) (uint64, error) {
	return produceRows(ctx, r.env.cluster, r.env.pipeline.Events.Topic, rows, o)
}

// produceRows writes rows until they end, ctx ends or enough are written, and waits for their
// acknowledgement.
func produceRows(ctx context.Context, c *consumers.Cluster, topic string, rows Rows, o Produce) (uint64, error) {
	producer := consumers.NewProducer(c, consumers.ProducerOptions{BufferBytes: produceBytes})
	around, stop := context.WithCancel(context.WithoutCancel(ctx))
	ran := make(chan error, 1)
	go func() { ran <- producer.Run(around) }()
	written, err := sendRows(ctx, producer, topic, rows, o)
	flush, cancel := context.WithTimeout(around, (&Options{}).drain())
	flushErr := producer.Flush(flush)
	cancel()
	stop()
	runErr := <-ran
	if errors.Is(runErr, context.Canceled) {
		runErr = nil
	}
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		err = nil // an interrupt ends the rows; what was written must still be acknowledged
	}
	return written, errors.Join(err, flushErr, runErr)
}

func sendRows(ctx context.Context, producer *consumers.Producer, topic string, rows Rows, o Produce) (uint64, error) {
	start := time.Now()
	var written uint64
	for o.Events == 0 || written < o.Events {
		if err := ctx.Err(); err != nil {
			return written, err
		}
		if err := pace(ctx, start, written, o.Rate); err != nil {
			return written, err
		}
		key, value, err := rows(ctx)
		if errors.Is(err, io.EOF) {
			return written, nil
		}
		if err != nil {
			return written, fmt.Errorf("reading rows: %w", err)
		}
		rec := millrace.Record{Topic: topic, Partition: -1, Time: time.Now().UnixMilli(), Key: key, Value: value}
		if err := producer.Send(ctx, rec, nil); err != nil {
			return written, fmt.Errorf("writing to %s: %w", topic, err)
		}
		if written++; written%1024 == 0 && o.Progress != nil {
			o.Progress(written)
		}
	}
	return written, nil
}

// pace sleeps until event n is due. At high rates the sleep's granularity makes small bursts.
func pace(ctx context.Context, start time.Time, n uint64, rate float64) error {
	if rate <= 0 {
		return nil
	}
	wait := time.Duration(float64(n)/rate*float64(time.Second)) - time.Since(start)
	if wait <= 0 {
		return nil
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(wait):
		return nil
	}
}
