package learner

import (
	"cmp"
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// WorkersMost is how many workers ever have work: learning is one after the other, and takes at least a third of the
// time that decoding does.
const WorkersMost = 4

// dear is how long learning a record takes where its model is better left in one core's cache than the record.
const dear = 2 * time.Microsecond

// Work is what is done with chunks of records. A chunk is filled, prepared and learned, and then it is filled anew.
type Work[C any] struct {
	New func() C
	// Fill fills a chunk with the records that come next and returns how many they are. It is called one at a time. An
	// error ends filling, io.EOF as the regular end; records that come with it are learned all the same.
	Fill func(ctx context.Context, c C) (n int, err error)
	// Prepare does what does not depend on the records before, in chunks side by side: one at a time for each worker.
	Prepare func(worker int, c C)
	// Learn is called one at a time, in the order of filling. Nothing is learned after an error.
	Learn func(c C) error
}

// Turns have chunks learned in the order in which they were filled, whoever prepared them. Who prepared a chunk learns
// it, having its events in the cache. Where learning takes long, others prepare meanwhile, and who learns goes on with
// what they have prepared.
type Turns[C any] struct {
	work Work[C]
	free chan *turn[C]

	filling sync.Mutex // of what follows
	filled  int        // chunks
	end     error      // why no more follow

	mu     sync.Mutex
	moved  sync.Cond // next, busy or failed changed
	next   int       // the chunk to be learned next
	busy   bool      // somebody learns, or does something that must not be beside it
	aside  bool      // the latter
	failed error     // of learning
	stop   context.CancelFunc
	ready  map[int]*turn[C]
	took   time.Duration // a record, lately
}

// turn is a chunk and when it is learned.
type turn[C any] struct {
	chunk   C
	number  int
	records int
	awaited bool // who prepared it waits for its turn
}

// NewTurns returns turns for the work, to be run once.
func NewTurns[C any](work Work[C]) *Turns[C] {
	t := &Turns[C]{work: work, ready: map[int]*turn[C]{}, stop: func() {}}
	t.moved.L = &t.mu
	return t
}

// Run works to the end of what there is, with so many workers. What was filled before an error of filling is learned.
func (t *Turns[C]) Run(ctx context.Context, workers int) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	t.mu.Lock()
	t.stop = stop
	t.mu.Unlock()
	chunks := workers
	if workers > 1 {
		chunks += 2 // prepared and not learned yet
	}
	t.free = make(chan *turn[C], chunks)
	for range chunks {
		t.free <- &turn[C]{chunk: t.work.New()}
	}
	var g errgroup.Group
	for i := range workers {
		g.Go(func() error { return t.run(ctx, i) })
	}
	err := g.Wait()
	t.mu.Lock()
	failed := t.failed
	t.mu.Unlock()
	end := t.end
	if errors.Is(end, io.EOF) {
		end = nil
	}
	if end != nil && !errors.Is(end, context.Canceled) {
		return end // also where learning failed, or was called off, after that
	}
	return cmp.Or(failed, end, err)
}

// run is one worker's.
func (t *Turns[C]) run(ctx context.Context, worker int) error {
	for {
		if err := ctx.Err(); err != nil {
			return err // also where nothing more follows by now
		}
		var c *turn[C]
		select {
		case c = <-t.free:
		case <-ctx.Done():
			return ctx.Err()
		}
		if !t.fill(ctx, c) {
			return nil
		}
		t.work.Prepare(worker, c.chunk)
		if err := t.deliver(c); err != nil {
			return err
		}
	}
}

// fill fills a chunk and gives it its turn; it reports whether there was anything to fill it with.
func (t *Turns[C]) fill(ctx context.Context, c *turn[C]) bool {
	t.filling.Lock()
	defer t.filling.Unlock()
	for c.records = 0; c.records == 0; {
		if t.end != nil {
			return false
		}
		c.records, t.end = t.work.Fill(ctx, c.chunk)
	}
	c.number, c.awaited = t.filled, false
	t.filled++
	return true
}

// deliver has a chunk learned in its turn, and others whose turns follow. It may return before that.
func (t *Turns[C]) deliver(c *turn[C]) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ready[c.number] = c
	if t.took > dear && (t.busy && !t.aside || t.next != c.number) {
		return t.failed // to who learns, or has the chunk before
	}
	for c.awaited = true; t.failed == nil && (t.busy || t.next != c.number); {
		t.moved.Wait()
	}
	for t.busy = t.failed == nil; c != nil && t.failed == nil; {
		delete(t.ready, c.number)
		t.mu.Unlock()
		start := time.Now()
		err := t.work.Learn(c.chunk)
		t.mu.Lock()
		t.took += (time.Since(start)/time.Duration(c.records) - t.took) / 8
		t.next++
		if err != nil {
			t.fail(err)
			break
		}
		t.free <- c // has room for all that there are
		if c = t.ready[t.next]; c != nil && c.awaited {
			c = nil // it is the other's
		}
	}
	t.busy = false
	t.moved.Broadcast()
	return t.failed
}

// fail ends all work.
func (t *Turns[C]) fail(err error) {
	t.failed = err
	t.stop()
}

// Aside does something between two chunks; at once, or not at all where one is being learned. An error ends all work as
// one of learning does.
func (t *Turns[C]) Aside(do func() error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.busy || t.failed != nil {
		return
	}
	t.busy, t.aside = true, true
	t.mu.Unlock()
	err := do()
	t.mu.Lock()
	t.busy, t.aside = false, false
	if err != nil {
		t.fail(err)
	}
	t.moved.Broadcast()
}
