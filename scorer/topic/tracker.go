package topic

import (
	"maps"
	"sync"

	"millrace"
)

// tracker knows which batches have all their scores acknowledged, partition by partition in order.
type tracker struct {
	mu    *sync.Mutex
	runs  map[partition][]*run
	ready map[partition]millrace.Position // acknowledged, but not committed
}

type partition struct {
	topic string
	id    int32
}

// run is one batch whose scores are on their way.
type run struct {
	mu      *sync.Mutex
	to      millrace.Position
	waiting int
	open    bool // more scores may be added
}

func newTracker() tracker {
	return tracker{mu: &sync.Mutex{}, runs: map[partition][]*run{}, ready: map[partition]millrace.Position{}}
}

func (t *tracker) open(b *millrace.Batch) *run {
	t.mu.Lock()
	defer t.mu.Unlock()
	if b.Anew { // positions of before speak of a topic that is gone
		maps.DeleteFunc(t.runs, func(p partition, _ []*run) bool { return p.topic == b.Topic })
		maps.DeleteFunc(t.ready, func(p partition, _ millrace.Position) bool { return p.topic == b.Topic })
	}
	key := partition{b.Topic, b.Partition}
	runs := t.runs[key]
	if n := len(runs); n > 0 && b.From < runs[n-1].to.Offset {
		runs = nil // the partition went away and came back from an earlier position
		delete(t.ready, key)
	}
	r := &run{mu: t.mu, to: b.Position(), open: true}
	t.runs[key] = append(runs, r)
	return r
}

func (r *run) add()   { r.mu.Lock(); r.waiting++; r.mu.Unlock() }
func (r *run) done()  { r.mu.Lock(); r.waiting--; r.mu.Unlock() }
func (r *run) close() { r.mu.Lock(); r.open = false; r.mu.Unlock() }

// putBack takes positions that could not be committed, unless later ones have come.
func (t *tracker) putBack(positions []millrace.Position) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, p := range positions {
		key := partition{p.Topic, p.Partition}
		if _, later := t.ready[key]; !later {
			t.ready[key] = p
		}
	}
}

// acknowledged returns the positions up to which everything is acknowledged, where they are not
// committed yet, and forgets the runs before them.
func (t *tracker) acknowledged() []millrace.Position {
	t.mu.Lock()
	defer t.mu.Unlock()
	for key, runs := range t.runs {
		n := 0
		for n < len(runs) && !runs[n].open && runs[n].waiting == 0 {
			n++
		}
		if n == 0 {
			continue
		}
		t.ready[key] = runs[n-1].to
		t.runs[key] = append([]*run(nil), runs[n:]...)
	}
	positions := make([]millrace.Position, 0, len(t.ready))
	for _, p := range t.ready {
		positions = append(positions, p)
	}
	clear(t.ready)
	return positions
}
