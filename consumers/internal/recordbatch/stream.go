package recordbatch

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

const (
	// windowBytesMax bounds how far back a stream may refer, and so its memory: zstd's levels up to 20 keep within it.
	windowBytesMax = 32 << 20
	// StreamBytesMax bounds what a body may open to: what is larger is made to cost time, not to be read.
	StreamBytesMax = 1 << 30
)

// stream opens a body piece by piece, in memory that does not grow with what it opens to.
type stream struct {
	in    io.Reader
	left  int64 // of StreamBytesMax
	codec Codec
	close func()
}

// newStream begins to open a body. The caller closes it.
func newStream(codec Codec, body []byte) (*stream, error) {
	s := &stream{left: StreamBytesMax, codec: codec, close: func() {}}
	switch codec {
	case None:
		s.in = bytes.NewReader(body)
	case Gzip:
		z, err := gzip.NewReader(bytes.NewReader(body))
		if err != nil {
			return nil, s.malformed(err)
		}
		s.in = z
	case Snappy:
		s.in = newSnappyReader(body)
	case LZ4:
		s.in = lz4.NewReader(bytes.NewReader(body))
	case Zstd:
		// One goroutine, ours; not kept, as its window may be large.
		z, err := zstd.NewReader(bytes.NewReader(body), zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxWindow(windowBytesMax), zstd.WithDecoderMaxMemory(2*StreamBytesMax))
		if err != nil {
			return nil, s.malformed(err)
		}
		s.in, s.close = z, z.Close
	default:
		return nil, fmt.Errorf("%w: unknown %v", ErrMalformed, codec)
	}
	return s, nil
}

// Read returns io.EOF only where the body ends as it should.
func (s *stream) Read(p []byte) (int, error) {
	if s.left == 0 {
		return 0, fmt.Errorf("%w: %d bytes", ErrTooLarge, int64(StreamBytesMax))
	}
	n, err := s.in.Read(p[:min(int64(len(p)), s.left)])
	s.left -= int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		err = s.malformed(err)
	}
	return n, err
}

func (s *stream) malformed(err error) error {
	return fmt.Errorf("%w: decompressing %v: %w", ErrMalformed, s.codec, err)
}
