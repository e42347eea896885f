package files

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync/atomic"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"golang.org/x/text/transform"
)

// zstdWindowMax is the largest window that a zstd file may ask for: what zstd --long makes.
const zstdWindowMax = 128 << 20

// stream is one opened file, or standard input, as bytes.
type stream struct {
	io.Reader
	at     io.ReaderAt // nil where it comes only once
	size   int64       // in bytes; 0 when nobody knows
	closes []func() error
}

// Close closes whatever the stream stands on, the last first.
func (s *stream) Close() (err error) {
	for i := len(s.closes) - 1; i >= 0; i-- {
		err = errors.Join(err, s.closes[i]())
	}
	s.closes = nil
	return err
}

// openStream opens the file at path, or what - stands for.
func openStream(path string, in *Input) (*stream, error) {
	if path == StdinPath {
		return in.Stdin.open()
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("opening data: %w", err)
	}
	s := &stream{Reader: file, closes: []func() error{file.Close}}
	info, err := file.Stat()
	switch {
	case err != nil:
		return nil, errors.Join(fmt.Errorf("opening data: %w", err), file.Close())
	case info.IsDir():
		return nil, errors.Join(fmt.Errorf("opening data: %s is a directory: name a file in it", path), file.Close())
	case info.Mode().IsRegular():
		s.at, s.size = file, info.Size()
	}
	return s, nil
}

// unpack has a stream that begins as gzip or zstd does give what is in it, whatever its name; it says which it is.
func (s *stream) unpack(name string) (packed string, err error) {
	start := peek(s.Reader)
	s.Reader = start
	magic, err := start.begins(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("reading %s: %w", name, err)
	}
	switch {
	case bytes.HasPrefix(magic, []byte("\x1f\x8b")):
		unzipped, err := gzip.NewReader(start)
		if err != nil {
			return "", fmt.Errorf("reading %s: it begins as gzip files do, but is none: %w", name, err)
		}
		s.Reader, s.at = unzipped, nil
		return "gzip", nil
	case bytes.HasPrefix(magic, []byte("\x28\xb5\x2f\xfd")):
		unzipped, err := zstd.NewReader(start, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(zstdWindowMax),
			zstd.WithDecoderLowmem(true))
		if err != nil {
			return "", fmt.Errorf("reading %s: it begins as zstd files do, but is none: %w", name, err)
		}
		s.Reader, s.at = unzipped, nil
		s.closes = append(s.closes, func() error { unzipped.Close(); return nil })
		return "zstd", nil
	}
	return "", nil
}

// peeked is a reader whose beginning was looked at.
type peeked struct {
	in  io.Reader
	buf []byte
	err error // of reading it
}

func peek(in io.Reader) *peeked {
	if p, ok := in.(*peeked); ok {
		return p
	}
	return &peeked{in: in}
}

// begins is what it begins with: so many bytes, and whatever comes with them.
func (p *peeked) begins(n int) ([]byte, error) {
	if p.buf == nil {
		p.buf = make([]byte, 0, chunkBytes)
	}
	for len(p.buf) < n && p.err == nil {
		var read int
		read, p.err = p.in.Read(p.buf[len(p.buf):cap(p.buf)])
		p.buf = p.buf[:len(p.buf)+read]
	}
	if len(p.buf) == 0 && p.err != nil {
		return nil, p.err
	}
	return p.buf, nil
}

func (p *peeked) Read(dst []byte) (int, error) {
	if len(p.buf) > 0 {
		n := copy(dst, p.buf)
		p.buf = p.buf[n:]
		return n, nil
	}
	if p.err != nil {
		return 0, p.err
	}
	return p.in.Read(dst)
}

// decoded has a stream give UTF-8: from the encoding that is asked for, or the one that its byte order mark tells of.
func decoded(in io.Reader, name, asked string) (io.Reader, string, error) {
	start := peek(in)
	head, err := start.begins(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, "", fmt.Errorf("reading %s: %w", name, err)
	}
	if asked == "" {
		asked = marked(head)
	}
	e, err := encodingOf(asked)
	if err != nil || e == nil {
		return start, "", err
	}
	return transform.NewReader(start, e.NewDecoder()), asked, nil
}

// begun is a file that is read row by row.
type begun struct {
	*stream
	name     string // of the file, without folders
	format   string
	packed   string // gzip, zstd or empty
	encoding string // empty for UTF-8
	rows     rows
}

// begin opens a file and finds out what it is; before is what the same file turned out to be when it was last read, nil
// when it never was.
func begin(path string, o *Options, read *atomic.Int64, before *begun) (*begun, error) {
	if err := o.Check(); err != nil {
		return nil, err
	}
	s, err := openStream(path, &o.Input)
	if err != nil {
		return nil, err
	}
	b := &begun{stream: s, name: filepath.Base(path)}
	if path == StdinPath {
		b.name = StdinName
	}
	s.Reader = &counter{in: s.Reader, n: read}
	if err := b.start(path, o, before); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return b, nil
}

// start reads from wherever the stream stands, which is its beginning.
func (b *begun) start(path string, o *Options, before *begun) (err error) {
	if b.packed, err = b.unpack(b.name); err != nil {
		return err
	}
	if b.format, err = formatOf(path, o.Format); err != nil {
		return err
	}
	v := &window{in: b.Reader, name: b.name}
	if b.format != formatParquet {
		if v.in, b.encoding, err = decoded(b.Reader, b.name, o.Encoding); err != nil {
			return err
		}
	}
	if err := v.begin(b, before == nil && b.encoding == ""); err != nil {
		return err
	}
	switch b.format {
	case formatCSV, formatTSV:
		comma := byte(',')
		if b.format == formatTSV {
			comma = '\t'
		}
		if before != nil {
			b.rows, err = reread(v, before.rows.(*table))
		} else {
			b.rows, err = newTable(v, comma, o)
		}
	case formatLines:
		b.rows = &lines{v: v}
	case formatJSON:
		b.rows = &values{v: v}
	case formatLIBSVM:
		b.rows, err = newSparse(v, o.Bag)
	case formatParquet:
		var c *columnar
		if c, err = openParquet(b.name, b.at, b.size); err == nil {
			b.rows = c
		}
	}
	return err
}
