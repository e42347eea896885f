package merge

import "time"

const (
	// silentAfter is how many times Options.Idle a broker may take to answer before it counts as silent. A fetch that
	// finds nothing is answered within half a second.
	silentAfter = 3
	// stallEvery is how often somebody is told of a stall that goes on.
	stallEvery = 30 * time.Second
)

// Stall is a partition that merging waits for although its broker does not answer.
type Stall struct {
	Source    int
	Partition int32 // -1 when the source does not know its partitions yet
	For       time.Duration
}

// lookAround asks the sources how their partitions stand, and decides who is waited for.
func (m *Merger) lookAround(now time.Time) error {
	m.looked, m.look, m.every, m.seen = now, false, lookEvery, time.Time{}
	var worst Stall
	for _, s := range m.sources {
		if s.ended {
			continue
		}
		if s.next != nil {
			if s.holding > 0 {
				continue
			}
			if err := m.turn(s); err != nil {
				return err
			}
		}
		if !m.know(s, now) {
			if silent := now.Sub(s.askedAt); silent > worst.For {
				worst = Stall{Source: s.index, Partition: -1, For: silent}
			}
			continue
		}
		for _, p := range s.partitions {
			if p.batch != nil {
				continue
			}
			if silent := m.judge(p, now); !p.waived && silent > worst.For {
				worst = Stall{Source: s.index, Partition: p.id, For: silent}
			}
		}
	}
	if len(m.heads) > 0 && m.missing > 0 {
		m.hurry(now)
	}
	m.tell(now, worst)
	return nil
}

// know learns of a source's partitions. It reports whether it knows them all.
func (m *Merger) know(s *source, now time.Time) bool {
	all, ok := s.Standings()
	if ok != s.known {
		s.known = ok
		s.askedAt = now
		if ok {
			m.misses(s, -1)
		} else {
			m.misses(s, 1)
		}
	}
	if !ok {
		if s.askedAt.IsZero() {
			s.askedAt = now
		}
		return false
	}
	for _, p := range s.partitions {
		p.listed = false
	}
	for _, standing := range all {
		p := s.partitions[standing.Partition]
		if p == nil {
			p = m.meet(s, standing.Partition)
		}
		p.standing, p.listed = standing, true
	}
	return true
}

// judge decides whether a partition that is lacking is idle and whether it is waited for. It returns for how long its
// broker has not answered.
func (m *Merger) judge(p *partition, now time.Time) (silent time.Duration) {
	if p.lackedAt.IsZero() {
		p.lackedAt = now
	}
	// One that is not listed has ended, or is of a topic that is gone. Its idleness stays what it was: its watermark
	// says how far its records went.
	if !p.listed {
		m.waive(p)
		return 0
	}
	// What nobody lacked may not have been asked for.
	heard := p.lackedAt
	if p.standing.Answered.After(heard) {
		heard = p.standing.Answered
	}
	silent = now.Sub(heard)
	atEnd := !p.standing.Since.IsZero()
	if atEnd {
		p.dryAt = p.standing.Answered
	}
	answers := silent < silentAfter*m.o.Idle
	m.turns(p, atEnd && answers && p.standing.Answered.Sub(p.standing.Since) >= m.o.Idle)
	if p.idle || m.o.Live && (atEnd || silent >= m.o.Idle) {
		m.waive(p)
	} else {
		m.await(p)
	}
	if p.waived && (silent < m.o.Idle || !m.o.Live) && (m.seen.IsZero() || p.standing.Asked.Before(m.seen)) {
		m.seen = p.standing.Asked
	}
	return silent
}

// hurry finds heads that have waited for a second since every other partition was read to its end, and is so still, now
// and then: that second is all that a record is held for, also when other partitions deliver without a pause and its
// own clock is ahead of theirs. Where they deliver more than is taken it is not their clocks, they are behind.
func (m *Merger) hurry(now time.Time) {
	first, second := m.driest()
	for _, s := range m.sources {
		for _, p := range s.partitions {
			if p.batch == nil || p.forced {
				continue
			}
			oldest := first
			if p == first {
				oldest = second
			}
			if p.heldAt.IsZero() && (oldest == nil || !oldest.dryAt.Before(p.came)) {
				p.heldAt = now
			}
			still := oldest == nil || now.Sub(oldest.dryAt) < m.o.Idle*3/4
			if !p.heldAt.IsZero() && still && now.Sub(p.heldAt) >= m.o.Idle {
				m.force(p)
			}
		}
	}
}

// driest returns the two partitions that were seen at their ends the longest ago, nil when there are not as many.
func (m *Merger) driest() (first, second *partition) {
	for _, s := range m.sources {
		if s.ended {
			continue
		}
		for _, p := range s.partitions {
			switch {
			case !p.listed:
			case first == nil || p.dryAt.Before(first.dryAt):
				first, second = p, first
			case second == nil || p.dryAt.Before(second.dryAt):
				second = p
			}
		}
	}
	return first, second
}

// tell says that merging stalls, now and then every stallEvery.
func (m *Merger) tell(now time.Time, worst Stall) {
	if m.missing == 0 || worst.For < silentAfter*m.o.Idle {
		m.told = time.Time{}
		m.stalled.Store(0)
		return
	}
	m.stalled.Store(now.Add(-worst.For).UnixNano())
	if !m.told.IsZero() && now.Sub(m.told) < stallEvery {
		return
	}
	m.told = now
	if m.o.Stalled != nil {
		m.o.Stalled(worst)
	}
}
