package files

import "fmt"

// column is one column of a table.
type column struct {
	key  []byte // `,"name":`
	text bool   // its cells stay strings
	gaps bool   // cells that say so are missing
	need bool   // a feature
}

// columnsOf compiles header names into columns. A name is a key as it stands, dots and all; a path
// in the pipeline file writes such a dot with a backslash before it.
func (t *table) columnsOf(names []string, o *Options) ([]column, error) {
	first := make(map[string]int, len(names))
	columns := make([]column, len(names))
	for i, name := range names {
		if name == "" {
			return nil, fmt.Errorf("column %d has no name: give it one, or remove it", i+1)
		}
		if other, ok := first[name]; ok {
			return nil, fmt.Errorf("columns %d and %d are both named %q: rename one", other+1, i+1, name)
		}
		first[name] = i
		columns[i] = column{
			key:  append(appendString([]byte{','}, []byte(name)), ':'),
			text: o.Strings != nil && o.Strings(name),
			gaps: o.Missing != nil && o.Missing(name),
			need: o.Features != nil && o.Features(name),
		}
		if columns[i].need {
			t.needed++
		}
	}
	return columns, nil
}

// write appends a row as a JSON object, and counts the features in it. A cell that is empty, or says that it is
// missing, is left out: absent is what it is. When all are, nothing is appended.
func (t *table) write(dst, row []byte) (object []byte, found int) {
	start := len(dst)
	for i := range t.columns {
		value := t.text(row, t.cells[i])
		if word := trim(value); len(word) == 0 || t.columns[i].gaps && Missing(word) {
			continue
		}
		if t.columns[i].need {
			found++
		}
		dst = append(dst, t.columns[i].key...)
		dst = appendCell(dst, value, t.columns[i].text)
	}
	if len(dst) == start {
		return dst, 0
	}
	dst[start] = '{' // in place of the first key's comma
	return append(dst, '}'), found
}
