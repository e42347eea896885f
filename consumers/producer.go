package consumers

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
	"golang.org/x/sync/errgroup"

	"millrace"
	"millrace/consumers/internal/recordbatch"
)

// ProducerOptions say how a Producer batches. Zero values take the defaults.
type ProducerOptions struct {
	// BufferBytes bounds the records that are not acknowledged yet, of all partitions together:
	// 16 MiB by default. Send blocks beyond it.
	BufferBytes int
	// BatchBytes bounds one batch before compression: 512 KiB by default, half of what brokers take.
	// A single larger record makes a batch of its own.
	BatchBytes int
	// Compression is none, gzip, snappy, lz4 or zstd; "" is none.
	Compression string
	// RetryFor is how long a batch is tried when errors pass; 0 is for as long as Run's ctx lives.
	RetryFor time.Duration
}

const (
	bufferBytesDefault = 16 << 20
	batchBytesDefault  = 512 << 10
	// unknownTopicTries is how often a topic may be unknown to the broker asked before it counts as
	// missing: brokers learn of a new topic one after the other.
	unknownTopicTries = 5
	// topicAgeMax is how old the knowledge of a topic's partitions may be: a new partition gets its
	// keys that much later at most.
	topicAgeMax = time.Minute
)

// Done is told what became of a record. It runs on the partition's sender: it must be quick and must
// not call Send.
type Done = func(partition int32, offset int64, err error)

// Producer writes records asynchronously. Each partition has one request in flight, and the next one
// takes all that came meanwhile: small batches at a low rate, large ones at a high rate, always in
// order. It is neither idempotent nor transactional: a batch whose answer was lost is sent again, so
// that records may be written twice, never lost. It is safe for concurrent use.
type Producer struct {
	c        *Cluster
	o        ProducerOptions
	codec    recordbatch.Codec
	compress *recordbatch.Compressor
	err      error // of the options; Run and Send report it

	mu       sync.Mutex
	buffered int // bytes not acknowledged
	outlets  map[outletKey]*outlet
	idle     []*parcel
	turns    map[string]uint32       // round robin of each topic
	failed   error                   // the first failure that no Flush has reported
	blocked  map[outletKey]time.Time // since when records that are never given up cannot be written
	group    *errgroup.Group         // non-nil while Run runs
	ctx      context.Context         // Run's
	stopped  error                   // why Run ended
	patient  context.Context         // ends with Hasten
	hasten   context.CancelFunc
	changed  chan struct{} // closed and replaced when a batch is done
}

type outletKey struct {
	topic     string
	partition int32
}

// NewProducer prepares a producer; Run makes it write.
func NewProducer(c *Cluster, o ProducerOptions) *Producer {
	if o.BufferBytes <= 0 {
		o.BufferBytes = bufferBytesDefault
	}
	if o.BatchBytes <= 0 {
		o.BatchBytes = batchBytesDefault
	}
	p := &Producer{
		c: c, o: o, outlets: make(map[outletKey]*outlet), turns: make(map[string]uint32),
		blocked: make(map[outletKey]time.Time),
		changed: make(chan struct{}),
	}
	p.patient, p.hasten = context.WithCancel(context.Background())
	if p.codec, p.err = recordbatch.ParseCodec(o.Compression); p.err == nil {
		p.compress, p.err = recordbatch.NewCompressor(p.codec)
	}
	return p
}

// Run sends until ctx ends, and then returns its error; records that are not acknowledged by then
// get that error too. Flush before ending ctx. It can run once.
func (p *Producer) Run(ctx context.Context) error {
	if p.err != nil {
		return fmt.Errorf("running a producer: %w", p.err)
	}
	group, ctx := errgroup.WithContext(ctx)
	p.mu.Lock()
	if p.group != nil || p.stopped != nil {
		p.mu.Unlock()
		return fmt.Errorf("running a producer: %w", settled("it has run already"))
	}
	p.group, p.ctx = group, ctx
	for _, o := range p.outlets {
		group.Go(func() error { return o.run(ctx) })
	}
	p.mu.Unlock()
	// Holds the group open, so that Send may add outlets for as long as group is set.
	group.Go(func() error {
		<-ctx.Done()
		p.mu.Lock()
		p.group = nil
		p.stopped = context.Cause(ctx)
		p.mu.Unlock()
		return ctx.Err()
	})
	err := group.Wait()
	// Nothing adds outlets any more. They stay where they are, so that Flush waits for what is left.
	for _, o := range p.outlets {
		for b := o.pop(); b != nil; b = o.pop() {
			p.finish(o, b, 0, err)
		}
	}
	return err
}

// Send queues a copy of rec for its topic. Partition -1 chooses one: by key as Java's default
// partitioner does, without a key in turn. A Time of 0 is now. Send blocks while the buffer is full
// and for the first look at a topic; an error means that the record is not queued and done is not
// called. done may be nil.
func (p *Producer) Send(ctx context.Context, rec millrace.Record, done Done) error {
	return p.send(ctx, rec, done, nil)
}

// send is Send; a keep that is not nil makes the record one that is never given up.
func (p *Producer) send(ctx context.Context, rec millrace.Record, done Done, keep *keeper) error {
	if p.err != nil {
		return fmt.Errorf("producing: %w", p.err)
	}
	if rec.Time == 0 {
		rec.Time = p.c.now().UnixMilli()
	}
	fixed := rec.Partition >= 0
	if !fixed {
		partition, err := p.choose(ctx, &rec, keep)
		if err != nil {
			return fmt.Errorf("producing: %w", err)
		}
		rec.Partition = partition
	}
	size := recordbatch.RecordBytes(&rec)
	p.mu.Lock()
	// One record larger than the whole buffer goes alone.
	for p.stopped == nil && p.buffered > 0 && p.buffered+size > p.o.BufferBytes {
		changed := p.changed
		p.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("producing to %s: waiting for room: %w", rec.Topic, ctx.Err())
		}
		p.mu.Lock()
	}
	defer p.mu.Unlock()
	if p.stopped != nil {
		return fmt.Errorf("producing to %s: the producer has stopped: %w", rec.Topic, p.stopped)
	}
	p.outlet(rec.Topic, rec.Partition).push(&rec, size, done, keep, fixed)
	p.buffered += size
	return nil
}

// choose picks a partition. For a record that is never given up, a topic that cannot be looked up is tried until ctx
// ends.
func (p *Producer) choose(ctx context.Context, rec *millrace.Record, keep *keeper) (int32, error) {
	wait := backoff{c: p.c}
	start := p.c.now()
	var told time.Time
	info, err := p.lookUp(ctx, rec.Topic)
	for ; err != nil && keep != nil && ctx.Err() == nil; info, err = p.lookUp(ctx, rec.Topic) {
		now := p.c.now()
		p.block(rec.Topic, anyPartition, now)
		err = p.recreate(ctx, keep, wait.tries, err)
		if told.IsZero() || now.Sub(told) >= sayEvery {
			told = now
			keep.log(p.c.log).Warn(keepsTrying, "topic", rec.Topic, "for", now.Sub(start).Round(time.Second), "error", err)
		}
		_ = wait.wait(ctx) // an ended ctx ends the loop
	}
	if err != nil {
		return 0, err
	}
	if keep != nil {
		p.unblock(rec.Topic, anyPartition)
	}
	n := len(info.partitions)
	if n == 0 {
		return 0, fmt.Errorf("%w %s: it has no partitions", ErrUnknownTopic, rec.Topic)
	}
	if rec.Key != nil {
		return keyPartition(rec.Key, n), nil
	}
	p.mu.Lock()
	turn := p.turns[rec.Topic]
	p.turns[rec.Topic] = turn + 1
	p.mu.Unlock()
	return info.partitions[turn%uint32(n)], nil
}

// anyPartition stands for a record that has no partition yet.
const anyPartition = -1

// block notes since when a partition does not take records that are never given up.
func (p *Producer) block(topic string, partition int32, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if key := (outletKey{topic, partition}); p.blocked[key].IsZero() {
		p.blocked[key] = now
	}
}

func (p *Producer) unblock(topic string, partition int32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.blocked, outletKey{topic, partition})
}

// blockedFor is how long the topic has not taken some record that is never given up; 0 when it takes all.
func (p *Producer) blockedFor(topic string) time.Duration {
	now := p.c.now()
	p.mu.Lock()
	defer p.mu.Unlock()
	longest := time.Duration(0)
	for key, since := range p.blocked {
		if key.topic == topic {
			longest = max(longest, now.Sub(since))
		}
	}
	return longest
}

// recreate creates a topic that is gone, when it may, and returns the error that there is to tell. A broker may not
// know a topic yet that is there, so that it is not tried at once.
func (p *Producer) recreate(ctx context.Context, keep *keeper, tries int, err error) error {
	if keep.create == nil || tries < unknownTopicTries || !errors.Is(err, ErrUnknownTopic) {
		return err
	}
	if createErr := p.c.createTopic(ctx, *keep.create); createErr != nil {
		return fmt.Errorf("%w; creating it anew: %w", err, createErr)
	}
	p.c.log.Warn("kafka: the topic was gone and is created anew", "topic", keep.create.Name)
	return err
}

// lookUp returns what is known of a topic, and asks anew once that is old, as partitions may have
// been added.
func (p *Producer) lookUp(ctx context.Context, topic string) (*topicInfo, error) {
	info, err := p.c.topic(ctx, topic, nil)
	if err == nil && p.c.now().Sub(info.asked) < topicAgeMax {
		return info, nil
	}
	known := info
	err = p.c.persist(ctx, "looking up topic "+topic, func(ctx context.Context) (err error) {
		info, err = p.c.topic(ctx, topic, known)
		return err
	})
	if err != nil && known != nil && ctx.Err() == nil {
		return known, nil // old is better than none
	}
	return info, err
}

// outlet returns a partition's outlet; the lock is held.
func (p *Producer) outlet(topic string, partition int32) *outlet {
	key := outletKey{topic, partition}
	o := p.outlets[key]
	if o == nil {
		o = &outlet{p: p, topic: topic, partition: partition, wake: make(chan struct{}, 1)}
		p.outlets[key] = o
		if p.group != nil {
			ctx := p.ctx
			p.group.Go(func() error { return o.run(ctx) })
		}
	}
	return o
}

// Flush waits until all records sent before are acknowledged or given up, and returns the first
// failure that no earlier Flush has returned.
func (p *Producer) Flush(ctx context.Context) error {
	if err := p.settle(ctx); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	err := p.failed
	p.failed = nil
	return err
}

// ErrHeldBack says that a broker refuses records for now, and so has not written them. It is what brokers say whose
// replicas are missing, and what an embedded broker says while its log is full.
var ErrHeldBack error = kafka.NotEnoughReplicas

// Hasten gives up records that a broker holds back, at once and from now on: for a producer that is called off. Those
// that may be written are still waited for.
func (p *Producer) Hasten() { p.hasten() }

// pause waits before the next try; Hasten ends it.
func (p *Producer) pause(ctx context.Context, wait *backoff) {
	if p.patient.Err() != nil {
		_ = wait.wait(ctx) // an ended ctx is met by the next try
		return
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	defer context.AfterFunc(p.patient, stop)()
	_ = wait.wait(ctx) // the same
}

// settle waits until something became of all records sent before.
func (p *Producer) settle(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	type mark struct {
		o    *outlet
		sent uint64
	}
	var marks []mark
	for _, o := range p.outlets {
		if o.done < o.sent {
			marks = append(marks, mark{o, o.sent})
		}
	}
	for _, m := range marks {
		for m.o.done < m.sent {
			changed := p.changed
			p.mu.Unlock()
			var err error
			select {
			case <-changed:
			case <-ctx.Done():
				err = fmt.Errorf("waiting for acknowledgements: %w", ctx.Err())
			}
			p.mu.Lock()
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// finish tells everyone what became of a batch.
func (p *Producer) finish(o *outlet, b *parcel, base int64, err error) {
	for i, done := range b.done {
		if done == nil {
			continue
		}
		if err != nil {
			done(o.partition, -1, err)
		} else {
			done(o.partition, base+int64(i), nil)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.buffered -= b.bytes
	if b.keep != nil {
		delete(p.blocked, outletKey{o.topic, o.partition})
	}
	o.done += uint64(len(b.done))
	if err != nil && p.failed == nil && !errors.Is(err, context.Canceled) {
		p.failed = err
	}
	p.recycle(b)
	close(p.changed)
	p.changed = make(chan struct{})
}
