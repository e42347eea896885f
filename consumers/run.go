package consumers

import (
	"sync"

	"millrace"
)

const (
	// runRecordsMax bounds the records in one batch: at 136 bytes a Record, 2,048 of them and the
	// 0.4 MB of JSON they point at stay near the processor, and handing over costs nothing a record.
	runRecordsMax = 2048
	// runHeadersMax bounds the headers of one batch, at 40 bytes each: eight of them a record are plenty.
	runHeadersMax = 8 * runRecordsMax
	// runsKept bounds the idle runs that are kept for reuse: three a partition for ten partitions.
	runsKept = 32
)

// run is what a Batch is made of: its records and the memory they alias. Runs are reused.
type run struct {
	records []millrace.Record
	headers []millrace.Header
	held    []*memory
	from    int64
	to      int64
	pool    *runPool
	free    func() // release, as a value made once
	of      *progress
}

// hold keeps m alive until the run is released.
func (r *run) hold(m *memory) {
	if n := len(r.held); n > 0 && r.held[n-1] == m {
		return
	}
	m.hold()
	r.held = append(r.held, m)
}

// slot returns the next record to fill in. What it held before is stale, every field of it.
func (r *run) slot() *millrace.Record {
	n := len(r.records)
	if n < cap(r.records) {
		r.records = r.records[:n+1]
	} else {
		r.records = append(r.records, millrace.Record{})
	}
	return &r.records[n]
}

// unslot takes the last slot back.
func (r *run) unslot() { r.records = r.records[:len(r.records)-1] }

// batch makes the run one of a partition, whose progress is told once it is released.
func (r *run) batch(topic string, partition int32, end int64, of *progress) *millrace.Batch {
	b := millrace.NewBatch(r.free)
	r.of = of
	b.Topic, b.Partition, b.From, b.To, b.End = topic, partition, r.from, r.to, end
	b.Records = r.records
	return b
}

func (r *run) release() {
	if r.of != nil {
		r.of.usedTo(r.to)
		r.of = nil
	}
	for i, m := range r.held {
		m.letGo()
		r.held[i] = nil
	}
	r.held = r.held[:0]
	// Cleared, as a stale pointer to a large buffer would keep it from being collected.
	clear(r.records)
	clear(r.headers)
	r.records, r.headers = r.records[:0], r.headers[:0]
	r.pool.put(r)
}

// runPool keeps released runs. Release is called from any goroutine.
type runPool struct {
	mu   sync.Mutex
	free []*run
}

func (p *runPool) get(from int64) *run {
	p.mu.Lock()
	var r *run
	if n := len(p.free); n > 0 {
		r = p.free[n-1]
		p.free[n-1] = nil
		p.free = p.free[:n-1]
	}
	p.mu.Unlock()
	if r == nil {
		r = &run{pool: p}
		r.free = r.release
	}
	r.from, r.to = from, from
	return r
}

func (p *runPool) put(r *run) {
	p.mu.Lock()
	if len(p.free) < runsKept {
		p.free = append(p.free, r)
	}
	p.mu.Unlock()
}
