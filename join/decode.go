package join

import (
	"encoding/binary"
	"math"
)

// decodeState reads what State.Append wrote. Its error wraps millrace.ErrCorrupt.
func decodeState(b []byte) (s State, named bitmaps, err error) {
	r := &stateReader{b: b}
	if string(r.take(len(stateMagic))) != stateMagic {
		r.fail("it does not begin with a version that is known")
	}
	s.floor, s.lastLabel, s.resume = r.int64(), r.int64(), r.int64()
	maps := r.uvarint("the number of bitmaps", uint64(len(r.b)))
	before := capturedMap{}
	for i := uint64(0); i < maps && r.err == nil; i++ {
		m := capturedMap{kind: Kind(r.take(1)[0])}
		m.partition = int32(r.uvarint("a partition", math.MaxInt32))
		m.pages = int(r.uvarint("the number of pages", pagesMax+1))
		switch {
		case m.kind >= kinds:
			r.fail("kind %d is not known", m.kind)
		case i > 0 && compareMaps(before, m) >= 0:
			r.fail("bitmaps are not in order")
		case m.pages == 0:
			r.fail("a bitmap is empty")
		}
		before = m
		r.bitmap(&named, m)
	}
	if r.err == nil && len(r.b) > 0 {
		r.fail("%d bytes follow it", len(r.b))
	}
	return s, named, r.err
}

func (r *stateReader) bitmap(named *bitmaps, m capturedMap) {
	b := &bitmap{partition: m.partition}
	next := int64(0)
	for i := 0; i < m.pages && r.err == nil; i++ {
		index := next + int64(r.uvarint("a page's number", uint64(math.MaxInt64>>pageBits-next)))
		words := new([pageWords]uint64)
		r.page(words)
		b.pages = append(b.pages, page{index: index, count: popcount(words), words: words})
		next = index + 1
		// A record may add one page before what is beyond the bound makes room, with a snapshot between.
		if named.pages++; named.pages > pagesMax+1 {
			r.fail("more than %d pages", pagesMax+1)
		}
		if next > math.MaxInt64>>pageBits && i+1 < m.pages {
			r.fail("pages beyond the last offset")
		}
	}
	if r.err == nil {
		named.of[m.kind] = append(named.of[m.kind], b)
	}
}

func (r *stateReader) page(words *[pageWords]uint64) {
	form := r.take(1)[0]
	switch form {
	case formArray:
		before := -1
		for range r.uint16() + 1 {
			at := r.uint16()
			if r.err != nil || at <= before || at >= 1<<pageBits {
				r.fail("offsets of a page are not in order")
				return
			}
			words[at/64] |= 1 << (at % 64)
			before = at
		}
	case formRuns:
		before := -2
		for range r.uint16() + 1 {
			first, last := r.uint16(), r.uint16()
			if r.err != nil || first <= before+1 || last < first || last >= 1<<pageBits {
				r.fail("runs of a page are not in order")
				return
			}
			for at := first; at <= last; at++ {
				words[at/64] |= 1 << (at % 64)
			}
			before = last
		}
	case formBitmap:
		raw := r.take(pageBytes)
		for i := range words {
			words[i] = binary.LittleEndian.Uint64(raw[8*i:])
		}
	default:
		r.fail("form %d is not known", form)
		return
	}
	if count := popcount(words); r.err == nil && (count == 0 || shortest(count, countRuns(words)) != form) {
		r.fail("a page is not in its shortest form")
	}
}
