package features

import (
	"fmt"
	"slices"
	"time"

	"millrace"
)

// Bounds of what a pipeline file may ask for.
const (
	// ColumnsMax bounds the features of a pipeline. It leaves room for every tabular set we know of
	// while an event's fields stay below half a megabyte.
	ColumnsMax = 10_000
	// CapMax bounds the values that one category learns; each takes 41 bytes of state in a snapshot.
	CapMax = 1 << 16
	// BitsMax bounds one hashed category to 16.7 million columns.
	BitsMax = 24
	// WidthMax bounds the columns of the standard view: 2^24 float32 weights are 64 MiB, and Adam
	// keeps three times that.
	WidthMax = 1 << 24
	// ClipMax bounds Column.Clip; standard deviations beyond it are no protection from outliers.
	ClipMax = 1e6
	// NgramsMax bounds Column.Ngrams: longer runs of words hardly ever come back.
	NgramsMax = 5
	// EntriesMax bounds Column.Entries by the counter of a field.
	EntriesMax = 1<<16 - 1
	// GapsMax bounds Column.Gaps: every text of the column is compared with them.
	GapsMax = 100
	// StepsMax bounds how far back a lag reads: each key remembers that many values.
	StepsMax = 1000
	// LagValuesMax bounds the values that one lag remembers, keys times the longest step: 64 MiB.
	LagValuesMax = 1 << 24
	// OverShortest bounds Column.Over: event times are whole milliseconds, and a window has panes.
	OverShortest = time.Second
	// OverLongest bounds Column.Over to ten years; no topic keeps its events so long.
	OverLongest = 3660 * 24 * time.Hour
	// PanesMax bounds Column.Panes: every event of a key may look through all of them.
	PanesMax = 1000
	// WindowKeysMax bounds the keys of a window: 64 million.
	WindowKeysMax = 1 << 26
)

// labelName stands in a lag's `of` for the event's label.
const labelName = "label"

// The words of Column's fields.
const (
	scaleStandard = "standard"
	scaleNone     = "none"

	policyZero      = "zero"
	policyMean      = "mean"
	policyIndicator = "indicator"
	policyReject    = "reject"

	encodeOneHot = "onehot"
	encodeHash   = "hash"
)

// DefaultColumn returns a column of that name and type with all else as a pipeline file that says no
// more would have it.
func DefaultColumn(name string, t Type) Column {
	var c Column
	c.SetDefaults()
	c.Name, c.Type = name, t
	c.Resolve()
	return c
}

// EventPath is the path of the column's value in an event: Path, or the name when it is empty. A since that counts
// from a feature has that one's name here, see [Columns.TimeSource].
func (c Column) EventPath() string {
	if c.Type == Since && len(c.Of) == 1 {
		return c.Of[0]
	}
	if c.Path == "" {
		return c.Name
	}
	return c.Path
}

// nulls is the policy for nulls, which is the one for absent values unless the pipeline says more.
func (c Column) nulls() string {
	if c.Nulls == "" {
		return c.Missing
	}
	return c.Nulls
}

// Validate reports every mistake in the column; paths are relative to it.
func (c Column) Validate() []millrace.Violation {
	var found []millrace.Violation
	report := func(path, format string, args ...any) {
		found = append(found, millrace.Violation{Path: path, Message: fmt.Sprintf(format, args...)})
	}
	oneOf := func(path, value string, words ...string) {
		if !slices.Contains(words, value) {
			report(path, "%q is none of %s", value, list(words))
		}
	}
	if c.Name == "" {
		report("name", "a feature has a name")
	}
	if _, err := SplitPath(c.EventPath()); err != nil && c.EventPath() != "" && !c.Derived() && c.Type != Since {
		report("path", "%q is no path: %v", c.EventPath(), err)
	}
	enc := c.Type.encoder()
	if enc == nil {
		known := types()
		names := make([]string, len(known))
		for i := range known {
			names[i] = string(known[i].name)
		}
		oneOf("type", string(c.Type), names...)
	}
	if c.Format != "" && c.Type == Number {
		oneOf("format", c.Format, "us", "eu", "duration")
	}
	for _, fault := range UnitFaults(c.Unit, c.Format) {
		report("unit", "%s", fault)
	}
	oneOf("scale", c.Scale, scaleStandard, scaleNone)
	oneOf("missing", c.Missing, policyZero, policyMean, policyIndicator, policyReject)
	if c.Nulls != "" {
		oneOf("nulls", c.Nulls, policyZero, policyMean, policyIndicator, policyReject)
	}
	oneOf("encode", c.Encode, encodeOneHot, encodeHash)
	if c.Cap < 1 || c.Cap > CapMax {
		report("cap", "%d is outside 1 to %d", c.Cap, CapMax)
	}
	if c.Bits < 1 || c.Bits > BitsMax {
		report("bits", "%d is outside 1 to %d", c.Bits, BitsMax)
	}
	if !(c.Clip > 0 && c.Clip <= ClipMax) {
		report("clip", "%v is outside 0 (exclusive) to %v standard deviations", c.Clip, ClipMax)
	}
	if len(c.Gaps) > GapsMax {
		report("missing.values", "%d texts are more than %d", len(c.Gaps), GapsMax)
	}
	c.checkRange(report)
	if enc != nil {
		enc.check(&c, report)
	}
	return found
}

// checkNoMean refuses policies that need a mean.
func checkNoMean(c *Column, report report) {
	if c.Missing == policyMean {
		report("missing", "a %s has no mean: use zero, indicator or reject", c.Type)
	}
	if c.Nulls == policyMean {
		report("nulls", "a %s has no mean: use zero, indicator or reject", c.Type)
	}
}

// Validate reports every mistake in the columns, with paths such as "columns[2].scale".
func (s Spec) Validate() []millrace.Violation {
	var found []millrace.Violation
	if len(s.Columns) == 0 {
		found = append(found, millrace.Violation{Path: "columns", Message: "a pipeline has at least one feature"})
	}
	if len(s.Columns) > ColumnsMax {
		found = append(found, millrace.Violation{
			Path: "columns", Message: fmt.Sprintf("%d features are more than %d", len(s.Columns), ColumnsMax)})
	}
	found = append(found, s.validateColumns()...)
	if width := s.Columns.Width(); width > WidthMax {
		found = append(found, millrace.Violation{Path: "columns", Message: fmt.Sprintf(
			"the features have %d columns together, more than %d: lower bits, cap or indices", width, WidthMax)})
	}
	return found
}

// validateColumns reports the mistakes of each column, and of what its sources are, under the column that is at fault.
func (s Spec) validateColumns() []millrace.Violation {
	var found []millrace.Violation
	columns, origin := s.Columns.expand()
	first := make(map[string]int, len(columns)) // by name, the column in s
	for j := range columns {
		c, i := &columns[j], origin[j]
		report := func(path, format string, args ...any) {
			v := millrace.Violation{Path: fmt.Sprintf("columns[%d].%s", i, path), Message: fmt.Sprintf(format, args...)}
			if !slices.Contains(found, v) { // of a window once, not once a statistic
				found = append(found, v)
			}
		}
		if j == 0 || origin[j-1] != i {
			for _, v := range s.Columns[i].Validate() {
				report(v.Path, "%s", v.Message)
			}
		}
		if k, ok := first[c.Name]; !ok {
			first[c.Name] = i
		} else if k != i { // a statistic that is given twice is reported as that
			report("name", "%q is the name of columns[%d] already", c.Name, k)
		}
		if enc := c.Type.encoder(); enc != nil {
			enc.checkSources(columns, j, report)
		}
	}
	return found
}

// find returns the column of that name, -1 when there is none.
func (s Columns) find(name string) int {
	return slices.IndexFunc(s, func(c Column) bool { return c.Name == name })
}

// indicators is how many indicator columns the feature has. Absent and null share one, unless the
// pipeline names `nulls: indicator` beside `missing: indicator`: then each has its own.
func (c Column) indicators() int {
	n := 0
	if c.Type == Cross || c.Type == Lag {
		return n
	}
	if c.Missing == policyIndicator {
		n++
	}
	if c.Nulls == policyIndicator {
		n++
	}
	return n
}

// list writes words as people do: a, b or c.
func list(words []string) string {
	s := words[0]
	for _, w := range words[1 : len(words)-1] {
		s += ", " + w
	}
	return s + " or " + words[len(words)-1]
}
