package join

import (
	"math/bits"
	"slices"
)

const (
	pageBits  = 15 // a page is of 32768 offsets
	pageWords = 1 << pageBits / 64
	pageBytes = pageWords * 8
	// pagesMax is StateBytesMax in pages.
	pagesMax = StateBytesMax / pageBytes
)

type page struct {
	index int64 // offset >> pageBits
	count int   // bits that are set, never 0
	words *[pageWords]uint64
}

// bitmap says which offsets of one partition wait. Pages without any are not there, so that it follows what waits and
// not how far the log reaches.
type bitmap struct {
	partition int32
	pages     []page // ascending
}

// bitmaps are those of all partitions of events and of labels.
type bitmaps struct {
	of    [kinds][]*bitmap // ascending by partition
	last  [kinds]*bitmap   // looked at last
	pages int
	spare []*[pageWords]uint64 // at most spareMax
}

// spareMax pages are kept for reuse: what comes and goes at the head of several partitions.
const spareMax = 16

func (m *bitmaps) find(k Kind, partition int32) (int, bool) {
	return slices.BinarySearchFunc(m.of[k], partition, func(b *bitmap, p int32) int { return int(b.partition) - int(p) })
}

func (m *bitmaps) bitmap(k Kind, partition int32) *bitmap {
	if b := m.last[k]; b != nil && b.partition == partition {
		return b
	}
	if i, ok := m.find(k, partition); ok {
		m.last[k] = m.of[k][i]
		return m.of[k][i]
	}
	return nil
}

// page finds an offset's, or where it would be. The last page is where most bits are set.
func (b *bitmap) page(index int64) (int, bool) {
	n := len(b.pages)
	if n == 0 || index > b.pages[n-1].index {
		return n, false
	}
	if index == b.pages[n-1].index {
		return n - 1, true
	}
	return slices.BinarySearchFunc(b.pages, index, func(p page, i int64) int {
		if p.index < i {
			return -1
		} else if p.index > i {
			return 1
		}
		return 0
	})
}

func (m *bitmaps) set(k Kind, at Place) {
	b := m.bitmap(k, at.Partition)
	if b == nil {
		i, _ := m.find(k, at.Partition)
		b = &bitmap{partition: at.Partition}
		m.of[k] = slices.Insert(m.of[k], i, b)
		m.last[k] = b
	}
	i, ok := b.page(at.Offset >> pageBits)
	if !ok {
		b.pages = slices.Insert(b.pages, i, page{index: at.Offset >> pageBits, words: m.words()})
		m.pages++
	}
	bit := at.Offset & (1<<pageBits - 1)
	p := &b.pages[i]
	if p.words[bit/64]&(1<<(bit%64)) == 0 {
		p.words[bit/64] |= 1 << (bit % 64)
		p.count++
	}
}

func (m *bitmaps) words() *[pageWords]uint64 {
	if n := len(m.spare); n > 0 {
		w := m.spare[n-1]
		m.spare = m.spare[:n-1]
		return w
	}
	return new([pageWords]uint64)
}

// clear takes an offset out, if it is in.
func (m *bitmaps) clear(k Kind, at Place) {
	b := m.bitmap(k, at.Partition)
	if b == nil {
		return
	}
	i, ok := b.page(at.Offset >> pageBits)
	if !ok {
		return
	}
	bit := at.Offset & (1<<pageBits - 1)
	p := &b.pages[i]
	if p.words[bit/64]&(1<<(bit%64)) == 0 {
		return
	}
	p.words[bit/64] &^= 1 << (bit % 64)
	if p.count--; p.count == 0 {
		if len(m.spare) < spareMax {
			m.spare = append(m.spare, p.words) // all zero again
		}
		b.pages = slices.Delete(b.pages, i, i+1)
		m.pages--
	}
}

func (m *bitmaps) has(k Kind, at Place) bool {
	b := m.bitmap(k, at.Partition)
	if b == nil {
		return false
	}
	i, ok := b.page(at.Offset >> pageBits)
	bit := at.Offset & (1<<pageBits - 1)
	return ok && b.pages[i].words[bit/64]&(1<<(bit%64)) != 0
}

// drop takes out all offsets of a kind.
func (m *bitmaps) drop(k Kind) {
	for _, b := range m.of[k] {
		m.pages -= len(b.pages)
		b.pages = nil
	}
}

// count is how many offsets of a kind are in.
func (m *bitmaps) count(k Kind) (n uint64) {
	for _, b := range m.of[k] {
		for _, p := range b.pages {
			n += uint64(p.count)
		}
	}
	return n
}

func popcount(words *[pageWords]uint64) (n int) {
	for _, w := range words {
		n += bits.OnesCount64(w)
	}
	return n
}
