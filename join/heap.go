package join

import "cmp"

// compare orders two entries as the queue does: what is only known comes before what waits, so that when memory is
// full all ids of one deadline are forgotten together.
func (q *queue) compare(a, b int32) int {
	x, y := q.entries.at(a), q.entries.at(b)
	if c := cmp.Compare(x.deadline, y.deadline); c != 0 {
		return c
	}
	if x.kind != y.kind {
		return cmp.Compare(x.kind, y.kind)
	}
	if c := cmp.Compare(x.partition, y.partition); c != 0 {
		return c
	}
	return cmp.Compare(x.offset, y.offset)
}

func (q *queue) less(a, b int32) bool { return q.compare(a, b) < 0 }

// The heap is a binary one of handles; each entry knows its place in it, so that it can leave from the middle.

func (q *queue) set(i int, h int32) {
	q.heap[i] = h
	q.entries.at(h).prev = int32(i)
}

func (q *queue) up(i int) {
	h := q.heap[i]
	for i > 0 {
		parent := (i - 1) / 2
		if !q.less(h, q.heap[parent]) {
			break
		}
		q.set(i, q.heap[parent])
		i = parent
	}
	q.set(i, h)
}

func (q *queue) down(i int) {
	h := q.heap[i]
	for {
		child := 2*i + 1
		if child >= len(q.heap) {
			break
		}
		if child+1 < len(q.heap) && q.less(q.heap[child+1], q.heap[child]) {
			child++
		}
		if !q.less(q.heap[child], h) {
			break
		}
		q.set(i, q.heap[child])
		i = child
	}
	q.set(i, h)
}

func (q *queue) removeAt(i int) {
	last := len(q.heap) - 1
	moved := q.heap[last]
	q.heap = q.heap[:last]
	if i == last {
		return
	}
	q.set(i, moved)
	if i > 0 && q.less(moved, q.heap[(i-1)/2]) {
		q.up(i)
	} else {
		q.down(i)
	}
}
