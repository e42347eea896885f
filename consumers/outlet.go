package consumers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/segmentio/kafka-go"

	"millrace"
	"millrace/consumers/internal/recordbatch"
)

// parcel is a batch being filled or sent.
type parcel struct {
	builder recordbatch.Builder
	done    []Done
	bytes   int     // of the producer's buffer
	keep    *keeper // nil for records that may be given up
	fixed   bool    // some record's partition is the caller's choice
}

// outlet is where one partition's records leave. All but run and what it calls hold the producer's
// lock.
type outlet struct {
	p          *Producer
	topic      string
	partition  int32
	queue      []*parcel     // the last one is being filled
	wake       chan struct{} // capacity 1: there is something in the queue
	sent, done uint64        // records

	// Of run only.
	info, stale *topicInfo
}

func (o *outlet) push(rec *millrace.Record, size int, done Done, keep *keeper, fixed bool) {
	var b *parcel
	if n := len(o.queue); n > 0 {
		b = o.queue[n-1]
		if b.builder.Size()+size > o.p.o.BatchBytes || b.keep != keep {
			b = nil
		}
	}
	if b == nil {
		b = o.p.fresh()
		b.keep = keep
		o.queue = append(o.queue, b)
	}
	b.builder.Append(rec)
	b.done = append(b.done, done)
	b.bytes += size
	b.fixed = b.fixed || fixed
	o.sent++
	// One token is enough: the sender looks for more before it waits.
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// fresh returns an empty parcel; the producer's lock is held.
func (p *Producer) fresh() *parcel {
	if n := len(p.idle); n > 0 {
		b := p.idle[n-1]
		p.idle[n-1] = nil
		p.idle = p.idle[:n-1]
		return b
	}
	return new(parcel)
}

// recycle keeps as many idle parcels as the buffer can hold full ones; the producer's lock is held.
func (p *Producer) recycle(b *parcel) {
	if len(p.idle) > p.o.BufferBytes/p.o.BatchBytes {
		return
	}
	clear(b.done)
	b.done, b.bytes, b.keep, b.fixed = b.done[:0], 0, nil, false
	b.builder.Reset(2 * p.o.BatchBytes)
	p.idle = append(p.idle, b)
}

// pop takes the oldest parcel, also when it is still being filled: that is what makes batches small
// at a low rate. It takes the lock itself.
func (o *outlet) pop() *parcel {
	o.p.mu.Lock()
	defer o.p.mu.Unlock()
	if len(o.queue) == 0 {
		return nil
	}
	b := o.queue[0]
	o.queue[0] = nil
	if o.queue = o.queue[1:]; len(o.queue) == 0 {
		o.queue = nil
	}
	return b
}

// run sends one parcel after the other until ctx ends.
func (o *outlet) run(ctx context.Context) error {
	for {
		b := o.pop()
		if b == nil {
			select {
			case <-o.wake:
				continue
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		o.ship(ctx, b)
	}
}

// ship sends a parcel until it is acknowledged or given up.
func (o *outlet) ship(ctx context.Context, b *parcel) {
	log := b.keep.log(o.p.c.log.With("topic", o.topic, "partition", o.partition))
	wait := backoff{c: o.p.c}
	start := o.p.c.now()
	told, said := start, false
	for {
		base, err := o.try(ctx, b)
		if err == nil {
			if said {
				log.Info("kafka: writing again", "tries", wait.tries)
			}
			o.p.finish(o, b, base, nil)
			return
		}
		err = fmt.Errorf("producing to %s/%d: %w", o.topic, o.partition, err)
		if refusedForm(err) {
			if b.builder.Count() > 1 && (b.keep != nil || !errors.Is(err, kafka.InvalidRecord)) {
				o.halve(ctx, b)
				return
			}
			if o.mended(b, err) {
				continue
			}
		}
		now := o.p.c.now()
		tired := o.p.o.RetryFor > 0 && now.Sub(start) >= o.p.o.RetryFor
		goesOn := passing(err) && !tired || b.keep != nil ||
			errors.Is(err, ErrUnknownTopic) && wait.tries < unknownTopicTries
		if ctx.Err() != nil {
			o.p.finish(o, b, 0, fmt.Errorf("%w (stopped: %w)", err, ctx.Err()))
			return
		}
		heldBack := b.keep == nil && errors.Is(err, ErrHeldBack)
		if !goesOn || heldBack && o.p.patient.Err() != nil {
			o.p.finish(o, b, 0, err)
			return
		}
		if b.keep != nil {
			o.p.block(o.topic, o.partition, now)
			err = o.p.recreate(ctx, b.keep, wait.tries, err)
		}
		// Said again and again, as others wait for these records, and whoever looks may only see the end of the log.
		// An embedded broker holds back many times a minute.
		if wait.tries == quietTries && !heldBack || wait.tries > quietTries && now.Sub(told) >= sayEvery {
			told, said = now, true
			log.Warn(b.cannotWrite(err, o.p.o.RetryFor), "records", o.waiting(), "for", now.Sub(start).Round(time.Second), "error", err)
		}
		o.stale = o.info
		o.p.pause(ctx, &wait)
	}
}

// cannotWrite says how long a parcel is tried after err.
func (b *parcel) cannotWrite(err error, retryFor time.Duration) string {
	if b.keep == nil && (!passing(err) || retryFor > 0) {
		return "kafka: cannot write, will try a little longer"
	}
	return keepsTrying
}

// keepsTrying is told only where it holds.
const keepsTrying = "kafka: cannot write, will try until it works"

// sayEvery is how often it is said that records cannot be written.
const sayEvery = 30 * time.Second

// refusedForm reports whether a broker refuses records for what they are.
func refusedForm(err error) bool {
	return errors.Is(err, kafka.MessageSizeTooLarge) || errors.Is(err, kafka.RecordListTooLarge) || errors.Is(err, kafka.InvalidRecord)
}

// waiting is how many records are not acknowledged.
func (o *outlet) waiting() uint64 {
	o.p.mu.Lock()
	defer o.p.mu.Unlock()
	return o.sent - o.done
}

// try sends a parcel once.
func (o *outlet) try(ctx context.Context, b *parcel) (int64, error) {
	c := o.p.c
	partition := o.partition
	leader, info, err := c.leader(ctx, o.topic, partition, o.stale)
	if info != nil {
		o.info = info
		if n := len(info.partitions); err != nil && n > 0 && !b.fixed && !slices.Contains(info.partitions, partition) {
			// The topic was made anew with fewer: this partition never comes back.
			partition = info.partitions[int(partition)%n]
			leader, info, err = c.leader(ctx, o.topic, partition, o.stale)
			if info != nil {
				o.info = info
			}
		}
	}
	if err != nil {
		return 0, err
	}
	frame, err := c.frame(c.buffers.Get(b.builder.Size()+frameHead+len(o.topic)), o.topic, partition, &b.builder, o.p.compress)
	if err != nil {
		return 0, settled("%w", err)
	}
	base, err := c.produce(ctx, &produceRequest{leader: leader, codec: o.p.codec, frame: frame})
	// After an error a connection may still be writing the frame, so it is left to the collector.
	if err == nil {
		c.buffers.Put(frame)
	}
	return base, err
}

// frameHead is room for a produce request's head with an ordinary client id.
const frameHead = 128

// halve sends the two halves of a parcel that is too large for the topic, one after the other.
func (o *outlet) halve(ctx context.Context, b *parcel) {
	n := b.builder.Count()
	// Offset deltas are relative to the batch, so that the second half is encoded anew.
	halves := [2]*parcel{{keep: b.keep, fixed: b.fixed}, {keep: b.keep, fixed: b.fixed}}
	records := b.builder.Records()
	var rec millrace.Record
	var headers []millrace.Header
	for i := range n {
		half := halves[0]
		if i >= n/2 {
			half = halves[1]
		}
		headers = headers[:0]
		if _, err := records.Next(&rec, &headers); err != nil {
			o.p.finish(o, b, 0, fmt.Errorf("halving a batch: %w", err)) // cannot be: we encoded it
			return
		}
		half.builder.Append(&rec)
		half.done = append(half.done, b.done[i])
	}
	// The buffer's bytes are given back with the second half.
	halves[1].bytes = b.bytes
	o.ship(ctx, halves[0])
	o.ship(ctx, halves[1])
}

// mended alters a single record that may not be given up.
func (o *outlet) mended(b *parcel, why error) bool {
	if b.keep == nil || b.keep.mend == nil {
		return false
	}
	records := b.builder.Records()
	var rec millrace.Record
	var headers []millrace.Header
	if _, err := records.Next(&rec, &headers); err != nil || !b.keep.mend(&rec, why) {
		return false
	}
	var other recordbatch.Builder
	other.Append(&rec)
	b.builder = other
	return true
}
