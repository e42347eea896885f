// Package recordbatch reads and writes Kafka's record batches (message format v2) without an
// allocation a record.
//
// A fetch answers with a record set: whole batches one after the other, the last one perhaps cut
// off. Split takes the set apart and checks each batch's checksum; a Decompressor opens its body; a
// Records walks the records. None of them trusts a length it has read: whatever bytes arrive, the
// answer is records or an error, never a panic.
//
// The layout is Kafka's own: https://kafka.apache.org/documentation/#recordbatch
package recordbatch

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// Offsets of a v2 batch header's fields. Integers are big-endian.
const (
	atLength          = 8
	atLeaderEpoch     = 12
	atMagic           = 16
	atCRC             = 17
	atAttributes      = 21 // the checksum covers everything from here
	atLastOffsetDelta = 23
	atBaseTime        = 27
	atMaxTime         = 35
	atProducerID      = 43
	atProducerEpoch   = 51
	atBaseSequence    = 53
	atCount           = 57

	// HeaderBytes is the size of a batch's header, and so of the smallest batch.
	HeaderBytes = 61
)

// Bits of a batch's attributes.
const (
	codecMask     = 0x07
	logAppendTime = 0x08
	transactional = 0x10
	control       = 0x20
)

// Errors that callers branch on.
var (
	// ErrTruncated: the set ends within a batch. For the last one of a fetch that is normal: the
	// broker cuts where the asked size ends.
	ErrTruncated = errors.New("record batch is cut off")
	// ErrCorrupt: the bytes are no record batch, or their checksum or lengths do not fit.
	ErrCorrupt = errors.New("corrupt record batch")
	// ErrMalformed: the checksum is right, and still the batch cannot be read. Whoever wrote it wrote it so; fetching
	// it again gives the same.
	ErrMalformed = errors.New("malformed record batch")
	// ErrOldFormat: a message set of format v0 or v1, as brokers before 0.11 wrote them.
	ErrOldFormat = errors.New("message format v0 or v1 is not supported: " +
		"rewrite the topic with a producer of Kafka 0.11 or newer")
	// ErrTooLarge: a batch opens to more bytes than allowed.
	ErrTooLarge = errors.New("record batch is larger than allowed when decompressed")
)

// Header is a batch's header. Base offset, length and leader epoch are outside the checksum, as
// brokers rewrite them.
type Header struct {
	BaseOffset      int64
	LastOffsetDelta int32
	Attributes      uint16
	BaseTime        int64 // Unix milliseconds; records hold deltas to it
	MaxTime         int64 // Unix milliseconds
	ProducerID      int64 // -1 for a producer that is neither idempotent nor transactional
	Count           int32 // records in the batch; compaction may leave 0
	CRC             uint32
}

// LastOffset is the offset of the batch's last record, or of where it was before compaction.
func (h *Header) LastOffset() int64 { return h.BaseOffset + int64(h.LastOffsetDelta) }

// Codec says how the body is compressed.
func (h *Header) Codec() Codec { return Codec(h.Attributes & codecMask) }

// Transactional reports whether a transaction wrote the batch.
func (h *Header) Transactional() bool { return h.Attributes&transactional != 0 }

// Control reports whether the batch holds a transaction marker instead of records.
func (h *Header) Control() bool { return h.Attributes&control != 0 }

// Split takes the first batch off a record set, checks its checksum, and returns its header, its
// body (as stored, perhaps compressed) and the rest of the set. The set must not be empty. A cut-off
// batch is ErrTruncated; anything else that does not fit wraps ErrCorrupt or ErrMalformed or is ErrOldFormat. With
// those two the header is filled in as far as it could be read.
func Split(set []byte) (h Header, body, rest []byte, err error) {
	if len(set) <= atMagic {
		return h, nil, nil, ErrTruncated
	}
	// The magic byte has the same place in every format, so it is read before anything else.
	switch magic := set[atMagic]; magic {
	case 2:
	case 0, 1:
		return h, nil, nil, ErrOldFormat
	default:
		return h, nil, nil, fmt.Errorf("%w: unknown message format %d", ErrCorrupt, magic)
	}
	size := int64(int32(binary.BigEndian.Uint32(set[atLength:]))) + atLeaderEpoch
	if size < HeaderBytes {
		return h, nil, nil, fmt.Errorf("%w: a length of %d bytes is shorter than a header", ErrCorrupt, size)
	}
	if size > int64(len(set)) {
		return h, nil, nil, ErrTruncated
	}
	batch := set[:size]
	h = parseHeader(batch)
	stored := binary.BigEndian.Uint32(batch[atCRC:])
	if sum := crc32.Checksum(batch[atAttributes:], castagnoli()); sum != stored {
		return h, nil, nil, fmt.Errorf("%w: checksum is %08x, the header says %08x", ErrCorrupt, sum, stored)
	}
	if err := h.check(); err != nil {
		return h, nil, nil, err
	}
	return h, batch[HeaderBytes:], set[size:], nil
}

// check refuses what no batch can have.
func (h *Header) check() error {
	// The base offset is outside the checksum, so that it may be damaged.
	if h.BaseOffset < 0 {
		return fmt.Errorf("%w: base offset %d", ErrCorrupt, h.BaseOffset)
	}
	if h.LastOffsetDelta < 0 || h.Count < 0 || h.LastOffset() < h.BaseOffset {
		return fmt.Errorf("%w: last delta %d, %d records", ErrMalformed, h.LastOffsetDelta, h.Count)
	}
	return nil
}

// Sum is the checksum of a batch of which only the beginning is kept: it is shown all bytes, in order.
type Sum struct {
	size int64 // of the batch; 0 until its header is known
	at   int64
	crc  uint32
}

// Add takes the next bytes; the first call must hold a whole header. What lies behind the batch does not count.
func (s *Sum) Add(b []byte) {
	if s.at == 0 && len(b) >= HeaderBytes {
		s.size = int64(int32(binary.BigEndian.Uint32(b[atLength:]))) + atLeaderEpoch
	}
	from, to := min(max(atAttributes-s.at, 0), int64(len(b))), min(max(s.size-s.at, 0), int64(len(b)))
	if from < to {
		s.crc = crc32.Update(s.crc, castagnoli(), b[from:to])
	}
	s.at += int64(len(b))
}

// Beginning is Split for a set that was cut off within its first batch after sum was shown all of it. It returns
// ErrTruncated when the batch is not the one that was summed, or was cut off on its way.
func Beginning(set []byte, sum *Sum) (h Header, body []byte, size int64, err error) {
	if len(set) < HeaderBytes || set[atMagic] != 2 || sum.size <= int64(len(set)) || sum.at < sum.size {
		return h, nil, 0, ErrTruncated
	}
	h = parseHeader(set)
	if stored := binary.BigEndian.Uint32(set[atCRC:]); sum.crc != stored {
		return h, nil, 0, fmt.Errorf("%w: checksum is %08x, the header says %08x", ErrCorrupt, sum.crc, stored)
	}
	return h, set[HeaderBytes:], sum.size, h.check()
}

// Peek reads a batch's header without looking at its checksum; false when there is no whole header of format v2.
func Peek(set []byte) (Header, bool) {
	if len(set) < HeaderBytes || set[atMagic] != 2 {
		return Header{}, false
	}
	h := parseHeader(set)
	return h, h.check() == nil
}

func parseHeader(b []byte) Header {
	be := binary.BigEndian
	return Header{
		BaseOffset:      int64(be.Uint64(b)),
		LastOffsetDelta: int32(be.Uint32(b[atLastOffsetDelta:])),
		Attributes:      be.Uint16(b[atAttributes:]),
		BaseTime:        int64(be.Uint64(b[atBaseTime:])),
		MaxTime:         int64(be.Uint64(b[atMaxTime:])),
		ProducerID:      int64(be.Uint64(b[atProducerID:])),
		Count:           int32(be.Uint32(b[atCount:])),
		CRC:             be.Uint32(b[atCRC:]),
	}
}

// castagnoli is the polynomial of Kafka's checksums. MakeTable keeps its table itself, so that this
// costs an atomic load.
func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// AbortMarker reports whether a control batch's body ends a transaction by aborting it. The marker
// is the key of the batch's first record: version and type, 16 bits each, type 0 being abort.
func AbortMarker(h *Header, body []byte) (bool, error) {
	if h.Count == 0 {
		// The cleaner keeps the header of a marker whose record has gone.
		return false, nil
	}
	records := NewRecords(h, body)
	key, err := records.firstKey()
	if err != nil {
		return false, err
	}
	if len(key) < 4 {
		return false, fmt.Errorf("%w: a transaction marker of %d bytes", ErrMalformed, len(key))
	}
	return binary.BigEndian.Uint16(key[2:]) == 0, nil
}
