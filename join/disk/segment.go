package disk

import (
	"errors"
	"fmt"
	"io"
	"math/bits"
	"strconv"
)

// segment is a file, and what became of its records.
type segment struct {
	number    uint16 // in the index
	serial    uint64 // in the file's name; never used again
	file      *held
	blocks    []blockInfo
	blocksEnd uint32 // where the slots begin
	buckets   uint32 // of slots
	size      int64  // of the file
	full      int64  // bytes of the records that were written
	live      int    // records that are left
	liveBytes int64  // of them
	first     int64  // deadline of the first
	cursors   [2]cursor
}

// blockInfo has one bit for each record of a block.
type blockInfo struct {
	at   uint32 // where it begins
	gone uint32 // taken out, or never there
	ids  uint32 // an id alone
}

func (g *segment) name() string { return strconv.FormatUint(g.serial, 10) }

// String tells people of the segment: a number alone says little.
func (g *segment) String() string {
	return "file " + folderName + "/" + g.name() + " of the state folder"
}

func (g *segment) read(b []byte, at int64) error {
	n, err := g.file.ReadAt(b, at)
	if n == len(b) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("reading %v at byte %d: %w", g, at, err)
}

// of are the records of a block that are left, of one kind.
func (b *blockInfo) of(waits bool) uint32 {
	if waits {
		return ^b.gone &^ b.ids
	}
	return ^b.gone & b.ids
}

// has says whether a record is left.
func (g *segment) has(ordinal uint32) bool {
	return g.blocks[ordinal>>blockBits].gone>>(ordinal%blockRecords)&1 == 0
}

// next is the first record of a kind that is left from one on.
func (g *segment) next(ordinal uint32, waits bool) (uint32, bool) {
	from := ordinal >> blockBits
	for b := int(from); b < len(g.blocks); b++ {
		left := g.blocks[b].of(waits)
		if uint32(b) == from {
			left &= ^uint32(0) << (ordinal % blockRecords)
		}
		if left != 0 {
			return uint32(b)<<blockBits | uint32(bits.TrailingZeros32(left)), true
		}
	}
	return 0, false
}
