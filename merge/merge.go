// Package merge puts the records of several partitions, of one topic or of two, in the order of their record times:
// ties go by source, then partition, then offset. So what the logs hold before reading begins comes in the same order
// every time, whatever arrives first, and also when reading begins again in the middle. Records of one partition keep
// their own order. What cannot be read (a Fault) goes at once, for its time may be wrong.
//
// A record waits until every partition has one at hand, or is at its end for a second. What is new at the end of the
// logs therefore waits that second at most, also when its partition's clock is ahead of the others'. A partition whose
// broker does not answer holds up all of them, and that is said.
//
// What was seen at its end long ago may have more since. So a record goes before a partition that has been at its end
// only when that was asked for after the record had come: a round trip, which then holds for all that had come by then.
// Who writes in the order of time, and waits for acknowledgements before writing what is later to another partition,
// therefore finds that order kept, as fast as he may write and as long as nothing was written before.
package merge

import (
	"context"
	"math"
	"sync/atomic"
	"time"

	"millrace"
)

// Source delivers the batches of one topic's partitions, or of a file.
type Source interface {
	// NextOf returns the next batch of any partition that want accepts, and blocks until there is one. It ends with
	// ctx's error, with what ended the source, or with io.EOF behind the last batch of a finite one. The batch belongs
	// to the caller. want may be called at any time before NextOf returns, from one goroutine at a time.
	NextOf(ctx context.Context, want func(partition int32) bool) (*millrace.Batch, error)
	// Standings says how every known partition stands; ok is false until the source knows its partitions, and that is
	// before it delivers anything.
	Standings() (all []millrace.Standing, ok bool)
	// Ask returns when every partition that want accepts has been asked for its end after a moment, as far as it was at
	// its end, so that Standings say so; or when ctx or the source ends. It is called beside NextOf.
	Ask(ctx context.Context, after time.Time, want func(partition int32) bool) error
}

// idleDefault is how long a partition is at its end before the others go on without it.
const idleDefault = time.Second

// Options are what a Merger is made of.
type Options struct {
	// Sources are merged; those of events come first.
	Sources []Source
	// Now is the clock that the sources' standings are told by.
	Now func() time.Time
	// Idle is how long a partition is at its end before the others go on without it: 1 s when 0.
	Idle time.Duration
	// Live never waits for a partition that is at its end or does not answer: for scorers, whose answers must not wait.
	// Only what was old when it came waits a round trip, as for anybody.
	Live bool
	// Stalled is told, when merging waits for a partition that does not answer, and then every 30 s. May be nil.
	Stalled func(Stall)
}

// Stretch is what comes next in order.
type Stretch struct {
	// Source is the index of the batch's source.
	Source int
	// Batch is nil when nothing but Idle and Awake is told.
	Batch *millrace.Batch
	// From and To bound the records of Batch that are next, [From, To): as many as possible. None are of a batch
	// without records, which moves its position only.
	From, To int
	// Last is that the batch is used up with them: the position behind them is Batch.Position, and the receiver
	// releases the batch.
	Last bool
	// Anew is that Batch is the first of a topic that was made anew: no position of before, of any partition of its
	// topic, speaks of it. It stands in place of Batch.Anew, which is cleared, for a batch comes in several stretches.
	Anew bool
	// Idle and Awake are partitions of the first source that went idle or awoke before these records. One that is new
	// is awake.
	Idle, Awake []int32
}

// Merger merges sources. Next, Ready and Close are for one goroutine at a time; Stalled may be called on any.
type Merger struct {
	o       Options
	sources []*source
	heads   heads // of the partitions that have a batch at hand
	// missing is how many partitions, and sources that do not know theirs, have to be waited for.
	missing int
	// lacking is how many partitions have no batch at hand, missing or not, of sources that have not ended.
	lacking int
	// seen is since when, at least, partitions that are passed over are known to have been at their ends; zero when
	// none has to be.
	seen    time.Time
	looked  time.Time     // when the standings were asked for last
	look    bool          // they must be before anything else
	every   time.Duration // how often they are
	front   int64         // largest key that was returned
	changed []*partition  // of the first source: their idleness may be another than was told
	told    time.Time     // when somebody was told of the stall last
	stalled atomic.Int64  // since when, Unix nanoseconds; 0 while not
}

// source is a Source and its partitions.
type source struct {
	Source
	index      int
	partitions map[int32]*partition
	want       func(int32) bool // partitions that are lacking
	passed     func(int32) bool // partitions that are lacking, and not waited for
	known      bool             // partitions holds all
	ended      bool
	missing    int             // of Merger.missing
	holding    int             // partitions with a batch at hand
	next       *millrace.Batch // first of the topic made anew, until all of the former is used up
	anew       bool            // the next stretch is the first of a topic made anew
	askedAt    time.Time       // since when it does not know its partitions
}

// partition is one partition's place in the merge.
type partition struct {
	source *source
	id     int32
	order  uint64          // of ties: source and partition
	batch  *millrace.Batch // nil while it is lacking
	at     int             // of batch's records, the next
	key    int64           // of that record
	lead   int64           // milliseconds that its record times are ahead of the others'
	forced bool            // its next record has waited long enough
	came   time.Time       // when the batch did
	heldAt time.Time       // since when the others are known to have nothing that came before the batch

	standing millrace.Standing
	listed   bool      // its source knows it
	lackedAt time.Time // since when it is lacking; zero until that was seen
	dryAt    time.Time // when it was last known to have nothing more than was returned
	waived   bool      // lacking, and not waited for
	idle     bool
	told     idleness // what Stretch.Idle and Awake said last
	heap     int      // its index among the heads
}

// idleness is what was told of a partition.
type idleness uint8

const (
	toldNothing idleness = iota
	toldAwake
	toldIdle
)

// New returns a Merger. It asks nothing of the sources before Next is called.
func New(o Options) *Merger {
	if o.Idle <= 0 {
		o.Idle = idleDefault
	}
	m := &Merger{o: o, front: math.MinInt64, look: true, missing: len(o.Sources)}
	for i, s := range o.Sources {
		src := &source{Source: s, index: i, partitions: make(map[int32]*partition), missing: 1}
		src.want = func(p int32) bool {
			at := src.partitions[p]
			return at == nil || at.batch == nil
		}
		src.passed = func(p int32) bool {
			at := src.partitions[p]
			return at != nil && at.batch == nil && at.waived
		}
		m.sources = append(m.sources, src)
	}
	return m
}

// Next returns the next stretch, blocking until there is one or ctx ends. It returns io.EOF when all sources have
// ended, and the error of the first that failed. A stretch without records may come.
func (m *Merger) Next(ctx context.Context) (Stretch, error) {
	for {
		// The end comes first, also when there is something at hand.
		if err := ctx.Err(); err != nil {
			return Stretch{}, err
		}
		if m.Ready() {
			return m.stretch(), nil
		}
		if err := m.gather(ctx); err != nil {
			return Stretch{}, err
		}
		if len(m.heads) == 0 && m.rested() {
			var s Stretch
			m.news(&s)
			return s, nil
		}
	}
}

// Ready reports whether Next has records at hand, so that it will not wait.
func (m *Merger) Ready() bool {
	return m.free() && !m.due()
}

// stretch takes the records that are next off the first head.
func (m *Merger) stretch() Stretch {
	p := m.heads[0]
	s := Stretch{Source: p.source.index, Batch: p.batch, From: p.at, To: len(p.batch.Records)}
	if p.source.anew {
		p.source.anew, s.Anew = false, true
	}
	p.forced = false
	if other := m.heads.second(); other != nil && s.To > s.From {
		s.To = p.until(other)
	}
	if s.To > s.From {
		m.front = max(m.front, p.keyOf(&p.batch.Records[s.To-1]))
	}
	if s.To == len(p.batch.Records) {
		s.Last = true
		m.usedUp(p)
	} else {
		p.at = s.To
		p.setKey(m.front)
		m.heads.down(0)
	}
	if m.told != (time.Time{}) {
		m.told = time.Time{}
		m.stalled.Store(0)
	}
	if len(m.changed) > 0 {
		m.news(&s)
	}
	return s
}

// until is how far the records at hand go before the other head.
func (p *partition) until(other *partition) int {
	limit := other.key
	if p.order < other.order && limit < math.MaxInt64 {
		limit++ // ties are ours
	}
	records := p.batch.Records
	for i := p.at + 1; i < len(records); i++ {
		if p.keyOf(&records[i]) >= limit {
			return i
		}
	}
	return len(records)
}

// usedUp takes a partition from the heads.
func (m *Merger) usedUp(p *partition) {
	m.heads.pop()
	s, atEnd := p.source, p.batch.To >= p.batch.End
	p.batch, p.lackedAt = nil, time.Time{}
	s.holding--
	if s.ended {
		return
	}
	m.lacking++
	if s.next != nil {
		p.waived = true
		m.look = true
		return
	}
	m.misses(s, 1)
	if atEnd { // it may be waived already
		m.every = lookSoon
		m.look = m.look || m.o.Live
	}
}

// misses counts partitions that have to be waited for.
func (m *Merger) misses(s *source, n int) {
	s.missing += n
	m.missing += n
}

// Close releases the batches at hand. Next must not be called after it.
func (m *Merger) Close() {
	for _, p := range m.heads {
		p.batch.Release()
	}
	m.heads = nil
	for _, s := range m.sources {
		if s.next != nil {
			s.next.Release()
			s.next = nil
		}
	}
}

// Stalled is for how long merging has been waiting for a partition whose broker does not answer; 0 while it does not.
func (m *Merger) Stalled() time.Duration {
	since := m.stalled.Load()
	if since == 0 {
		return 0
	}
	return max(m.o.Now().Sub(time.Unix(0, since)), 0)
}
