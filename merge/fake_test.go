package merge

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"millrace"
)

// log is what one partition of a fake holds. A record's value says nothing, its offset is its place.
type log struct {
	times  []int64 // of its records; holeTime is no record but a hole, which only moves the position
	next   int     // offset of what NextOf returns next
	end    int     // what the broker tells of: as many were written
	silent bool    // its broker does not answer

	since, answered time.Time
}

const holeTime = -1 << 40

// fake is a source whose logs grow as a test says. With rng, which wanted partition comes first and how many records
// a batch has is random; else the lowest comes first, with all there is.
type fake struct {
	mu     sync.Mutex
	topic  string
	logs   map[int32]*log
	rng    *rand.Rand
	finite bool
	failed error
	known  bool
	anew   bool
	grew   chan struct{}
	held   int // records of batches that were not released
	most   int
	calls  int
}

func newFake(topic string, rng *rand.Rand, logs ...[]int64) *fake {
	if rng != nil { // its own: sources are asked side by side
		rng = rand.New(rand.NewPCG(rng.Uint64(), 0))
	}
	f := &fake{topic: topic, rng: rng, logs: map[int32]*log{}, grew: make(chan struct{}), known: true}
	for i, times := range logs {
		f.logs[int32(i)] = &log{times: times, end: len(times)}
	}
	return f
}

// write appends records, to a new partition when there is none.
func (f *fake) write(partition int32, times ...int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	l := f.logs[partition]
	if l == nil {
		l = &log{}
		f.logs[partition] = l
	}
	l.times = append(l.times, times...)
	l.end = len(l.times)
	f.changed()
}

// change alters the fake as do says.
func (f *fake) change(do func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	do()
	f.changed()
}

func (f *fake) changed() {
	close(f.grew)
	f.grew = make(chan struct{})
}

func (f *fake) NextOf(ctx context.Context, want func(int32) bool) (*millrace.Batch, error) {
	for {
		f.mu.Lock()
		f.calls++
		if f.failed != nil {
			defer f.mu.Unlock()
			return nil, f.failed
		}
		if ctx.Err() != nil {
			defer f.mu.Unlock()
			return nil, ctx.Err()
		}
		b, left := f.take(want)
		grew := f.grew
		f.mu.Unlock()
		if b != nil {
			return b, nil
		}
		if f.finite && !left {
			return nil, io.EOF
		}
		select {
		case <-grew:
		case <-ctx.Done():
		}
	}
}

func (f *fake) take(want func(int32) bool) (b *millrace.Batch, left bool) {
	var can []int32
	for p, l := range f.logs {
		if l.next < l.end && !l.silent {
			left = true
			if want(p) {
				can = append(can, p)
			}
		}
	}
	if len(can) == 0 {
		return nil, left
	}
	slices.Sort(can)
	p := can[0]
	l := f.logs[p]
	n := l.end - l.next
	if f.rng != nil {
		p = can[f.rng.IntN(len(can))]
		l = f.logs[p]
		n = f.rng.IntN(min(l.end-l.next, 20) + 1)
	}
	b = f.batch(p, l, n)
	return b, left
}

func (f *fake) batch(p int32, l *log, n int) *millrace.Batch {
	f.held += n
	f.most = max(f.most, f.held)
	b := millrace.NewBatch(func() {
		f.mu.Lock()
		f.held -= n
		f.mu.Unlock()
	})
	b.Topic, b.Partition, b.From, b.To, b.End = f.topic, p, int64(l.next), int64(l.next+n), int64(l.end)
	b.Anew, f.anew = f.anew, false
	for i := l.next; i < l.next+n; i++ {
		if l.times[i] != holeTime {
			b.Records = append(b.Records, millrace.Record{Topic: f.topic, Partition: p, Offset: int64(i), Time: l.times[i]})
		}
	}
	l.next += n
	l.since = time.Time{}
	return b
}

// Ask is never of use: Standings are of the moment.
func (f *fake) Ask(context.Context, time.Time, func(int32) bool) error { return nil }

// Standings answers as a broker would that is asked at this moment.
func (f *fake) Standings() ([]millrace.Standing, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.known {
		return nil, false
	}
	var all []millrace.Standing
	for p, l := range f.logs {
		if !l.silent {
			l.answered = time.Now()
			switch {
			case l.next < l.end:
				l.since = time.Time{}
			case l.since.IsZero():
				l.since = l.answered
			}
		}
		all = append(all, millrace.Standing{Partition: p, Since: l.since, Answered: l.answered})
	}
	return all, true
}

func merger(o Options, fakes ...*fake) *Merger {
	for _, f := range fakes {
		o.Sources = append(o.Sources, f)
	}
	o.Now = time.Now
	return New(o)
}

// story reads until n records have come and writes what came: "a0/3" is offset 3 of partition 0 of topic a. Idle and
// Awake stand as "idle0" and "awake0".
type story struct {
	t        testing.TB
	m        *Merger
	ctx      context.Context
	position map[string]int64 // by topic and partition
	news     bool
}

func tell(t testing.TB, m *Merger) *story {
	return &story{t: t, m: m, ctx: t.Context(), position: map[string]int64{}}
}

func (s *story) read(n int) string {
	s.t.Helper()
	var words []string
	for n > 0 {
		got, err := s.m.Next(s.ctx)
		if errors.Is(err, io.EOF) {
			words = append(words, "EOF")
			break
		}
		if err != nil {
			s.t.Fatalf("after %s: %v", strings.Join(words, " "), err)
		}
		words = append(words, s.words(got)...)
		n -= got.To - got.From
	}
	return strings.Join(words, " ")
}

// words tells of a stretch, checks it, and moves the position behind it.
func (s *story) words(got Stretch) []string {
	s.t.Helper()
	var words []string
	if s.news {
		for _, p := range got.Idle {
			words = append(words, fmt.Sprintf("idle%d", p))
		}
		for _, p := range got.Awake {
			words = append(words, fmt.Sprintf("awake%d", p))
		}
	}
	if got.Anew {
		words = append(words, "anew")
	}
	if got.Batch == nil {
		return words
	}
	if got.From > got.To || got.To > len(got.Batch.Records) || got.Last != (got.To == len(got.Batch.Records)) {
		s.t.Fatalf("stretch from %d to %d of %d records, last %v", got.From, got.To, len(got.Batch.Records), got.Last)
	}
	place := fmt.Sprintf("%s%d", got.Batch.Topic, got.Batch.Partition)
	for _, r := range got.Batch.Records[got.From:got.To] {
		words = append(words, fmt.Sprintf("%s/%d", place, r.Offset))
		s.position[place] = r.Next()
	}
	if got.Last {
		s.position[place] = got.Batch.To
		got.Batch.Release()
	}
	return words
}
