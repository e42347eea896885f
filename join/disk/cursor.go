package disk

import (
	"cmp"
	"container/heap"
	"math"

	"millrace/join/frozen"
)

// cursor is at the first record of a segment that is left, of one kind. Those of a kind are in a heap.
type cursor struct {
	of       *segment
	waits    bool
	ordinal  uint32 // nothing of the kind is left before it
	exact    bool   // the record is there; else its deadline is not before deadline
	deadline int64  // math.MaxInt64: nothing is left
	// Of the record.
	partition int32
	offset    int64

	at    int // in the heap
	block block
}

// seek finds the record.
func (c *cursor) seek() error {
	ordinal, ok := c.of.next(c.ordinal, c.waits)
	if !ok {
		*c = cursor{of: c.of, waits: c.waits, at: c.at, deadline: math.MaxInt64}
		c.ordinal = uint32(len(c.of.blocks)) << blockBits
		return nil
	}
	if err := c.block.load(c.of, int(ordinal>>blockBits)); err != nil {
		return err
	}
	var r frozen.Record
	c.block.record(ordinal%blockRecords, &r)
	c.ordinal, c.exact = ordinal, true
	c.deadline, c.partition, c.offset = r.Deadline, r.Partition, r.Offset
	return nil
}

// stands says whether the record that the cursor found is still left, and of its kind.
func (c *cursor) stands() bool {
	return c.exact && c.of.blocks[c.ordinal>>blockBits].of(c.waits)>>(c.ordinal%blockRecords)&1 == 1
}

// cursors are a heap. One that is not exact comes before others of its deadline, so that it is looked at.
type cursors []*cursor

func (h cursors) Len() int { return len(h) }

func (h cursors) Less(i, j int) bool {
	a, b := h[i], h[j]
	if a.deadline != b.deadline {
		return a.deadline < b.deadline
	}
	if a.exact != b.exact {
		return b.exact
	}
	return cmp.Or(cmp.Compare(a.partition, b.partition), cmp.Compare(a.offset, b.offset)) < 0
}

func (h cursors) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].at, h[j].at = i, j
}

func (h *cursors) Push(x any) {
	c := x.(*cursor)
	c.at = len(*h)
	*h = append(*h, c)
}

func (h *cursors) Pop() any {
	last := len(*h) - 1
	c := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return c
}

// first is the cursor that stands first, with a deadline up to limit; nil when there is none.
func (h *cursors) first(limit int64) (*cursor, error) {
	for len(*h) > 0 {
		c := (*h)[0]
		if c.deadline > limit || c.deadline == math.MaxInt64 {
			break
		}
		if c.stands() {
			return c, nil
		}
		if err := c.seek(); err != nil {
			return nil, err
		}
		heap.Fix(h, 0)
	}
	return nil, nil
}
