package merge

import (
	"context"
	"math"
	"sync"
	"time"
)

// proved reports whether a head may go before the partitions that are passed over: what these held when it had come is
// known to be taken. In files nothing comes later, and what has no time needs no order.
func (m *Merger) proved(p *partition) bool {
	received := p.batch.Received
	return m.seen.IsZero() || received.IsZero() || !m.seen.Before(received) || p.key == math.MinInt64 || m.o.Live && m.fresh(p)
}

// fresh reports whether a partition's next record was written just before it came, by its time: what was written before
// it elsewhere is a moment older at most.
func (m *Merger) fresh(p *partition) bool {
	return p.batch.Received.Sub(time.UnixMilli(p.key)) < m.o.Idle
}

// prove asks sources how the partitions end that are passed over, where the first head waits for that. It calls done
// once they have told, so that what is waited for beside is not waited for any longer. When it has failed the next look
// finds nothing new.
func (m *Merger) prove(ctx context.Context, done func()) *sync.WaitGroup {
	var asking, proving sync.WaitGroup
	if len(m.heads) == 0 || m.proved(m.heads[0]) {
		return &proving
	}
	received := m.heads[0].batch.Received
	for _, s := range m.sources {
		if s.ended || s.next != nil {
			continue
		}
		asking.Add(1)
		proving.Go(func() {
			defer asking.Done()
			_ = s.Ask(ctx, received, s.passed) // what is wrong with a source NextOf says, too
		})
	}
	proving.Go(func() {
		asking.Wait()
		done()
	})
	m.look = true
	return &proving
}
