package files

import "fmt"

// Shape is what a person says of how files are written, where that is not to be found in them. The zero value is
// to find out everything.
type Shape struct {
	// Format is csv, tsv, jsonl, json, libsvm or parquet. Empty is by the file's name, and where that does not tell, by
	// how it begins.
	Format string
	// Delimiter stands between the cells of a table: one character, or tab, comma, semicolon, pipe or space.
	Delimiter string
	// Quote encloses cells of a table that hold delimiters: one character, double, single or none.
	Quote string
	// Comment begins lines of a table that are skipped: one character, or none. Lines that begin with # before the
	// header are skipped without it.
	Comment string
	// Encoding is the text's, by a name that IANA or WHATWG know; empty is UTF-8, and UTF-16 where the file says so.
	Encoding string
	// NoHeader says whether tables have no row that names their columns; nil is to look at the first row.
	NoHeader *bool
}

// Input is how the files that a person names are read.
type Input struct {
	Shape
	// More are the paths of further files that follow the first: all of them are one stream.
	More []string
	// Stdin is what the path - stands for; nil is nothing.
	Stdin *Stdin
}

// Labels is how a file of labels is read that stands beside files of events: as they are, but for the files that
// follow. A format is for files of events, whose name may not tell theirs.
func (in Input) Labels() Input {
	in.More, in.Format = nil, ""
	return in
}

// byteOf reads a setting that is one character or the name of one.
func byteOf(setting string, names map[string]byte) (byte, error) {
	if c, ok := names[setting]; ok {
		return c, nil
	}
	if len(setting) == 1 && setting[0] > ' ' && setting[0] < 0x7f {
		return setting[0], nil
	}
	return 0, fmt.Errorf("%q is no single character of ASCII", setting)
}

// delimiter is the one that is asked for, 0 for none.
func (s *Shape) delimiter() (byte, error) {
	if s.Delimiter == "" {
		return 0, nil
	}
	c, err := byteOf(s.Delimiter, map[string]byte{
		"tab": '\t', `\t`: '\t', "\t": '\t', "comma": ',', "semicolon": ';', "pipe": '|', "space": ' ', " ": ' ',
	})
	if err == nil && (c == '"' || c == '\'') {
		err = fmt.Errorf("%q is a quote", s.Delimiter)
	}
	if err != nil {
		return 0, fmt.Errorf("delimiter: %w: use a character such as , ; or |, or tab", err)
	}
	return c, nil
}

// quote is the one that is asked for, 0 for none; asked is false where it is to be found out.
func (s *Shape) quote() (quote byte, asked bool, err error) {
	switch s.Quote {
	case "":
		return '"', false, nil
	case none:
		return 0, true, nil
	}
	quote, err = byteOf(s.Quote, map[string]byte{"double": '"', "single": '\''})
	if comma, other := s.delimiter(); err == nil && other == nil && quote == comma {
		err = fmt.Errorf("%q is the delimiter", s.Quote)
	}
	if err != nil {
		return 0, false, fmt.Errorf("quote: %w: use double, single, none, or a character", err)
	}
	return quote, true, nil
}

// comment is the character that comments begin with, as it is asked for; 0 for none.
func (s *Shape) comment() (byte, error) {
	if s.Comment == "" || s.Comment == none {
		return 0, nil
	}
	c, err := byteOf(s.Comment, nil)
	if err != nil {
		return 0, fmt.Errorf("comment: %w: use a character such as # or %%, or none", err)
	}
	return c, nil
}

// none is the setting of what there is none of.
const none = "none"

// Check says which setting cannot be; it names the setting first.
func (s *Shape) Check() error {
	if _, err := s.delimiter(); err != nil {
		return err
	}
	if _, _, err := s.quote(); err != nil {
		return err
	}
	if _, err := s.comment(); err != nil {
		return err
	}
	if _, err := encodingOf(s.Encoding); err != nil {
		return err
	}
	_, err := formatNamed(s.Format)
	return err
}
