package config

import (
	"iter"
	"strconv"
	"strings"
)

// spot is where a field stands in the file, with the fields inside it. Specs report mistakes by
// path; the tree of spots turns a path into a line and a column.
type spot struct {
	line, column int
	path         string
	short        string           // of a scalar or list that stands for a mapping: the field it fills
	inside       map[string]*spot // by name; elements of lists and keyed slices also by "[2]"
}

// add enters a field found at line and column.
func (s *spot) add(name string, line, column int) *spot {
	return s.put(name, &spot{line: line, column: column, path: joinPath(s.path, name)})
}

// addItem enters a list's element.
func (s *spot) addItem(i, line, column int) *spot {
	index := indexName(i)
	return s.put(index, &spot{line: line, column: column, path: s.path + index})
}

func (s *spot) put(name string, child *spot) *spot {
	if s.inside == nil {
		s.inside = make(map[string]*spot)
	}
	s.inside[name] = child
	return child
}

func indexName(i int) string { return "[" + strconv.Itoa(i) + "]" }

func (s *spot) has(name string) bool { return s.inside[name] != nil || s.short == name }

// resolve follows a violation's path as far as the file goes. What is not in the file has the place
// of what would hold it, and found is false; the path is spelt out in either case.
func (s *spot) resolve(path string) (place *spot, full string, found bool) {
	for path != "" {
		if path == s.short {
			return s, joinPath(s.path, path), true
		}
		if rest, ok := strings.CutPrefix(path, s.short); ok && strings.HasPrefix(rest, "[") && s.short != "" {
			path = rest // an element of a list that stands for the mapping
		}
		child, rest := s.step(path)
		if child == nil {
			return s, appendPath(s.path, path), false
		}
		s, path = child, rest
	}
	return s, s.path, true
}

// step finds the child that a path begins with, the longest if there are several: a feature may
// have dots in its name.
func (s *spot) step(path string) (child *spot, rest string) {
	for end := len(path); end > 0; end-- {
		if end < len(path) && path[end] != '.' && path[end] != '[' {
			continue
		}
		if c := s.inside[path[:end]]; c != nil {
			return c, strings.TrimPrefix(path[end:], ".")
		}
	}
	return nil, ""
}

// joinPath appends a name to a path. Names that would blur the path are quoted.
func joinPath(path, name string) string {
	if !isPlain(name) {
		name = strconv.Quote(name)
	}
	return appendPath(path, name)
}

func appendPath(path, rest string) string {
	if path == "" || strings.HasPrefix(rest, "[") {
		return path + rest
	}
	return path + "." + rest
}

func isPlain(name string) bool {
	for _, r := range name {
		if r <= ' ' || r == '"' || r == 0x7f || r > 0x7f && !strconv.IsPrint(r) {
			return false
		}
	}
	return name != "" && name[0] != '['
}

// faults remembers where problems are: faultHere at their paths and faultBelow at all that lead
// there, so that asking costs the length of a path, not the number of problems. Fields given twice
// are left out, since their first value may be sound.
type faults map[string]fault

type fault byte

const (
	faultBelow fault = iota + 1
	faultHere
)

func (f faults) add(path string) {
	f[path] = faultHere
	for above := range parts(path) {
		f[above] = max(f[above], faultBelow)
	}
}

// touch reports whether a problem lies at path, above it (but for the whole file) or below it.
func (f faults) touch(path string) bool {
	if f[path] != 0 {
		return true
	}
	for above := range parts(path) {
		if above != "" && f[above] == faultHere {
			return true
		}
	}
	return false
}

// parts yields the paths above path, the whole file included.
func parts(path string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for i := range len(path) {
			if (i == 0 || path[i] == '.' || path[i] == '[') && !yield(path[:i]) {
				return
			}
		}
	}
}
