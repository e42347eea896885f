package files

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/ianaindex"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/encoding/unicode/utf32"
)

// encodingOf is the encoding of a name; nil is UTF-8, which needs no conversion. What calls itself Latin-1 is mostly
// Windows-1252, which has a few characters more, so that both are read as browsers read them.
func encodingOf(name string) (encoding.Encoding, error) {
	switch word := strings.ToLower(strings.ReplaceAll(name, "_", "-")); word {
	case "", "utf-8", "utf8", "utf-8-sig":
		return nil, nil
	case "utf-16", "utf16":
		return unicode.UTF16(unicode.LittleEndian, unicode.UseBOM), nil
	case "utf-16le", "utf16le", "utf-16-le":
		return unicode.UTF16(unicode.LittleEndian, unicode.UseBOM), nil
	case "utf-16be", "utf16be", "utf-16-be":
		return unicode.UTF16(unicode.BigEndian, unicode.UseBOM), nil
	case "utf-32", "utf32", "utf-32le":
		return utf32.UTF32(utf32.LittleEndian, utf32.UseBOM), nil
	case "utf-32be":
		return utf32.UTF32(utf32.BigEndian, utf32.UseBOM), nil
	case "latin-1", "ansi":
		name = "latin1"
	case "mac-roman", "macroman":
		name = "macintosh"
	}
	if e, err := htmlindex.Get(name); err == nil && e != encoding.Replacement {
		return e, nil
	}
	if e, err := ianaindex.IANA.Encoding(name); err == nil && e != nil {
		return e, nil
	}
	return nil, fmt.Errorf("encoding: %q is not known: use latin1, windows-1252, utf-16, utf-8 or another that IANA names", name)
}

// marked is the encoding that a byte order mark tells of; empty is none but UTF-8.
func marked(head []byte) string {
	switch {
	case bytes.HasPrefix(head, []byte("\xff\xfe\x00\x00")):
		return "utf-32"
	case bytes.HasPrefix(head, []byte("\xff\xfe")), bytes.HasPrefix(head, []byte("\xfe\xff")):
		return "utf-16"
	}
	return ""
}

// wide is the encoding of a text without a mark in which every second byte is mostly zero; empty is none.
func wide(head []byte) string {
	var zeros [2]int
	for i, c := range head {
		if c == 0 {
			zeros[i%2]++
		}
	}
	pairs := len(head) / 2
	switch {
	case pairs < 2:
	case zeros[1]*2 > pairs && zeros[0]*10 < pairs:
		return "utf-16le"
	case zeros[0]*2 > pairs && zeros[1]*10 < pairs:
		return "utf-16be"
	}
	return ""
}

// likely is what a text that is not UTF-8 may be, by which of its bytes are not ASCII: words that consist of such bytes
// are Cyrillic mostly, single ones are accents of Western Europe.
func likely(text []byte) string {
	high, runs, low := 0, 0, 0 // bytes beyond ASCII, those beside another, and those that only Windows has
	for i, c := range text {
		if c < utf8.RuneSelf {
			continue
		}
		high++
		if i > 0 && text[i-1] >= utf8.RuneSelf {
			runs++
		}
		if c < 0xa0 {
			low++
		}
	}
	switch {
	case runs*2 > high && low*4 > high:
		return "shift_jis, gb18030 or big5"
	case runs*2 > high:
		return "windows-1251 or gb18030"
	default:
		return "windows-1252 (latin1)"
	}
}

// flagOf is the flag for what likely says.
func flagOf(name string) string {
	word, _, _ := strings.Cut(name, " ")
	return "--encoding " + strings.TrimSuffix(word, ",")
}

// otherwise says of a text's beginning that it is not UTF-8 at all, and empty where it may be: some bytes that are
// wrong among others that are right are faults of their rows.
func otherwise(head []byte) string {
	if name := wide(head); name != "" {
		return fmt.Sprintf("the file is not UTF-8 but perhaps UTF-16: say --encoding %s", name)
	}
	wrong, right, lines := 0, 0, 0
	for line := range bytes.Lines(head) {
		lines++
		if bytes.IndexFunc(line, func(r rune) bool { return r != utf8.RuneError && r >= utf8.RuneSelf }) >= 0 {
			right++
		} else if at := invalid(line); at >= 0 && utf8.FullRune(line[at:]) {
			wrong++
		}
	}
	if right > 0 || wrong < 2 || wrong*10 < lines {
		return ""
	}
	name := likely(head)
	return fmt.Sprintf("%d of its first %d lines are not UTF-8: the file may be %s: say %s", wrong, lines, name, flagOf(name))
}
