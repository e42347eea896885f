package recordbatch

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

const (
	// snappyWindow is how far back a copy may reach in a body that is opened as a stream. Blocks of 64 KiB, which the
	// format's authors write, need no more than that; Go's encoders write a batch as one block and reach anywhere in
	// it.
	snappyWindow = windowBytesMax
	// snappyFirst is how much of a block's beginning stays within reach for good: a small record behind a huge one is
	// encoded as a copy of the one before it.
	snappyFirst = 8 << 20
	// snappySlack is how much is opened before the window is moved.
	snappySlack = snappyWindow / 8
	// snappyStep is about how much is opened at once.
	snappyStep = 64 << 10
	// snappyRatioMax is how many times its size a block can open to at most: a copy of 64 bytes takes 3.
	snappyRatioMax = 22
)

var (
	errSnappyLength = errors.New("a block opens to more or fewer bytes than it says")
	errSnappyCopy   = errors.New("a copy begins before its block")
	errSnappyFar    = fmt.Errorf("a copy reaches back more than %d bytes, and behind the first %d", snappyWindow, snappyFirst)
)

// snappyReader opens a body as a stream: one bare block, or blocks framed as Java's library does. Memory is a window,
// its slack and the block's beginning at most, and never more than a block opens to.
//
// The format: https://github.com/google/snappy/blob/main/format_description.txt
type snappyReader struct {
	rest    []byte // of the body, behind the block
	framed  bool
	begun   bool
	block   []byte // of the block's elements
	opened  uint64 // bytes of the block so far
	left    uint64 // bytes that the block still opens to
	literal uint64 // bytes of a literal that are still to come
	out     []byte // what the block opened to, as far back as copies may reach
	first   []byte // what it opened to first, once that is no longer in out
	read    int    // out before it has been read
	err     error
}

func newSnappyReader(body []byte) *snappyReader {
	s := &snappyReader{rest: body}
	if len(body) >= xerialHeaderBytes && string(body[:len(xerialMagic)]) == xerialMagic {
		s.framed, s.rest = true, body[xerialHeaderBytes:]
	}
	return s
}

// Read hands out what is opened, and opens more when there is none.
func (s *snappyReader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for s.read == len(s.out) {
		if s.err != nil {
			return 0, s.err
		}
		s.err = s.open() // what was opened before an error is good
	}
	n := copy(p, s.out[s.read:])
	s.read += n
	return n, nil
}

// open opens about a step more of the current block, or begins the next one.
func (s *snappyReader) open() error {
	if len(s.block) == 0 {
		if s.left > 0 || s.literal > 0 {
			return errSnappyLength
		}
		if err := s.next(); err != nil {
			return err
		}
	}
	if len(s.out)+snappyStep > cap(s.out) && len(s.out) > snappyWindow {
		// All of it has been read: only what copies may reach is kept.
		if len(s.first) == 0 {
			s.first = append(s.first, s.out[:snappyFirst]...)
		}
		n := copy(s.out, s.out[len(s.out)-snappyWindow:])
		s.out, s.read = s.out[:n], n
	}
	for from := len(s.out); len(s.block) > 0 && len(s.out)-from < snappyStep; {
		if err := s.element(); err != nil {
			return err
		}
	}
	return nil
}

// next begins a block; io.EOF after the last one.
func (s *snappyReader) next() error {
	block := s.rest
	if s.framed {
		var err error
		if block, s.rest, err = nextFrame(s.rest); err != nil {
			return err
		}
	} else {
		if s.begun {
			return io.EOF
		}
		s.rest = nil
	}
	s.begun = true
	length, n := binary.Uvarint(block)
	if n <= 0 || length > math.MaxUint32 {
		return errSnappyLength
	}
	s.block, s.left, s.opened = block[n:], length, 0
	s.out, s.first, s.read = s.out[:0], s.first[:0], 0
	want := min(length, uint64(len(block))*snappyRatioMax, snappyWindow+snappySlack) + snappyStep
	if uint64(cap(s.out)) < want {
		s.out = make([]byte, 0, want)
	}
	return nil
}

// nextFrame takes one block off a framed body. Concatenated streams are legal; the next one's header starts with the
// same magic as the first.
func nextFrame(rest []byte) (block, behind []byte, err error) {
	for {
		if len(rest) == 0 {
			return nil, nil, io.EOF
		}
		if len(rest) < 4 {
			return nil, nil, io.ErrUnexpectedEOF
		}
		n := int64(binary.BigEndian.Uint32(rest))
		if n == int64(binary.BigEndian.Uint32([]byte(xerialMagic))) && len(rest) >= xerialHeaderBytes {
			rest = rest[xerialHeaderBytes:]
			continue
		}
		if n > int64(len(rest)-4) {
			return nil, nil, io.ErrUnexpectedEOF
		}
		return rest[4 : 4+n], rest[4+n:], nil
	}
}

// element opens one element, or a part of a long literal.
func (s *snappyReader) element() error {
	if s.literal > 0 {
		n := int(min(s.literal, uint64(len(s.block)), snappyStep))
		s.out = append(s.out, s.block[:n]...)
		s.block = s.block[n:]
		s.literal -= uint64(n)
		return nil
	}
	tag := s.block[0]
	if tag&3 == 0 {
		return s.beginLiteral(uint64(tag >> 2))
	}
	var length, offset uint64
	size := [4]int{0, 2, 3, 5}[tag&3]
	if len(s.block) < size {
		return io.ErrUnexpectedEOF
	}
	switch tag & 3 {
	case 1:
		length, offset = 4+uint64(tag>>2&7), uint64(tag>>5)<<8|uint64(s.block[1])
	case 2:
		length, offset = 1+uint64(tag>>2), uint64(binary.LittleEndian.Uint16(s.block[1:]))
	case 3:
		length, offset = 1+uint64(tag>>2), uint64(binary.LittleEndian.Uint32(s.block[1:]))
	}
	s.block = s.block[size:]
	switch {
	case length > s.left:
		return errSnappyLength
	case offset == 0 || offset > s.opened:
		return errSnappyCopy
	}
	from := s.opened - offset
	s.left -= length
	s.opened += length
	if offset > uint64(len(s.out)) {
		if from+length > uint64(len(s.first)) {
			return errSnappyFar
		}
		s.out = append(s.out, s.first[from:from+length]...)
		return nil
	}
	at := len(s.out) - int(offset)
	if offset >= length {
		s.out = append(s.out, s.out[at:at+int(length)]...)
		return nil
	}
	for range length { // the copy repeats what it writes itself
		s.out = append(s.out, s.out[at])
		at++
	}
	return nil
}

// beginLiteral reads a literal's length: up to 60 in the tag, else in the one to four bytes behind it.
func (s *snappyReader) beginLiteral(x uint64) error {
	size := 1
	if x >= 60 {
		size += int(x - 59)
		if len(s.block) < size {
			return io.ErrUnexpectedEOF
		}
		x = 0
		for i := size - 1; i > 0; i-- {
			x = x<<8 | uint64(s.block[i])
		}
	}
	s.block = s.block[size:]
	if x+1 > s.left {
		return errSnappyLength
	}
	s.literal = x + 1
	s.left -= s.literal
	s.opened += s.literal
	return nil
}
