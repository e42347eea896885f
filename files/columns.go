package files

import (
	"fmt"
	"strings"
)

// column is one column of a table.
type column struct {
	key  []byte // `,"name":`
	text bool   // its cells stay strings
	gaps bool   // cells that say so are missing
	need bool   // a feature
	left bool   // left out
}

// named gives every column a name of its own: those without one are called by their place, c1 for the first, and of
// those with the same name all but the first are numbered. The first column is left out where nothing but row numbers
// stands in it, as pandas and R write them: it has no name then.
func (t *table) named(names []string, s *sample, o *Options) (left bool) {
	read := func(name string) bool { return o.Known != nil && o.Known(name) }
	index := len(names) > 1 && (names[0] == "" || names[0] == "Unnamed: 0")
	if left = index && t.header && !read(names[0]) && !read("c1") && (o.Known == nil || names[0] == "") && distinct(s, 0); left {
		t.note("column 1 counts the rows and has no name: it is left out")
	}
	taken := make(map[string]bool, len(names))
	for _, name := range names {
		taken[name] = true
	}
	free := func(name, form string, n int) string {
		for ; ; n++ {
			if unused := fmt.Sprintf(form, name, n); !taken[unused] {
				taken[unused] = true
				return unused
			}
		}
	}
	first, nameless, again := make(map[string]bool, len(names)), []string{}, []string{}
	for i, name := range names {
		switch {
		case name == "":
			if names[i] = free("c", "%s%d", i+1); t.header && (i > 0 || !left) {
				nameless = append(nameless, names[i])
			}
		case first[name]:
			names[i] = free(name, "%s_%d", 2)
			again = append(again, names[i])
		}
		first[name] = true
	}
	if len(nameless) > 0 {
		t.note("%s without a name: called %s", plural(len(nameless), "column"), listed(nameless))
	}
	if len(again) > 0 {
		t.note("%s named as one before: called %s", plural(len(again), "column"), listed(again))
	}
	return left
}

// listed names a few of many.
func listed(names []string) string {
	const most = 5
	if len(names) > most {
		return strings.Join(names[:most], ", ") + " …"
	}
	return strings.Join(names, ", ")
}

// columnsOf compiles names into columns. A name is a key as it stands, dots and all; a path in the pipeline file
// writes such a dot with a backslash before it.
func (t *table) columnsOf(names []string, s *sample, o *Options) {
	left := t.named(names, s, o)
	t.columns = make([]column, len(names))
	for i, name := range names {
		t.columns[i] = column{
			key:  append(appendString([]byte{','}, []byte(name)), ':'),
			text: o.Strings != nil && o.Strings(name),
			gaps: o.Missing != nil && o.Missing(name),
			need: o.Features != nil && o.Features(name),
			left: left && i == 0,
		}
		if t.columns[i].need {
			t.needed++
		}
	}
	t.names = names
}

// write appends a row as a JSON object, and counts the features in it. A cell that is empty, or says that it is
// missing, is left out: absent is what it is. When all are, nothing is appended.
func (t *table) write(dst, row []byte) (object []byte, found int) {
	start := len(dst)
	for i := range t.columns {
		value := t.text(row, t.cells[i])
		if word := trim(value); len(word) == 0 || t.columns[i].gaps && Missing(word) || t.columns[i].left {
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
