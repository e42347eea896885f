package recordbatch

import (
	"bytes"
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

	zstd lazyZstd
	// wide takes windows that are larger than what a body may open to: encoders at high levels announce 128 MiB for a
	// few bytes.
	wide lazyZstd
}

// lazyZstd makes its decoder when the first batch needs it: most topics have none, and it is large.
type lazyZstd struct {
	once    sync.Once
	decoder *zstd.Decoder
	err     error
}

func (z *lazyZstd) get(options ...zstd.DOption) (*zstd.Decoder, error) {
	z.once.Do(func() { z.decoder, z.err = zstd.NewReader(nil, options...) })
	return z.decoder, z.err
}

// NewDecompressor returns a Decompressor that refuses bodies which open to more than maxBytes, and
// takes its buffers from pool.
func NewDecompressor(maxBytes int, pool Pool) *Decompressor {
	return &Decompressor{max: maxBytes, pool: pool}
}

// Close gives the codecs' own memory back. The Decompressor must not be used after it.
func (d *Decompressor) Close() {
	for _, z := range []*lazyZstd{&d.zstd, &d.wide} {
		if z.decoder != nil {
			z.decoder.Close()
		}
	}
}

// expansionGuess is how much larger a body usually is once opened: JSON shrinks to a fifth or so.
const expansionGuess = 5

// Open decompresses body into a slice of the pool, which the caller puts back. With codec None it
// returns body itself and owned false. Broken input wraps ErrMalformed, too large input ErrTooLarge.
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
		return nil, false, fmt.Errorf("%w: unknown %v", ErrMalformed, codec)
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
	return nil, false, fmt.Errorf("%w: decompressing %v: %w", ErrMalformed, codec, err)
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
	// A reader that met an error is thrown away: nobody knows its state.
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

// wideWindow is the largest window that zstd's own command announces without being told to.
const wideWindow = 128 << 20

func (d *Decompressor) unzstd(body []byte) ([]byte, error) {
	z, err := d.zstd.get(zstd.WithDecoderConcurrency(0), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxMemory(uint64(d.max)))
	if err != nil {
		return nil, err
	}
	buf := d.pool.Get(d.guess(len(body)))
	out, err := z.DecodeAll(body, buf)
	if cap(out) != cap(buf) {
		d.pool.Put(buf) // it was too small, and out is another one
	}
	if errors.Is(err, zstd.ErrWindowSizeExceeded) {
		return d.unzstdWide(body)
	}
	if errors.Is(err, zstd.ErrDecoderSizeExceeded) || len(out) > d.max {
		err = d.tooLarge()
	}
	return out, err
}

// unzstdWide opens a body into a slice of the largest size: what is opened is its own window, so that a large one costs
// nothing.
func (d *Decompressor) unzstdWide(body []byte) ([]byte, error) {
	z, err := d.wide.get(zstd.WithDecoderConcurrency(0), zstd.WithDecoderLowmem(true),
		zstd.WithDecoderMaxMemory(2*wideWindow), zstd.WithDecoderMaxWindow(wideWindow), zstd.WithDecodeAllCapLimit(true))
	if err != nil {
		return nil, err
	}
	out, err := z.DecodeAll(body, d.pool.Get(d.max))
	if err != nil {
		err = d.tooLarge() // or broken: opened as a stream it will tell
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
	for rest := body[xerialHeaderBytes:]; ; {
		block, behind, err := nextFrame(rest)
		if errors.Is(err, io.EOF) {
			return buf, nil
		}
		if err == nil {
			buf, err = d.snappyBlock(block, buf)
		}
		if err != nil {
			return buf, err
		}
		rest = behind
	}
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
