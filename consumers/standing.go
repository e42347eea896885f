package consumers

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"millrace"
)

// stand is how one partition's reader stands with the one who takes its batches.
type stand struct {
	partition int32
	// lacking is that somebody asks for the partition and nothing of it is queued: its reader may then fetch, open and
	// deliver one batch whatever the others hold. Who merges partitions takes nothing of the others before it has that.
	lacking atomic.Bool
	// wake holds a token after lacking was set. It belongs to the one reader, and may be stale.
	wake chan struct{}

	// Guarded by intake.mu.
	queued          int
	ended           bool      // nothing more comes
	since, answered time.Time // as in millrace.Standing, but since is also told while batches are queued
	asked           time.Time // likewise
	position        int64     // behind all that was delivered
	wanted          bool      // somebody waits for its end to be asked for
}

// standOf returns a partition's, which its reader keeps for as long as it lives.
func (in *intake) standOf(partition int32) *stand {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.standLocked(partition)
}

func (in *intake) standLocked(partition int32) *stand {
	s := in.stands[partition]
	if s == nil {
		s = &stand{partition: partition, wake: make(chan struct{}, 1)}
		in.stands[partition] = s
	}
	return s
}

// knows tells of all the partitions that there are, before any of them is read.
func (in *intake) knows(partitions []int32) {
	in.mu.Lock()
	defer in.mu.Unlock()
	for _, p := range partitions {
		in.standLocked(p)
	}
	in.complete = true
}

// knowsAll is knows where nothing is written any more to what is read.
func (in *intake) knowsAll(partitions []int32) {
	in.knows(partitions)
	in.mu.Lock()
	in.fixed = true
	in.mu.Unlock()
}

// reply is when a broker was asked about a partition, and when its answer had come.
type reply struct{ asked, answered time.Time }

// answered notes what an answer to a reader said, which has delivered all that lies before position: that this is the
// end, or that there is more.
func (in *intake) answered(s *stand, position int64, r reply, atEnd bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if s.position = position; atEnd && s.since.IsZero() {
		s.since = r.answered
	}
	s.says(r, atEnd)
	in.tell()
}

// says takes note of an answer. Of answers that cross, each is right about the moment when it was asked for.
func (s *stand) says(r reply, atEnd bool) {
	s.answered = r.answered
	switch {
	case !atEnd:
		s.since = time.Time{}
	case s.asked.Before(r.asked):
		s.asked = r.asked
	}
}

// ends notes that nothing more comes of a partition.
func (in *intake) ends(s *stand) {
	in.mu.Lock()
	s.ended = true
	in.mu.Unlock()
}

// standings says how all partitions stand, ascending, but for those that have ended and are taken; ok is false until
// they are known.
func (in *intake) standings() (all []millrace.Standing, ok bool) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if !in.complete {
		return nil, false
	}
	all = make([]millrace.Standing, 0, len(in.stands))
	now := in.c.now()
	for p, s := range in.stands {
		if s.ended && s.queued == 0 {
			continue
		}
		standing := millrace.Standing{Partition: p, Answered: s.answered}
		if s.queued == 0 {
			standing.Since, standing.Asked = s.since, s.asked
			if in.fixed {
				standing.Asked = now
			}
		}
		all = append(all, standing)
	}
	slices.SortFunc(all, func(a, b millrace.Standing) int { return int(a.Partition) - int(b.Partition) })
	return all, true
}

// ask lets the partitions that want accepts and that have nothing queued fetch one batch each. The lock is held.
func (in *intake) ask(want func(int32) bool) {
	for p, s := range in.stands {
		if s.queued > 0 || s.lacking.Load() || !want(p) {
			continue
		}
		s.lacking.Store(true)
		select {
		case s.wake <- struct{}{}:
		default:
		}
	}
}

// lane is held by the one partition that is reading a batch which is not usual. A partition that somebody lacks may
// enter beside one that nobody does, which may be waiting for its batches to be taken.
type lane struct {
	mu      sync.Mutex
	holders []*stand
	changed chan struct{} // closed and replaced when someone waits and something changed
}

func (l *lane) enter(ctx context.Context, s *stand) error {
	for {
		l.mu.Lock()
		taken := len(l.holders) > 0
		if s.lacking.Load() {
			taken = slices.ContainsFunc(l.holders, func(h *stand) bool { return h.lacking.Load() })
		}
		if !taken {
			l.holders = append(l.holders, s)
			l.mu.Unlock()
			return nil
		}
		if l.changed == nil {
			l.changed = make(chan struct{})
		}
		changed := l.changed
		l.mu.Unlock()
		select {
		case <-changed:
		case <-s.wake:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (l *lane) leave(s *stand) {
	l.mu.Lock()
	l.holders = slices.DeleteFunc(l.holders, func(h *stand) bool { return h == s })
	l.mu.Unlock()
	l.notify()
}

// notify wakes those who wait to enter.
func (l *lane) notify() {
	l.mu.Lock()
	if l.changed != nil {
		close(l.changed)
		l.changed = nil
	}
	l.mu.Unlock()
}
