package disk

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"millrace"
	"millrace/join/frozen"
)

// A block is up to 32 records, or one more than 8 KiB of them:
//
//	uint32 checksum of the rest, and of where it belongs
//	byte records, int64 deadline and int64 offset of the first
//	records: uvarint bytes that follow of it; then
//	  byte flags; uvarint deadline, varint offset, beyond the first's; uvarint partition
//	  varint until beyond the deadline, when flagged
//	  uvarint bytes of the id, the id; the value
const (
	blockBits    = 5
	blockRecords = 1 << blockBits
	blockBytes   = 8 << 10
	blockHeader  = 4 + 1 + 8 + 8

	flagWaits = 1
	flagUntil = 2
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// checksum is of bytes at a place of a file, so that what was written elsewhere is not taken for them.
func checksum(file uint64, place uint32, b []byte) uint32 {
	return crc32.Update(uint32(file)*0x9e3779b1+place, castagnoli, b)
}

// appendRecord adds a record to a block that begins with the given deadline and offset.
func appendRecord(dst, scratch []byte, r *frozen.Record, deadline, offset int64) (block, body []byte) {
	flags := byte(0)
	if r.Waits {
		flags |= flagWaits
	}
	if r.Until != r.Deadline {
		flags |= flagUntil
	}
	b := scratch[:0]
	b = append(b, flags)
	b = binary.AppendUvarint(b, uint64(r.Deadline-deadline))
	b = binary.AppendVarint(b, r.Offset-offset)
	b = binary.AppendUvarint(b, uint64(uint32(r.Partition)))
	if flags&flagUntil != 0 {
		b = binary.AppendVarint(b, r.Until-r.Deadline)
	}
	b = append(binary.AppendUvarint(b, uint64(len(r.ID))), r.ID...)
	b = append(b, r.Value...)
	return append(binary.AppendUvarint(dst, uint64(len(b))), b...), b
}

// block is one that was read.
type block struct {
	of               *segment
	number           int // -1: none
	buf              []byte
	ends             [blockRecords + 1]uint32
	deadline, offset int64
}

// load reads a block of a segment, unless it is that one.
func (k *block) load(g *segment, number int) error {
	if k.of == g && k.number == number {
		return nil
	}
	k.of, k.number = g, -1
	from, to := g.blocks[number].at, g.blocksEnd
	if number+1 < len(g.blocks) {
		to = g.blocks[number+1].at
	}
	if n := int(to - from); cap(k.buf) < n {
		k.buf = make([]byte, n, max(n, blockBytes+blockBytes/4))
	} else {
		k.buf = k.buf[:n]
	}
	if err := g.read(k.buf, int64(from)); err != nil {
		return err
	}
	if binary.LittleEndian.Uint32(k.buf) != checksum(g.serial, uint32(number), k.buf[4:]) || !k.parse() {
		return fmt.Errorf("block %d of %v is not what was written, the disk may be broken: %w", number, g, millrace.ErrCorrupt)
	}
	k.number = number
	return nil
}

func (k *block) parse() bool {
	count := int(k.buf[4])
	k.deadline, k.offset = int64(binary.LittleEndian.Uint64(k.buf[5:])), int64(binary.LittleEndian.Uint64(k.buf[13:]))
	at := uint64(blockHeader)
	if count > blockRecords {
		return false
	}
	for i := range count {
		k.ends[i] = uint32(at)
		n, size := binary.Uvarint(k.buf[at:])
		if size <= 0 || n > uint64(len(k.buf)) {
			return false
		}
		if at += uint64(size) + n; at > uint64(len(k.buf)) {
			return false
		}
	}
	k.ends[count] = uint32(at)
	return at == uint64(len(k.buf))
}

// bytes is what a record takes.
func (k *block) bytes(i uint32) int { return int(k.ends[i+1]-k.ends[i]) + slotShare }

// record reads a record of the block, of which it then is a part.
func (k *block) record(i uint32, r *frozen.Record) {
	b := fieldsOf(k.buf[k.ends[i]:k.ends[i+1]])
	b.uvarint() // bytes
	flags := b[0]
	b = b[1:]
	r.Waits = flags&flagWaits != 0
	r.Deadline = k.deadline + int64(b.uvarint())
	r.Offset = k.offset + b.varint()
	r.Partition = int32(uint32(b.uvarint()))
	r.Until = r.Deadline
	if flags&flagUntil != 0 {
		r.Until += b.varint()
	}
	n := b.uvarint()
	r.ID, r.Value = b[:n:n], b[n:]
}

// fieldsOf are bytes whose checksum was right, so that they are what was written.
type fieldsOf []byte

func (b *fieldsOf) uvarint() uint64 {
	v, n := binary.Uvarint(*b)
	*b = (*b)[n:]
	return v
}

func (b *fieldsOf) varint() int64 {
	v, n := binary.Varint(*b)
	*b = (*b)[n:]
	return v
}
