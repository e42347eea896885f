package files

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// mark is the byte order mark that some programs put before UTF-8.
const mark = "\xef\xbb\xbf"

// macText says what a carriage return between rows means.
const macText = "lines end with carriage returns alone, as old Macs wrote them: " +
	`convert the file, as with tr '\r' '\n'`

// foreign says what files are that begin so, and no text.
func foreign(head []byte) string {
	for _, kind := range [...]struct{ begins, what string }{
		{"\xff\xfe", "the file is UTF-16: convert it to UTF-8, as with iconv -f UTF-16 -t UTF-8"},
		{"\xfe\xff", "the file is UTF-16: convert it to UTF-8, as with iconv -f UTF-16 -t UTF-8"},
		{"\x1f\x8b", "the file is compressed with gzip: give it a name that ends in .gz"},
		{"\x28\xb5\x2f\xfd", "the file is compressed with zstd: unpack it, or compress it with gzip"},
		{"PK\x03\x04", "the file is a ZIP archive or a spreadsheet: unpack it, or save it as CSV"},
		{"PAR1", "the file is Parquet, which is not read yet: save it as CSV"},
	} {
		if bytes.HasPrefix(head, []byte(kind.begins)) {
			return kind.what
		}
	}
	return ""
}

// begin looks at how the file begins: it skips a byte order mark and refuses what is no text in UTF-8 or, where rows
// are lines, has no line feeds.
func (v *window) begin(lines bool) error {
	for v.w-v.r < 4 {
		if err := v.more(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return fmt.Errorf("reading %s: %w", v.name, err)
		}
	}
	head := v.unread()
	if what := foreign(head); what != "" {
		return fmt.Errorf("reading %s: %s", v.name, what)
	}
	if bytes.HasPrefix(head, []byte(mark)) {
		v.skip(len(mark))
	}
	if lines && bytes.IndexByte(head, '\n') < 0 && lone(head) {
		return fmt.Errorf("reading %s: %s", v.name, macText)
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
		text = "a NUL byte: this is no text in UTF-8, but perhaps in UTF-16; convert the file"
	} else if at = bytes.Index(row, []byte(mark)); at >= 0 {
		text = "a byte order mark inside the file, where files were joined perhaps: remove it, and a header after it"
	} else if at = invalid(row); at >= 0 {
		text = fmt.Sprintf("the byte 0x%02x is not UTF-8: convert the file, as with iconv -f WINDOWS-1252 -t UTF-8", row[at])
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
