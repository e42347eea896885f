package join

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"math/bits"

	"millrace"
)

// State is what a snapshot holds of a table: which offsets wait, of events and of kept labels, and four numbers. No
// values; those are in the log. Capture fills it with a copy, which is quick; Append encodes it, which may be done
// elsewhere meanwhile.
//
// Encoded, integers little-endian:
//
//	"mrj" 1                            magic and version
//	int64 floor, last label, resume    what the rebuilt table goes on with
//	uvarint                            bitmaps, ascending by (kind, partition), none empty:
//	  byte kind, uvarint partition, uvarint pages, each ascending, none empty:
//	    uvarint                        pages passed over since the one before (of the first: its number)
//	    byte form, then the offsets in the page, in the form that is the shortest (ties: the lower form):
//	      0  uint16 count − 1, uint16 each
//	      1  uint16 runs − 1, each uint16 first, uint16 last; runs do not touch
//	      2  4096 bytes, one bit an offset, the lowest first
type State struct {
	floor, lastLabel, resume int64
	maps                     []capturedMap
	pages                    []capturedPage
	words                    []uint64
}

type capturedMap struct {
	kind      Kind
	partition int32
	pages     int
}

type capturedPage struct {
	index int64
	count int
}

const (
	stateMagic = "mrj\x01"

	formArray  = 0
	formRuns   = 1
	formBitmap = 2
)

// Capture copies what the table's snapshot holds into s, whose memory is used again.
func (t *Table) Capture(s *State) {
	s.floor, s.lastLabel, s.resume = t.floor, t.lastLabel, t.resume
	s.maps, s.pages, s.words = s.maps[:0], s.pages[:0], s.words[:0]
	for k, maps := range t.bits.of {
		for _, b := range maps {
			if len(b.pages) == 0 {
				continue
			}
			s.maps = append(s.maps, capturedMap{Kind(k), b.partition, len(b.pages)})
			for i := range b.pages {
				s.pages = append(s.pages, capturedPage{b.pages[i].index, b.pages[i].count})
				s.words = append(s.words, b.pages[i].words[:]...)
			}
		}
	}
}

// AppendState captures and encodes at once.
func (t *Table) AppendState(dst []byte) []byte {
	var s State
	t.Capture(&s)
	return s.Append(dst)
}

// Append encodes what was captured.
func (s *State) Append(dst []byte) []byte {
	dst = append(dst, stateMagic...)
	for _, v := range []int64{s.floor, s.lastLabel, s.resume} {
		dst = binary.LittleEndian.AppendUint64(dst, uint64(v))
	}
	dst = binary.AppendUvarint(dst, uint64(len(s.maps)))
	pages, words := s.pages, s.words
	for _, m := range s.maps {
		dst = append(dst, byte(m.kind))
		dst = binary.AppendUvarint(dst, uint64(m.partition))
		dst = binary.AppendUvarint(dst, uint64(m.pages))
		next := int64(0)
		for _, p := range pages[:m.pages] {
			dst = binary.AppendUvarint(dst, uint64(p.index-next))
			next = p.index + 1
			dst = appendPage(dst, (*[pageWords]uint64)(words), p.count)
			words = words[pageWords:]
		}
		pages = pages[m.pages:]
	}
	return dst
}

func appendPage(dst []byte, words *[pageWords]uint64, count int) []byte {
	runs := countRuns(words)
	switch form := shortest(count, runs); form {
	case formArray:
		dst = binary.LittleEndian.AppendUint16(append(dst, form), uint16(count-1))
		for i, w := range words {
			for ; w != 0; w &= w - 1 {
				dst = binary.LittleEndian.AppendUint16(dst, uint16(i*64+bits.TrailingZeros64(w)))
			}
		}
	case formRuns:
		dst = binary.LittleEndian.AppendUint16(append(dst, form), uint16(runs-1))
		for at := nextBit(words, 0, true); at < 1<<pageBits; {
			end := nextBit(words, at, false)
			dst = binary.LittleEndian.AppendUint16(dst, uint16(at))
			dst = binary.LittleEndian.AppendUint16(dst, uint16(end-1))
			at = nextBit(words, end, true)
		}
	default:
		dst = append(dst, form)
		for _, w := range words {
			dst = binary.LittleEndian.AppendUint64(dst, w)
		}
	}
	return dst
}

// shortest is the form that takes the fewest bytes.
func shortest(count, runs int) byte {
	array, run := 2+2*count, 2+4*runs
	switch {
	case array <= run && array <= pageBytes:
		return formArray
	case run <= pageBytes:
		return formRuns
	}
	return formBitmap
}

func countRuns(words *[pageWords]uint64) (n int) {
	before := uint64(0)
	for _, w := range words {
		n += bits.OnesCount64(w &^ (w<<1 | before))
		before = w >> 63
	}
	return n
}

// nextBit is the first place from at on whose bit is set, or is not; 1<<pageBits when there is none.
func nextBit(words *[pageWords]uint64, at int, set bool) int {
	for at < 1<<pageBits {
		w := words[at/64]
		if !set {
			w = ^w
		}
		if w >>= at % 64; w != 0 {
			return at + bits.TrailingZeros64(w)
		}
		at = (at/64 + 1) * 64
	}
	return at
}

func compareMaps(a, b capturedMap) int {
	return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.partition, b.partition))
}

// stateReader reads a state, strictly: what Append did not write is refused.
type stateReader struct {
	b   []byte
	err error
}

func (r *stateReader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("join state: "+format+": %w", append(args, millrace.ErrCorrupt)...)
		r.b = nil
	}
}

func (r *stateReader) take(n int) []byte {
	if len(r.b) < n {
		r.fail("it ends early")
		return make([]byte, n)
	}
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}

func (r *stateReader) uint16() int { return int(binary.LittleEndian.Uint16(r.take(2))) }

func (r *stateReader) int64() int64 { return int64(binary.LittleEndian.Uint64(r.take(8))) }

// uvarint reads a number of at most most, in its shortest form.
func (r *stateReader) uvarint(what string, most uint64) uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 || n > 1 && r.b[n-1] == 0 || v > most {
		r.fail("%s is no number of at most %d", what, most)
		return 0
	}
	r.b = r.b[n:]
	return v
}
