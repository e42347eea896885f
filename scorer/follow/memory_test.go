package follow

import (
	"context"
	"maps"
	"slices"
	"sync"

	"millrace"
	"millrace/merge"
)

// memory is a topic in memory.
type memory struct {
	mu        sync.Mutex
	id        string
	logs      map[int32][]millrace.Record
	starts    map[int32]int64 // what retention has left
	committed map[int32]int64
	changed   chan struct{}
	away      error
	readers   []*memoryReader
	asked     int   // for commits
	batch     int   // records a batch
	anew      int   // batches that are yet to begin another topic, one a reader
	lose      error // what the next reader ends with
}

func newMemory(partitions ...int32) *memory {
	m := &memory{id: "first", logs: map[int32][]millrace.Record{}, starts: map[int32]int64{}, committed: map[int32]int64{}, changed: make(chan struct{}), batch: 3}
	for _, p := range partitions {
		m.logs[p] = nil
	}
	return m
}

func (m *memory) change(f func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f()
	close(m.changed)
	m.changed = make(chan struct{})
}

func (m *memory) send(partition int32, time int64, value string) {
	m.change(func() {
		m.logs[partition] = append(m.logs[partition], millrace.Record{Topic: "events", Partition: partition,
			Offset: int64(len(m.logs[partition])), Time: time, Value: []byte(value)})
	})
}

func (m *memory) Committed(context.Context) (out []millrace.Position, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.asked++
	for p, offset := range m.committed {
		out = append(out, millrace.Position{Topic: "events", Partition: p, Offset: offset, TopicID: m.id})
	}
	return out, m.away
}

func (m *memory) Bounds(context.Context) (map[int32][2]int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := map[int32][2]int64{}
	for p, log := range m.logs {
		out[p] = [2]int64{m.starts[p], int64(len(log))}
	}
	return out, m.away
}

func (m *memory) OffsetsAt(_ context.Context, t int64) (map[int32]int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	out := map[int32]int64{}
	for p, log := range m.logs {
		i := slices.IndexFunc(log, func(r millrace.Record) bool { return r.Offset >= m.starts[p] && r.Time >= t })
		if out[p] = int64(i); i < 0 {
			out[p] = int64(len(log))
		}
	}
	return out, m.away
}

func (m *memory) Read(from map[int32]int64) (Reader, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := &memoryReader{m: m, from: maps.Clone(from), began: maps.Clone(from), lose: m.lose}
	m.lose = nil
	m.readers = append(m.readers, r)
	return r, nil
}

// next returns the records of some partition from an offset on, those of the smallest record time first.
func (m *memory) next(ctx context.Context, from map[int32]int64, want func(int32) bool) (*millrace.Batch, error) {
	for {
		m.mu.Lock()
		changed := m.changed
		best := int32(-1)
		for p, log := range m.logs {
			if at := from[p]; at < int64(len(log)) && want(p) && (best < 0 || log[at].Time < m.logs[best][from[best]].Time) {
				best = p
			}
		}
		if best >= 0 {
			at := from[best]
			to := min(at+int64(m.batch), int64(len(m.logs[best])))
			b := millrace.NewBatch(nil)
			b.Topic, b.Partition, b.From, b.To, b.TopicID = "events", best, at, to, m.id
			b.Records = m.logs[best][at:to]
			if m.anew > 0 && at == 0 {
				b.Anew = true
				m.anew--
			}
			from[best] = to
			m.mu.Unlock()
			return b, nil
		}
		m.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// memoryReader merges record by record.
type memoryReader struct {
	m     *memory
	from  map[int32]int64
	began map[int32]int64
	lose  error // what Run ends with
}

func (r *memoryReader) Run(ctx context.Context) error {
	if r.lose != nil {
		return r.lose
	}
	<-ctx.Done()
	return ctx.Err()
}

func (r *memoryReader) Lag() map[int32]int64 { return nil }
func (r *memoryReader) Next(ctx context.Context) (merge.Stretch, error) {
	if r.lose != nil {
		<-ctx.Done()
		return merge.Stretch{}, ctx.Err()
	}
	b, err := r.m.next(ctx, r.from, func(int32) bool { return true })
	if err != nil {
		return merge.Stretch{}, err
	}
	anew := b.Anew
	b.Anew = false
	return merge.Stretch{Batch: b, To: len(b.Records), Last: true, Anew: anew}, nil
}

// group is a source of one scorer's partitions.
type group struct {
	m    *memory
	mu   sync.Mutex
	own  []int32
	from map[int32]int64
}

func (g *group) NextOf(ctx context.Context, want func(int32) bool) (*millrace.Batch, error) {
	own := g.Assigned()
	return g.m.next(ctx, g.from, func(p int32) bool { return slices.Contains(own, p) && want(p) })
}

func (g *group) Assigned() []int32 {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.own)
}

func (g *group) Commit(_ context.Context, positions []millrace.Position) error {
	g.m.change(func() {
		for _, p := range positions {
			g.m.committed[p.Partition] = p.Offset
		}
	})
	return nil
}

// assign gives the group's member other partitions, from the committed positions on.
func (g *group) assign(partitions ...int32) {
	g.mu.Lock()
	g.own = partitions
	g.mu.Unlock()
	g.m.change(func() {
		for _, p := range partitions {
			g.from[p] = g.m.committed[p]
		}
	})
}
