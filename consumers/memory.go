package consumers

import (
	"context"
	"io"
	"sync"

	"millrace"
)

// MemorySource hands out batches that were put into it, for tests. It has Source's Next, and is safe
// for concurrent use.
type MemorySource struct {
	mu      sync.Mutex
	batches []*millrace.Batch
	endless bool
	err     error
	changed chan struct{}
}

// NewMemorySource hands out the batches in the order given, and io.EOF after the last.
func NewMemorySource(batches ...*millrace.Batch) *MemorySource {
	return &MemorySource{batches: batches, changed: make(chan struct{})}
}

// Endless makes Next block after the last batch, as a topic does, and returns the source itself.
func (m *MemorySource) Endless() *MemorySource {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.endless = true
	return m
}

// Append puts further batches behind the others.
func (m *MemorySource) Append(batches ...*millrace.Batch) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.batches = append(m.batches, batches...)
	m.wake()
}

// Fail makes Next return err once the batches are through.
func (m *MemorySource) Fail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.err = err
	m.wake()
}

func (m *MemorySource) wake() {
	close(m.changed)
	m.changed = make(chan struct{})
}

// Next returns the next batch.
func (m *MemorySource) Next(ctx context.Context) (*millrace.Batch, error) {
	for {
		m.mu.Lock()
		changed := m.changed
		switch {
		case len(m.batches) > 0:
			b := m.batches[0]
			m.batches = m.batches[1:]
			m.mu.Unlock()
			return b, nil
		case m.err != nil:
			m.mu.Unlock()
			return nil, m.err
		case !m.endless:
			m.mu.Unlock()
			return nil, io.EOF
		}
		m.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// NewMemoryBatch makes a batch of values at consecutive offsets from on, without keys. Each
// record's time is its offset in milliseconds. A nil value is a tombstone.
func NewMemoryBatch(topic string, partition int32, from int64, values ...[]byte) *millrace.Batch {
	b := millrace.NewBatch(nil)
	b.Topic, b.Partition, b.From = topic, partition, from
	b.To = from + int64(len(values))
	b.End = b.To
	for i, v := range values {
		offset := from + int64(i)
		b.Records = append(b.Records, millrace.Record{Topic: topic, Partition: partition, Offset: offset, Time: offset, Value: v})
	}
	return b
}
