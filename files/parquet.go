package files

import (
	"errors"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"
)

const (
	// parquetMagic is how Parquet files begin, and end.
	parquetMagic = "PAR1"
	// parquetColumnsMax leaves are far more than a pipeline has features.
	parquetColumnsMax = 16384
	// parquetBuffered values of each column are read at a time.
	parquetBuffered = 64
	// parquetRowValuesMax values bound a row with lists; its object is bounded besides.
	parquetRowValuesMax = 1 << 20
)

// columnar reads Parquet, a row at a time out of all columns. A row becomes an object: groups are objects, lists
// arrays, what is null is absent. The file is checked before the library reads it, so that what it claims of itself
// cannot take more memory than it is given.
type columnar struct {
	name   string
	in     io.ReaderAt
	file   *parquet.File
	fields []*node
	leaves []*leaf
	scope  [][]parquet.Value // by leaf: the values of what is being written

	group int   // row groups begun
	left  int64 // rows of the group at hand
	rows  int64 // read
	bad   error // what the columns do not agree on
}

// leaf is a column of values, and where its reading stands.
type leaf struct {
	pages  parquet.Pages
	values parquet.ValueReader
	buf    []parquet.Value
	from   int
	many   bool // a row may have several
	row    []parquet.Value
}

// openParquet reads what the file says of itself.
func openParquet(name string, in io.ReaderAt, size int64) (c *columnar, err error) {
	if in == nil {
		return nil, fmt.Errorf("reading %s: Parquet is read from its end, so it has to be a file that is not packed", name)
	}
	defer func() { err = damaged(name, recover(), err) }()
	if err := checkFooter(in, size); err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	file, err := parquet.OpenFile(in, size, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", name, err)
	}
	c = &columnar{name: name, in: in, file: file}
	for _, column := range file.Root().Columns() {
		n, err := c.nodeOf(column)
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", name, err)
		}
		c.fields = append(c.fields, n)
	}
	c.scope = make([][]parquet.Value, len(c.leaves))
	return c, nil
}

// damaged makes an error of what the library panics with: it trusts some of what a file says.
func damaged(name string, panicked any, err error) error {
	if panicked == nil {
		return err
	}
	return fmt.Errorf("reading %s: the file is damaged: %v", name, panicked)
}

// line counts rows: Parquet has no lines.
func (c *columnar) line() int64 { return c.rows }

func (c *columnar) row(dst []byte) (out []byte, fault *RowError, err error) {
	defer func() { err = damaged(c.name, recover(), err) }()
	for c.left == 0 {
		if err := c.next(); err != nil {
			return dst, nil, err
		}
	}
	c.left--
	c.rows++
	long := false
	for i, l := range c.leaves {
		if err := l.next(); errors.Is(err, errRowTooLong) {
			long = true
		} else if err != nil {
			return dst, nil, fmt.Errorf("row %d, column %d: %w", c.rows, i+1, err)
		}
		c.scope[i] = l.row
	}
	start := len(dst)
	if !long {
		dst = c.object(dst, c.fields, 0, 0)
	}
	if c.bad != nil {
		return dst, nil, c.bad
	}
	if long || len(dst)-start > rowBytesMax {
		fault := &RowError{File: c.name, Line: c.rows, Text: fmt.Sprintf("a row of more than %d MiB or %d values", rowBytesMax>>20, parquetRowValuesMax)}
		return appendRaw(dst[:start], []byte("a row too long")), fault, nil
	}
	if len(dst)-start == len("{}") {
		fault := &RowError{File: c.name, Line: c.rows, Text: "all values are null: remove the row"}
		return appendRaw(dst[:start], []byte("nothing")), fault, nil
	}
	return dst, nil, nil
}

// next begins the next row group.
func (c *columnar) next() error {
	c.close()
	groups := c.file.RowGroups()
	if c.group == len(groups) {
		return io.EOF
	}
	if err := checkGroup(c.in, c.file, c.group); err != nil {
		return fmt.Errorf("row group %d: %w", c.group+1, err)
	}
	group := groups[c.group]
	chunks := group.ColumnChunks()
	if len(chunks) != len(c.leaves) {
		return fmt.Errorf("row group %d has %d columns of %d", c.group+1, len(chunks), len(c.leaves))
	}
	for i, l := range c.leaves {
		l.pages, l.values, l.from, l.buf = chunks[i].Pages(), nil, 0, l.buf[:0]
	}
	c.group++
	c.left = group.NumRows()
	return nil
}

func (c *columnar) close() {
	for _, l := range c.leaves {
		if l.pages != nil {
			_ = l.pages.Close() // of a file that was only read
			l.pages = nil
		}
	}
}

// next reads the values of one row: one, or, within lists, those up to the next that begins a row.
func (l *leaf) next() error {
	l.row = l.row[:0]
	for {
		if l.from == len(l.buf) {
			err := l.fill()
			if errors.Is(err, io.EOF) && len(l.row) > 0 {
				return l.enough()
			}
			if errors.Is(err, io.EOF) {
				return io.ErrUnexpectedEOF // of fewer values than rows
			}
			if err != nil {
				return err
			}
		}
		v := l.buf[l.from]
		if len(l.row) > 0 && v.RepetitionLevel() == 0 {
			return l.enough()
		}
		l.from++
		if len(l.row) <= parquetRowValuesMax {
			l.row = append(l.row, v)
		}
		if !l.many {
			return nil
		}
	}
}

func (l *leaf) enough() error {
	if len(l.row) > parquetRowValuesMax {
		return errRowTooLong
	}
	return nil
}

// fill reads values of the page at hand, or of the next. What is read stays valid: pages are left to the collector.
func (l *leaf) fill() error {
	for {
		if l.values == nil {
			page, err := l.pages.ReadPage()
			if err != nil {
				return err
			}
			l.values = page.Values()
		}
		if cap(l.buf) == 0 {
			l.buf = make([]parquet.Value, 0, parquetBuffered)
		}
		n, err := l.values.ReadValues(l.buf[:parquetBuffered])
		l.from, l.buf = 0, l.buf[:n]
		if err != nil {
			l.values = nil
		}
		if n > 0 {
			return nil
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if err == nil {
			return io.ErrNoProgress
		}
	}
}
