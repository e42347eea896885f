package recordbatch

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// Codec is a batch's compression, numbered as in the attributes.
type Codec uint8

// The codecs that Kafka knows.
const (
	None Codec = iota
	Gzip
	Snappy
	LZ4
	Zstd
)

var codecNames = [...]string{None: "none", Gzip: "gzip", Snappy: "snappy", LZ4: "lz4", Zstd: "zstd"}

func (c Codec) String() string {
	if int(c) < len(codecNames) {
		return codecNames[c]
	}
	return fmt.Sprintf("codec %d", uint8(c))
}

// ParseCodec reads a codec's name; the empty name is None.
func ParseCodec(name string) (Codec, error) {
	if name == "" {
		return None, nil
	}
	for c, n := range codecNames {
		if n == name {
			return Codec(c), nil
		}
	}
	return None, fmt.Errorf("%q is no compression: write none, gzip, snappy, lz4 or zstd", name)
}

// Pool lends byte slices. Get returns one of length 0 and at least the capacity asked for.
type Pool interface {
	Get(capacity int) []byte
	Put(b []byte)
}

// Decompressor opens bodies. It is safe for concurrent use.
type Decompressor struct {
	max   int
	pool  Pool
	gzips sync.Pool
	lz4s  sync.Pool

	once    sync.Once
	zstd    *zstd.Decoder
	zstdErr error
}

// NewDecompressor returns a Decompressor that refuses bodies which open to more than maxBytes, and
// takes its buffers from pool.
func NewDecompressor(maxBytes int, pool Pool) *Decompressor {
	return &Decompressor{max: maxBytes, pool: pool}
}

// Close gives the codecs' own memory back. The Decompressor must not be used after it.
func (d *Decompressor) Close() {
	if d.zstd != nil {
		d.zstd.Close()
	}
}

// expansionGuess is how much larger a body usually is once opened: JSON shrinks to a fifth or so.
const expansionGuess = 5

// Open decompresses body into a slice of the pool, which the caller puts back. With codec None it
// returns body itself and owned false. Broken input wraps ErrCorrupt, too large input ErrTooLarge.
func (d *Decompressor) Open(codec Codec, body []byte) (open []byte, owned bool, err error) {
	if codec == None {
		return body, false, nil
	}
	var buf []byte
	switch codec {
	case Gzip:
		buf, err = d.gunzip(body)
	case Snappy:
		buf, err = d.unsnappy(body)
	case LZ4:
		buf, err = d.unlz4(body)
	case Zstd:
		buf, err = d.unzstd(body)
	default:
		return nil, false, fmt.Errorf("%w: unknown %v", ErrCorrupt, codec)
	}
	if err == nil {
		return buf, true, nil
	}
	// Whatever was opened before the error is of no use.
	if buf != nil {
		d.pool.Put(buf)
	}
	if errors.Is(err, ErrTooLarge) {
		return nil, false, err
	}
	return nil, false, fmt.Errorf("%w: decompressing %v: %w", ErrCorrupt, codec, err)
}

func (d *Decompressor) guess(n int) int { return min(max(n*expansionGuess, 4<<10), d.max) }

// gzipReader is a reader with its byte reader, so that resetting it allocates nothing.
type gzipReader struct {
	from bytes.Reader
	z    gzip.Reader
}

func (d *Decompressor) gunzip(body []byte) ([]byte, error) {
	g, _ := d.gzips.Get().(*gzipReader)
	if g == nil {
		g = new(gzipReader)
	}
	g.from.Reset(body)
	defer func() {
		g.from.Reset(nil)
		d.gzips.Put(g)
	}()
	if err := g.z.Reset(&g.from); err != nil {
		return nil, err
	}
	return d.drain(&g.z, d.pool.Get(d.guess(len(body))))
}

type lz4Reader struct {
	from bytes.Reader
	z    *lz4.Reader
}

func (d *Decompressor) unlz4(body []byte) ([]byte, error) {
	l, _ := d.lz4s.Get().(*lz4Reader)
	if l == nil {
		l = new(lz4Reader)
		l.z = lz4.NewReader(&l.from)
	}
	l.from.Reset(body)
	l.z.Reset(&l.from)
	buf, err := d.drain(l.z, d.pool.Get(d.guess(len(body))))
	// A reader that met an error is thrown away: what it holds is nobody's business.
	if err == nil {
		l.from.Reset(nil)
		d.lz4s.Put(l)
	}
	return buf, err
}

// drain reads r to its end, taking larger buffers from the pool as it goes.
func (d *Decompressor) drain(r io.Reader, buf []byte) ([]byte, error) {
	for {
		n, err := r.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if len(buf) > d.max {
			return buf, d.tooLarge()
		}
		if errors.Is(err, io.EOF) {
			return buf, nil
		}
		if err != nil {
			return buf, err
		}
		// A reader must be given room, or it reads nothing for ever.
		if len(buf) == cap(buf) {
			buf = d.grow(buf, 2*cap(buf))
		}
	}
}

func (d *Decompressor) grow(buf []byte, capacity int) []byte {
	larger := d.pool.Get(capacity)
	larger = append(larger, buf...)
	d.pool.Put(buf)
	return larger
}

// unzstd makes its decoder when the first zstd batch comes: most topics have none, and it is large.
func (d *Decompressor) unzstd(body []byte) ([]byte, error) {
	d.once.Do(func() {
		d.zstd, d.zstdErr = zstd.NewReader(nil, zstd.WithDecoderConcurrency(0), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxMemory(uint64(d.max)))
	})
	if d.zstdErr != nil {
		return nil, d.zstdErr
	}
	buf := d.pool.Get(d.guess(len(body)))
	out, err := d.zstd.DecodeAll(body, buf)
	if cap(out) != cap(buf) {
		d.pool.Put(buf) // it was too small, and out is another one
	}
	if errors.Is(err, zstd.ErrDecoderSizeExceeded) || errors.Is(err, zstd.ErrWindowSizeExceeded) || len(out) > d.max {
		err = d.tooLarge()
	}
	return out, err
}

// xerialMagic starts the framing that Java's snappy library writes: then two versions of 32 bits,
// then blocks, each with its length before it. Other clients write one bare block.
const xerialMagic = "\x82SNAPPY\x00"

const xerialHeaderBytes = len(xerialMagic) + 8

func (d *Decompressor) unsnappy(body []byte) ([]byte, error) {
	if len(body) < xerialHeaderBytes || string(body[:len(xerialMagic)]) != xerialMagic {
		return d.snappyBlock(body, d.pool.Get(d.guess(len(body))))
	}
	buf := d.pool.Get(d.guess(len(body)))
	for rest := body[xerialHeaderBytes:]; len(rest) > 0; {
		if len(rest) < 4 {
			return buf, io.ErrUnexpectedEOF
		}
		n := int64(binary.BigEndian.Uint32(rest))
		rest = rest[4:]
		// Concatenated streams are legal; the next one's header starts with the same magic.
		if n == int64(binary.BigEndian.Uint32([]byte(xerialMagic))) && len(rest) >= xerialHeaderBytes-4 {
			rest = rest[xerialHeaderBytes-4:]
			continue
		}
		if n > int64(len(rest)) {
			return buf, io.ErrUnexpectedEOF
		}
		var err error
		if buf, err = d.snappyBlock(rest[:n], buf); err != nil {
			return buf, err
		}
		rest = rest[n:]
	}
	return buf, nil
}

// snappyBlock appends the opened block to buf.
func (d *Decompressor) snappyBlock(block, buf []byte) ([]byte, error) {
	n, err := snappy.DecodedLen(block)
	if err != nil {
		return buf, err
	}
	if n > d.max-len(buf) {
		return buf, d.tooLarge()
	}
	if n > cap(buf)-len(buf) {
		buf = d.grow(buf, max(2*cap(buf), len(buf)+n))
	}
	// Decode wants a destination at least as long as the block opens to.
	out, err := snappy.Decode(buf[len(buf):len(buf)+n], block)
	if err != nil {
		return buf, err
	}
	return buf[:len(buf)+len(out)], nil
}

func (d *Decompressor) tooLarge() error { return fmt.Errorf("%w: %d bytes", ErrTooLarge, d.max) }
