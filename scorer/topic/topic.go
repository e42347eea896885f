// Package topic scores every event of a topic and writes the scores to another.
package topic

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync/atomic"
	"time"

	"millrace"
	"millrace/scorer"
	"millrace/scorer/wire"
)

// Source delivers batches of the partitions that this scorer's group gave it.
type Source interface {
	Next(ctx context.Context) (*millrace.Batch, error)
	// Commit stores where the group goes on; positions of partitions given away are ignored.
	Commit(ctx context.Context, positions []millrace.Position) error
}

// Writer sends records. It copies them, keeps order within a partition, tries again what passes, and
// calls done when the record is acknowledged or given up.
type Writer interface {
	Send(ctx context.Context, rec millrace.Record, done func(partition int32, offset int64, err error)) error
	Flush(ctx context.Context) error
}

// Options are what a Loop is made of.
type Options struct {
	Scorer  *scorer.Scorer
	Windows scorer.Windows // nil for a pipeline that has none
	Topic   string         // of the scores
	Source  Source
	Writer  Writer
	Encoder *wire.Encoder
	Metrics *scorer.Metrics
	Log     *slog.Logger
	Now     func() time.Time
	// OnScore sees every score as written, for a live view; it must copy what it keeps. May be nil.
	OnScore func(key, value []byte)
	// ShutdownTimeout bounds what happens after the context ends: the wait for acknowledgements, and the last commit.
	ShutdownTimeout time.Duration
}

// Loop scores every event of a topic at least once. Positions are committed only when all scores
// before them are acknowledged, so a crash scores some events again: the millrace-source header is
// the key to drop those duplicates by, together with millrace-topic-id where there is one.
type Loop struct {
	o       Options
	tracker tracker
	session *scorer.Session
	value   []byte
	source  []byte
	topicID []byte
	fail    context.CancelCauseFunc // ends reading when a score is given up; set by Run
	scored  atomic.Uint64           // acknowledged
	skipped atomic.Uint64           // could not be scored
}

// NewLoop returns a loop; Run runs it.
func NewLoop(o Options) *Loop {
	return &Loop{o: o, session: o.Scorer.NewSession(o.Windows), tracker: newTracker()}
}

// Scored is the number of scores acknowledged so far.
func (l *Loop) Scored() uint64 { return l.scored.Load() }

// Finished is the number of events done with: scored and acknowledged, or not to be scored.
func (l *Loop) Finished() uint64 { return l.scored.Load() + l.skipped.Load() }

// commitEvery is how often acknowledged positions are committed: what a crash scores again is about
// that long a stretch.
const commitEvery = time.Second

// commitTimeoutMax bounds the last commit.
const commitTimeoutMax = 5 * time.Second

// keyBytesMax bounds the keys that scores copy from their events: beyond it a score might never fit its topic, and one
// event would stop its partition for ever.
const keyBytesMax = 64 << 10

// Run waits for the first snapshot, then scores until ctx ends, and then waits for what is in flight
// and commits. It returns nil after a clean end.
func (l *Loop) Run(ctx context.Context) error {
	select {
	case <-l.o.Scorer.Ready():
	case <-ctx.Done():
		return nil
	}
	// Both count from the moment that ctx ends, or from now on when reading ends by itself.
	commitTimeout := min(commitTimeoutMax, l.o.ShutdownTimeout/4)
	flushTimeout := l.o.ShutdownTimeout - commitTimeout
	final, stopFinal := outlive(ctx, flushTimeout)
	defer stopFinal()
	lastly, stopLastly := outlive(ctx, l.o.ShutdownTimeout)
	defer stopLastly()
	committed := make(chan struct{})
	commitCtx, stopCommits := context.WithCancel(ctx)
	go func() {
		defer close(committed)
		l.commitLoop(commitCtx)
	}()
	reading, fail := context.WithCancelCause(ctx)
	l.fail = fail
	err := l.scoreAll(reading)
	fail(nil)
	stopCommits()
	<-committed

	flush, cancel := context.WithTimeout(final, flushTimeout)
	defer cancel()
	if flushErr := l.o.Writer.Flush(flush); flushErr != nil && err == nil {
		err = fmt.Errorf("flushing scores: %w", flushErr)
	}
	// What is acknowledged is committed even when the flush has used up its time.
	last, cancelLast := context.WithTimeout(lastly, commitTimeout)
	defer cancelLast()
	l.commit(last)
	return err
}

// outlive returns a context that ends so long after ctx has, or with stop.
func outlive(ctx context.Context, howLong time.Duration) (_ context.Context, stop func()) {
	longer, cancel := context.WithCancel(context.WithoutCancel(ctx))
	ended := context.AfterFunc(ctx, func() { time.AfterFunc(howLong, cancel) })
	return longer, func() {
		ended()
		cancel()
	}
}

// scoreAll ends with nil when ctx ends, unless a score that was given up ended it.
func (l *Loop) scoreAll(ctx context.Context) error {
	for {
		b, err := l.o.Source.Next(ctx)
		if err == nil {
			err = l.scoreBatch(ctx, b)
			b.Release()
		} else if !errors.Is(err, io.EOF) {
			err = fmt.Errorf("reading events to score: %w", err)
		}
		if ctx.Err() != nil {
			if cause := context.Cause(ctx); !errors.Is(cause, ctx.Err()) {
				return fmt.Errorf("writing scores: %w", cause)
			}
			return nil
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (l *Loop) scoreBatch(ctx context.Context, b *millrace.Batch) error {
	m := l.o.Metrics
	pending := l.tracker.open(b)
	bytes := 0
	var score millrace.Score
	for i := range b.Records {
		rec := &b.Records[i]
		bytes += len(rec.Value)
		if err := l.score(rec, &score); err != nil {
			var why *millrace.Rejection
			if !errors.As(err, &why) {
				return fmt.Errorf("scoring %s/%d/%d: %w", rec.Topic, rec.Partition, rec.Offset, err)
			}
			l.skipped.Add(rec.Count())
			m.UnscoredRange(why.Reason, rec.Count())
			continue
		}
		m.Predicted(&score)
		if err := l.write(ctx, b.TopicID, rec, &score, pending); err != nil {
			return err
		}
	}
	pending.close()
	m.Read(b, bytes)
	return nil
}

func (l *Loop) score(rec *millrace.Record, dst *millrace.Score) error {
	if rec.Fault != nil { // nothing of it is there to be scored; the learner writes the dead letter
		return rec.Fault
	}
	if len(rec.Key) > keyBytesMax {
		return &millrace.Rejection{Reason: millrace.ReasonTooLarge, Detail: fmt.Sprintf("the key has %d bytes, a score's has at most %d", len(rec.Key), keyBytesMax)}
	}
	return l.session.Score(rec, dst)
}

func (l *Loop) write(ctx context.Context, topicID string, rec *millrace.Record, score *millrace.Score, p *run) error {
	l.value = l.o.Encoder.Append(l.value[:0], score)
	l.source = millrace.AppendSource(l.source[:0], rec.Topic, rec.Partition, rec.Offset)
	l.topicID = append(l.topicID[:0], topicID...)
	headers := []millrace.Header{
		{Key: millrace.HeaderSource, Value: l.source},
		{Key: millrace.HeaderVersion, Value: []byte(scorer.VersionText(score.Version))},
		{Key: millrace.HeaderTopicID, Value: l.topicID},
	}
	if topicID == "" {
		headers = headers[:2]
	}
	out := millrace.Record{
		Topic: l.o.Topic, Partition: -1, Time: l.o.Now().UnixMilli(), Key: rec.Key, Value: l.value, Headers: headers,
	}
	if l.o.OnScore != nil {
		l.o.OnScore(rec.Key, l.value)
	}
	p.add()
	eventTime := rec.Time
	err := l.o.Writer.Send(ctx, out, func(_ int32, _ int64, err error) {
		if err != nil {
			l.fail(err) // the first failure is the one reported
			return
		}
		l.scored.Add(1)
		l.o.Metrics.Written(eventTime)
		p.done()
	})
	if err != nil {
		return fmt.Errorf("writing a score: %w", err)
	}
	return nil
}

func (l *Loop) commitLoop(ctx context.Context) {
	ticker := time.NewTicker(commitEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			l.commit(ctx)
		}
	}
}

// commit stores what is acknowledged. A failure only means that a restart scores more events again,
// so it is logged and tried again at the next tick, or at the end.
func (l *Loop) commit(ctx context.Context) {
	positions := l.tracker.acknowledged()
	if len(positions) == 0 {
		return
	}
	if err := l.o.Source.Commit(ctx, positions); err != nil {
		l.tracker.putBack(positions)
		if ctx.Err() == nil {
			l.o.Log.Warn("scored positions not committed; a restart would score them again", "error", err)
		}
	}
}
