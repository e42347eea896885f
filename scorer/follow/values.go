package follow

import (
	"slices"
	"sync"

	"millrace"
)

// chunkEvents is how many events' values are kept and dropped together: enough to make bookkeeping vanish, few enough
// that many partitions of a slow topic hold little.
const chunkEvents = 128

// chunk is the values of some consecutive events of one partition.
type chunk struct {
	born    uint64 // rises with every chunk of any partition
	offsets []int64
	numbers []float64 // width for each event; NaN where a window has no value
}

func (c *chunk) last() int64 { return c.offsets[len(c.offsets)-1] }

// lane is what is kept of one partition. Of every event from floor on that was passed, the values are here, unless
// it is one that nobody can score.
type lane struct {
	topicID string // of what was passed
	seen    bool   // something was
	floor   int64
	next    int64 // everything before it was passed
	taken   int64 // where scoring here goes on
	own     bool  // scored here
	chunks  []*chunk
}

// values keeps what windows said of events from when they were passed until their scores are committed, within a bound.
// One goroutine adds, others take.
type values struct {
	width    int
	bytesMax int64

	mu      sync.Mutex
	lanes   map[int32]*lane
	bytes   int64
	born    uint64
	dropped uint64 // events whose values had to go for want of room
	free    []*chunk
	told    []func()      // of what is passed next
	freed   chan struct{} // a token when there may be room again
}

func newValues(width int, bytesMax int64) *values {
	return &values{width: width, bytesMax: bytesMax, lanes: map[int32]*lane{}, freed: make(chan struct{}, 1)}
}

func (v *values) chunkBytes() int64 { return chunkEvents * 8 * int64(1+v.width) }

// begin forgets everything, and keeps values from floors on. A partition without a floor is kept from where the first
// of it is passed.
func (v *values) begin(floors map[int32]int64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, l := range v.lanes {
		v.drop(l, len(l.chunks))
	}
	was := v.lanes
	v.lanes = make(map[int32]*lane, len(floors))
	for p, floor := range floors {
		v.lanes[p] = &lane{floor: floor, taken: floor, own: was[p] != nil && was[p].own}
	}
}

// add keeps the values of events of one partition, and tells that everything from from to next was passed.
func (v *values) add(partition int32, topicID string, from, next int64, offsets []int64, numbers []float64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	l := v.lanes[partition]
	if l == nil {
		l = &lane{floor: from, taken: from}
		v.lanes[partition] = l
	}
	l.topicID, l.seen, l.next = topicID, true, next
	for i, offset := range offsets {
		if offset >= l.floor {
			v.put(l, offset, numbers[i*v.width:][:v.width])
		}
	}
	for _, tell := range v.told {
		tell()
	}
	v.told = v.told[:0]
}

func (v *values) put(l *lane, offset int64, numbers []float64) {
	n := len(l.chunks)
	if n == 0 || len(l.chunks[n-1].offsets) == chunkEvents {
		l.chunks = append(l.chunks, v.chunk())
		n++
	}
	c := l.chunks[n-1]
	c.offsets, c.numbers = append(c.offsets, offset), append(c.numbers, numbers...)
}

func (v *values) chunk() *chunk {
	v.bytes += v.chunkBytes()
	v.born++
	if n := len(v.free); n > 0 {
		c := v.free[n-1]
		v.free = v.free[:n-1]
		c.born, c.offsets, c.numbers = v.born, c.offsets[:0], c.numbers[:0]
		return c
	}
	return &chunk{born: v.born, offsets: make([]int64, 0, chunkEvents), numbers: make([]float64, 0, chunkEvents*v.width)}
}

// freeMax is how many chunks are kept for the next.
const freeMax = 64

// drop takes away a lane's first n chunks.
func (v *values) drop(l *lane, n int) {
	if n == 0 {
		return
	}
	for _, c := range l.chunks[:n] {
		v.bytes -= v.chunkBytes()
		if len(v.free) < freeMax {
			v.free = append(v.free, c)
		}
	}
	l.chunks = slices.Delete(l.chunks, 0, n)
	v.tellFreed()
}

func (v *values) tellFreed() {
	select {
	case v.freed <- struct{}{}:
	default:
	}
}

// full reports whether one more chunk is more than the bound.
func (v *values) full() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.bytes > 0 && v.bytes+v.chunkBytes() > v.bytesMax
}

// room makes room for one more chunk. The oldest go first: those that another process scores, and those that were taken
// here and wait for their commit. What is still to be taken here stays, and false says that adding must wait for that.
func (v *values) room() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	for v.bytes > 0 && v.bytes+v.chunkBytes() > v.bytesMax {
		var oldest *lane
		for _, l := range v.lanes {
			if len(l.chunks) == 0 || l.own && l.chunks[0].last() >= l.taken {
				continue
			}
			if oldest == nil || l.chunks[0].born < oldest.chunks[0].born {
				oldest = l
			}
		}
		if oldest == nil {
			return false
		}
		c := oldest.chunks[0]
		v.dropped += uint64(len(c.offsets))
		oldest.floor = c.last() + 1
		v.drop(oldest, 1)
	}
	return true
}

// committed drops what lies before positions that the group has committed.
func (v *values) committed(positions []millrace.Position) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, at := range positions {
		l := v.lanes[at.Partition]
		if l == nil || l.seen && l.topicID != "" && at.TopicID != "" && l.topicID != at.TopicID || at.Offset <= l.floor {
			continue
		}
		l.floor = at.Offset
		n := 0
		for n < len(l.chunks) && l.chunks[n].last() < at.Offset {
			n++
		}
		v.drop(l, n)
	}
}

// owned says which partitions are scored here.
func (v *values) owned(partitions []int32) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for p, l := range v.lanes {
		own := slices.Contains(partitions, p)
		if own && !l.own {
			l.taken = l.floor // until it is known better
		}
		l.own = own
	}
	v.tellFreed()
}

// standing is how the first of some records stands.
type standing uint8

const (
	passed  standing = iota
	waiting          // the follower is not there yet
	gone             // its values are no longer kept
	other            // it is of another topic of the same name
)

// take copies the values of the leading records that were passed. It returns how many those are, and why there are no
// more.
func (v *values) take(partition int32, topicID string, records []millrace.Record, dst *kept) (int, standing) {
	v.mu.Lock()
	defer v.mu.Unlock()
	dst.offsets, dst.numbers, dst.next = dst.offsets[:0], dst.numbers[:0], 0
	l := v.lanes[partition]
	switch {
	case l == nil:
		return 0, waiting
	case l.seen && l.topicID != topicID:
		return 0, other
	case len(records) > 0 && records[0].Offset < l.floor:
		return 0, gone
	}
	n := 0
	for n < len(records) && records[n].Offset < l.next {
		n++
	}
	if n == 0 {
		return 0, waiting
	}
	first, last := records[0].Offset, records[n-1].Offset
	for _, c := range l.chunks {
		if c.last() < first {
			continue
		}
		from, _ := slices.BinarySearch(c.offsets, first)
		to, there := slices.BinarySearch(c.offsets, last)
		if there {
			to++
		}
		if from >= to {
			break
		}
		dst.offsets = append(dst.offsets, c.offsets[from:to]...)
		dst.numbers = append(dst.numbers, c.numbers[from*v.width:to*v.width]...)
	}
	l.taken = max(l.taken, records[n-1].Next())
	v.tellFreed()
	return n, passed
}

// held is how many bytes are kept.
func (v *values) held() int64 {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.bytes
}

// seek says where scoring of a partition goes on, also when that is further back.
func (v *values) seek(partition int32, offset int64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if l := v.lanes[partition]; l != nil {
		l.taken, l.own = offset, true
	}
}

// tell has f called once, as soon as more is passed than take has just seen of these batches.
func (v *values) tell(batches []*parked, f func()) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, p := range batches {
		l := v.lanes[p.batch.Partition]
		if l == nil || l.topicID != p.batch.TopicID || p.at >= len(p.batch.Records) {
			continue
		}
		if at := p.batch.Records[p.at].Offset; at >= l.floor && at < l.next {
			f() // it came between
			return
		}
	}
	v.told = append(v.told, f)
}

// lost is how many events' values had to go for want of room.
func (v *values) lost() uint64 {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.dropped
}
