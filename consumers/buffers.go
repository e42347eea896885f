package consumers

import (
	"context"
	"math/bits"
	"sync"
	"sync/atomic"
)

const (
	// bufferBytesMin and bufferBytesMax bound what the pool keeps: smaller slices are cheaper to
	// allocate than to look up, larger ones belong to a rare batch and go back to the runtime.
	bufferBytesMin = 1 << 12
	bufferBytesMax = 1 << 23
	// bufferClasses is a free list each for powers of two from bufferBytesMin to bufferBytesMax.
	bufferClasses = 12
	// buffersKept bounds the bytes that lie idle in one pool: as much as a source prefetches.
	buffersKept = 16 << 20
)

// usualBytesMax is how much one partition may take at once without asking: a fetch answer as it came, or a batch that
// was opened. What is larger needs the lane, one partition at a time: at most responseKeptMax of an answer, a codec's
// window of 32 MiB, and a record of 16 MiB, which is the bound of 128 MiB above the usual for all partitions together.
const usualBytesMax = bufferBytesMax

// buffers lends byte slices of at least a wanted capacity. Unlike sync.Pool it survives garbage
// collections, which otherwise throw megabytes away just to allocate and clear them again.
type buffers struct {
	mu   sync.Mutex
	free [bufferClasses][][]byte
	kept int
}

// Get returns an empty slice with at least the capacity asked for.
func (p *buffers) Get(capacity int) []byte {
	if capacity > bufferBytesMax {
		return make([]byte, 0, capacity)
	}
	class := 0
	if capacity > bufferBytesMin {
		class = bits.Len(uint(capacity-1)) - bits.Len(bufferBytesMin-1)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if list := p.free[class]; len(list) > 0 {
		b := list[len(list)-1]
		list[len(list)-1] = nil
		p.free[class] = list[:len(list)-1]
		p.kept -= cap(b)
		return b
	}
	return make([]byte, 0, bufferBytesMin<<class)
}

// Put takes a slice back. Any slice may be put; those that do not fit are left to the collector.
func (p *buffers) Put(b []byte) {
	if cap(b) < bufferBytesMin || cap(b) >= 2*bufferBytesMax {
		return
	}
	// A slice of odd capacity serves the class below it.
	class := bits.Len(uint(cap(b))) - bits.Len(uint(bufferBytesMin))
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.kept+cap(b) > buffersKept {
		return
	}
	p.kept += cap(b)
	p.free[class] = append(p.free[class], b[:0])
}

// memory is one buffer that several batches may alias. The last one to let go puts it back.
type memory struct {
	refs   atomic.Int32
	bytes  []byte
	pool   *buffers
	budget *budget
}

// newMemory takes ownership of a slice of the pool, with one reference held by the caller.
func newMemory(b []byte, pool *buffers, budget *budget) *memory {
	m := &memory{bytes: b, pool: pool, budget: budget}
	m.refs.Store(1)
	budget.add(int64(cap(b)))
	return m
}

func (m *memory) hold() { m.refs.Add(1) }

func (m *memory) letGo() {
	if m.refs.Add(-1) == 0 {
		m.budget.add(-int64(cap(m.bytes)))
		m.pool.Put(m.bytes)
	}
}

// budget bounds the bytes that a source's batches hold. It is a soft bound, checked before a
// partition fetches or decompresses: beyond it at most one response and one batch a partition are
// in flight, and one batch of each partition that somebody lacks.
type budget struct {
	mu   sync.Mutex
	max  int64
	used int64
	// opening counts batches being decompressed. Beyond max there is one at most.
	opening int
	// waiting counts batches decoded and not yet taken by Next. When there are none, the consumer
	// has all there is and still wants more: waiting for it to release memory could last for ever.
	waiting int
	changed chan struct{} // closed and replaced when someone waits and something changed
}

func newBudget(maxBytes int64) *budget { return &budget{max: maxBytes} }

func (b *budget) add(n int64) {
	b.mu.Lock()
	b.used += n
	b.notify(n < 0)
	b.mu.Unlock()
}

func (b *budget) queue(n int) {
	b.mu.Lock()
	b.waiting += n
	b.notify(n < 0)
	b.mu.Unlock()
}

// notify wakes those in wait; the lock is held.
func (b *budget) notify(better bool) {
	if better && b.changed != nil {
		close(b.changed)
		b.changed = nil
	}
}

// opened ends what wait began with an amount to open.
func (b *budget) opened(open int64) {
	b.mu.Lock()
	b.used -= open
	b.opening--
	b.notify(true)
	b.mu.Unlock()
}

// taken waits until no batch waits to be taken.
func (b *budget) taken(ctx context.Context) error {
	for {
		b.mu.Lock()
		if b.waiting == 0 {
			b.mu.Unlock()
			return nil
		}
		changed := b.changes()
		b.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// changes is closed when something has changed for the better; the lock is held.
func (b *budget) changes() <-chan struct{} {
	if b.changed == nil {
		b.changed = make(chan struct{})
	}
	return b.changed
}

// full reports whether wait would block, were it not for exceptions.
func (b *budget) full() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.used >= b.max
}

// wait blocks until there is room or somebody lacks the partition, and reports whether it had to. With open it takes
// that many bytes at once, for as long as decompressing lasts: what partitions open at the same moment is in nobody's
// count yet.
func (b *budget) wait(ctx context.Context, s *stand, open int64) (blocked bool, err error) {
	for {
		b.mu.Lock()
		if b.used < b.max || s.lacking.Load() || b.waiting == 0 && (open == 0 || b.opening == 0) {
			if open > 0 {
				b.used += open
				b.opening++
			}
			b.mu.Unlock()
			return blocked, nil
		}
		changed := b.changes()
		b.mu.Unlock()
		blocked = true
		select {
		case <-changed:
		case <-s.wake:
		case <-ctx.Done():
			return blocked, ctx.Err()
		}
	}
}
