package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"millrace"
	"millrace/config"
	"millrace/config/infer"
	"millrace/consumers"
	"millrace/offline"
)

// looked is what was looked at, and what was found.
type looked struct {
	result  *infer.Result
	data    offline.Data // where the events can be read again
	learned uint64       // of a snapshot
	file    *os.File     // of events that were spooled; nil for a file of the user's
	spool   *bufio.Writer
	room    int64 // bytes that may still be spooled
}

// spoolMost bounds the events of a topic that are kept for the try.
const spoolMost = 256 << 20

// newSpool makes a file for events of a topic, as JSON lines.
func newSpool() (*looked, error) {
	file, err := os.CreateTemp("", "millrace-init-*.jsonl")
	if err != nil {
		return nil, fmt.Errorf("keeping events for a try: %w", err)
	}
	return &looked{data: offline.Data{Events: file.Name()}, file: file, spool: bufio.NewWriter(file), room: spoolMost}, nil
}

// spooled keeps what next delivers. What is no JSON is left to be counted by who looks at it.
func (l *looked) spooled(next func(context.Context) (*millrace.Batch, error)) func(context.Context) (*millrace.Batch, error) {
	var line bytes.Buffer
	return func(ctx context.Context) (*millrace.Batch, error) {
		b, err := next(ctx)
		if err != nil {
			return b, err
		}
		for i := range b.Records {
			line.Reset()
			if json.Compact(&line, b.Records[i].Value) != nil || l.room < int64(line.Len()) {
				continue
			}
			line.WriteByte('\n')
			l.room -= int64(line.Len())
			if _, err := l.spool.Write(line.Bytes()); err != nil {
				b.Release()
				return nil, fmt.Errorf("keeping events for a try: %w", err)
			}
		}
		return b, nil
	}
}

// drop removes what was spooled.
func (l *looked) drop() {
	if l.file == nil {
		return
	}
	_ = l.file.Close()           // it has been read
	_ = os.Remove(l.file.Name()) // it is in the folder for such files
}

// inferEvents is how many events of each partition init looks at.
const inferEvents = 5000

// lookAtTopic looks at the newest events of a topic.
func (a *app) lookAtTopic(ctx context.Context, o infer.Options) (*looked, error) {
	if len(o.Brokers) == 0 {
		return nil, config.Usagef("--topic needs --brokers HOST:PORT[,HOST:PORT…]")
	}
	log, err := a.logger()
	if err != nil {
		return nil, err
	}
	var spec consumers.Spec
	spec.SetDefaults()
	spec.Mode, spec.Brokers = "external", o.Brokers
	c, err := consumers.Dial(spec, consumers.Options{Log: log})
	if err != nil {
		return nil, fmt.Errorf("connecting to Kafka: %w", err)
	}
	defer c.Close() //nolint:errcheck // nothing was written
	if err := c.Check(ctx); err != nil {
		return nil, err
	}
	if o.Name == "" {
		o.Name = offline.Name(o.Topic)
	}
	bounds, err := c.Bounds(ctx, o.Topic)
	if err != nil {
		return nil, fmt.Errorf("looking at topic %s: %w", o.Topic, err)
	}
	l, err := newSpool()
	if err != nil {
		return nil, err
	}
	source := newTail(c, o.Topic, bounds)
	ctx, cancel := context.WithCancel(ctx)
	ran := make(chan error, 1)
	go func() { ran <- source.Run(ctx) }()
	l.result, err = infer.FromSource(ctx, l.spooled(untilEnd(source.Next, bounds)), o)
	cancel()
	if runErr := <-ran; err == nil && !errors.Is(runErr, context.Canceled) {
		err = runErr
	}
	if err == nil {
		err = l.spool.Flush()
	}
	if err != nil {
		l.drop()
		return nil, fmt.Errorf("looking at topic %s: %w", o.Topic, err)
	}
	return l, nil
}

// newTail reads the newest events of every partition.
func newTail(c *consumers.Cluster, topic string, bounds map[int32][2]int64) *consumers.Source {
	positions := make([]millrace.Position, 0, len(bounds))
	for id, b := range bounds {
		positions = append(positions, millrace.Position{Topic: topic, Partition: id, Offset: max(b[0], b[1]-inferEvents)})
	}
	return consumers.NewSource(c, consumers.SourceOptions{Topic: topic, Positions: positions})
}

// untilEnd turns an endless source into a finite one: it ends where the log ended when bounds were asked for.
func untilEnd(next func(context.Context) (*millrace.Batch, error), bounds map[int32][2]int64) func(context.Context) (*millrace.Batch, error) {
	left := map[int32]bool{}
	for id, b := range bounds {
		if b[1] > b[0] {
			left[id] = true
		}
	}
	return func(ctx context.Context) (*millrace.Batch, error) {
		if len(left) == 0 {
			return nil, io.EOF
		}
		b, err := next(ctx)
		if err == nil && b.To >= bounds[b.Partition][1] {
			delete(left, b.Partition)
		}
		return b, err
	}
}
