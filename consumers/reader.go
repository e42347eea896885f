package consumers

import (
	"context"
	"errors"
	"fmt"

	"github.com/segmentio/kafka-go"

	"millrace"
	"millrace/consumers/internal/recordbatch"
)

const (
	// corruptTries is how often a batch that does not decode is fetched: a flipped bit on the way
	// heals, one on the broker's disk does not.
	corruptTries = 3
	// beyondTries is how often a position beyond the log's end is asked about before it counts as a
	// loss: a new leader may not know yet how far its log is committed.
	beyondTries = 5
)

// CorruptError reports records that cannot be decoded. Reading could go on at To.
type CorruptError struct {
	Topic     string
	Partition int32
	From, To  int64 // the offsets that are lost, [From, To), as far as can be told
	Err       error
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("%s/%d: reading at offset %d: %v", e.Topic, e.Partition, e.From, e.Err)
}

func (e *CorruptError) Unwrap() error { return e.Err }

// reader reads one partition from a position on and delivers its batches in order.
type reader struct {
	in         *intake
	topic      string
	partition  int32
	position   int64 // the next offset; below 0 the log's start, not asked for yet
	fetchBytes int
	allowGaps  bool
	awaitTopic bool // a topic that is gone may come back
	slots      chan struct{}
	keys       *recordbatch.Interner

	info    *topicInfo // what the leader was learned from; stale once a request failed
	stale   *topicInfo
	wait    backoff
	corrupt int // times in a row that the batch at position did not decode
	beyond  int // times in a row that position was beyond the end
	cur     *run
}

func newReader(in *intake, topic string, p millrace.Position, share int, allowGaps, awaitTopic bool) *reader {
	return &reader{
		in: in, topic: topic, partition: p.Partition, position: p.Offset, fetchBytes: share,
		allowGaps: allowGaps, awaitTopic: awaitTopic, slots: make(chan struct{}, in.limits.PrefetchBatches),
		keys: recordbatch.NewInterner(), wait: backoff{c: in.c},
	}
}

// run reads until ctx ends or something does not pass.
func (r *reader) run(ctx context.Context) error {
	log := r.in.c.log.With("topic", r.topic, "partition", r.partition)
	for {
		err := r.step(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err == nil {
			if r.wait.tries > 0 {
				log.Info("kafka: reading again", "tries", r.wait.tries)
				r.wait.reset()
			}
			continue
		}
		if !r.goesOn(err) {
			return err
		}
		// Once an outage: the tries between say the same.
		if r.wait.tries == 0 {
			log.Warn("kafka: cannot read, will try until it works", "position", r.position, "error", err)
		}
		r.stale = r.info
		if err := r.wait.wait(ctx); err != nil {
			return err
		}
	}
}

func (r *reader) goesOn(err error) bool {
	var corrupt *CorruptError
	var gap *millrace.GapError
	switch {
	// A loss is the user's to decide about: reading on would hide it.
	case errors.As(err, &gap):
		return false
	case errors.As(err, &corrupt):
		return r.corrupt < corruptTries && !errors.Is(err, recordbatch.ErrOldFormat)
	case errors.Is(err, ErrUnknownTopic):
		return r.awaitTopic
	}
	return passing(err)
}

// step fetches once and delivers what came.
func (r *reader) step(ctx context.Context) error {
	// Before the fetch, not after it: what has been fetched takes memory already.
	if err := r.in.room(ctx); err != nil {
		return err
	}
	leader, info, err := r.in.c.leader(ctx, r.topic, r.partition, r.stale)
	if info != nil {
		r.info = info
	}
	if err != nil {
		return err
	}
	if r.position < 0 {
		if r.position, err = r.in.c.listOffset(ctx, r.topic, r.partition, int64(Earliest), readCommitted); err != nil {
			r.position = -1
			return err
		}
	}
	res, err := r.in.c.fetch(ctx, &fetchRequest{
		topic: r.topic, partition: r.partition, leader: leader, offset: r.position,
		maxBytes: int32(r.fetchBytes), minBytes: int32(r.in.limits.MinBytes), maxWait: r.in.limits.MaxWait,
		clientID: r.in.c.clientID, pool: &r.in.c.buffers,
	})
	if err != nil {
		return err
	}
	// Our own reference, until the answer is taken apart; runs hold theirs until they are released.
	records := newMemory(res.records, &r.in.c.buffers, r.in.budget)
	defer records.letGo()
	switch res.code {
	case 0:
	case kafka.OffsetOutOfRange:
		return r.outOfRange(ctx)
	default:
		return fmt.Errorf("fetching %s/%d: %w", r.topic, r.partition, res.code)
	}
	r.beyond = 0
	r.in.saw(r.partition, r.position, res.end)
	err = r.take(ctx, res, records)
	// What was read before an error is right, and position is beyond it.
	if flushErr := r.flush(ctx, res.end); err == nil {
		err = flushErr
	}
	return err
}

// outOfRange tells a loss from a log that is not there yet.
func (r *reader) outOfRange(ctx context.Context) error {
	start, end, err := r.in.c.bounds(ctx, r.topic, r.partition, readUncommitted)
	if err != nil {
		return err
	}
	again := fmt.Errorf("fetching %s/%d at %d: %w", r.topic, r.partition, r.position, kafka.OffsetNotAvailable)
	if r.position >= start && r.position <= end {
		return again
	}
	if r.position > end {
		if r.beyond++; r.beyond < beyondTries {
			return again
		}
	}
	gap := &millrace.GapError{Topic: r.topic, Partition: r.partition, Position: r.position, Start: start, End: end}
	if !r.allowGaps {
		return gap
	}
	// Beyond the end reading goes on there, not at the start: no event is ever read twice.
	r.position = min(max(r.position, start), end)
	r.beyond = 0
	r.in.c.log.Warn("kafka: events are lost, going on as told", "error", gap, "position", r.position)
	return nil
}

// take reads the batches of one answer into runs and delivers those that are full.
func (r *reader) take(ctx context.Context, res *fetchResponse, records *memory) error {
	txns := newTransactions(res.aborted)
	first := true
	// Batches go into one run, so that many small ones (a producer at a low rate writes one a record)
	// cost no more than a large one.
	for set := res.records; len(set) > 0; first = false {
		h, body, rest, err := recordbatch.Split(set)
		if errors.Is(err, recordbatch.ErrTruncated) {
			if first {
				return r.askMore()
			}
			return nil
		}
		if err == nil && h.LastOffset() >= r.position {
			err = r.takeBatch(ctx, &txns, &h, body, records, res.end)
		}
		if err != nil {
			if ctx.Err() != nil {
				return err
			}
			return r.corrupted(&h, res.end, err)
		}
		set = rest
	}
	return nil
}

// askMore is for an answer that does not hold even one whole batch. Brokers send the first batch
// whole since 0.10.1 whatever size was asked for, so this is for what stands between.
func (r *reader) askMore() error {
	if r.fetchBytes >= responseBytesMax/2 {
		return settled("%s/%d: the batch at offset %d is larger than %d bytes", r.topic, r.partition, r.position, r.fetchBytes)
	}
	r.fetchBytes *= 2
	return nil
}

// corrupted makes an error of what Split or takeBatch found, or steps over it when told to.
func (r *reader) corrupted(h *recordbatch.Header, end int64, err error) error {
	to := r.position + 1
	if last := h.LastOffset(); last >= r.position && last < end {
		to = last + 1
	}
	corrupt := &CorruptError{Topic: r.topic, Partition: r.partition, From: r.position, To: to, Err: err}
	if r.corrupt++; r.corrupt < corruptTries || !r.allowGaps {
		return corrupt
	}
	r.in.c.log.Warn("kafka: records are lost, going on as told", "error", corrupt, "position", to)
	r.corrupt = 0
	r.position = to
	return nil
}

// takeBatch reads one record batch. position is beyond every record that was read, also after an
// error, and beyond the batch when there is none.
func (r *reader) takeBatch(ctx context.Context, txns *transactions, h *recordbatch.Header, body []byte, mem *memory, end int64) error {
	skip, err := txns.skip(h, body)
	if err != nil {
		return err
	}
	// Begun before position moves on: a batch without records is part of the run, too.
	r.current()
	// Compaction may leave a batch without records, to remember its producer's sequence by.
	if !skip && h.Count > 0 {
		if h.Codec() != recordbatch.None {
			if mem, err = r.decompress(ctx, h, body); err != nil {
				return err
			}
			defer mem.letGo()
			body = mem.bytes
		}
		if err := r.takeRecords(ctx, h, body, mem, end); err != nil {
			return err
		}
	}
	// Compaction may have taken the last records: the header still says where the batch ended.
	r.position = h.LastOffset() + 1
	r.current().to = r.position
	r.corrupt = 0
	return nil
}

func (r *reader) decompress(ctx context.Context, h *recordbatch.Header, body []byte) (*memory, error) {
	// A batch may open to many times its size, so the budget is asked once more.
	if err := r.in.room(ctx); err != nil {
		return nil, err
	}
	open, _, err := r.in.c.open.Open(h.Codec(), body)
	if err != nil {
		return nil, err
	}
	return newMemory(open, &r.in.c.buffers, r.in.budget), nil
}

func (r *reader) takeRecords(ctx context.Context, h *recordbatch.Header, body []byte, mem *memory, end int64) error {
	records := recordbatch.NewRecords(h, body)
	records.Intern(r.keys)
	// The inner loop of reading: nothing in it allocates, locks or asks the time.
	cur := r.current()
	for {
		if len(cur.records) >= runRecordsMax {
			if err := r.flush(ctx, end); err != nil {
				return err
			}
			cur = r.current()
		}
		rec := cur.slot()
		more, err := records.Next(rec, &cur.headers)
		if !more || err != nil {
			cur.unslot()
			return err
		}
		// A batch is the broker's smallest unit, so it may begin before what was asked for.
		if rec.Offset < r.position {
			cur.unslot()
			continue
		}
		cur.hold(mem)
		rec.Topic, rec.Partition = r.topic, r.partition
		r.position = rec.Offset + 1
		cur.to = r.position
	}
}

// current is the run that records go into.
func (r *reader) current() *run {
	if r.cur == nil {
		r.cur = r.in.runs.get(r.position)
	}
	return r.cur
}

// flush delivers the current run; one without records still says how far reading has come.
func (r *reader) flush(ctx context.Context, end int64) error {
	cur := r.cur
	r.cur = nil
	if cur == nil {
		return nil
	}
	if cur.to == cur.from {
		cur.release()
		return nil
	}
	return r.in.deliver(ctx, r.slots, cur.batch(r.topic, r.partition, max(end, cur.to)))
}
