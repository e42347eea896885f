package drift

import (
	"errors"

	"millrace"
)

// Place is where a record stands in the topic of events.
type Place struct {
	Partition int32
	Offset    int64
}

const (
	markEvery  = 256 // events between two marks
	markLevels = 3
	markCount  = 64 // marks of a level
	markFactor = 16 // a level's marks are so many times as far apart as those of the level below
	markWords  = 3  // event, partition, offset
)

// marks remember where in the log some of the latest four million events stand: the newest ones every 256 events, older
// ones every 4,096 and every 65,536.
type marks struct {
	events []uint64 // [1] until now
	at     []uint64 // [levels, count, words], a ring a level
	now    Place    // of the event that comes next
}

func newMarks() *marks {
	return &marks{events: make([]uint64, 1), at: make([]uint64, markLevels*markCount*markWords)}
}

// next counts an event.
func (m *marks) next() {
	if m.events[0]%markEvery == 0 {
		m.mark()
	}
	m.events[0]++
}

func (m *marks) mark() {
	n := m.events[0] / markEvery
	for level := 0; level < markLevels; level++ {
		slot := (level*markCount + int(n%markCount)) * markWords
		m.at[slot], m.at[slot+1], m.at[slot+2] = m.events[0], uint64(m.now.Partition), uint64(m.now.Offset)
		if n%markFactor != 0 {
			return
		}
		n /= markFactor
	}
}

// find is where an event stands, or the one that was marked last before it; the oldest that is known for older ones.
func (m *marks) find(event uint64) Place {
	var best, oldest Place
	var bestEvent uint64
	oldestEvent, found := m.events[0], false
	for i := 0; i < len(m.at); i += markWords {
		e, p := m.at[i], Place{int32(m.at[i+1]), int64(m.at[i+2])}
		if i > 0 && e == 0 {
			continue // empty: only the first mark is of event 0
		}
		if e <= event && (!found || e >= bestEvent) {
			best, bestEvent, found = p, e, true
		}
		if e <= oldestEvent {
			oldest, oldestEvent = p, e
		}
	}
	if !found {
		return oldest
	}
	return best
}

func (m *marks) reset() {
	clear(m.events)
	clear(m.at)
}

func (m *marks) state(prefix string, visit func(string, millrace.Tensor, millrace.Role)) {
	visit(prefix+"events", millrace.Tensor{Shape: []int{1}, U64: m.events, Added: true}, millrace.Training)
	visit(prefix+"marks", millrace.Tensor{Shape: []int{markLevels, markCount, markWords}, U64: m.at, Added: true}, millrace.Training)
}

func (m *marks) restored() error {
	for i := 0; i < len(m.at); i += markWords {
		if m.at[i] > m.events[0] || m.at[i+1] > 1<<31-1 || m.at[i+2] > 1<<63-1 {
			return errors.New("a mark in the log is of no event")
		}
	}
	return nil
}
