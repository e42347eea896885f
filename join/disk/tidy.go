package disk

import (
	"cmp"
	"math"
	"slices"

	"millrace/join/frozen"
)

// mergedAtOnce is how many segments become one when there are too many.
const mergedAtOnce = 8

// tidy keeps files within half as much again as what is left in them and two segments more. It is quick when there is
// nothing to be done.
func (s *Store) tidy() error {
	for s.full > s.live+s.live/2+2*s.largest {
		if err := s.merge([]*segment{s.sparsest()}); err != nil {
			return err
		}
	}
	return nil
}

// gather keeps the number of segments within its bound, unless all are about as large as they may be.
func (s *Store) gather() error {
	for len(s.segments) > s.limits.Segments {
		few := s.smallest(mergedAtOnce)
		left := int64(0)
		for _, g := range few {
			left += g.liveBytes
		}
		if left > int64(len(few)/2)*s.limits.SegmentBytes {
			break // they would hardly become fewer
		}
		if err := s.merge(few); err != nil {
			return err
		}
	}
	return nil
}

// sparsest is the segment of which the smallest part is left. What is being read to its end is soon the cheapest.
func (s *Store) sparsest() *segment {
	return slices.MinFunc(s.segments, func(a, b *segment) int {
		return cmp.Compare(float64(a.liveBytes)/float64(a.full), float64(b.liveBytes)/float64(b.full))
	})
}

// smallest are so many neighbours in time of which the least is left.
func (s *Store) smallest(n int) []*segment {
	slices.SortFunc(s.segments, func(a, b *segment) int { return cmp.Compare(a.first, b.first) })
	n = min(n, len(s.segments))
	least, from := int64(math.MaxInt64), 0
	for i := 0; i+n <= len(s.segments); i++ {
		left := int64(0)
		for _, g := range s.segments[i : i+n] {
			left += g.liveBytes
		}
		if left < least {
			least, from = left, i
		}
	}
	return slices.Clone(s.segments[from : from+n])
}

// walker goes through all that is left of a segment.
type walker struct {
	of      *segment
	ordinal uint32
	block   block
	record  frozen.Record
}

// next is false at the end.
func (w *walker) next() (bool, error) {
	for b := int(w.ordinal >> blockBits); b < len(w.of.blocks); b++ {
		info := &w.of.blocks[b]
		from := uint32(0)
		if b == int(w.ordinal>>blockBits) {
			from = w.ordinal % blockRecords
		}
		for i := from; i < blockRecords; i++ {
			if info.gone>>i&1 == 1 {
				continue
			}
			if err := w.block.load(w.of, b); err != nil {
				return false, err
			}
			w.block.record(i, &w.record)
			if w.record.Waits && info.ids>>i&1 == 1 {
				w.record.Waits, w.record.Until, w.record.Value = false, w.record.Deadline, nil
			}
			w.ordinal = uint32(b)<<blockBits + i + 1
			return true, nil
		}
	}
	return false, nil
}

// compareRecords orders what is merged. All of a kind stay in order, though the ids among events lie where those were.
func compareRecords(a, b *frozen.Record) int {
	if c := cmp.Compare(a.Deadline, b.Deadline); c != 0 {
		return c
	}
	if a.Waits != b.Waits {
		if b.Waits {
			return -1
		}
		return 1
	}
	return cmp.Or(cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Offset, b.Offset))
}

// merge writes what is left of segments to new ones, and deletes them.
func (s *Store) merge(from []*segment) error {
	var left []*walker
	for _, g := range from {
		w := &walker{of: g, block: block{number: -1}}
		more, err := w.next()
		if err != nil {
			return err
		}
		if more {
			left = append(left, w)
		}
	}
	for len(left) > 0 {
		i := 0
		for k := range left {
			if compareRecords(&left[k].record, &left[i].record) < 0 {
				i = k
			}
		}
		if err := s.writer.put(&left[i].record); err != nil {
			return err
		}
		more, err := left[i].next()
		if err != nil {
			return err
		}
		if !more {
			left = slices.Delete(left, i, i+1)
		}
	}
	if err := s.writer.end(); err != nil {
		return err
	}
	for _, g := range from {
		if err := s.drop(g); err != nil {
			return err
		}
	}
	return nil
}
