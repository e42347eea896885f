package disk

import (
	"encoding/binary"
	"fmt"

	"millrace"
)

// The table of a segment has buckets of slots, so that one read finds an id:
//
//	uint32 checksum of the rest, and of where it belongs
//	byte slots in use, byte 1 when more of them lie in the next bucket, 2 bytes unused
//	slots: uint32 of the id's hash, uint32 ordinal: block << 5 | record
const (
	bucketBytes  = 512
	bucketHeader = 8
	bucketSlots  = (bucketBytes - bucketHeader) / 8
	// bucketFill is how many slots of each are used on average; one in a hundred buckets then overflows.
	bucketFill = 44
	// slotShare is what a record takes in the table.
	slotShare = bucketBytes / bucketFill
	// tablesAt is where the checksums of buckets begin to count, behind those of blocks.
	tablesAt = 1 << 31
)

// home is the bucket that an id's hash belongs to.
func home(hash uint64, buckets uint32) uint32 {
	return uint32(uint64(uint32(hash)) * uint64(buckets) >> 32)
}

// appendTable writes the table of ids that have the given hashes and ordinals, of a file with that serial number.
func appendTable(dst []byte, serial uint64, hashes []uint64, ordinals []uint32) (table []byte, buckets uint32) {
	buckets = uint32((len(hashes) + bucketFill - 1) / bucketFill)
	from := len(dst)
	if n := int(buckets) * bucketBytes; cap(dst)-from < n {
		dst = append(dst, make([]byte, n)...)
	} else {
		dst = dst[:from+n]
		clear(dst[from:])
	}
	table = dst[from:]
	for i, hash := range hashes {
		at := home(hash, buckets)
		bucket := table[int(at)*bucketBytes:]
		for bucket[4] == bucketSlots {
			bucket[5] = 1
			if at++; at == buckets {
				at = 0
			}
			bucket = table[int(at)*bucketBytes:]
		}
		slot := bucket[bucketHeader+8*int(bucket[4]):]
		binary.LittleEndian.PutUint32(slot, uint32(hash))
		binary.LittleEndian.PutUint32(slot[4:], ordinals[i])
		bucket[4]++
	}
	for at := range buckets {
		bucket := table[int(at)*bucketBytes:][:bucketBytes]
		binary.LittleEndian.PutUint32(bucket, checksum(serial, tablesAt+at, bucket[4:]))
	}
	return dst, buckets
}

// lookUp appends the ordinals of a segment's records whose ids may have a hash.
func (g *segment) lookUp(dst []uint32, hash uint64) ([]uint32, error) {
	var bucket [bucketBytes]byte
	at := home(hash, g.buckets)
	for range g.buckets {
		if err := g.read(bucket[:], int64(g.blocksEnd)+int64(at)*bucketBytes); err != nil {
			return dst, err
		}
		if binary.LittleEndian.Uint32(bucket[:]) != checksum(g.serial, tablesAt+at, bucket[4:]) || bucket[4] > bucketSlots {
			return dst, fmt.Errorf("bucket %d of %v is not what was written, the disk may be broken: %w", at, g, millrace.ErrCorrupt)
		}
		for i := range int(bucket[4]) {
			slot := bucket[bucketHeader+8*i:]
			if binary.LittleEndian.Uint32(slot) == uint32(hash) {
				dst = append(dst, binary.LittleEndian.Uint32(slot[4:]))
			}
		}
		if bucket[5] == 0 {
			break
		}
		if at++; at == g.buckets {
			at = 0
		}
	}
	return dst, nil
}
