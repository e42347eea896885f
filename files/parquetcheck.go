package files

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
)

const (
	// footerBytesMax are far more than a footer of many columns and row groups has.
	footerBytesMax = 32 << 20
	// footerItemsMax column chunks, and what else a footer lists, are more than files have: room is made for them by
	// what lists say of their length.
	footerItemsMax = 1 << 20
	// pageHeaderBytesMax bounds a page's header, whose smallest and largest values may be long texts.
	pageHeaderBytesMax = 16 << 20
	// pageBytesMax bounds a page, unpacked; programs write a megabyte, or a whole column of a row group.
	pageBytesMax = 512 << 20
	// groupBytesMax bounds what one page of every column, and the dictionaries, take at a time.
	groupBytesMax = 2 << 30
	// valueBytes are what a value of a page takes besides, however it is packed: levels and a place in a dictionary.
	valueBytes = 8
)

// errHostile says that a file claims more of itself than it can be given memory for.
var errHostile = errors.New("the file is damaged, or was not written to be read")

// checkFooter looks at the footer before anybody makes room for what it lists.
func checkFooter(in io.ReaderAt, size int64) error {
	var tail [8]byte
	if size < int64(len(tail)) {
		return fmt.Errorf("%w: it has %d bytes", errHostile, size)
	}
	if _, err := in.ReadAt(tail[:], size-8); err != nil {
		return fmt.Errorf("reading its end: %w", err)
	}
	if string(tail[4:]) == "PARE" {
		return errors.New("the file is encrypted Parquet, which is not read")
	}
	n := int64(binary.LittleEndian.Uint32(tail[:4]))
	if string(tail[4:]) != parquetMagic || n > size-8 {
		return fmt.Errorf("%w: Parquet ends with %s, and this does not: it was cut off, perhaps", errHostile, parquetMagic)
	}
	if n > footerBytesMax {
		return fmt.Errorf("%w: a footer of %d bytes", errHostile, n)
	}
	footer := make([]byte, n)
	if _, err := in.ReadAt(footer, size-8-n); err != nil {
		return fmt.Errorf("reading its footer: %w", err)
	}
	w := thriftWalk{data: footer}
	return w.structure(0, 0, func(int, int, int64) {})
}

// checkGroup walks through the pages of a row group: what is read of them next fits the bounds.
func checkGroup(in io.ReaderAt, file *parquet.File, group int) error {
	groups := file.Metadata().RowGroups
	if group >= len(groups) {
		return fmt.Errorf("%w: it is not in the footer", errHostile)
	}
	var all int64
	for i := range groups[group].Columns {
		m := &groups[group].Columns[i].MetaData
		from := m.DataPageOffset
		if d := m.DictionaryPageOffset; d > 0 && d < from {
			from = d
		}
		if from < 0 || m.TotalCompressedSize < 0 || from+m.TotalCompressedSize > file.Size() || from+m.TotalCompressedSize < from {
			return fmt.Errorf("%w: column %d lies outside of it", errHostile, i+1)
		}
		most, err := checkChunk(io.NewSectionReader(in, from, m.TotalCompressedSize), m.TotalCompressedSize, m.Codec)
		if err != nil {
			return fmt.Errorf("column %d: %w", i+1, err)
		}
		if all += most; all > groupBytesMax {
			return fmt.Errorf("%w: a page of every column takes more than %d bytes", errHostile, int64(groupBytesMax))
		}
	}
	return nil
}

// checkChunk walks through one column's pages, and answers how many bytes the largest and its dictionary take.
func checkChunk(in *io.SectionReader, size int64, codec format.CompressionCodec) (most int64, err error) {
	var head []byte
	var pages, dictionary int64
	for at := int64(0); at < size; {
		page, n, err := pageAt(in, at, size, &head)
		if err != nil {
			return 0, err
		}
		at += n
		if page.packed < 0 || page.packed > size-at || page.unpacked < 0 || page.unpacked > pageBytesMax || page.values < 0 || page.levels < 0 {
			return 0, fmt.Errorf("%w: a page of %d bytes, %d unpacked", errHostile, page.packed, page.unpacked)
		}
		cost := page.packed + page.unpacked + page.values*valueBytes
		if cost > pageBytesMax {
			return 0, fmt.Errorf("%w: a page of %d values", errHostile, page.values)
		}
		if page.compressed && page.packed > page.levels {
			if err := checkPacked(io.NewSectionReader(in, at+page.levels, page.packed-page.levels), codec, page.packed-page.levels, page.unpacked-page.levels); err != nil {
				return 0, err
			}
		}
		if page.dictionary {
			dictionary = max(dictionary, cost)
		} else {
			pages = max(pages, cost)
		}
		at += page.packed
	}
	return pages + dictionary, nil
}

// pageHead is what a page says of itself.
type pageHead struct {
	packed, unpacked, values, levels int64
	dictionary, compressed           bool
}

// pageAt reads the header of the page at a place, and how long it is.
func pageAt(in io.ReaderAt, at, size int64, buf *[]byte) (pageHead, int64, error) {
	for n := int64(1 << 10); ; n *= 8 {
		n = min(n, pageHeaderBytesMax, size-at)
		if int64(cap(*buf)) < n {
			*buf = make([]byte, n)
		}
		head := (*buf)[:n]
		if _, err := in.ReadAt(head, at); err != nil {
			return pageHead{}, 0, fmt.Errorf("reading a page's header: %w", err)
		}
		p := pageHead{compressed: true}
		w := thriftWalk{data: head}
		err := w.structure(0, 0, func(outer, inner int, value int64) {
			switch {
			case outer == 0 && inner == 2:
				p.unpacked = value
			case outer == 0 && inner == 3:
				p.packed = value
			case outer == 5 && inner == 1, outer == 7 && inner == 1, outer == 8 && inner == 1:
				p.values = value
			case outer == 8 && (inner == 5 || inner == 6):
				p.levels = min(p.levels+max(value, 0), 1<<40)
				if value < 0 {
					p.levels = -1 << 40
				}
			case outer == 8 && inner == 7:
				p.compressed = value != 0
			case outer == 0 && inner == 1:
				p.dictionary = value == int64(format.DictionaryPage)
			}
		})
		if err == nil {
			return p, int64(w.at), nil
		}
		if n == min(pageHeaderBytesMax, size-at) {
			return pageHead{}, 0, err
		}
	}
}

// checkPacked refuses a page that unpacks to more than it says: codecs make room for whatever comes.
func checkPacked(in *io.SectionReader, codec format.CompressionCodec, packed, unpacked int64) error {
	var out io.Reader
	switch codec {
	case format.Uncompressed:
		return nil
	case format.Snappy:
		head := make([]byte, min(packed, binary.MaxVarintLen64))
		if _, err := in.ReadAt(head, 0); err != nil {
			return fmt.Errorf("reading a page: %w", err)
		}
		if n, err := snappy.DecodedLen(head); err != nil || int64(n) > unpacked {
			return fmt.Errorf("%w: a page of %d bytes that says %d", errHostile, n, unpacked)
		}
		return nil
	case format.Gzip:
		z, err := gzip.NewReader(in)
		if err != nil {
			return fmt.Errorf("unpacking a page: %w", err)
		}
		out = z
	case format.Zstd:
		z, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(zstdWindowMax), zstd.WithDecoderLowmem(true))
		if err != nil {
			return fmt.Errorf("unpacking a page: %w", err)
		}
		defer z.Close()
		out = z
	case format.Brotli:
		out = brotli.NewReader(in)
	default: // the library gives zeros for some pages of lz4_raw, and none of lz4 and lzo
		return fmt.Errorf("pages are packed with %v, which is not read: write the file with snappy, zstd, gzip or brotli", codec)
	}
	n, err := io.Copy(io.Discard, io.LimitReader(out, unpacked+1))
	if err != nil {
		return fmt.Errorf("unpacking a page: %w", err)
	}
	if n > unpacked {
		return fmt.Errorf("%w: a page of more than the %d bytes that it says", errHostile, unpacked)
	}
	return nil
}

// thriftWalk walks through what Thrift's compact protocol has written, without making anything of it.
type thriftWalk struct {
	data  []byte
	at    int
	items int // of lists
}

// The types of the compact protocol.
const (
	thriftTrue, thriftFalse, thriftByte, thriftI64 = 1, 2, 3, 6
	thriftDouble, thriftBinary, thriftList         = 7, 8, 9
	thriftSet, thriftMap, thriftStruct             = 10, 11, 12
	thriftUUID                                     = 13
	// thriftDeepest structures within each other are more than a footer has.
	thriftDeepest = 24
)

// structure walks through a structure that is the field outer of the first, 0 for the first itself. visit is told of
// the whole numbers and booleans in it and in those right below.
func (w *thriftWalk) structure(depth, outer int, visit func(outer, inner int, value int64)) error {
	if depth > thriftDeepest {
		return fmt.Errorf("%w: structures within structures", errHostile)
	}
	for field := 0; ; {
		head, err := w.byte()
		if err != nil || head == 0 {
			return err
		}
		if field += int(head >> 4); head>>4 == 0 {
			n, err := w.varint()
			if err != nil {
				return err
			}
			field = int(int16(n>>1) ^ -int16(n&1))
		}
		kind := head & 15
		told := func(value int64) {
			if depth < 2 {
				visit(outer, field, value)
			}
		}
		if kind == thriftTrue || kind == thriftFalse {
			told(int64(thriftFalse - kind))
			continue
		}
		inner := outer
		if depth == 0 {
			inner = field
		}
		if err := w.value(kind, depth, inner, told, visit); err != nil {
			return err
		}
	}
}

func (w *thriftWalk) value(kind byte, depth, outer int, told func(int64), visit func(outer, inner int, value int64)) error {
	switch {
	case kind >= thriftByte && kind <= thriftI64:
		if kind == thriftByte {
			_, err := w.byte()
			return err
		}
		n, err := w.varint()
		told(int64(n>>1) ^ -int64(n&1))
		return err
	case kind == thriftDouble:
		return w.skip(8)
	case kind == thriftUUID:
		return w.skip(16)
	case kind == thriftBinary:
		n, err := w.varint()
		if err != nil {
			return err
		}
		return w.skip(n)
	case kind == thriftList, kind == thriftSet:
		return w.list(depth)
	case kind == thriftMap:
		return fmt.Errorf("%w: a map where Parquet has none", errHostile)
	case kind == thriftStruct:
		return w.structure(depth+1, outer, visit)
	case kind == thriftTrue, kind == thriftFalse: // of a list
		return w.skip(1)
	}
	return fmt.Errorf("%w: a value of no type", errHostile)
}

func (w *thriftWalk) list(depth int) error {
	head, err := w.byte()
	if err != nil {
		return err
	}
	n := uint64(head >> 4)
	if n == 15 {
		if n, err = w.varint(); err != nil {
			return err
		}
	}
	kind := head & 15
	if w.items += int(min(n, footerItemsMax)); w.items > footerItemsMax || n > uint64(len(w.data)-w.at) {
		return fmt.Errorf("%w: a list of %d", errHostile, n)
	}
	for range n {
		if err := w.value(kind, depth+2, 0, func(int64) {}, func(int, int, int64) {}); err != nil {
			return err
		}
	}
	return nil
}

var errThriftEnds = fmt.Errorf("%w: it ends within a structure", errHostile)

func (w *thriftWalk) byte() (byte, error) {
	if w.at >= len(w.data) {
		return 0, errThriftEnds
	}
	w.at++
	return w.data[w.at-1], nil
}

func (w *thriftWalk) varint() (uint64, error) {
	n, size := binary.Uvarint(w.data[w.at:])
	if size <= 0 {
		return 0, errThriftEnds
	}
	w.at += size
	return n, nil
}

func (w *thriftWalk) skip(n uint64) error {
	if n > uint64(len(w.data)-w.at) {
		return errThriftEnds
	}
	w.at += int(n)
	return nil
}
