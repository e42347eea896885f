package pipeline

import (
	"encoding/base64"
	"encoding/binary"
	"slices"
)

// ledger is which letters of one partition were sent again. Those that were passed over stay to be sent once the
// pipeline file is mended further, though later ones were sent; so it is a position, before which nothing is left, and
// what is done behind it.
type ledger struct {
	position int64
	done     []offsets // ascending, apart from each other, behind the position
}

// offsets are those in [from, to).
type offsets struct{ from, to int64 }

// newLedger reads a ledger from a group's position and the note beside it. What does not read as one is none: letters
// are then sent again rather than left out.
func newLedger(position int64, note string) ledger {
	l := ledger{position: position}
	b, err := base64.RawStdEncoding.DecodeString(note)
	if err != nil {
		return l
	}
	at := position
	for len(b) > 0 {
		var gap, length uint64
		for _, v := range []*uint64{&gap, &length} {
			n := 0
			if *v, n = binary.Uvarint(b); n <= 0 || *v == 0 || *v > 1<<40 {
				return l
			}
			b = b[n:]
		}
		l.done = append(l.done, offsets{at + int64(gap), at + int64(gap+length)})
		at += int64(gap + length)
	}
	return l
}

// has reports whether an offset is done.
func (l *ledger) has(offset int64) bool {
	if offset < l.position {
		return true
	}
	_, found := slices.BinarySearchFunc(l.done, offset, func(o offsets, at int64) int {
		switch {
		case at < o.from:
			return 1
		case at >= o.to:
			return -1
		}
		return 0
	})
	return found
}

// add makes [from, to) done.
func (l *ledger) add(from, to int64) {
	if from = max(from, l.position); from >= to {
		return
	}
	i := 0
	for i < len(l.done) && l.done[i].to < from {
		i++
	}
	j := i
	for j < len(l.done) && l.done[j].from <= to {
		from, to = min(from, l.done[j].from), max(to, l.done[j].to)
		j++
	}
	l.done = slices.Replace(l.done, i, j, offsets{from, to})
	if l.done[0].from <= l.position {
		l.position = max(l.position, l.done[0].to)
		l.done = slices.Delete(l.done, 0, 1)
	}
}

// note is what stands beside the position, in so many bytes. Where what is done lies in more pieces than there is room
// for, the oldest that is left is given up: nothing is ever sent twice for want of room.
func (l *ledger) note(room int) (text string, givenUp int64) {
	for {
		var b []byte
		at := l.position
		for _, o := range l.done {
			b = binary.AppendUvarint(binary.AppendUvarint(b, uint64(o.from-at)), uint64(o.to-o.from))
			at = o.to
		}
		if text = base64.RawStdEncoding.EncodeToString(b); len(text) <= room {
			return text, givenUp
		}
		givenUp += l.done[0].from - l.position
		l.position = l.done[0].to
		l.done = slices.Delete(l.done, 0, 1)
	}
}
