package files

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Expand makes paths of what a person names: a pattern such as data/*.csv, where no file is called so, is those that it
// matches, by name. One that matches nothing, or a folder, is an error.
func Expand(names []string) ([]string, error) {
	var paths []string
	for _, name := range names {
		if name == StdinPath || !strings.ContainsAny(name, "*?[") {
			paths = append(paths, name)
			continue
		}
		if _, err := os.Lstat(name); err == nil {
			paths = append(paths, name)
			continue
		}
		matches, err := filepath.Glob(name)
		if err != nil {
			return nil, fmt.Errorf("%s is no pattern of names: %w", name, err)
		}
		if len(matches) == 0 {
			return nil, fmt.Errorf("no file is called %s", name)
		}
		paths = append(paths, matches...)
	}
	if i := slices.Index(paths, StdinPath); i >= 0 && slices.Contains(paths[i+1:], StdinPath) {
		return nil, errors.New("standard input (-) comes only once")
	}
	return paths, nil
}

// lookAhead opens every file once, where there are several: one that is missing, or has other columns than the first,
// is found before anything is learned. It also adds up their sizes.
func (s *Source) lookAhead() error {
	known := true
	var first *begun
	for at, path := range s.paths {
		if path == StdinPath && !s.options.Stdin.spooled() || len(s.paths) == 1 {
			size, regular, err := sizeOf(path, &s.options.Input)
			if err != nil {
				return fmt.Errorf("opening data: %w", err)
			}
			s.size += size
			known = known && regular
			continue
		}
		b, err := begin(path, &s.options, &s.read, nil)
		if err != nil {
			return err
		}
		s.size += b.size
		known = known && b.size > 0
		if err := b.Close(); err != nil {
			return fmt.Errorf("closing %s: %w", b.name, err)
		}
		s.before[at] = b
		if first == nil {
			first = b
		} else if err := agree(first, b); err != nil {
			return err
		}
	}
	if s.read.Store(0); !known {
		s.size = 0
	}
	return nil
}

// Size is how many bytes files have together, as they are packed; known is false where one can be read only once.
func Size(path string, in Input) (size int64, known bool, err error) {
	known = true
	for _, path := range append([]string{path}, in.More...) {
		n, regular, err := sizeOf(path, &in)
		if err != nil {
			return 0, false, err
		}
		size += n
		known = known && regular
	}
	return size, known, nil
}

// sizeOf is a file's size, and whether it has one.
func sizeOf(path string, in *Input) (int64, bool, error) {
	if path == StdinPath {
		if in.Stdin.spooled() {
			return in.Stdin.size, true, nil
		}
		return 0, false, nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return 0, false, err
	}
	if !info.Mode().IsRegular() {
		return 0, false, nil
	}
	return info.Size(), true, nil
}

// agree says how the columns of a table differ from the first one's. Their order may: rows are known by names.
func agree(first, other *begun) error {
	a, ok := first.rows.(*table)
	b, also := other.rows.(*table)
	if !ok || !also {
		return nil // objects say themselves what is in them
	}
	for _, name := range b.names {
		if !slices.Contains(a.names, name) {
			return fmt.Errorf("reading %s: it has a column %q, which %s has not: files that are read as one have the same columns",
				other.name, name, first.name)
		}
	}
	for _, name := range a.names {
		if !slices.Contains(b.names, name) {
			return fmt.Errorf("reading %s: it has no column %q, which %s has: files that are read as one have the same columns",
				other.name, name, first.name)
		}
	}
	return nil
}

// Notes says what was found out of the files and nobody asked for, a sentence each: comments that were skipped, columns
// that were named or left out. It is for whoever calls Next.
func (s *Source) Notes() []string {
	if s.again || s.file == nil {
		return s.told
	}
	return append(slices.Clone(s.told), s.file.notes(s.at > 0)...)
}

// notes are those of one file; of those after the first only what differs from file to file is told.
func (b *begun) notes(later bool) []string {
	if s, ok := b.rows.(*values); ok && s.note != "" {
		return []string{s.note}
	}
	t, ok := b.rows.(*table)
	if !ok {
		return nil
	}
	var out []string
	if !later {
		out = append(out, t.notes...)
	}
	if t.headers > 0 {
		out = append(out, fmt.Sprintf("%s: %s skipped, the header again", b.name, plural(int(t.headers), "row")))
	}
	if t.comments > 0 {
		out = append(out, fmt.Sprintf("%s: %s skipped", b.name, plural(int(t.comments), "comment line")))
	}
	return out
}
