package merge

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"sync"
	"time"

	"millrace"
)

const (
	// lookEvery is how often the sources' standings are asked for while some partition is lacking: often beside the
	// second that a partition must be at its end, seldom beside what a look costs.
	lookEvery = 50 * time.Millisecond
	// lookSoon is how soon they are after a partition's last batch was used up: it may have been at its end for long.
	lookSoon = 2 * time.Millisecond
)

// due reports whether it is time to ask the sources how their partitions stand.
func (m *Merger) due() bool {
	return m.look || m.lacking > 0 && m.o.Now().Sub(m.looked) >= m.every
}

// gather waits for what is missing, for one batch or until it is time to look again.
func (m *Merger) gather(ctx context.Context) error {
	if now := m.o.Now(); m.look || now.Sub(m.looked) >= m.every {
		if err := m.lookAround(now); err != nil {
			return err
		}
	}
	if m.free() || len(m.heads) == 0 && m.rested() {
		return nil
	}
	var asked []*source
	ended := true
	for _, s := range m.sources {
		ended = ended && s.ended
		// When nobody is waited for, whoever comes first is next.
		if !s.ended && s.next == nil && (s.missing > 0 || m.missing == 0) {
			asked = append(asked, s)
		}
	}
	if ended {
		return io.EOF
	}
	return m.wait(ctx, asked)
}

// free reports whether the first head may go.
func (m *Merger) free() bool {
	return len(m.heads) > 0 && (m.heads[0].forced || m.missing == 0 && m.proved(m.heads[0]))
}

// answer is what a source returned.
type answer struct {
	batch  *millrace.Batch
	err    error
	called bool // off, so that err may say no more than that
}

// wait asks sources side by side until one has a batch.
func (m *Merger) wait(ctx context.Context, asked []*source) error {
	asking, stop := context.WithTimeout(ctx, m.every)
	defer stop()
	proving := m.prove(asking, stop)
	answers := make([]answer, len(asked))
	ask := func(i int) {
		a := &answers[i]
		a.batch, a.err = asked[i].NextOf(asking, asked[i].want)
		a.called = asking.Err() != nil
	}
	if len(asked) == 1 {
		ask(0)
	} else {
		var all sync.WaitGroup
		for i := range asked {
			all.Go(func() {
				ask(i)
				stop()
			})
		}
		all.Wait()
	}
	stop()
	proving.Wait() // it looks at what took alters
	var failed error
	for i, a := range answers {
		err := m.took(asked[i], a)
		if failed == nil {
			failed = err
		}
	}
	return failed
}

// took deals with a source's answer.
func (m *Merger) took(s *source, a answer) error {
	switch {
	case a.err == nil:
		return m.place(s, a.batch)
	case errors.Is(a.err, io.EOF):
		m.ends(s)
		return nil
	case a.called && (errors.Is(a.err, context.DeadlineExceeded) || errors.Is(a.err, context.Canceled)):
		return nil
	}
	return a.err
}

// place takes a batch that a source returned.
func (m *Merger) place(s *source, b *millrace.Batch) error {
	if b.Anew {
		b.Anew = false
		s.next = b
		m.look = true
		if !s.known { // what is known is of the former
			s.known = true
			m.misses(s, -1)
		}
		for _, p := range s.partitions {
			m.waive(p)
		}
		return nil
	}
	p := s.partitions[b.Partition]
	if p == nil {
		p = m.meet(s, b.Partition)
	}
	if p.batch != nil {
		b.Release()
		return fmt.Errorf("merging %s/%d: its source returned a batch that was not asked for", b.Topic, b.Partition)
	}
	m.lacking--
	if !p.waived {
		m.misses(s, -1)
	}
	p.batch, p.at, p.came, p.heldAt, p.waived = b, 0, m.o.Now(), time.Time{}, false
	s.holding++
	m.turns(p, false)
	p.setKey(m.front)
	m.heads.push(p)
	return nil
}

// meet makes a place for a partition that is new.
func (m *Merger) meet(s *source, id int32) *partition {
	p := &partition{source: s, id: id, order: uint64(s.index)<<32 | uint64(uint32(id))}
	s.partitions[id] = p
	m.lacking++
	m.misses(s, 1)
	m.turns(p, false)
	return p
}

// waive makes the others go on without a partition that is lacking.
func (m *Merger) waive(p *partition) {
	if p.batch == nil && !p.waived {
		p.waived = true
		m.misses(p.source, -1)
	}
}

// await takes waive back.
func (m *Merger) await(p *partition) {
	if p.batch == nil && p.waived {
		p.waived = false
		m.misses(p.source, 1)
	}
}

// ends is for a source that has returned io.EOF: nobody waits for its partitions any more. That is no idleness.
func (m *Merger) ends(s *source) {
	s.ended = true
	if !s.known {
		s.known = true
		m.misses(s, -1)
	}
	for _, p := range s.partitions {
		m.waive(p)
		if p.batch == nil {
			m.lacking--
		}
	}
}

// turn goes over to a topic made anew: all of the former is used up.
func (m *Merger) turn(s *source) error {
	b := s.next
	s.next, s.anew = nil, true
	m.lacking -= len(s.partitions) // and waived, each of them
	m.changed = slices.DeleteFunc(m.changed, func(p *partition) bool { return p.source == s })
	clear(s.partitions)
	s.known, s.askedAt = false, time.Time{}
	m.misses(s, 1)
	return m.place(s, b)
}

// force lets a partition's next record go although others may come before it. Where its clock is ahead, the record goes
// as if it had been written when the latest one was that was returned.
func (m *Merger) force(p *partition) {
	p.forced = true
	if m.front == math.MinInt64 || p.key <= m.front {
		return
	}
	p.lead += p.key - m.front
	p.key = m.front
	m.heads.up(p.heap)
}
