package keyed

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"millrace"
)

// A checkpoint is what the tables hold, as bytes, so that whoever starts again need not observe the log from a horizon
// back. It is in blocks, which are restored in any order:
//
//	uvarint               table, in the order in which the columns first name their keys
//	entries, to the end:
//	  uint64              hash of the key
//	  int64               largest stream time of its events
//	  for each group of windows that share panes:
//	    uvarint           panes that have events
//	    int64             number of the newest pane that was made, only when there are some
//	    for each, newest first:
//	      uvarint         how many panes back
//	      words           of 8 bytes: count of events, then what the group keeps
//
// Integers are little-endian. Keys past their horizon are left out, and panes without events: nothing can tell either
// from what is not there. [Windows.Layout] says what the words are; a checkpoint of another layout is of no use.

// blockBytes is about how long a block is.
const blockBytes = 256 << 10

// Layout says what a checkpoint of the windows is laid out as: two that have the same can restore each other's.
func (w *Windows) Layout() string {
	var b strings.Builder
	b.WriteString("windows 1")
	for i := range w.tables {
		t := &w.tables[i]
		fmt.Fprintf(&b, "; key %d of %d, seed %x", t.key, ways<<t.placeBits, t.seed)
		for k := range t.groups {
			g := &t.groups[k]
			fmt.Fprintf(&b, ", field %d over %d in %d: %d %v %d", g.of, g.over, g.width, g.words, g.parts, g.distinct.bits)
		}
	}
	return b.String()
}

// Checkpoint hands write all that the tables hold at the topic's watermark, a block at a time; write must not keep it.
// It ends with the first error of write.
func (w *Windows) Checkpoint(watermark int64, write func(block []byte) error) error {
	watermark = bounded(watermark)
	block := make([]byte, 0, blockBytes+blockBytes/4)
	for i := range w.tables {
		t := &w.tables[i]
		gone := watermark - t.horizon
		head := len(binary.AppendUvarint(block[:0], uint64(i)))
		block = block[:head]
		for k := range t.used {
			entry := t.entry(k)
			if int64(entry[wordTime]) <= gone {
				continue
			}
			if block = t.appendEntry(block, entry); len(block) >= blockBytes {
				if err := write(block); err != nil {
					return err
				}
				block = block[:head]
			}
		}
		if len(block) > head {
			if err := write(block); err != nil {
				return err
			}
		}
	}
	return nil
}

func (t *table) appendEntry(dst []byte, entry []uint64) []byte {
	dst = binary.LittleEndian.AppendUint64(dst, entry[wordHash])
	dst = binary.LittleEndian.AppendUint64(dst, entry[wordTime])
	for i := range t.groups {
		dst = t.groups[i].appendPanes(dst, entry)
	}
	return dst
}

func (g *group) appendPanes(dst []byte, entry []uint64) []byte {
	n, panes := uint64(0), entry[g.at+1:g.at+1+g.ring*g.words]
	for at := 0; at < len(panes); at += g.words {
		if panes[at] != 0 {
			n++
		}
	}
	dst = binary.AppendUvarint(dst, n)
	if n == 0 {
		return dst
	}
	newest := int64(entry[g.at])
	dst = binary.LittleEndian.AppendUint64(dst, uint64(newest))
	k := g.slot(newest)
	for back := uint64(0); n > 0; back++ {
		if pane := panes[k*g.words : (k+1)*g.words]; pane[0] != 0 {
			dst = binary.AppendUvarint(dst, back)
			for _, word := range pane {
				dst = binary.LittleEndian.AppendUint64(dst, word)
			}
			n--
		}
		if k--; k < 0 {
			k = g.ring - 1
		}
	}
	return dst
}

// Restore takes in a block of a checkpoint of windows with the same layout. After an error, which wraps
// millrace.ErrCorrupt, they have to be reset.
func (w *Windows) Restore(block []byte) error {
	r := &blockReader{b: block}
	at := r.uvarint(uint64(len(w.tables) - 1))
	for r.err == nil && len(r.b) > 0 {
		w.tables[at].restoreEntry(r)
	}
	return r.err
}

func (t *table) restoreEntry(r *blockReader) {
	hash, time := r.uint64(), int64(r.uint64())
	_, known := t.find(hash)
	switch {
	case r.err != nil:
		return
	case bounded(time) != time:
		r.fail("an impossible time")
		return
	case t.key < 0 && hash != 0 || known != nil:
		r.fail("a key that is none, or is given twice")
		return
	}
	if _, full := t.oldest(hash); full {
		r.fail("more keys than there is room for")
		return
	}
	entry := t.begin(t.more(), hash, time)
	for i := range t.groups {
		t.groups[i].restorePanes(entry, r)
	}
}

func (g *group) restorePanes(entry []uint64, r *blockReader) {
	n := r.uvarint(uint64(g.ring))
	if n == 0 || r.err != nil {
		return
	}
	newest := int64(r.uint64())
	if bounded(newest) != newest {
		r.fail("an impossible pane")
		return
	}
	entry[g.at] = uint64(newest)
	for next := uint64(0); n > 0 && r.err == nil; n-- {
		back := r.uvarint(uint64(g.ring - 1))
		if r.err == nil && back < next {
			r.fail("panes out of order")
		}
		next = back + 1
		words := r.take(8 * g.words)
		if r.err != nil {
			return
		}
		at := g.at + 1 + g.slot(newest-int64(back))*g.words
		pane := entry[at : at+g.words]
		for k := range pane {
			pane[k] = binary.LittleEndian.Uint64(words[8*k:])
		}
		if pane[0] == 0 || g.set != 0 && !g.distinct.possible(pane[g.set]) {
			r.fail("a pane that cannot be")
		}
	}
}

// possible is that a set's first word is one.
func (s sets) possible(first uint64) bool { return first == sketched || first <= uint64(s.room()) }

// MarshalText writes a source as a place in the log is written.
func (s Source) MarshalText() ([]byte, error) {
	return fmt.Appendf(nil, "%s/%d", s.Topic, s.Partition), nil
}

// UnmarshalText reads what MarshalText wrote.
func (s *Source) UnmarshalText(text []byte) error {
	at := strings.LastIndexByte(string(text), '/')
	if at < 0 {
		return fmt.Errorf("%q is no partition of a topic", text)
	}
	s.Topic = string(text[:at])
	if n, err := fmt.Sscanf(string(text[at+1:]), "%d", &s.Partition); n != 1 || err != nil {
		return fmt.Errorf("%q is no partition of a topic", text)
	}
	return nil
}

// IndexState is what an index holds, for a checkpoint.
type IndexState struct {
	Slice   int64       `json:"slice"` // milliseconds
	Largest int64       `json:"largest"`
	Marks   []IndexMark `json:"marks"`
}

// IndexMark is a place in the log, and the largest stream time of the records before it.
type IndexMark struct {
	Before int64  `json:"before"`
	At     Vector `json:"at"`
}

// State is a copy of what the index holds.
func (x *Index) State() IndexState {
	s := IndexState{Slice: x.slice, Largest: x.largest, Marks: make([]IndexMark, len(x.marks))}
	for i, m := range x.marks { // a vector is never changed once it is there
		s.Marks[i] = IndexMark{m.before, m.at}
	}
	return s
}

// Restore makes the index what State told of one for the same horizon. Its error wraps millrace.ErrCorrupt, and then
// nothing has changed.
func (x *Index) Restore(s IndexState) error {
	rising := slices.IsSortedFunc(s.Marks, func(a, b IndexMark) int { return cmp.Compare(a.Before, b.Before) })
	if len(s.Marks) > marksMax || s.Slice < x.base || s.Slice%x.base != 0 || !rising {
		return fmt.Errorf("%w: an index of %d marks and slices of %d ms", millrace.ErrCorrupt, len(s.Marks), s.Slice)
	}
	x.slice, x.largest, x.marks = s.Slice, s.Largest, make([]mark, len(s.Marks))
	for i, m := range s.Marks {
		x.marks[i] = mark{m.Before, m.At}
	}
	return nil
}
