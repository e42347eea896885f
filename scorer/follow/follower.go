// Package follow keeps a scorer's window tables. A follower reads all partitions of the events topic, whoever scores
// them, and lets the same tables see the same records in the same order as the learner does. What the windows were
// before each event is kept until its score is committed, so that a partition which comes from another scorer is scored
// on at once. A gate hands events to the scorer once their values are there.
package follow

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"millrace"
	"millrace/merge"
	"millrace/scorer"
)

// Windows are tables of statistics by key and event time; see learner.Windows.
type Windows interface {
	// Fill is pure: any number of goroutines while nobody observes.
	Fill(e *millrace.Event, watermark int64)
	Observe(e *millrace.Event, watermark int64)
	// Ahead may be told of events whose turn comes next, takes as many of them as help, and only makes it faster.
	Ahead(events []*millrace.Event) (told int)
	// Horizon is how far before an event, in milliseconds, lies what can still matter to it.
	Horizon() int64
	Reset()
}

// Clock tells how far event time has come in the topic.
type Clock interface {
	Now() int64
	Advance(partition int32, time int64)
	Turn(idle, awake []int32) // partitions that went idle, and that awoke
}

// Decoder turns a record into an event.
type Decoder interface {
	NewEvent() *millrace.Event
	Decode(rec *millrace.Record, dst *millrace.Event) error
}

// Extractor refuses the events that the learner's refuses. It needs no learned state, which refusing never goes by.
type Extractor interface {
	Check(e *millrace.Event) error
}

// Reader reads all partitions of the events topic, merged by record time as far as records are at hand.
type Reader interface {
	Run(ctx context.Context) error
	// Next blocks until there is a stretch, ctx ends or Run has ended: then it returns Run's error. Its batch may be
	// nil.
	Next(ctx context.Context) (merge.Stretch, error)
	Lag() map[int32]int64
}

// KeptBytesDefault bounds the values that are kept for events not committed yet. An event with five windows takes 48
// bytes, so it is the events of a minute at 20,000 a second; a commit is due every second.
const KeptBytesDefault = 64 << 20

// Options are what a Follower is made of.
type Options struct {
	Topic     Topic
	Own       func() []int32 // the partitions that are scored here
	Windows   Windows
	NewClock  func() Clock
	Fields    []int // of an event, which windows make
	Decoder   Decoder
	Extractor Extractor
	KeptBytes int64 // KeptBytesDefault when 0
	Metrics   *Metrics
	// Differences are told of the windows of all events; nil where no learner runs beside.
	Differences *Differences
	Log         *slog.Logger
	Now         func() time.Time
}

// Follower keeps the window tables. Run must run for anything to be filled.
type Follower struct {
	o      Options
	values *values
	slots  []slot
	good   []*millrace.Event // of the slots of a chunk

	tables sync.RWMutex // of windows and clock: Observe writes, Fill reads
	clock  Clock

	warm   atomic.Bool
	ahead  atomic.Int64 // records to be read until the tables are whole
	passes atomic.Uint64
	reader atomic.Pointer[Reader]

	// Of the pass at work, which one goroutine applies.
	at      *place
	began   time.Time
	newest  int64           // the largest event time applied
	cold    map[int32]int64 // floors that are not reached
	offset  []int64         // of a chunk's events
	number  []float64       // of their windows
	earlier int64           // where the next pass begins at the latest

	mu     sync.Mutex
	again  context.CancelCauseFunc // ends the pass
	needed map[int32]int64         // positions that the next pass must keep values from
}

// slot is one decoded record.
type slot struct {
	event *millrace.Event
	good  bool
}

// slotsMax is how many events are observed under one lock: requests over HTTP wait for about 20 µs then.
const slotsMax = 64

// New returns a follower with empty tables.
func New(o Options) *Follower {
	f := &Follower{o: o, values: newValues(len(o.Fields), cmp.Or(o.KeptBytes, KeptBytesDefault)),
		slots: make([]slot, slotsMax), clock: o.NewClock(), needed: map[int32]int64{}}
	for i := range f.slots {
		f.slots[i].event = o.Decoder.NewEvent()
	}
	if o.Metrics != nil {
		o.Metrics.watch(f)
	}
	return f
}

// Warm reports whether the tables hold what an event that comes now needs.
func (f *Follower) Warm() bool { return f.warm.Load() }

// Remaining is about how many records are to be read until the tables are whole.
func (f *Follower) Remaining() int64 { return f.ahead.Load() }

// Lag is how many offsets each partition is behind its readable end.
func (f *Follower) Lag() map[int32]int64 {
	if r := f.reader.Load(); r != nil {
		return (*r).Lag()
	}
	return nil
}

// Read calls read while nothing is observed.
func (f *Follower) Read(read func()) {
	f.tables.RLock()
	defer f.tables.RUnlock()
	read()
}

// Fill sets the windows of an event that is in no log, by the tables as they are at the moment.
func (f *Follower) Fill(e *millrace.Event, rec *millrace.Record) error {
	if !f.warm.Load() {
		return scorer.ErrWindowsNotReady
	}
	e.CapTime(rec)
	f.tables.RLock()
	defer f.tables.RUnlock()
	f.o.Windows.Fill(e, f.clock.Now())
	return nil
}

// errAgain ends a pass that another follows.
var errAgain = errors.New("beginning again")

const (
	placeAgain  = time.Second      // after a pass could not begin
	placeTell   = 30 * time.Second // how often that is told
	commitsEach = time.Second      // how often the group's commits are asked for, while values are kept
)

// Run follows the topic until ctx ends, and then returns nil, or until something does not pass.
func (f *Follower) Run(ctx context.Context) error {
	var told time.Time
	f.earlier = math.MaxInt64
	for {
		at, err := f.place(ctx)
		if err == nil {
			err = f.pass(ctx, at)
		}
		var gap *millrace.GapError
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, errAgain):
			continue
		case at == nil:
			if now := f.o.Now(); now.Sub(told) >= placeTell {
				told = now
				f.o.Log.Warn("cannot begin to fill the window tables, will try until it works", "error", err)
			}
		case errors.As(err, &gap) && !gap.Anew() && !f.warm.Load():
			f.o.Log.Warn("the log lost what the window tables were about to read; beginning again", "error", err)
		default:
			return err
		}
		sleep(ctx, placeAgain)
	}
}

// pass reads from a place on, until ctx ends or it is to begin again: then the error is errAgain.
func (f *Follower) pass(ctx context.Context, at *place) error {
	reader, err := f.o.Topic.Read(at.start)
	if err != nil {
		return err
	}
	f.begin(at)
	f.passes.Add(1)
	f.reader.Store(&reader)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	f.mu.Lock()
	f.again = cancel
	asked := len(f.needed) > 0 // since the place was looked for
	f.mu.Unlock()
	if asked {
		return errAgain
	}
	g, inner := errgroup.WithContext(ctx)
	g.Go(func() error { return reader.Run(inner) })
	g.Go(func() error { return f.watch(inner) })
	g.Go(func() error { return f.read(inner, reader) })
	err = g.Wait()
	if errors.Is(context.Cause(ctx), errAgain) {
		return errAgain
	}
	return err
}

// begin empties the tables for a pass.
func (f *Follower) begin(at *place) {
	f.empty()
	f.values.begin(at.floors)
	f.at, f.began = at, f.o.Now()
	f.cold, f.newest = make(map[int32]int64, len(at.floors)), math.MinInt64
	remaining := int64(0)
	for p, floor := range at.floors {
		if at.start[p] < floor {
			f.cold[p] = floor
			remaining += floor - at.start[p]
		}
	}
	f.ahead.Store(remaining)
	f.o.Log.Info("filling the window tables", "records", remaining, "from", time.UnixMilli(at.time).UTC())
	if at.lost {
		f.o.Log.Info("the log may have begun earlier than it does now: windows do not know of what it no longer holds")
	}
}

// empty empties the tables, and nothing is scored over HTTP until they are whole again.
func (f *Follower) empty() {
	f.warm.Store(false)
	f.tables.Lock()
	f.o.Windows.Reset()
	f.clock = f.o.NewClock()
	f.tables.Unlock()
}

// begins asks for another pass, that keeps values from a position on.
func (f *Follower) begins(partition int32, offset int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.need(partition, offset)
	f.warm.Store(false)
	if f.again != nil {
		f.again(errAgain)
	}
}

// watch drops what is committed now and then.
func (f *Follower) watch(ctx context.Context) error {
	ticker := time.NewTicker(commitsEach)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
		f.values.owned(f.o.Own())
		if f.values.held() == 0 {
			continue // nobody is asked while nothing comes
		}
		committed, err := f.o.Topic.Committed(ctx)
		if err != nil {
			f.o.Log.Debug("cannot ask where the scorers stand; values of windows are kept meanwhile", "error", err)
			continue
		}
		f.values.committed(committed)
	}
}

func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
