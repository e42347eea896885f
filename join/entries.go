package join

import "encoding/binary"

// none is no handle.
const none int32 = -1

// What an entry is of.
const (
	free    uint8 = iota
	known         // an id that is remembered; no event of it waits
	waiting       // an event that waits
	early         // a label that waits for its event
)

// entry is an id: a cache line, without pointers. A short id is in it, so that a look-up ends there; a longer one is in
// an arena, as the values of what waits are.
type entry struct {
	deadline  int64 // when its queue comes to it: due of what waits, until of an id
	until     int64 // stream time until which the id is remembered
	offset    int64 // of the record that waits, or of the id's latest event
	partition int32
	next      int32 // in a list of the queue, or of free entries
	prev      int32 // in a list of the queue, or the place in its run or heap
	value     ref
	idLen     uint16
	kind      uint8
	where     uint8         // of the queue's structures; in the wheel, its level is added to inWheel
	id        [idShort]byte // the id, or the ref of its record
}

// idShort is the longest id that an entry holds itself.
const idShort = 20

func (x *entry) idRef() ref { return ref(binary.LittleEndian.Uint32(x.id[:])) }

func (x *entry) setIDRef(r ref) { binary.LittleEndian.PutUint32(x.id[:], uint32(r)) }

const (
	chunkBits  = 12
	chunkLen   = 1 << chunkBits
	entryBytes = 64
)

type chunk struct {
	entries [chunkLen]entry
}

// entries hands out entries by handle. They are made in chunks, so that growing copies nothing; a chunk that is
// empty is given back.
type entries struct {
	chunks []*chunk
	used   []int32 // entries in use, by chunk
	free   []int32 // first of the chunk's free entries
	room   []int32 // chunks that have free entries; the last is drawn from
	empty  []int32 // places of chunks that were given back
	live   int
	held   int64 // bytes of chunks
}

func (s *entries) at(h int32) *entry { return &s.chunks[h>>chunkBits].entries[h&(chunkLen-1)] }

// take returns a free entry, all zero.
func (s *entries) take() int32 {
	if len(s.room) == 0 {
		s.grow()
	}
	c := s.room[len(s.room)-1]
	h := s.free[c]
	x := s.at(h)
	s.free[c] = x.next
	if s.free[c] == none {
		s.room = s.room[:len(s.room)-1]
	}
	s.used[c]++
	s.live++
	*x = entry{next: none, prev: none}
	return h
}

func (s *entries) grow() {
	var c int32
	if n := len(s.empty); n > 0 {
		c, s.empty = s.empty[n-1], s.empty[:n-1]
	} else {
		c = int32(len(s.chunks))
		s.chunks, s.used, s.free = append(s.chunks, nil), append(s.used, 0), append(s.free, none)
	}
	made := new(chunk)
	for i := range made.entries {
		made.entries[i].next = c<<chunkBits + int32(i) + 1
	}
	made.entries[chunkLen-1].next = none
	s.chunks[c], s.free[c] = made, c<<chunkBits
	s.room = append(s.room, c)
	s.held += chunkLen * entryBytes
}

// give takes an entry back. The last chunk with room is kept though empty, so that one event that comes and goes does
// not make and drop a chunk each time.
func (s *entries) give(h int32) {
	c := h >> chunkBits
	x := s.at(h)
	*x = entry{next: s.free[c]}
	if s.free[c] == none {
		s.room = append(s.room, c)
	}
	s.free[c] = h
	s.used[c]--
	s.live--
	if s.used[c] > 0 || s.room[len(s.room)-1] == c {
		return
	}
	for i, r := range s.room {
		if r == c {
			s.room = append(s.room[:i], s.room[i+1:]...)
			break
		}
	}
	s.chunks[c], s.free[c] = nil, none
	s.empty = append(s.empty, c)
	s.held -= chunkLen * entryBytes
}
