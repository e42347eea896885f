package recordbatch

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"

	"millrace"
)

// Builder gathers records into the body of one batch. The zero value is ready.
type Builder struct {
	body     []byte
	count    int32
	baseTime int64
	maxTime  int64
}

// Append encodes a copy of rec as the batch's next record. The broker gives it its offset.
func (b *Builder) Append(rec *millrace.Record) {
	if b.count == 0 {
		b.baseTime, b.maxTime = rec.Time, rec.Time
	}
	b.maxTime = max(b.maxTime, rec.Time)
	timeDelta, delta := rec.Time-b.baseTime, int64(b.count)
	size := 1 + varintSize(timeDelta) + varintSize(delta) + fieldSize(rec.Key) + fieldSize(rec.Value) +
		varintSize(int64(len(rec.Headers)))
	for i := range rec.Headers {
		h := &rec.Headers[i]
		size += varintSize(int64(len(h.Key))) + len(h.Key) + fieldSize(h.Value)
	}
	body := binary.AppendVarint(b.body, int64(size))
	body = append(body, 0) // attributes
	body = binary.AppendVarint(body, timeDelta)
	body = binary.AppendVarint(body, delta)
	body = appendField(body, rec.Key)
	body = appendField(body, rec.Value)
	body = binary.AppendVarint(body, int64(len(rec.Headers)))
	for i := range rec.Headers {
		h := &rec.Headers[i]
		body = binary.AppendVarint(body, int64(len(h.Key)))
		body = append(body, h.Key...)
		body = appendField(body, h.Value)
	}
	b.body = body
	b.count++
}

// RecordBytes is an upper bound of what Append adds for rec.
func RecordBytes(rec *millrace.Record) int {
	// Length, attributes, time delta, offset delta, key and value lengths, header count.
	n := 5 + 1 + 10 + 5 + 5 + 5 + 5 + len(rec.Key) + len(rec.Value)
	for i := range rec.Headers {
		n += 10 + len(rec.Headers[i].Key) + len(rec.Headers[i].Value)
	}
	return n
}

// Size is the size of the batch so far, before compression.
func (b *Builder) Size() int { return HeaderBytes + len(b.body) }

// Count is the number of records so far.
func (b *Builder) Count() int { return int(b.count) }

// Records walks what was appended; offsets start at 0.
func (b *Builder) Records() Records {
	return NewRecords(&Header{BaseTime: b.baseTime, LastOffsetDelta: math.MaxInt32, Count: b.count}, b.body)
}

// Reset empties the builder and keeps its memory unless that is more than keepBytes.
func (b *Builder) Reset(keepBytes int) {
	body := b.body[:0]
	if cap(body) > keepBytes {
		body = nil
	}
	*b = Builder{body: body}
}

// Seal appends the batch to dst, compressed. The builder stays as it is.
func (b *Builder) Seal(dst []byte, c *Compressor) ([]byte, error) {
	from := len(dst)
	dst = append(dst, make([]byte, HeaderBytes)...)
	dst, err := c.compress(dst, b.body)
	if err != nil {
		return dst[:from], fmt.Errorf("compressing with %v: %w", c.codec, err)
	}
	h := dst[from:]
	be := binary.BigEndian
	be.PutUint32(h[atLength:], uint32(len(h)-atLeaderEpoch))
	be.PutUint32(h[atLeaderEpoch:], 0xffffffff)
	h[atMagic] = 2
	be.PutUint16(h[atAttributes:], uint16(c.codec))
	be.PutUint32(h[atLastOffsetDelta:], uint32(b.count-1))
	be.PutUint64(h[atBaseTime:], uint64(b.baseTime))
	be.PutUint64(h[atMaxTime:], uint64(b.maxTime))
	// No producer id, epoch and sequence: all bits set is -1 in each.
	be.PutUint64(h[atProducerID:], ^uint64(0))
	be.PutUint16(h[atProducerEpoch:], 0xffff)
	be.PutUint32(h[atBaseSequence:], 0xffffffff)
	be.PutUint32(h[atCount:], uint32(b.count))
	be.PutUint32(h[atCRC:], crc32.Checksum(h[atAttributes:], castagnoli()))
	return dst, nil
}

func varintSize(v int64) int {
	u := uint64(v<<1) ^ uint64(v>>63)
	n := 1
	for ; u >= 0x80; u >>= 7 {
		n++
	}
	return n
}

func fieldSize(b []byte) int {
	if b == nil {
		return 1
	}
	return varintSize(int64(len(b))) + len(b)
}

func appendField(dst, b []byte) []byte {
	if b == nil {
		return append(dst, 1) // -1 in zigzag: null
	}
	return append(binary.AppendVarint(dst, int64(len(b))), b...)
}

// Compressor compresses bodies with one codec. It is safe for concurrent use.
type Compressor struct {
	codec Codec
	pool  sync.Pool // *gzip.Writer or *lz4.Writer
	zstd  *zstd.Encoder
}

// NewCompressor returns a Compressor for the codec.
func NewCompressor(codec Codec) (*Compressor, error) {
	c := &Compressor{codec: codec}
	if codec == Zstd {
		var err error
		// 1 MiB is as far back as a batch reaches; one encoder goroutine a call.
		c.zstd, err = zstd.NewWriter(nil, zstd.WithWindowSize(1<<20), zstd.WithLowerEncoderMem(true))
		if err != nil {
			return nil, err
		}
	}
	return c, nil
}

func (c *Compressor) compress(dst, body []byte) ([]byte, error) {
	switch c.codec {
	case None:
		return append(dst, body...), nil
	case Snappy:
		n := snappy.MaxEncodedLen(len(body))
		if n < 0 {
			return dst, ErrTooLarge
		}
		at := len(dst)
		dst = append(dst, make([]byte, n)...)
		return dst[:at+len(snappy.Encode(dst[at:], body))], nil
	case Zstd:
		return c.zstd.EncodeAll(body, dst), nil
	case Gzip:
		w, _ := c.pool.Get().(*gzip.Writer)
		if w == nil {
			w = gzip.NewWriter(nil)
		}
		return c.stream(dst, body, w, w.Reset)
	case LZ4:
		w, _ := c.pool.Get().(*lz4.Writer)
		if w == nil {
			w = lz4.NewWriter(nil)
			// 64 KiB is what Java's producer writes; larger blocks only cost its readers memory.
			if err := w.Apply(lz4.BlockSizeOption(lz4.Block64Kb)); err != nil {
				return dst, err
			}
		}
		return c.stream(dst, body, w, w.Reset)
	}
	return dst, fmt.Errorf("unknown %v", c.codec)
}

func (c *Compressor) stream(dst, body []byte, w io.WriteCloser, reset func(io.Writer)) ([]byte, error) {
	to := bytes.NewBuffer(dst)
	reset(to)
	if _, err := w.Write(body); err != nil {
		return dst, err
	}
	if err := w.Close(); err != nil {
		return dst, err
	}
	reset(nil)
	c.pool.Put(w)
	return to.Bytes(), nil
}
