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

// Row is what is written next. Key and Value are valid until the next one is asked for; a nil key is none.
type Row struct {
	Key, Value []byte
	Label      bool  // it goes to the topic of labels
	Time       int64 // the record's, Unix milliseconds; 0 is the time when it is written
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

// produceRows writes rows until they end, ctx ends or enough are written, and waits for their
// acknowledgement.
func produceRows(ctx context.Context, c *consumers.Cluster, p *config.Pipeline, rows Rows, o Produce) (Written, error) {
	producer := consumers.NewProducer(c, consumers.ProducerOptions{BufferBytes: produceBytes})
	around, stop := context.WithCancel(context.WithoutCancel(ctx))
	ran := make(chan error, 1)
	go func() { ran <- producer.Run(around) }()
	written, err := sendRows(ctx, producer, p, rows, o)
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

func sendRows(ctx context.Context, producer *consumers.Producer, p *config.Pipeline, rows Rows, o Produce) (Written, error) {
	start := time.Now()
	var written Written
	for o.Events == 0 || written.Events < o.Events {
		if err := ctx.Err(); err != nil {
			return written, err
		}
		if err := pace(ctx, start, written.Events, o.Rate); err != nil {
			return written, err
		}
		row, err := rows(ctx)
		if errors.Is(err, io.EOF) {
			return written, nil
		}
		if err != nil {
			return written, fmt.Errorf("reading rows: %w", err)
		}
		rec := millrace.Record{Topic: p.Events.Topic, Partition: -1, Time: row.Time, Key: row.Key, Value: row.Value}
		count := &written.Events
		if row.Label {
			rec.Topic, count = p.Label.Topic, &written.Labels
		}
		if rec.Time == 0 {
			rec.Time = time.Now().UnixMilli()
		}
		if err := producer.Send(ctx, rec, nil); err != nil {
			return written, fmt.Errorf("writing to %s: %w", rec.Topic, err)
		}
		if *count++; written.Events%1024 == 0 && o.Progress != nil {
			o.Progress(written.Events)
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
