package disk

import "fmt"

// pages hands out the pages of an index. They are not the garbage collector's: it would let as much memory again be
// filled with garbage before it looks, and there is nothing for it to find in them.
type pages struct {
	chunks [][]byte
	used   uint32 // pages that were ever handed out, and the first one, which none is
	given  uint32 // the first of those that were given back; 0 is none
}

const (
	chunkBits  = 14 // a chunk is 1 MiB
	chunkBytes = pageBytes << chunkBits
)

func (s *pages) at(n uint32) *page {
	return (*page)(s.chunks[n>>chunkBits][n&(1<<chunkBits-1)*pageBytes:])
}

// take returns a page, whatever it holds.
func (s *pages) take() (uint32, error) {
	if n := s.given; n != 0 {
		s.given, _ = s.at(n).link()
		return n, nil
	}
	n := max(s.used, 1)
	if n > nextMask {
		return 0, fmt.Errorf("more than %d pages of ids", nextMask)
	}
	if int(n>>chunkBits) == len(s.chunks) {
		chunk, err := newChunk()
		if err != nil {
			return 0, fmt.Errorf("taking memory for ids: %w", err)
		}
		s.chunks = append(s.chunks, chunk)
	}
	s.used = n + 1
	return n, nil
}

func (s *pages) give(n uint32) {
	s.at(n).setLink(s.given, 0)
	s.given = n
}

// release gives all memory back to the system.
func (s *pages) release() {
	for _, c := range s.chunks {
		freeChunk(c)
	}
	*s = pages{}
}

func (s *pages) bytes() int64 { return int64(len(s.chunks)) * chunkBytes }
