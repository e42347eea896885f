package pipeline

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"millrace"
	"millrace/config"
	"millrace/decode"
	"millrace/features"
)

const (
	// columnRowsMax are the first rows that are looked at: lines of JSON need not all have the same fields.
	columnRowsMax = 100
	// columnsNamed is how many columns of either side are named.
	columnsNamed = 8
)

// rowColumns are the fields of a row that a pipeline reads, by their names at the top of it.
type rowColumns struct {
	names    []string
	features []string // of them, those of features whose absence is no way to write a value
}

// eventColumns are those of events.
func eventColumns(p *config.Pipeline) rowColumns {
	var c rowColumns
	for _, f := range eventFields(p) {
		c.add(f.Path[0])
		if f.Feature >= 0 && !f.Sparse && !slices.Contains(c.features, f.Path[0]) {
			c.features = append(c.features, f.Path[0])
		}
	}
	return c
}

// labelColumns are those of labels that come later.
func labelColumns(p *config.Pipeline) rowColumns {
	var c rowColumns
	for _, path := range []string{p.Label.Path, p.Label.ID, p.Label.Time.Path, p.Label.Weight} {
		if keys, err := features.SplitPath(path); err == nil && len(keys) > 0 && path != "" && path != decode.KeyID {
			c.add(keys[0])
		}
	}
	return c
}

func (c *rowColumns) add(name string) {
	if !slices.Contains(c.names, name) {
		c.names = append(c.names, name)
	}
}

// topNames are the names at the top of the first rows; ok is false where one of them cannot be read, which is said
// where it is.
func topNames(records []millrace.Record) (found map[string]bool, ok bool) {
	found = map[string]bool{}
	for i := range records[:min(len(records), columnRowsMax)] {
		if records[i].Fault != nil {
			continue
		}
		var row map[string]json.RawMessage
		if json.Unmarshal(records[i].Value, &row) != nil {
			return nil, false
		}
		for name := range row {
			found[name] = true
		}
	}
	return found, true
}

// check refuses, as a config.UsageError, rows none of which has a column that the pipeline reads: each of them would
// become an event of nothing.
func (c rowColumns) check(path string, records []millrace.Record) error {
	found, ok := topNames(records)
	known := slices.ContainsFunc(c.names, func(name string) bool { return found[name] })
	if !ok || known || len(found) == 0 || len(c.names) == 0 {
		return nil
	}
	return config.Usagef("%s has none of the pipeline's columns: it has %s, and the pipeline reads %s", path,
		someNames(slices.Sorted(maps.Keys(found))), someNames(c.names))
}

// absent says which features' columns none of the first rows has: a misspelt name is no fault of a row. Empty where
// all are there.
func (c rowColumns) absent(path string, records []millrace.Record) string {
	found, ok := topNames(records)
	missing := slices.DeleteFunc(slices.Clone(c.features), func(name string) bool { return found[name] })
	if !ok || len(found) == 0 || len(missing) == 0 {
		return ""
	}
	return fmt.Sprintf("in none of the first rows of %s: %s (%s looked at)", path, someNames(missing),
		millrace.Counted(min(len(records), columnRowsMax), "row"))
}

// someNames lists the first few.
func someNames(names []string) string {
	more := ""
	if n := len(names) - columnsNamed; n > 0 {
		names, more = names[:columnsNamed], fmt.Sprintf(" and %d more", n)
	}
	return strings.Join(names, ", ") + more
}
