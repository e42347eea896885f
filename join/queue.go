package join

import (
	"math/bits"
	"slices"
)

// Where an entry is in a queue.
const (
	inNone  uint8 = iota
	inRun         // the slice that is being consumed, sorted when it was reached
	inHeap        // what came late for that
	inHeld        // the heap of another queue: due, but held
	inWheel       // a slice of time to come, at the wheel's lowest level or so many above it
)

const (
	wheelBits   = 11
	wheelLen    = 1 << wheelBits
	wheelLevels = 6 // 66 bits, more than any time has
)

type level struct {
	heads    [wheelLen]int32
	occupied [wheelLen / 64]uint64
	count    int
}

// queue orders entries by (deadline, what is known before what waits, partition, offset). Deadlines may come in any
// order, but most are far ahead: those are kept in slices of time, a hierarchical timing wheel (Varghese & Lauck 1987)
// whose slots are lists through the entries. A slice is sorted when it is reached. So an entry is touched twice or
// three times in all, and nothing is allocated for it.
type queue struct {
	entries *entries
	shift   uint   // a slice is 1<<shift milliseconds
	current uint64 // the slice being consumed; all before it are empty
	next    uint64 // no slice of the wheel before this one has entries
	levels  [wheelLevels]*level
	run     []int32 // sorted; none where an entry has left
	cursor  int
	heap    []int32
	inHeap  uint8 // what an entry of the heap says of where it is
	held    int64 // bytes of levels
}

// newQueue returns a queue for deadlines that are usually span milliseconds ahead: some thousand slices.
func newQueue(s *entries, span int64) queue {
	return queue{entries: s, inHeap: inHeap, shift: uint(max(0, bits.Len64(uint64(span)/1024)-1)), next: ^uint64(0)}
}

// newHeld returns a queue that is a heap alone.
func newHeld(s *entries) queue {
	return queue{entries: s, inHeap: inHeld, current: ^uint64(0), next: ^uint64(0)}
}

// slice numbers rise with time from its very beginning.
func (q *queue) slice(t int64) uint64 { return (uint64(t) ^ 1<<63) >> q.shift }

// link adds an entry.
func (q *queue) link(h int32) {
	x := q.entries.at(h)
	s := q.slice(x.deadline)
	if s <= q.current {
		x.where = q.inHeap
		q.heap = append(q.heap, h)
		q.up(len(q.heap) - 1)
		return
	}
	q.next = min(q.next, s)
	q.linkAhead(h, x, s)
}

func (q *queue) linkAhead(h int32, x *entry, s uint64) {
	n := 0
	for (s>>(wheelBits*n))-(q.current>>(wheelBits*n)) >= wheelLen {
		n++
	}
	l := q.levels[n]
	if l == nil {
		l = new(level)
		for i := range l.heads {
			l.heads[i] = none
		}
		q.levels[n] = l
		q.held += wheelLen*4 + wheelLen/8
	}
	slot := s >> (wheelBits * n) % wheelLen
	x.where = inWheel + uint8(n)
	x.prev, x.next = none, l.heads[slot]
	if x.next != none {
		q.entries.at(x.next).prev = h
	}
	l.heads[slot] = h
	l.occupied[slot/64] |= 1 << (slot % 64)
	l.count++
}

// unlink takes an entry out, wherever it is.
func (q *queue) unlink(h int32) {
	x := q.entries.at(h)
	switch {
	case x.where >= inWheel:
		q.unlinkAhead(x)
	case x.where == inRun:
		q.run[x.prev] = none
	case x.where == q.inHeap:
		q.removeAt(int(x.prev))
	}
	x.where, x.prev, x.next = inNone, none, none
}

func (q *queue) unlinkAhead(x *entry) {
	n := int(x.where - inWheel)
	l := q.levels[n]
	if x.next != none {
		q.entries.at(x.next).prev = x.prev
	}
	if x.prev != none {
		q.entries.at(x.prev).next = x.next
	} else {
		slot := q.slice(x.deadline) >> (wheelBits * n) % wheelLen
		l.heads[slot] = x.next
		if x.next == none {
			l.occupied[slot/64] &^= 1 << (slot % 64)
		}
	}
	l.count--
}

// move changes an entry's deadline, and puts it where its kind and place say now.
func (q *queue) move(h int32, deadline int64) {
	x := q.entries.at(h)
	if x.where >= inWheel && q.slice(x.deadline) == q.slice(deadline) {
		x.deadline = deadline // slices are sorted when they are reached
		return
	}
	q.unlink(h)
	x.deadline = deadline
	q.link(h)
}

// peek returns the first entry whose slice of time is not after t's, or none. Its deadline may still be after t.
func (q *queue) peek(t int64) int32 {
	limit := q.slice(t)
	for {
		for q.cursor < len(q.run) && q.run[q.cursor] == none {
			q.cursor++
		}
		inRun, inHeap := q.cursor < len(q.run), len(q.heap) > 0
		switch {
		case inRun && (!inHeap || q.less(q.run[q.cursor], q.heap[0])):
			return q.run[q.cursor]
		case inHeap:
			return q.heap[0]
		}
		if q.next > limit || !q.advance(limit) {
			return none
		}
	}
}

// advance goes on to the next slice that has entries, unless it is beyond limit.
func (q *queue) advance(limit uint64) bool {
	for {
		q.next = q.soonest()
		if q.next > limit || q.next == ^uint64(0) {
			return false
		}
		q.current = max(q.current, q.next)
		for n := wheelLevels - 1; n > 0; n-- {
			if l := q.levels[n]; l != nil && l.count > 0 {
				q.spread(l, q.current>>(wheelBits*n)%wheelLen)
			}
		}
		q.run, q.cursor = q.run[:0], 0
		if l := q.levels[0]; l != nil && l.count > 0 {
			q.reach(l, q.current%wheelLen)
		}
		if len(q.run) > 0 || len(q.heap) > 0 {
			return true
		}
	}
}

// soonest is where the first slot with entries begins.
func (q *queue) soonest() uint64 {
	soonest := ^uint64(0)
	for n, l := range q.levels {
		if l == nil || l.count == 0 {
			continue
		}
		from := q.current >> (wheelBits * n)
		soonest = min(soonest, (from+l.distance(from%wheelLen))<<(wheelBits*n))
	}
	return soonest
}

// distance is how far behind slot the next occupied one is, going around. One is.
func (l *level) distance(slot uint64) uint64 {
	word, bit := slot/64, slot%64
	if w := l.occupied[word] >> bit; w != 0 {
		return uint64(bits.TrailingZeros64(w))
	}
	for i := uint64(1); i <= wheelLen/64; i++ {
		if w := l.occupied[(word+i)%(wheelLen/64)]; w != 0 {
			return i*64 - bit + uint64(bits.TrailingZeros64(w))
		}
	}
	return wheelLen
}

// empty takes all of a slot out of the wheel and returns the first of its list.
func (l *level) empty(slot uint64) int32 {
	h := l.heads[slot]
	l.heads[slot] = none
	l.occupied[slot/64] &^= 1 << (slot % 64)
	return h
}

// spread brings a slot of a higher level down to finer slices.
func (q *queue) spread(l *level, slot uint64) {
	for h := l.empty(slot); h != none; {
		x := q.entries.at(h)
		next := x.next
		l.count--
		q.link(h)
		h = next
	}
}

// reach sorts the slice that has become the current one.
func (q *queue) reach(l *level, slot uint64) {
	for h := l.empty(slot); h != none; {
		x := q.entries.at(h)
		q.run = append(q.run, h)
		l.count--
		h = x.next
	}
	// Lists are built from the front: what came in order is now the other way round.
	slices.Reverse(q.run)
	slices.SortFunc(q.run, q.compare)
	for i, h := range q.run {
		x := q.entries.at(h)
		x.where, x.prev, x.next = inRun, int32(i), none
	}
}
