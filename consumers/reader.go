package consumers

import (
	"context"
	"errors"
	"fmt"
	"time"

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
	share      int // what fetchBytes is at first
	allowGaps  bool
	awaitTopic bool      // a topic that is gone may come back
	unknown    time.Time // since when it is gone; zero while it is not
	slots      chan struct{}
	keys       *recordbatch.Interner

	identity
	leader   int32      // that was fetched from last; -1 for none
	speaks   int16      // the newest version of Fetch that it speaks; 0 while not known
	info     *topicInfo // what the leader was learned from; stale once a request failed
	stale    *topicInfo
	wait     backoff
	corrupt  int // times in a row that the batch at position did not decode
	beyond   int // times in a row that position was beyond the end
	inLane   bool
	cur      *run
	progress *progress // of the partition, once something was fetched
	stand    *stand    // while it runs
	reply    reply     // the latest answer's times
	until    int64     // where reading ends
	empty    int       // answers in a row that held nothing before until
}

func newReader(in *intake, topic string, p millrace.Position, share int, allowGaps, awaitTopic bool) *reader {
	return &reader{
		in: in, topic: topic, partition: p.Partition, position: p.Offset, fetchBytes: share, share: share,
		allowGaps: allowGaps, awaitTopic: awaitTopic, slots: make(chan struct{}, in.limits.PrefetchBatches),
		keys: recordbatch.NewInterner(), wait: backoff{c: in.c}, identity: identityOf(p), leader: -1, until: noUntil,
	}
}

// run reads until ctx ends, something does not pass, or until is reached.
func (r *reader) run(ctx context.Context) error {
	log := r.in.c.log.With("topic", r.topic, "partition", r.partition)
	absence := r.in.c.Absence(r.topic)
	defer absence.End()
	r.stand = r.in.standOf(r.partition)
	for {
		if r.ended() {
			r.in.ends(r.stand)
			return nil
		}
		err := r.step(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err == nil {
			if r.wait.tries > 0 {
				log.Info("kafka: reading again", "tries", r.wait.tries)
				r.wait.reset()
			}
			r.unknown = time.Time{}
			absence.End()
			continue
		}
		if !r.goesOn(err) {
			return err
		}
		if errors.Is(err, ErrUnknownTopic) {
			absence.Note()
		}
		// Once an outage: the tries between say the same.
		if r.wait.tries == 0 {
			log.Warn("kafka: cannot read, will try until it works", "position", r.position, "error", err)
		}
		r.stale, r.leader = r.info, -1
		if err := r.wait.wait(ctx); err != nil {
			return err
		}
	}
}

func (r *reader) goesOn(err error) bool {
	var corrupt *CorruptError
	var gap *millrace.GapError
	switch {
	// The user decides about a loss: reading on would hide it.
	case errors.As(err, &gap):
		return false
	case errors.As(err, &corrupt):
		return r.corrupt < corruptTries && !errors.Is(err, recordbatch.ErrOldFormat)
	case errors.Is(err, ErrUnknownTopic):
		return r.awaitTopic || r.comesBack()
	}
	return passing(err)
}

// comesBack reports whether a topic that was read and that is unknown now may be known again: a broker that starts, or
// one that meets its cluster again after an outage, does not know all topics at once. It has the time that an
// unreachable cluster has.
func (r *reader) comesBack() bool {
	now := r.in.c.now()
	if r.unknown.IsZero() {
		r.unknown = now
	}
	return r.info != nil && now.Sub(r.unknown) < r.in.c.spec.Retry
}

// step fetches once and delivers what came.
func (r *reader) step(ctx context.Context) error {
	// Before the fetch, not after it: what has been fetched takes memory already.
	if err := r.in.room(ctx, r.stand, 0); err != nil {
		return err
	}
	leader, info, err := r.in.c.leader(ctx, r.topic, r.partition, r.stale)
	if info != nil {
		r.info = info
	}
	if err != nil {
		return err
	}
	if err := r.identify(ctx, leader, info.id); err != nil {
		return err
	}
	if r.position < 0 {
		if r.position, err = r.in.c.listOffset(ctx, r.topic, r.partition, int64(Earliest), readCommitted); err != nil {
			r.position = -1
			return err
		}
	}
	res, err := r.fetch(ctx, leader, 0)
	budget := r.in.budget
	var large *largeAnswerError
	if errors.As(err, &large) {
		// Only now, as one can wait for the lane without a connection that waits, too.
		if err := r.in.lane.enter(ctx, r.stand); err != nil {
			return err
		}
		r.inLane = true
		defer r.leaveLane()
		// The lane's holder keeps this memory to itself: the consumer cannot release it.
		budget = r.in.apart
		res, err = r.fetch(ctx, leader, large.bytes)
	}
	if err != nil {
		return err
	}
	r.speaks = res.speaks
	// Our own reference, until the answer is taken apart; runs hold theirs until they are released.
	records := newMemory(res.records, &r.in.c.buffers, budget)
	defer records.letGo()
	if !res.byID && (len(res.records) > 0 || res.code == kafka.OffsetOutOfRange) {
		if err := r.confirm(ctx, leader); err != nil {
			return err
		}
	}
	switch res.code {
	case 0:
	case kafka.OffsetOutOfRange:
		return r.outOfRange(ctx)
	default:
		return fmt.Errorf("fetching %s/%d: %w", r.topic, r.partition, res.code)
	}
	r.beyond = 0
	r.reply.answered = r.in.c.now()
	r.progress = r.in.saw(r.partition, r.position, res.end)
	err = r.take(ctx, res, records)
	if len(res.records) > 0 {
		r.empty = 0
	} else if r.until != noUntil && err == nil {
		err = r.foundNothing(ctx, res.end)
	}
	// What was read before an error is right, and position is beyond it.
	if flushErr := r.flush(ctx, res.end); err == nil {
		err = flushErr
	}
	r.in.answered(r.stand, r.position, r.reply, err == nil && r.position >= res.end)
	return err
}

func (r *reader) fetch(ctx context.Context, leader int32, large int) (*fetchResponse, error) {
	r.reply.asked = r.in.c.now()
	return r.in.c.fetch(ctx, &fetchRequest{
		topic: r.topic, partition: r.partition, leader: leader, offset: r.position,
		maxBytes: int32(r.fetchBytes), minBytes: int32(r.in.limits.MinBytes), maxWait: r.in.limits.MaxWait,
		clientID: r.in.c.clientID, pool: &r.in.c.buffers, large: large, topicID: r.id, speaks: r.speaks,
	})
}

func (r *reader) leaveLane() {
	if r.inLane {
		r.inLane = false
		r.in.lane.leave(r.stand)
	}
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
	for set := res.records; len(set) > 0 && !r.ended(); first = false {
		h, body, rest, err := recordbatch.Split(set)
		b := stored{header: &h, body: body, memory: records, end: res.end}
		if errors.Is(err, recordbatch.ErrTruncated) {
			switch {
			case !first:
				return nil
			case res.sum == nil:
				return r.askMore(ctx, set, res.end)
			}
			h, b.body, b.cutFrom, err = recordbatch.Beginning(set, res.sum)
			if errors.Is(err, recordbatch.ErrTruncated) {
				return fmt.Errorf("fetching %s/%d at %d: %w", r.topic, r.partition, r.position, err)
			}
		}
		switch {
		case err == nil && h.LastOffset() >= r.position:
			err = r.takeBatch(ctx, &txns, &b)
		case errors.Is(err, recordbatch.ErrMalformed):
			b.unsure = true
			err = r.fault(ctx, &b, int(h.Count), nil, err)
		case err != nil:
			return r.corrupted(&h, res.end, err)
		}
		if err != nil {
			return err
		}
		set = rest
	}
	return nil
}

// askMore is for an answer that does not hold even one whole batch. Brokers send the first batch
// whole since 0.10.1 whatever size was asked for, so this is for what stands between.
func (r *reader) askMore(ctx context.Context, set []byte, end int64) error {
	if r.fetchBytes < responseKeptMax {
		r.fetchBytes = min(2*r.fetchBytes, responseKeptMax)
		return nil
	}
	h, ok := recordbatch.Peek(set)
	if !ok {
		return r.corrupted(&h, end, recordbatch.ErrTruncated)
	}
	// Its checksum stays unknown. It is passed over all the same, or nothing would ever be read again.
	r.fetchBytes = r.share
	b := stored{header: &h, end: end, cutFrom: int64(len(set)) + 1, unsure: true}
	return r.fault(ctx, &b, int(h.Count), nil, recordbatch.ErrTruncated)
}

// corrupted makes an error of what Split found, or steps over it when told to.
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
	b := cur.batch(r.topic, r.partition, max(end, cur.to), r.progress)
	if b.TopicID = r.text; r.id == (topicID{}) {
		b.Fingerprint = r.mark
	}
	r.in.delivers(b.Position())
	b.Received = r.reply.answered
	return r.in.deliver(ctx, r.stand, r.slots, b, r.reply)
}

// yield delivers what is there when the budget is used up: who lacks the partition gets it before more is opened.
func (r *reader) yield(ctx context.Context, end int64) error {
	if r.cur == nil || len(r.cur.records) == 0 || !r.in.budget.full() {
		return nil
	}
	return r.flush(ctx, end)
}
