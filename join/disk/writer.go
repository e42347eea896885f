package disk

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"

	"millrace/join/frozen"
)

// writer writes segments: records that come in order, then the table of their ids. Its buffers are used again.
type writer struct {
	store *Store
	seg   *segment // nil: none is begun

	out      []byte // not written yet
	written  int64  // bytes before that
	block    []byte
	scratch  []byte
	count    int // records of the block
	deadline int64
	offset   int64
	hashes   []uint64
	ordinals []uint32
}

const (
	// outBytes are written at once.
	outBytes = 256 << 10
	// keepIDs is how many ids' hashes a writer keeps room for between two segments.
	keepIDs = 1 << 18
)

// put adds a record. The last ones may be of a segment that was ended for being large.
func (w *writer) put(r *frozen.Record) error {
	if w.seg == nil {
		if err := w.begin(r.Deadline); err != nil {
			return err
		}
	}
	if w.count == 0 {
		w.deadline, w.offset = r.Deadline, r.Offset
		w.block = append(w.block[:0], make([]byte, blockHeader)...)
	}
	before := len(w.block)
	w.block, w.scratch = appendRecord(w.block, w.scratch, r, w.deadline, w.offset)
	g := w.seg
	ordinal := uint32(len(g.blocks))<<blockBits | uint32(w.count)
	if w.count == 0 {
		g.blocks = append(g.blocks, blockInfo{at: uint32(w.written) + uint32(len(w.out)), gone: ^uint32(0)})
	} else {
		ordinal -= blockRecords
	}
	info := &g.blocks[len(g.blocks)-1]
	bit := uint32(1) << w.count
	info.gone &^= bit
	if !r.Waits {
		info.ids |= bit
	}
	g.live++
	g.liveBytes += int64(len(w.block)-before) + slotShare
	w.hashes, w.ordinals = append(w.hashes, w.store.hash(r.ID)), append(w.ordinals, ordinal)
	if w.count++; w.count == blockRecords || len(w.block) > blockBytes {
		if err := w.endBlock(); err != nil {
			return err
		}
	}
	if w.written+int64(len(w.out)) >= w.store.limits.SegmentBytes {
		return w.end()
	}
	return nil
}

func (w *writer) begin(first int64) error {
	s := w.store
	number, ok := s.index.number()
	if !ok {
		return errors.New("there are too many segments")
	}
	s.serial++
	g := &segment{number: number, serial: s.serial, first: first}
	file, err := s.files.Create(g.name())
	if err != nil {
		return fmt.Errorf("making segment: %w", s.advised(err))
	}
	g.file = hold(file, s.files, g.name())
	w.seg, w.written = g, 0
	return nil
}

func (w *writer) endBlock() error {
	if w.count == 0 {
		return nil
	}
	b := w.block
	b[4] = byte(w.count)
	binary.LittleEndian.PutUint64(b[5:], uint64(w.deadline))
	binary.LittleEndian.PutUint64(b[13:], uint64(w.offset))
	binary.LittleEndian.PutUint32(b, checksum(w.seg.serial, uint32(len(w.seg.blocks)-1), b[4:]))
	w.out = append(w.out, b...)
	w.count = 0
	if len(w.out) >= outBytes {
		return w.flush()
	}
	return nil
}

func (w *writer) flush() error {
	n, err := w.seg.file.Write(w.out)
	if err != nil {
		return fmt.Errorf("writing %v: %w", w.seg, w.store.advised(err))
	}
	w.written += int64(n)
	w.out = w.out[:0]
	return nil
}

// end ends the segment that was begun, if one was, and adds it to the store.
func (w *writer) end() error {
	g := w.seg
	if g == nil {
		return nil
	}
	if err := w.endBlock(); err != nil {
		return err
	}
	if at := w.written + int64(len(w.out)); at <= math.MaxUint32 {
		g.blocksEnd = uint32(at)
	} else {
		return fmt.Errorf("a segment of %d bytes", at)
	}
	w.out, g.buckets = appendTable(w.out, g.serial, w.hashes, w.ordinals)
	if err := w.flush(); err != nil {
		return err
	}
	g.size, g.full, g.blocks = w.written, g.liveBytes, slices.Clip(slices.Clone(g.blocks))
	err := w.store.add(g, w.hashes)
	w.seg = nil
	w.hashes, w.ordinals = w.hashes[:0], w.ordinals[:0]
	if cap(w.hashes) > keepIDs {
		w.hashes, w.ordinals, w.out = nil, nil, nil
	}
	return err
}
