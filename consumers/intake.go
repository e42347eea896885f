package consumers

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"millrace"
)

// Limits bound what a source holds. Zero values take the defaults.
type Limits struct {
	// FetchBytes is how much one fetch of one partition asks for: 1 MiB by default, at which a
	// broker is as fast as it gets. A single larger batch comes nevertheless.
	FetchBytes int
	// PrefetchBatches is how many batches of one partition may wait to be taken: 2 by default, so
	// that one is there while the other is being learned. One more may be in the making.
	PrefetchBatches int
	// PrefetchBytes bounds the bytes of all partitions' batches together, until they are released:
	// 16 MiB by default. It is soft: beyond it, nothing new is fetched or decompressed unless the
	// consumer has taken all there is and asks for more.
	PrefetchBytes int64
	// MinBytes is how much a broker waits for before it answers: 1 by default, so that a record is
	// answered as soon as it is there. More bytes mean fewer requests at a low rate.
	MinBytes int
	// MaxWait is how long a broker keeps a fetch open that finds less than MinBytes: 500 ms by default.
	MaxWait time.Duration
}

const (
	fetchBytesDefault      = 1 << 20
	prefetchBatchesDefault = 2
	prefetchBytesDefault   = 16 << 20
	maxWaitDefault         = 500 * time.Millisecond
	// fetchBytesMin is the least that a fetch asks for however many partitions share the budget:
	// less would cost a round trip for a few hundred records.
	fetchBytesMin = 64 << 10
	// readyMax bounds the batches of all partitions in the queue. Beyond it partitions take turns,
	// and bytes are bounded by the budget anyway.
	readyMax = 64
)

func (l Limits) filled() Limits {
	if l.FetchBytes <= 0 {
		l.FetchBytes = fetchBytesDefault
	}
	if l.PrefetchBatches <= 0 {
		l.PrefetchBatches = prefetchBatchesDefault
	}
	if l.PrefetchBytes <= 0 {
		l.PrefetchBytes = prefetchBytesDefault
	}
	if l.MinBytes <= 0 {
		l.MinBytes = 1
	}
	if l.MaxWait <= 0 {
		l.MaxWait = maxWaitDefault
	}
	return l
}

// share is how much each of n partitions asks for in a fetch: one answer waiting, one being read
// and one on its way fit the budget.
func (l Limits) share(n int) int {
	return max(min(l.FetchBytes, int(l.PrefetchBytes)/(3*max(n, 1))), min(fetchBytesMin, l.FetchBytes))
}

// delivery is a batch on its way from a partition's reader to Next.
type delivery struct {
	batch *millrace.Batch
	stand *stand
	slots chan struct{}   // given back when the batch is taken
	seat  bool            // it has one, to be given back when the batch is taken
	owner context.Context // of the reader: once it is done the partition may be somebody else's
	topic int64           // how often the topic had been made anew
}

// intake is where the readers of all partitions meet the one who calls Next.
type intake struct {
	c      *Cluster
	limits Limits
	budget *budget
	lane   lane
	apart  *budget // of what the lane's holder keeps to itself
	runs   runPool
	seats  chan struct{} // readyMax of them
	came   chan struct{} // a token after something was queued; it may be stale
	asks   chan struct{} // a token after some partition's end was wanted; it may be stale
	paused atomic.Int64  // nanoseconds
	topic  atomic.Int64  // how often the topic was made anew; readers of before have ended when it rises
	taken  int64         // topic of the latest batch that Next returned; guarded by mu

	mu       sync.Mutex
	ready    []delivery // in order of arrival
	stands   map[int32]*stand
	complete bool // stands has all partitions
	fixed    bool // what is read has an end: nothing is written to it any more
	progress map[int32]*progress
	started  bool
	told     chan struct{} // closed when a partition's stand is another; nil while nobody waits for that
	stopped  chan struct{} // closed when Run has ended; err is set before
	err      error
}

// progress is how far a partition has come.
type progress struct {
	taken, end int64
	used       atomic.Int64      // behind the latest batch that was taken and released
	at         millrace.Position // behind what was delivered last; zero before
}

// usedTo notes that a batch up to an offset was released. Batches are released in any order.
func (p *progress) usedTo(to int64) {
	for used := p.used.Load(); used < to && !p.used.CompareAndSwap(used, to); {
		used = p.used.Load()
	}
}

func newIntake(c *Cluster, l Limits) *intake {
	l = l.filled()
	return &intake{
		c: c, limits: l, budget: newBudget(l.PrefetchBytes), apart: newBudget(0),
		seats: make(chan struct{}, readyMax), came: make(chan struct{}, 1), stands: make(map[int32]*stand),
		progress: make(map[int32]*progress), asks: make(chan struct{}, 1), stopped: make(chan struct{}),
	}
}

// start guards against running twice.
func (in *intake) start() error {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.started {
		return fmt.Errorf("running a source: %w", settled("it has run already"))
	}
	in.started = true
	return nil
}

// stopFailed is stop with a failure, which it returns. A connection that was cut is io.EOF somewhere in its chain, and
// must not pass for the end of a finite source.
func (in *intake) stopFailed(err error) error {
	if errors.Is(err, io.EOF) {
		err = errors.New(err.Error())
	}
	in.stop(err)
	return err
}

// stop tells Next how Run ended and releases what nobody took.
func (in *intake) stop(err error) {
	in.err = err
	close(in.stopped)
	in.mu.Lock()
	defer in.mu.Unlock()
	for _, d := range in.ready {
		in.leaves(d)
		d.batch.Release()
	}
	in.ready = nil
}

// leaves accounts for a batch that is not queued any more. The lock is held.
func (in *intake) leaves(d delivery) {
	<-d.slots
	if d.seat {
		<-in.seats
	}
	d.stand.queued--
	in.budget.queue(-1)
}

// next returns the next batch of any partition that want accepts, those of one partition in order; nil accepts all.
func (in *intake) next(ctx context.Context, want func(int32) bool) (*millrace.Batch, error) {
	for {
		// The end comes first: with a batch at hand as well, chance would choose.
		select {
		case <-in.stopped:
			return nil, in.err
		case <-ctx.Done():
			return nil, ctx.Err()
		default:
		}
		if b := in.take(want); b != nil {
			return b, nil
		}
		select {
		case <-in.came:
		case <-in.stopped:
			return nil, in.err
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// take returns the batch that came first of those that are wanted, nil when there is none.
func (in *intake) take(want func(int32) bool) *millrace.Batch {
	in.mu.Lock()
	defer in.mu.Unlock()
	var taken *millrace.Batch
	for i := 0; i < len(in.ready) && taken == nil; {
		d := in.ready[i]
		gone := d.owner.Err() != nil
		if !gone && want != nil && !want(d.batch.Partition) {
			i++
			continue
		}
		in.ready = slices.Delete(in.ready, i, i+1)
		in.leaves(d)
		if gone {
			d.batch.Release()
			continue
		}
		taken = d.batch
		if p := in.progress[taken.Partition]; p != nil {
			p.taken = taken.To
		}
		taken.Anew = d.topic != in.taken
		in.taken = d.topic
	}
	if want != nil {
		in.ask(func(p int32) bool { return (taken == nil || p != taken.Partition) && want(p) })
	}
	return taken
}

// deliver queues a batch of an answer, or releases it when ctx ends before there is room.
func (in *intake) deliver(ctx context.Context, s *stand, slots chan struct{}, b *millrace.Batch, r reply) error {
	select {
	case slots <- struct{}{}:
	default:
		from := in.c.now()
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			b.Release()
			return ctx.Err()
		}
		in.paused.Add(int64(in.c.now().Sub(from)))
	}
	seat, err := in.sit(ctx, s)
	if err != nil {
		<-slots
		b.Release()
		return err
	}
	in.budget.queue(1)
	in.mu.Lock()
	in.ready = append(in.ready, delivery{batch: b, stand: s, slots: slots, seat: seat, owner: ctx, topic: in.topic.Load()})
	s.queued++
	s.position, s.since = b.To, r.answered
	s.says(r, b.To >= b.End)
	in.tell()
	lacked := s.lacking.Swap(false)
	in.mu.Unlock()
	if lacked {
		in.lane.notify()
	}
	select {
	case in.came <- struct{}{}:
	default:
	}
	return nil
}

// sit waits for a seat among the batches that are ready. What somebody lacks needs none.
func (in *intake) sit(ctx context.Context, s *stand) (seat bool, err error) {
	for {
		select {
		case in.seats <- struct{}{}:
			return true, nil
		default:
		}
		if s.lacking.Load() {
			return false, nil
		}
		select {
		case in.seats <- struct{}{}:
			return true, nil
		case <-s.wake:
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}
}

// room waits until the budget allows more bytes, or until somebody lacks the partition; open is how many a
// decompression is about to take, or 0.
func (in *intake) room(ctx context.Context, s *stand, open int64) error {
	from := in.c.now()
	blocked, err := in.budget.wait(ctx, s, open)
	if blocked {
		in.paused.Add(int64(in.c.now().Sub(from)))
	}
	return err
}

// positions are behind what the readers have delivered, ascending.
func (in *intake) positions() []millrace.Position {
	in.mu.Lock()
	defer in.mu.Unlock()
	var positions []millrace.Position
	for _, p := range in.progress {
		if p.at.Topic != "" {
			positions = append(positions, p.at)
		}
	}
	sortPositions(positions)
	return positions
}

// delivers notes where a reader stands.
func (in *intake) delivers(p millrace.Position) {
	in.mu.Lock()
	if at := in.progress[p.Partition]; at != nil {
		at.at = p
	}
	in.mu.Unlock()
}

// saw notes a partition's readable end, and where its reader started when it is new.
func (in *intake) saw(partition int32, position, end int64) *progress {
	in.mu.Lock()
	defer in.mu.Unlock()
	p := in.progress[partition]
	if p == nil {
		p = &progress{taken: position}
		p.used.Store(position)
		in.progress[partition] = p
	}
	p.end = end
	return p
}

// beginAnew is called between the last reader of a topic and the first of one made anew under its name.
func (in *intake) beginAnew() {
	in.forget()
	in.topic.Add(1)
}

func (in *intake) forget() {
	in.mu.Lock()
	clear(in.progress)
	clear(in.stands)
	in.complete = false
	in.mu.Unlock()
}

// lag is how many offsets are between what each partition's consumer is done with, having released it, and the
// partition's end: what is taken and waits to be used is behind as well.
func (in *intake) lag() map[int32]int64 {
	in.mu.Lock()
	defer in.mu.Unlock()
	lags := make(map[int32]int64, len(in.progress))
	for partition, p := range in.progress {
		lags[partition] = max(p.end-min(p.taken, p.used.Load()), 0) // of an untaken batch that was let go, taken is right
	}
	return lags
}

func (in *intake) pausedFor() time.Duration { return time.Duration(in.paused.Load()) }
