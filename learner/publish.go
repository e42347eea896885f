package learner

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"millrace"
	"millrace/join"
	"millrace/snapshot"
)

// capture is one of the two buffers that state is copied into between two events.
type capture struct {
	buffer    *snapshot.Buffer
	manifest  millrace.Manifest
	positions []millrace.Position
	applied   uint64
	waiting   join.State // copied with the rest, written into the buffer where nothing waits for it
	tail      []byte
	keyed     *kept // to be written to local disk once the version is the head; nil for most
}

// ticks says when snapshots and reports are due, by count and by time.
type ticks struct {
	spec       SnapshotsSpec
	nextAt     time.Time
	nextEvents uint64
	nextReport time.Time
	captured   uint64 // events in the latest capture
}

// reportEvery is how often gauges are refreshed: more often than anybody scrapes or looks.
const reportEvery = 100 * time.Millisecond

// firstSnapshot is how soon a new model's first snapshot is taken: scorers wait for it.
const firstSnapshot = 250 * time.Millisecond

func (t *ticks) start(now time.Time, spec SnapshotsSpec, events uint64) {
	t.spec, t.captured = spec, events
	t.again(now, events)
	if events == 0 {
		t.nextAt = now.Add(min(spec.Every, firstSnapshot))
	}
}

func (t *ticks) again(now time.Time, events uint64) {
	t.nextAt = now.Add(t.spec.Every)
	t.nextEvents = events + t.spec.Events
}

func (t *ticks) eventsDue(events uint64) bool { return t.spec.Events > 0 && events >= t.nextEvents }

func (t *ticks) timeDue(now time.Time) bool { return t.spec.Every > 0 && !now.Before(t.nextAt) }

func (t *ticks) reportDue(now time.Time) bool {
	if now.Before(t.nextReport) {
		return false
	}
	t.nextReport = now.Add(reportEvery)
	return true
}

// snapshotIfDue captures a snapshot when one is due and some event was applied since the last. When
// both buffers are busy the snapshot is skipped and counted: learning never waits for Redis here.
func (l *Learner) snapshotIfDue(due bool) {
	now, events, again := l.o.Now(), l.applied, l.again.Load()
	if !due && !again && !l.tick.timeDue(now) {
		return
	}
	if events == l.tick.captured && !again {
		return // nothing new; it stays due, so that the next event does not wait for a whole period
	}
	if again && len(l.free) == 0 {
		return // what is being published may be all that is needed
	}
	l.tick.again(now, events)
	select {
	case c := <-l.free:
		l.again.Store(false)
		if l.capture(c); l.o.Stream.Err() != nil {
			return // the learner ends with the next record or tick
		}
		l.toPublish <- c // room for one beside the one being published, as there are two buffers
	default:
		l.metrics.skipped.Inc()
		l.updateStatus(func(s *Status) { s.Skipped++ })
	}
}

// PublishAgain has the learner publish its state within a moment also when it has learned nothing since it did so last:
// the store has lost that version. It may be called from any goroutine.
func (l *Learner) PublishAgain() { l.again.Store(true) }

// capture copies all state. Learning stands still for this, and only this.
func (l *Learner) capture(c *capture) {
	start := time.Now()
	l.o.Layout.Copy(c.buffer)
	stream := l.o.Stream
	if stream.Join != nil {
		stream.Join.Capture(&c.waiting)
	}
	l.metrics.duration.WithLabelValues("copy").Observe(time.Since(start).Seconds())
	c.positions = c.positions[:0]
	for _, p := range l.positions {
		c.positions = append(c.positions, *p)
	}
	slices.SortFunc(c.positions, func(a, b millrace.Position) int {
		return cmp.Or(strings.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
	})
	c.manifest = l.o.Manifest
	c.manifest.CreatedAt = l.o.Now().UTC()
	c.manifest.Positions = slices.Clone(c.positions)
	c.manifest.Learned, c.manifest.Rejected = l.learned, l.rejected
	c.manifest.Metrics = stream.Trainer.Metrics()
	if c.manifest.Keyed = stream.Keyed(c.positions); c.manifest.Keyed != nil {
		c.manifest.Applied, c.manifest.Names = l.applied, stream.Names()
		c.manifest.Keyed.Checkpoints = l.checkpoints.list()
		c.keyed = l.copyIfDue()
		l.keyed.captured(l.o.Retention, l.o.Labels.Retention)
	}
	c.applied, l.tick.captured = l.applied, l.applied
	l.report()
}

// publishLoop publishes captures in order, one at a time, until toPublish closes.
func (l *Learner) publishLoop(ctx context.Context) error {
	for c := range l.toPublish {
		if err := l.publishRetrying(ctx, c); err != nil {
			// The buffer is kept back: a learner that has not noticed yet then runs out of buffers
			// and skips snapshots, in place of waiting for a publisher that is gone.
			return err
		}
		l.free <- c
	}
	return nil
}

// Retry delays while the store is away: quick enough to catch a restart, slow enough not to flood.
const (
	retryFirst = 50 * time.Millisecond
	retryMax   = 2 * time.Second
)

func (l *Learner) publishRetrying(ctx context.Context, c *capture) error {
	delay := retryFirst
	for {
		err := l.publish(ctx, c)
		if err == nil {
			return nil
		}
		if errors.Is(err, millrace.ErrFenced) {
			return err
		}
		if ctx.Err() != nil {
			return noTime(err)
		}
		l.o.Log.Warn("snapshot not published, trying again", "error", err, "delay", delay)
		select {
		case <-ctx.Done():
			return noTime(err)
		case <-time.After(delay):
		}
		delay = min(2*delay, retryMax)
	}
}

// noTime is the error of a last snapshot that missed the deadline. It does not wrap its cause: that may be a cancelled
// context, which callers take for the end that was asked for.
func noTime(why error) error {
	return errors.New("no time left for the last snapshot (" + why.Error() + "); a restart reads its events again")
}

// publish waits for the dead letters before the snapshot's positions, then makes it the head.
func (l *Learner) publish(ctx context.Context, c *capture) error {
	start := time.Now()
	for _, letters := range l.o.letters() {
		if err := letters.Flush(ctx); err != nil {
			return fmt.Errorf("flushing dead letters: %w", err)
		}
	}
	if l.o.Stream.Join != nil {
		c.tail = c.waiting.Append(c.tail[:0])
		if err := c.buffer.SetTail(c.tail); err != nil {
			return fmt.Errorf("writing down who waits: %w", err)
		}
	}
	s := &millrace.Snapshot{Manifest: c.manifest, Serving: c.buffer.Serving(), Training: c.buffer.Training()}
	snapshot.Seal(s)
	head, err := l.o.Publisher.Publish(ctx, s, millrace.CauseLearned)
	if err != nil {
		return fmt.Errorf("publishing a snapshot: %w", err)
	}
	l.metrics.duration.WithLabelValues("publish").Observe(time.Since(start).Seconds())
	l.metrics.published.Inc()
	l.metrics.size.WithLabelValues("serving").Set(float64(len(s.Serving)))
	l.metrics.size.WithLabelValues("training").Set(float64(len(s.Training)))
	l.metrics.version(head, l.o.Family)
	l.takenAt.Store(c.manifest.CreatedAt.UnixNano())
	l.published.Store(c.applied)
	l.updateStatus(func(s *Status) { s.Head = head; s.Snapshots++ })
	l.checkpoints.published(&s.Manifest, head.Digest)
	if k := c.keyed; k != nil {
		k.version, k.digest, c.keyed = s.Manifest, head.Digest, nil
		l.checkpoints.todo <- k // there is room: it is the only copy
	}
	select {
	case l.progress <- struct{}{}:
	default:
	}
	if l.o.Published != nil {
		l.o.Published(ctx, head, c.manifest.Positions)
	}
	return nil
}

// pauseIfAhead holds learning, and so fetching, while too many events are unpublished: what a crash
// would make the learner read again stays bounded.
func (l *Learner) pauseIfAhead(ctx context.Context) error {
	limit := l.o.Snapshots.UnpublishedMax
	if limit == 0 || l.applied-l.published.Load() < limit {
		return nil
	}
	l.snapshotIfDue(true) // what is published next must lift the limit
	start := time.Now()
	defer func() { l.metrics.paused.Add(time.Since(start).Seconds()) }()
	l.o.Log.Warn("fetching pauses: too many events are unpublished", "limit", limit)
	for l.applied-l.published.Load() >= limit {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-l.progress:
			l.snapshotIfDue(true)
		}
	}
	return nil
}

// finish publishes what was applied since the last capture.
func (l *Learner) finish(ctx context.Context) error {
	l.report()
	if l.applied == l.tick.captured || l.o.Stream.Err() != nil { // which learning has ended with
		return nil
	}
	if l.torn {
		l.o.Log.Warn("no last snapshot is taken, as a dead letter could not be written; a restart reads its events again")
		return nil
	}
	select {
	case c := <-l.free:
		l.capture(c)
		if err := l.o.Stream.Err(); err != nil {
			return err
		}
		l.toPublish <- c
		return nil
	case <-ctx.Done():
		return noTime(errors.New("the ones before it are not published either"))
	}
}
