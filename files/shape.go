package files

import "fmt"

// Shape is what a person says of how files are written, where that is not to be found in them. The zero value is
// to find out everything.
type Shape struct {
	// Format is csv, tsv, jsonl, json or libsvm. Empty is by name: .csv .tsv .jsonl .ndjson .json
	// .svm .libsvm. A further .gz means gzip, whatever the format.
	Format string
	// Delimiter stands between the cells of a table: one character, or tab, comma, semicolon, pipe or space.
	Delimiter string
}

// Input is how the files that a person names are read.
type Input struct {
	Shape
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

// Check says which setting cannot be; it names the setting first.
func (s *Shape) Check() error {
	_, err := s.delimiter()
	return err
}
