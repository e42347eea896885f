package learner

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"millrace"
	"millrace/join"
	"millrace/snapshot"
)

// Decoder turns a record into an event; a *millrace.Rejection is its only error. It is called on one
// goroutine; events it has filled stay valid until they are filled again or their batch is released.
type Decoder interface {
	NewEvent() *millrace.Event
	Decode(rec *millrace.Record, dst *millrace.Event) error
}

// DeadLetters takes what cannot be used. Reject copies the record, which is of the topic with the identity given (""
// where none is known), and may block while too many are unacknowledged; Flush returns when all rejected before it are
// acknowledged. Blocked is for how long some of them could not be written, 0 when all could.
type DeadLetters interface {
	Reject(ctx context.Context, topicID string, rec *millrace.Record, why *millrace.Rejection) error
	Flush(ctx context.Context) error
	Pending() int
	Blocked() time.Duration
}

// Publisher makes a snapshot the head, and what scorers serve. It fills in the manifest's epoch, seq
// and parent. An error that wraps millrace.ErrFenced is final; others are tried again.
type Publisher interface {
	Publish(ctx context.Context, s *millrace.Snapshot, cause millrace.Cause) (millrace.Head, error)
}

// Options are what a Learner is made of.
type Options struct {
	Name      string
	Family    string // of the model, for the info metric
	Classes   []string
	Stream    *Stream
	Layout    *snapshot.Layout // over the extractor, model and progressive metrics of the stream's trainer
	Manifest  millrace.Manifest
	Head      millrace.Head       // of the version that is gone on from; the status tells of it until there is another
	Positions []millrace.Position // where reading starts: resolved, or the snapshot's
	Snapshots SnapshotsSpec

	// Source's runs are applied as they come; with Merger set, which state by key needs, it is not used.
	Source  Source
	Merger  Merger
	Decoder Decoder
	// NewDecoder makes another that decodes alike, for another goroutine; nil where one is to decode.
	NewDecoder  func() Decoder
	DeadLetters DeadLetters
	Labels      Labels
	// Stalled is for how long the merger has been waiting for a partition that does not answer; may be nil.
	Stalled func() time.Duration
	// Retention is how far back the events' topic keeps its records; 0 where that is not known or has no bound.
	Retention time.Duration
	Publisher Publisher
	// Checkpoints keep state by key on local disk; nil where there is none. Version is the manifest of Head, as it was
	// published; nil leaves out a checkpoint when nothing is applied any more.
	Checkpoints Checkpoints
	Version     *millrace.Manifest
	// Published is told of each new head with the positions it holds; may be nil. It commits group
	// offsets, so its failures are its own to log: nothing is restored from them.
	Published func(ctx context.Context, h millrace.Head, positions []millrace.Position)

	Registerer prometheus.Registerer
	Log        *slog.Logger
	Now        func() time.Time
	// ShutdownTimeout bounds the final snapshot after the context ends.
	ShutdownTimeout time.Duration
}

// Labels are what a learner needs of labels that come later; the zero Labels is none.
type Labels struct {
	Decoder     Decoder
	NewDecoder  func() Decoder
	DeadLetters DeadLetters
	// Retention is how far back their topic keeps its records; 0 where that is not known or has no bound.
	Retention time.Duration
}

// letters are the dead letters of all topics.
func (o *Options) letters() []DeadLetters {
	all := []DeadLetters{o.DeadLetters}
	if o.Labels.DeadLetters != nil {
		all = append(all, o.Labels.DeadLetters)
	}
	return all
}

// Learner owns a model's weights. Manifest carries what the next snapshot goes on from: counts,
// cluster, spec and hashes.
type Learner struct {
	o         Options
	metrics   *Metrics
	experts   *expertMetrics // nil for models without experts
	drift     *driftMetrics  // nil where nobody watches
	keyed     *keyedMetrics  // nil without state by key
	watch     *watchMetrics  // nil where features are not watched
	positions map[partition]*millrace.Position
	batch     *millrace.Batch    // of the record applied last …
	at        *millrace.Position // … and its partition's
	learned   uint64             // events that changed the weights
	rejected  uint64             // dead letters, by the records that they stand for
	refusals  map[millrace.Reason]Refusals
	// refusalsShared says that a status has the map: it is copied before it changes.
	refusalsShared bool
	applied        uint64                   // records and expiries, whatever became of them: what snapshots are due by
	read           counted                  // of the part of a chunk that is being applied
	torn           bool                     // a record was applied and its position was not moved
	told           map[millrace.Reason]bool // reasons a rejection was logged for
	tick           ticks
	cores          *Cores // that the model's parts run on
	ends           []int  // waits that ended behind each record that is taken together

	checkpoints *checkpointing

	free      chan *capture // the two preallocated buffers
	toPublish chan *capture
	published atomic.Uint64 // applied, in the latest published snapshot
	takenAt   atomic.Int64  // Unix nanoseconds of the latest capture that was published
	progress  chan struct{} // one token whenever published rises
	status    atomic.Pointer[Status]
	again     atomic.Bool // a version is to be published although nothing was learned since the last
}

type partition struct {
	topic string
	id    int32
}

// New returns a learner that starts from o.Positions with the state that o.Stream holds.
func New(o Options) *Learner {
	l := &Learner{
		o:         o,
		positions: make(map[partition]*millrace.Position, len(o.Positions)),
		learned:   o.Manifest.Learned,
		rejected:  o.Manifest.Rejected,
		applied:   o.Manifest.Steps(),
		free:      make(chan *capture, 2),
		toPublish: make(chan *capture, 1),
		progress:  make(chan struct{}, 1),
		told:      map[millrace.Reason]bool{},
		cores:     NewCores(make(chan struct{}, runtime.GOMAXPROCS(0)-1), false),
	}
	for _, p := range o.Positions {
		l.positions[partition{p.Topic, p.Partition}] = &p
	}
	l.published.Store(l.applied)
	if taken := o.Manifest.CreatedAt; !taken.IsZero() {
		l.takenAt.Store(taken.UnixNano())
	} else {
		l.takenAt.Store(o.Now().UnixNano())
	}
	for range cap(l.free) {
		l.free <- &capture{buffer: o.Layout.NewBuffer()}
	}
	l.metrics = newMetrics(o.Registerer, o.Classes, l.snapshotAge, o.letters())
	l.checkpoints = newCheckpointing(&l.o)
	l.keyed = newKeyedMetrics(o.Registerer, o.Stream, len(o.Classes), o.Manifest.Names, o.Now)
	l.drift = newDriftMetrics(o.Registerer, o.Stream.Trainer.Drift)
	l.experts = newExpertMetrics(o.Registerer, o.Stream.Trainer.Model)
	l.watch = newWatchMetrics(o.Registerer, o.Stream.Trainer.Watch)
	l.metrics.learnedSeen, l.metrics.unlabelledSeen = l.learned, o.Stream.Count(Unlabelled)
	o.Stream.Begin(o.Positions)
	l.keyed.captured(o.Retention, o.Labels.Retention)                // of what learning goes on from
	copy(l.metrics.seen, o.Stream.Trainer.Progressive.ClassCounts()) // those of former processes were counted there
	l.status.Store(&Status{Learned: l.learned, Rejected: l.rejected, Head: o.Head, Positions: slices.Clone(o.Positions)})
	if o.Head.Seq > 0 {
		l.metrics.version(o.Head, o.Family)
	}
	return l
}

// Run learns until ctx ends or the source does, then takes and publishes a last snapshot within
// ShutdownTimeout. It returns nil after a clean end, an error that wraps millrace.ErrFenced when
// another writer owns the model, or what stopped it.
func (l *Learner) Run(ctx context.Context) error {
	// Publishing outlives the end of fetching: the last snapshot is taken after it.
	publishing, stopPublishing := context.WithCancel(context.WithoutCancel(ctx))
	defer stopPublishing()
	keeping, stopKeeping := context.WithCancel(publishing)
	defer stopKeeping()
	// What happens after the end that was asked for has a deadline: dead letters that wait for room, and the last
	// snapshot. It may pass after Run has returned, and then stops what has stopped.
	deadline := func() { time.AfterFunc(l.o.ShutdownTimeout, stopPublishing) }
	defer context.AfterFunc(ctx, deadline)()
	work, stopWork := context.WithCancel(ctx)
	defer stopWork()

	var g errgroup.Group
	g.Go(func() error {
		defer stopWork() // a fenced learner must not go on
		defer close(l.checkpoints.todo)
		err := l.publishLoop(publishing)
		if err != nil {
			stopKeeping()
		}
		return err
	})
	g.Go(func() error {
		l.keepLoop(keeping)
		return nil
	})
	g.Go(func() error {
		defer close(l.toPublish)
		err := l.learnAll(work)
		deadline() // a source may also end by itself
		if ctx.Err() == nil && work.Err() != nil {
			return nil // the publisher's error is the cause, and is reported by it
		}
		if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
			err = nil // the end that was asked for
		}
		return errors.Join(err, l.finish(publishing))
	})
	err := g.Wait()
	l.letGo(l.checkpoints.copied) // one that was never written
	if err != nil {
		return fmt.Errorf("learning %s: %w", l.o.Name, err)
	}
	l.keepLast(keeping)
	return nil
}

// learnAll decodes and learns, in turns, and looks now and then whether something is to be done without events.
func (l *Learner) learnAll(ctx context.Context) error {
	l.tick.start(l.o.Now(), l.o.Snapshots, l.applied)
	// The version that was resumed from may have been taken between two expiries.
	if err := l.expire(ctx); err != nil {
		return err
	}
	merger := l.o.Merger
	if merger == nil {
		merger = runs{l.o.Source}
	}
	sets := l.decoders(runtime.GOMAXPROCS(0))
	turns := newTurns(merger, sets, func(c *chunk) error { return l.applyChunk(ctx, c) })
	idling, stop := context.WithCancel(ctx)
	var beside sync.WaitGroup
	beside.Go(func() {
		ticker := time.NewTicker(idleTick)
		defer ticker.Stop()
		for {
			select {
			case <-idling.Done():
				return
			case <-ticker.C:
				turns.Aside(func() error { return l.idle(idling) })
			}
		}
	})
	err := turns.Run(ctx, len(sets))
	stop()
	beside.Wait()
	return err
}

// decoders are those of the workers on so many cores.
func (l *Learner) decoders(cores int) []decoders {
	own := decoders{l.o.Decoder}
	if l.o.Labels.Decoder != nil {
		own = append(own, l.o.Labels.Decoder)
	}
	return sides(cores, own, l.o.NewDecoder, l.o.Labels.NewDecoder)
}

// idleTick is how often time-based snapshots and reports are looked at while no events come.
const idleTick = 100 * time.Millisecond

// idle does what is to be done also while no events come.
func (l *Learner) idle(ctx context.Context) error {
	l.snapshotIfDue(false)
	l.reportIfDue(l.o.Now())
	if err := l.o.Stream.Err(); err != nil {
		return err
	}
	return l.pauseIfAhead(ctx)
}

// partRecords of a chunk are applied before anybody looks whether learning is to end or to pause, or what is done so
// far to be told and kept: a chunk may take a second where a model is large. A multiple of what its parts take side by
// side.
const partRecords = chunkRecords

// applyChunk applies the chunk's records. It stops when ctx ends, with the positions right behind what was applied.
func (l *Learner) applyChunk(ctx context.Context, c *chunk) error {
	for from := 0; from < len(c.slots); from += partRecords {
		if err := ctx.Err(); err != nil {
			return err
		}
		to := min(from+partRecords, len(c.slots))
		if err := l.applyPart(ctx, c, from, to); err != nil {
			return err
		}
		if err := cmp.Or(ctx.Err(), l.pauseIfAhead(ctx)); err != nil {
			return err
		}
	}
	return nil
}

// applyPart applies the slots [from, to) of a chunk.
func (l *Learner) applyPart(ctx context.Context, c *chunk, from, to int) error {
	l.read = counted{}
	for i := from; i < to; {
		n, err := l.applyTogether(ctx, c, i, to)
		if n == 0 && err == nil {
			c.ahead(l.o.Stream, &c.slots[i])
			n, err = 1, l.applySlot(ctx, &c.slots[i])
		}
		if err != nil {
			return err
		}
		i += n
	}
	now := l.o.Now()
	l.metrics.partDone(l.read, now)
	l.keepUp(now)
	return nil
}

// keepUp tells of what was applied so far, and takes a snapshot where it is time for one.
func (l *Learner) keepUp(now time.Time) {
	l.metrics.counted(l.learned, l.o.Stream.Count(Unlabelled))
	l.tellDrift()
	l.reportIfDue(now)
	if l.tick.timeDue(now) {
		l.snapshotIfDue(false)
	}
}

// applySlot applies one record, or what stands in for one, and moves its partition's position behind it.
func (l *Learner) applySlot(ctx context.Context, s *slot) error {
	if s.idleness != nil {
		l.o.Stream.SetIdle(s.idleness.idle, s.idleness.awake)
		return l.expire(ctx)
	}
	if s.anew {
		l.o.Stream.Anew(s.label)
	}
	if err := l.applyRecord(ctx, s, l.applyNow); err != nil {
		return err
	}
	if s.record == nil {
		return nil
	}
	if l.o.Stream.Join != nil {
		return l.expire(ctx)
	}
	l.snapshotIfEventsDue()
	return nil
}

// applyRecord applies a slot's record, if it has one, by a function that tells what became of it, and moves its
// partition's position behind it.
func (l *Learner) applyRecord(ctx context.Context, s *slot, apply func(s *slot) (Outcome, *millrace.Rejection)) error {
	if s.batch != l.batch || s.anew {
		l.batch, l.at = s.batch, l.position(s.batch, s.anew)
	}
	if s.record != nil {
		outcome, why := apply(s)
		if err := l.o.Stream.Err(); err != nil {
			return err
		}
		if err := l.account(ctx, s, outcome, why); err != nil {
			return err
		}
	}
	if s.last {
		*l.at = s.batch.Position()
		s.batch.Release()
		l.batch = nil
	}
	return nil
}

func (l *Learner) snapshotIfEventsDue() {
	if l.tick.eventsDue(l.applied) {
		l.snapshotIfDue(true)
	}
}

// applyNow applies a slot's record to all that learns from it.
func (l *Learner) applyNow(s *slot) (Outcome, *millrace.Rejection) {
	switch {
	case s.rejection != nil:
		return l.o.Stream.Refuse(s.record, s.label), s.rejection
	case s.label:
		return l.o.Stream.Label(s.event, s.record)
	default:
		return l.o.Stream.Event(s.event, s.record)
	}
}

// account takes a record into account that has been applied, with what became of it.
func (l *Learner) account(ctx context.Context, s *slot, outcome Outcome, why *millrace.Rejection) error {
	if l.o.Stream.Learned(outcome) {
		l.learned++
	}
	if why != nil {
		if err := l.reject(ctx, s.batch.TopicID, s.record, s.label, why); err != nil {
			return err
		}
	}
	n := s.record.Count()
	l.applied += n
	l.at.Offset = s.record.Next()
	l.read.records += n
	l.read.bytes += len(s.record.Value)
	if !s.label {
		l.read.newest = s.record.Time
	}
	return nil
}

// expiriesBetweenLooks is how many expiries go by before anybody looks whether learning is to end or to pause, or what
// is done so far to be told and kept: a million may follow one record.
const expiriesBetweenLooks = 1024

// expire ends the waits that are over, one by one. Snapshots are due between them, as after the record before them.
func (l *Learner) expire(ctx context.Context) error {
	for n := 1; ; n++ {
		more := l.o.Stream.Expire()
		if err := l.o.Stream.Err(); err != nil {
			return err
		}
		if more {
			if err := l.ended(ctx); err != nil {
				return err
			}
		}
		l.snapshotIfEventsDue()
		if !more {
			return nil
		}
		if n%expiriesBetweenLooks == 0 {
			if err := cmp.Or(ctx.Err(), l.pauseIfAhead(ctx)); err != nil {
				return err
			}
			l.keepUp(l.o.Now())
		}
	}
}

// ended takes the end of a wait into account.
func (l *Learner) ended(ctx context.Context) error {
	l.applied++
	if l.o.Stream.Ended().Learned {
		l.learned++
	}
	return l.expired(ctx, l.o.Stream.Ended())
}

// expired writes a dead letter for an event that was to be learned when its wait ended, and could not be. What it was
// is in the log, at the place that the letter names.
func (l *Learner) expired(ctx context.Context, e Ended) error {
	if e.Why == nil {
		return nil
	}
	topic := l.o.Stream.Topics[join.Events]
	at := l.positions[partition{topic, e.Place.Partition}]
	rec := &millrace.Record{Topic: topic, Partition: e.Place.Partition, Offset: e.Place.Offset, Time: l.o.Now().UnixMilli()}
	id := ""
	if at != nil {
		id = at.TopicID
	}
	return l.reject(ctx, id, rec, false, e.Why)
}

// position is where the batch's partition stands, to be moved on. Within a batch the fingerprint of the one before
// stays: what it speaks of lies before the position.
func (l *Learner) position(b *millrace.Batch, anew bool) *millrace.Position {
	if anew {
		// Partitions that nothing was read of yet begin at the new topic's first event, as ones without a position do.
		maps.DeleteFunc(l.positions, func(p partition, _ *millrace.Position) bool { return p.topic == b.Topic })
	}
	key := partition{b.Topic, b.Partition}
	at := l.positions[key]
	if at == nil {
		at = &millrace.Position{Topic: b.Topic, Partition: b.Partition, Offset: b.From}
		l.positions[key] = at
		l.o.Stream.Begin([]millrace.Position{*at})
	}
	at.TopicID = b.TopicID
	return at
}

// reject waits for room among the dead letters, until ctx ends. The position then stays before the event, and a
// restart reads it again: it has changed nothing that is learned. What state by key has made of it, and what the events
// taken in together with it have changed, is in no snapshot, as none is taken any more.
func (l *Learner) reject(ctx context.Context, topicID string, rec *millrace.Record, label bool, why *millrace.Rejection) error {
	letters := l.o.DeadLetters
	if label {
		letters = l.o.Labels.DeadLetters
	}
	if err := letters.Reject(ctx, topicID, rec, why); err != nil {
		l.torn = l.o.Stream.Clock != nil || l.o.Stream.Unsettled() > 0
		return fmt.Errorf("rejecting %s/%d/%d (%s): %w", rec.Topic, rec.Partition, rec.Offset, why.Reason, err)
	}
	if !l.told[why.Reason] { // the first of its kind is news; the others are a metric
		l.told[why.Reason] = true
		l.o.Log.Warn("an event cannot be used and goes to the dead letters; further ones of this reason are only counted",
			"topic", rec.Topic, "partition", rec.Partition, "offset", rec.Offset, "reason", why.Reason, "path", why.Path) // not the detail: it may quote what an event holds
	}
	l.refused(rec, why)
	l.rejected += rec.Count() // one dead letter may stand for a range that could not be read
	l.metrics.rejected.WithLabelValues(string(why.Reason)).Add(float64(rec.Count()))
	return nil
}

func (l *Learner) reportIfDue(now time.Time) {
	if l.tick.reportDue(now) {
		l.report()
	}
}
