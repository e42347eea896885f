package join

import "encoding/binary"

// ref is where a record begins in an arena: the segment's number and, in units of 8 bytes, the place in it. 0 is none.
type ref uint32

const (
	unit         = 8
	segmentBits  = 15
	segmentBytes = unit << segmentBits
	headerBytes  = 8 // handle of the owner, -1 once it is free; size in bytes, header included
	// largeBytes is the largest record that shares a segment. So less than a quarter is left behind the last one, and a
	// segment that has just been written is not sparse: moving what is left of others comes to an end.
	largeBytes = segmentBytes / 4
)

type segment struct {
	buf  []byte
	used int // bytes written
	live int // bytes of them that are in use
}

// arena holds records of bytes, each of one entry, in segments. A segment is given back when it is empty, and its
// records move to the last one when less than two thirds of it are in use; so at most half as much again as the records
// is held, and each byte freed moves two at most.
type arena struct {
	segments []segment // the first is never used, so that no ref is 0
	vacant   []uint32  // places of segments that were given back
	current  uint32    // the segment that is written; 0 for none
	sparse   []uint32  // to be compacted
	spare    []byte    // a buffer given back last, so that steady traffic makes none
	live     int64     // bytes of records in use
	held     int64     // bytes of segments
	// moved tells the entry of a record where that is now.
	moved func(handle int32, to ref)
}

// recordBytes is what a record of n bytes takes.
func recordBytes(n int) int { return (headerBytes + n + unit - 1) &^ (unit - 1) }

// put copies a record in and tells its owner where it is.
func (a *arena) put(handle int32, record []byte) {
	r := a.place(handle, len(record))
	copy(a.body(r), record)
	a.moved(handle, r) // before anything moves again
	a.compact()
}

func (a *arena) place(handle int32, n int) ref {
	size := recordBytes(n)
	place := a.current
	switch {
	case size > largeBytes:
		place = a.open(size)
	case place == 0 || a.segments[place].used+size > segmentBytes:
		a.current = 0
		if place != 0 {
			a.settle(place)
		}
		place = a.open(segmentBytes)
		a.current = place
	}
	s := &a.segments[place]
	at := s.used
	binary.LittleEndian.PutUint32(s.buf[at:], uint32(handle))
	binary.LittleEndian.PutUint32(s.buf[at+4:], uint32(size))
	s.used += size
	s.live += size
	a.live += int64(size)
	return ref(place<<segmentBits | uint32(at/unit))
}

// open makes a segment of size bytes.
func (a *arena) open(size int) uint32 {
	if len(a.segments) == 0 {
		a.segments = append(a.segments, segment{})
	}
	var place uint32
	if n := len(a.vacant); n > 0 {
		place, a.vacant = a.vacant[n-1], a.vacant[:n-1]
	} else {
		place = uint32(len(a.segments))
		a.segments = append(a.segments, segment{})
	}
	buf := a.spare
	if size == segmentBytes && buf != nil {
		a.spare = nil
	} else {
		buf = make([]byte, size)
	}
	a.segments[place] = segment{buf: buf}
	a.held += int64(size)
	return place
}

// body is the record at r, with the padding behind it.
func (a *arena) body(r ref) []byte {
	buf := a.segments[r>>segmentBits].buf
	at := int(r&(1<<segmentBits-1)) * unit
	size := int(binary.LittleEndian.Uint32(buf[at+4:]))
	return buf[at+headerBytes : at+size : at+size]
}

// release frees the record at r.
func (a *arena) release(r ref) {
	place := uint32(r >> segmentBits)
	s := &a.segments[place]
	at := int(r&(1<<segmentBits-1)) * unit
	binary.LittleEndian.PutUint32(s.buf[at:], uint32(0xffffffff))
	size := int(binary.LittleEndian.Uint32(s.buf[at+4:]))
	s.live -= size
	a.live -= int64(size)
	a.settle(place)
	a.compact()
}

// settle looks at a segment that lost a record or was sealed.
func (a *arena) settle(place uint32) {
	s := &a.segments[place]
	if place == a.current {
		if s.live == 0 {
			s.used = 0 // all of it can be written again
		}
		return
	}
	if s.live == 0 {
		a.drop(place)
	} else if 3*s.live < 2*len(s.buf) {
		a.sparse = append(a.sparse, place)
	}
}

func (a *arena) drop(place uint32) {
	s := &a.segments[place]
	a.held -= int64(len(s.buf))
	if len(s.buf) == segmentBytes {
		a.spare = s.buf
	}
	*s = segment{}
	a.vacant = append(a.vacant, place)
}

// compact moves what is left of sparse segments. Moving may seal a segment that is sparse itself.
func (a *arena) compact() {
	for len(a.sparse) > 0 {
		place := a.sparse[len(a.sparse)-1]
		a.sparse = a.sparse[:len(a.sparse)-1]
		s := a.segments[place] // by value: opening a segment may move the slice
		for at := 0; at < s.used; {
			handle := int32(binary.LittleEndian.Uint32(s.buf[at:]))
			size := int(binary.LittleEndian.Uint32(s.buf[at+4:]))
			if handle != none {
				to := a.place(handle, size-headerBytes)
				copy(a.body(to), s.buf[at+headerBytes:at+size])
				a.moved(handle, to)
				a.live -= int64(size)
			}
			at += size
		}
		a.drop(place)
	}
}

// size is what the record at r takes.
func (a *arena) size(r ref) int {
	buf := a.segments[r>>segmentBits].buf
	return int(binary.LittleEndian.Uint32(buf[int(r&(1<<segmentBits-1))*unit+4:]))
}
