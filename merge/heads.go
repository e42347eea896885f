package merge

import (
	"math"

	"millrace"
)

// heads is a binary heap of partitions by what they have next.
type heads []*partition

// before orders two partitions' next records.
func before(a, b *partition) bool { return a.key < b.key || a.key == b.key && a.order < b.order }

// second is the partition that is next after the first; nil when there is none.
func (h heads) second() *partition {
	switch {
	case len(h) < 2:
		return nil
	case len(h) > 2 && before(h[2], h[1]):
		return h[2]
	}
	return h[1]
}

func (h *heads) push(p *partition) {
	p.heap = len(*h)
	*h = append(*h, p)
	h.up(p.heap)
}

// pop takes the first away.
func (h *heads) pop() {
	s := *h
	last := len(s) - 1
	s[0] = s[last]
	s[0].heap = 0
	s[last] = nil
	*h = s[:last]
	h.down(0)
}

// up moves an element forward to where it belongs.
func (h heads) up(i int) {
	for i > 0 {
		parent := (i - 1) / 2
		if !before(h[i], h[parent]) {
			return
		}
		h.swap(i, parent)
		i = parent
	}
}

// down moves an element back to where it belongs.
func (h heads) down(i int) {
	for {
		child := 2*i + 1
		if child >= len(h) {
			return
		}
		if child+1 < len(h) && before(h[child+1], h[child]) {
			child++
		}
		if !before(h[child], h[i]) {
			return
		}
		h.swap(i, child)
		i = child
	}
}

func (h heads) swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].heap, h[j].heap = i, j
}

// keyOf is what a record is merged by.
func (p *partition) keyOf(r *millrace.Record) int64 {
	if r.Fault != nil {
		return math.MinInt64
	}
	return r.Time - p.lead
}

// leadMin is the least, in milliseconds, that a clock counts as ahead by: with less a record waits no longer than it
// does for a partition to be idle.
const leadMin = 1000

// setKey takes the key of the next record. A partition is ahead of what was returned no more than its records are: its
// lead falls when its clock is put right.
func (p *partition) setKey(front int64) {
	p.key = math.MinInt64
	if p.at == len(p.batch.Records) {
		return // a batch without records
	}
	r := &p.batch.Records[p.at]
	p.key = p.keyOf(r)
	if p.lead == 0 || r.Fault != nil || p.key >= front {
		return
	}
	if p.lead = r.Time - front; p.lead < leadMin {
		p.lead = 0
	}
	p.key = r.Time - p.lead
}
