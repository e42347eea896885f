package files

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"unicode/utf8"
)

// mark is the byte order mark that some programs put before UTF-8.
const mark = "\xef\xbb\xbf"

// macText says what a carriage return between rows means.
const macText = "lines end with carriage returns alone, as old Macs wrote them: " +
	`convert the file, as with tr '\r' '\n'`

// foreign says what files are that begin so, and that nobody here reads.
func foreign(head []byte) string {
	const unpack = ": unpack it, or compress it with gzip or zstd"
	for _, kind := range [...]struct{ begins, what string }{
		{"PK\x03\x04", "a ZIP archive or a spreadsheet: unpack it, or save it as CSV"},
		{"\xd0\xcf\x11\xe0", "an old spreadsheet: save it as CSV"},
		{"BZh", "compressed with bzip2" + unpack},
		{"\xfd7zXZ", "compressed with xz" + unpack},
		{"\x04\x22\x4d\x18", "compressed with lz4" + unpack},
		{"7z\xbc\xaf", "a 7z archive" + unpack},
		{"SQLite format 3", "a SQLite database: export a table as CSV"},
		{"Obj\x01", "Avro: save it as Parquet or JSON lines"},
		{"ORC", "ORC: save it as Parquet"},
		{"ARROW1", "Arrow: save it as Parquet"},
		{"\x89HDF", "HDF5: save the table as Parquet or CSV"},
		{"\x93NUMPY", "a NumPy array: save it as CSV, as with numpy.savetxt"},
		{"%PDF", "a PDF: find its table as CSV"},
	} {
		if bytes.HasPrefix(head, []byte(kind.begins)) {
			return "the file is " + kind.what
		}
	}
	return ""
}

// begin looks at how a text begins, and finds out what its name does not tell: the format, and whether lines end with
// carriage returns. It skips a byte order mark, and refuses what is no text in UTF-8; where the file was read before,
// that is known.
func (v *window) begin(b *begun, check bool) error {
	n := headBytes
	if b.format == formatLines || b.format == formatJSON {
		n = 4 // what comes line by line is passed on so
	}
	head, whole, err := v.head(n)
	if err != nil {
		return fmt.Errorf("reading %s: %w", v.name, err)
	}
	if bytes.HasPrefix(head, []byte(parquetMagic)) || b.format == formatParquet {
		b.format = formatParquet
		return nil
	}
	what := foreign(head)
	if bytes.HasPrefix(head, []byte(mark)) {
		v.skip(len(mark))
		head = v.unread()
	}
	if what == "" && check {
		what = otherwise(head)
	}
	if what != "" {
		return fmt.Errorf("reading %s: %s", v.name, what)
	}
	if b.format == "" {
		if b.format = formatFrom(head, whole); b.format == "" {
			return fmt.Errorf("reading %s: neither its name nor its beginning tells its format: say --format csv, tsv, jsonl, json, "+
				"libsvm or parquet", v.name)
		}
	}
	if text := bytes.TrimLeft(head, " \t\r\n"); b.format == formatLines && len(text) > 0 && text[0] == '[' {
		b.format = formatJSON // an array, whatever its name
	}
	if bytes.IndexByte(head, '\n') < 0 && lone(head) {
		v.cr = b.format != formatJSON && (b.format != formatLines || several(head))
	}
	return nil
}

// lone reports whether a row has a carriage return before anything but a line feed.
func lone(row []byte) bool {
	for i, c := range row[:max(0, len(row)-1)] {
		if c == '\r' && row[i+1] != '\n' {
			return true
		}
	}
	return false
}

// several reports whether a line holds JSON objects with carriage returns between them.
func several(line []byte) bool {
	for at := 0; ; at++ {
		i := bytes.IndexByte(line[at:], '\r')
		if i < 0 {
			return false
		}
		at += i
		before, after := trim(line[:at]), trim(line[at:])
		if bytes.HasSuffix(before, []byte{'}'}) && bytes.HasPrefix(after, []byte{'{'}) {
			return true
		}
	}
}

// plain reports whether b holds nothing but ASCII without NUL, as nearly all rows do.
func plain(b []byte) bool {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	for ; len(b) >= 32; b = b[32:] {
		x, y := binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])
		z, w := binary.LittleEndian.Uint64(b[16:]), binary.LittleEndian.Uint64(b[24:])
		if (x|(x-ones)|y|(y-ones)|z|(z-ones)|w|(w-ones))&tops != 0 {
			return false
		}
	}
	for ; len(b) >= 8; b = b[8:] {
		if x := binary.LittleEndian.Uint64(b); (x|(x-ones))&tops != 0 { // a byte with its top bit, or one below 1
			return false
		}
	}
	for _, c := range b {
		if c == 0 || c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// unmixed reports whether lines hold nothing that would have to be looked at one by one.
func unmixed(b []byte) bool { return bytes.IndexByte(b, '\r') < 0 && plain(b) }

// check says what of a row that ends in the current line is no text in UTF-8.
func (v *window) check(row []byte) *RowError {
	if plain(row) {
		return nil
	}
	var at int
	var text string
	if at = bytes.IndexByte(row, 0); at >= 0 {
		text = "a NUL byte: this is no text in UTF-8, but perhaps in UTF-16: say --encoding utf-16le"
	} else if at = bytes.Index(row, []byte(mark)); at >= 0 {
		text = "a byte order mark inside the file, where files were joined perhaps: remove it, and a header after it"
	} else if at = invalid(row); at >= 0 {
		text = fmt.Sprintf("the byte 0x%02x is not UTF-8: where all of the file is %s, say %s", row[at], likely(row), flagOf(likely(row)))
	} else {
		return nil
	}
	// A row with quotes may stand on several lines.
	fault := v.fault(at-bytes.LastIndexByte(row[:at], '\n'), text)
	fault.Line -= int64(bytes.Count(row[at:], []byte{'\n'}))
	return fault
}

// invalid is the place of the first byte that is not UTF-8, -1 when all is.
func invalid(b []byte) int {
	if utf8.Valid(b) {
		return -1
	}
	for i := 0; ; {
		r, size := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && size <= 1 {
			return i
		}
		i += size
	}
}
