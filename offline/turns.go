package offline

import (
	"sync"
	"time"
)

// dear is how long learning a record takes where its model is better left in one core's cache than the record.
const dear = 2 * time.Microsecond

// turns has chunks learned in the order in which they were read, whoever decoded them. Who decoded a chunk learns it,
// having its events in the cache. Where learning takes long, others decode meanwhile, and who learns goes on with what
// they have decoded.
type turns struct {
	learn func(c *chunk)

	mu    sync.Mutex
	moved sync.Cond // next or busy changed
	next  int       // the turn of the chunk to be learned next
	busy  bool      // somebody learns
	ready map[int]*chunk
	took  time.Duration // a record, lately
}

func newTurns(learn func(c *chunk)) *turns {
	t := &turns{learn: learn, ready: map[int]*chunk{}}
	t.moved.L = &t.mu
	return t
}

// deliver has a decoded chunk learned in its turn, and others whose turns follow. It may return before that.
func (t *turns) deliver(c *chunk) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ready[c.turn] = c
	if t.took > dear && (t.busy || t.next != c.turn) {
		return // to who learns, or has the chunk before
	}
	for c.awaited = true; t.busy || t.next != c.turn; {
		t.moved.Wait()
	}
	t.busy = true
	for c != nil {
		delete(t.ready, c.turn)
		t.mu.Unlock()
		start, n := time.Now(), max(len(c.slots), 1)
		t.learn(c)
		t.mu.Lock()
		t.took += (time.Since(start)/time.Duration(n) - t.took) / 8
		t.next++
		if c = t.ready[t.next]; c != nil && c.awaited {
			c = nil // it is the other's
		}
	}
	t.busy = false
	t.moved.Broadcast()
}
