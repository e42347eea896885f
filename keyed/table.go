package keyed

import (
	"math"
	"math/bits"

	"millrace"
)

const (
	// ways is how many keys share a place: the one of them longest without an event gives way to a new key. Eight keep
	// a table close to one single row of the least recently used.
	ways = 8
	// segmentBytes is about what an arena grows by: large enough to make growing rare, small against a table.
	segmentBytes = 256 << 10
	// swept is how many entries are looked at, for one past its horizon to use again, before an arena grows. Four keep
	// it within about a third more than the keys within their horizon.
	swept = 4
	// lineWords are the words of a line of the cache.
	lineWords = 8
	// headsMax is how many heads there are at most for a key, as a power of two: a chain then has hardly more than the
	// entry that is looked for, which is mostly not in the cache.
	headsMax = 1
)

// The words of an entry that come before its panes.
const (
	wordHash  = iota // of the key
	wordTime         // largest stream time of its events
	wordNext         // the next entry of the chain, plus one
	wordPanes        // the first group's
)

// table keeps the windows of one key in one entry a value of the key, found by a hash of 64 bits: two values that share
// one, at a million keys with a chance of 1 in 40 million, share their windows.
//
// Entries stand in an arena that grows by segments and are chained from heads, which double. A key's place, with room
// for eight, is another thing: it is the top bits of the hash, as many as the bound on keys asks for.
type table struct {
	key     int // field of the category; -1 for the whole topic
	place   int // of the table in events that were located; millrace.PlacesMax for none
	keys    int
	seed    uint64
	groups  []group
	horizon int64 // the longest of its windows and one pane of it
	stride  int   // words of an entry

	placeBits, headBits int
	heads               []uint32 // 2^headBits, an entry plus one each; 0 for none
	segments            [][]uint64
	segmentBits         int    // 2^segmentBits entries make a segment
	segmentMask         uint32 // of an entry within its segment
	used                uint32
	hand                uint32 // entry that is looked at next, see swept
	evicted             uint64
}

// finish lays out entries once all groups are there.
func (t *table) finish() {
	at := wordPanes
	for i := range t.groups {
		g := &t.groups[i]
		g.layOut(at, t.key < 0)
		at += 1 + g.ring*g.words
		t.horizon = max(t.horizon, g.over+g.width)
	}
	t.stride = at
	// Whole lines of the cache, where that does not take much more.
	if whole := (at + lineWords - 1) / lineWords * lineWords; whole-at <= at/8 {
		t.stride = whole
	}
	for ways<<t.placeBits < t.keys {
		t.placeBits++
	}
	entries := ways << t.placeBits
	if t.key < 0 {
		entries = 1
	}
	for 1<<t.segmentBits < entries && 8*t.stride<<t.segmentBits < segmentBytes {
		t.segmentBits++
	}
	t.segmentMask = 1<<t.segmentBits - 1
	t.reset()
}

// reset empties the table and gives its memory back.
func (t *table) reset() {
	t.headBits = 0
	t.heads = make([]uint32, 1)
	t.segments = nil
	t.used, t.hand, t.evicted = 0, 0, 0
}

// keyBytes is what a key takes.
func (t *table) keyBytes() int { return 8*t.stride + 16 } // of heads eight to sixteen

func (t *table) bytes() int64 {
	return int64(len(t.segments))*int64(8*t.stride)<<t.segmentBits + 4*int64(len(t.heads))
}

// entry is the i-th entry.
func (t *table) entry(i uint32) []uint64 {
	at := int(i&t.segmentMask) * t.stride
	return t.segments[i>>(t.segmentBits&31)][at : at+t.stride : at+t.stride]
}

// head is which chain has a hash: its top bits. Without the masks of shifts the compiler has to think of larger ones.
func (t *table) head(hash uint64) int { return int(hash >> 1 >> (63 - t.headBits&63)) }

// find returns a key's entry and its number, nil when it has none.
func (t *table) find(hash uint64) (i uint32, entry []uint64) {
	for next := t.heads[t.head(hash)]; next != 0; {
		entry := t.entry(next - 1)
		if entry[wordHash] == hash {
			return next - 1, entry
		}
		next = uint32(entry[wordNext])
	}
	return 0, nil
}

// observe takes an event in. It is false when that came too late for a window of the table.
func (t *table) observe(e *millrace.Event, located bool, time, watermark int64) bool {
	if !t.has(e) {
		return true
	}
	accepted, inTime := false, true
	for i := range t.groups {
		if t.groups[i].begin(time, watermark) {
			accepted = true
		}
	}
	if !accepted { // it is in none, so it must not be what another key gives way to
		return false
	}
	stream := max(time, watermark)
	hash, entry := t.locate(e, located)
	if entry == nil {
		entry = t.insert(hash, stream, watermark)
	}
	entry[wordTime] = uint64(max(int64(entry[wordTime]), stream))
	for i := range t.groups {
		if !t.groups[i].observe(entry, e, time) {
			inTime = false
		}
	}
	return inTime
}

// insert makes an entry for a key that has none.
func (t *table) insert(hash uint64, stream, watermark int64) []uint64 {
	gone := watermark - t.horizon // of this stream time and before, no event is in any window
	i, full := t.oldest(hash)
	switch {
	case full:
		if int64(t.entry(i)[wordTime]) > gone {
			t.evicted++
		}
		t.unlink(i)
	default:
		i = t.free(gone)
	}
	return t.begin(i, hash, stream)
}

// begin makes an entry that is in no chain a key's, without an event in any pane.
func (t *table) begin(i uint32, hash uint64, stream int64) []uint64 {
	entry := t.entry(i)
	clear(entry)
	entry[wordHash], entry[wordTime] = hash, uint64(stream)
	for k := range t.groups {
		entry[t.groups[k].at] = nonePane
	}
	h := t.head(hash)
	entry[wordNext] = uint64(t.heads[h])
	t.heads[h] = i + 1
	return entry
}

// oldest looks at the keys of a hash's place. When they fill it, the one with the smallest stream time has to go; of
// several the one with the smallest hash, since whatever else told them apart would be history.
func (t *table) oldest(hash uint64) (oldest uint32, full bool) {
	place, shift := hash>>(64-t.placeBits), 64-t.placeBits
	first, last := t.head(hash), t.head(hash)
	if more := t.headBits - t.placeBits; more > 0 { // a place has several heads; else a head has several places
		first = int(place) << more
		last = first + 1<<more - 1
	}
	n, least, leastHash := 0, int64(math.MaxInt64), uint64(math.MaxUint64)
	for h := first; h <= last; h++ {
		for i := t.heads[h]; i != 0; {
			entry := t.entry(i - 1)
			if entry[wordHash]>>shift == place {
				n++
				if at := int64(entry[wordTime]); at < least || at == least && entry[wordHash] <= leastHash {
					oldest, least, leastHash = i-1, at, entry[wordHash]
				}
			}
			i = uint32(entry[wordNext])
		}
	}
	return oldest, n >= ways
}

// free returns an entry that is in no chain: one past its horizon, which nothing can tell from a key without an entry,
// or a new one.
func (t *table) free(gone int64) uint32 {
	for range min(swept, t.used) {
		i := t.hand
		if t.hand++; t.hand >= t.used {
			t.hand = 0
		}
		if int64(t.entry(i)[wordTime]) <= gone {
			t.unlink(i)
			return i
		}
	}
	return t.more()
}

// more returns an entry that was never used.
func (t *table) more() uint32 {
	i := t.used
	if i>>t.segmentBits == uint32(len(t.segments)) {
		t.segments = append(t.segments, make([]uint64, t.stride<<t.segmentBits))
	}
	if t.used++; int(t.used)<<headsMax > len(t.heads) && t.headBits < t.placeBits+bits.Len(ways-1)+headsMax {
		t.grow(i)
	}
	return i
}

// grow doubles the heads and chains the first n entries anew.
func (t *table) grow(n uint32) {
	t.headBits++
	t.heads = make([]uint32, 1<<t.headBits)
	for i := range n {
		entry := t.entry(i)
		h := t.head(entry[wordHash])
		entry[wordNext] = uint64(t.heads[h])
		t.heads[h] = i + 1
	}
}

// unlink takes an entry out of its chain.
func (t *table) unlink(i uint32) {
	h, next := t.head(t.entry(i)[wordHash]), t.entry(i)[wordNext]
	if t.heads[h] == i+1 {
		t.heads[h] = uint32(next)
		return
	}
	for k := t.heads[h]; k != 0; {
		entry := t.entry(k - 1)
		if k = uint32(entry[wordNext]); k == i+1 {
			entry[wordNext] = next
			return
		}
	}
}
