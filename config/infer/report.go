package infer

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"millrace/features"
)

// Report is what was found in the data and what was made of it, as plain data: what the file's comments say in words,
// and what is worth a look besides. Shares are from 0 to 1, rows are counted from 1.
type Report struct {
	Pipeline string          `json:"pipeline"`
	Source   string          `json:"source"` // name of the file or topic
	Rows     int64           `json:"rows"`   // events looked at
	More     bool            `json:"more"`   // there are, or may be, more that were not
	Skipped  int64           `json:"skipped"`
	Fault    string          `json:"first_skipped,omitempty"` // why, and where
	Label    LabelReport     `json:"label"`
	ID       string          `json:"id,omitempty"`   // path
	Time     string          `json:"time,omitempty"` // path
	Model    string          `json:"model"`          // its family
	Features []FeatureReport `json:"features"`
	LeftOut  []LeftOut       `json:"left_out"`
	Warnings []Warning       `json:"warnings"`
}

// LabelReport is what is learned to be predicted.
type LabelReport struct {
	Path string `json:"path"`
	Kind string `json:"kind"`            // class or number
	Why  string `json:"guess,omitempty"` // it was chosen; empty when it was asked for
	// Rows are all that were looked at for the label, which may be more than for features. Missing is the share of
	// them without one.
	Rows    int64        `json:"rows"`
	Missing float64      `json:"missing"`
	Classes []ClassShare `json:"classes,omitempty"` // in the file's order
	// Positive is the one of two classes that a score is the probability of, PositiveWhy what that was guessed from.
	Positive    string `json:"positive,omitempty"`
	PositiveWhy string `json:"positive_guess,omitempty"`
	// Of a label that is a number.
	Min  *float64 `json:"min,omitempty"`
	Max  *float64 `json:"max,omitempty"`
	Mean *float64 `json:"mean,omitempty"`
}

// ClassShare is a class and how many rows have it.
type ClassShare struct {
	Class string  `json:"class"`
	Rows  int64   `json:"rows"`
	Share float64 `json:"share"`
}

// FeatureReport is a feature and what its field looked like.
type FeatureReport struct {
	Name string `json:"name"`
	Path string `json:"path,omitempty"` // where it is not the name
	Kind string `json:"kind"`           // as the file's type
	// Distinct values; where DistinctAbout, right to some percent.
	Distinct      int64   `json:"distinct"`
	DistinctAbout bool    `json:"distinct_about,omitempty"`
	Missing       float64 `json:"missing"` // share of the events without a value
	Example       string  `json:"example,omitempty"`
	// FirstRow and LastRow are where values begin and end, given where that is well within the rows.
	FirstRow int64    `json:"first_row,omitempty"`
	LastRow  int64    `json:"last_row,omitempty"`
	Columns  int      `json:"columns"` // of the vector that the model learns from
	Guessed  []string `json:"guessed,omitempty"`
}

// LeftOut is a field that is no feature.
type LeftOut struct {
	Field string `json:"field"`
	Why   string `json:"why"`
}

func (l LeftOut) String() string { return l.Field + ": " + l.Why }

// Warning is something that a person should look at before the pipeline runs.
type Warning struct {
	Kind   WarningKind `json:"kind"`
	Field  string      `json:"field,omitempty"` // path or name of the feature, if it is of one
	Text   string      `json:"text"`
	Figure *float64    `json:"figure,omitempty"` // what was measured
}

// WarningKind is the stable word for what a warning is about.
type WarningKind string

// What warnings are about.
const (
	WarnGuessedLabel WarningKind = "guessed_label" // nobody named the label
	WarnSkipped      WarningKind = "skipped"       // rows that cannot be read
	WarnRareClass    WarningKind = "rare_class"
	WarnSpelling     WarningKind = "spelling" // classes that differ in case alone
	WarnUnread       WarningKind = "unread"   // no number, though its values are amounts to people
	WarnConstant     WarningKind = "constant" // always one value
	WarnPartly       WarningKind = "partly"   // values begin late or end early
	WarnWide         WarningKind = "wide"     // many columns
	WarnTime         WarningKind = "time"     // the events' time is no feature, or steps back from row to row
	WarnWindows      WarningKind = "windows"  // may be proposed
	WarnLeak         WarningKind = "leak"     // one feature alone predicts the label
	WarnNoBetter     WarningKind = "no_better"
	WarnRejected     WarningKind = "rejected" // events that cannot be used as the file is
	WarnFile         WarningKind = "file"     // what was found out of how the file is written
	WarnCheck        WarningKind = "check"    // check says it
)

// report gathers what was found. It guesses nothing by itself.
func (p *plan) report(s *survey, r *Result) Report {
	out := Report{
		Pipeline: r.Name, Source: p.topic, Rows: p.rows, Skipped: r.Skipped, Fault: r.Fault, Label: p.labelReport(),
		ID: r.ID, Time: r.Time, Model: r.Model, Features: make([]FeatureReport, len(p.features)), LeftOut: slices.Clone(p.left),
	}
	widths := r.Features.Widths()
	for i := range p.features {
		out.Features[i] = p.featureReport(&p.features[i], widths[i])
	}
	out.More = !s.ended || s.stopped || out.Label.Rows > out.Rows
	if p.seen.beyond > 0 {
		out.LeftOut = append(out.LeftOut, LeftOut{"other fields", fmt.Sprintf("came up after the first %d events, when there were %d already, as many as a pipeline has; %s of theirs were passed over",
			rowsDefault, len(p.seen.columns), count(p.seen.beyond, "value"))})
	}
	if out.LeftOut == nil {
		out.LeftOut = []LeftOut{}
	}
	out.Warnings = p.warnings(&out)
	return out
}

func (p *plan) labelReport() LabelReport {
	c := p.label
	out := LabelReport{Path: c.path, Kind: "number", Why: p.why, Rows: p.rows + p.scanned}
	out.Missing = share(out.Rows-c.values(), out.Rows)
	if p.classes == nil {
		out.Min, out.Max = &c.min, &c.max
		if mean := c.sum / float64(max(c.numbers, 1)); !math.IsInf(mean, 0) && !math.IsNaN(mean) { // as JSON has no other
			out.Mean = &mean
		}
		return out
	}
	out.Kind, out.Positive, out.PositiveWhy = "class", p.positive, p.order
	var all int64
	for _, class := range p.classes {
		all += c.distinct[class]
	}
	for _, class := range p.classes {
		out.Classes = append(out.Classes, ClassShare{class, c.distinct[class], share(c.distinct[class], all)})
	}
	return out
}

func (p *plan) featureReport(f *feature, width int) FeatureReport {
	out := FeatureReport{Name: f.Name, Path: f.Path, Kind: string(f.Type), Columns: width}
	c := p.columnOf(f)
	if c == nil { // an index that no event had yet
		out.Missing = 1
		out.Guessed = parts(f.note, "")
		return out
	}
	out.Distinct, out.DistinctAbout = c.different(), c.many
	out.Missing = share(p.rows-c.values(), p.rows)
	switch {
	case c.bag != nil:
		out.Distinct, out.DistinctAbout = int64(len(c.bag.keys)), c.bag.many
		out.Missing = share(p.rows-c.bag.events, p.rows)
	case c.tags > 0:
		out.Missing = share(p.rows-c.tags, p.rows)
	}
	out.Example = example(c)
	out.FirstRow, out.LastRow = p.span(c)
	out.Guessed = parts(f.note, p.missingNote(c), distinctNote(c))
	return out
}

// example is a value of the field.
func example(c *column) string {
	if c.sample != "" || len(c.distinct) == 0 {
		return c.sample
	}
	return slices.Min(slices.Collect(maps.Keys(c.distinct)))
}

// parts are what a note says beside what other columns of the report say.
func parts(note string, said ...string) []string {
	if note == "" {
		return nil
	}
	return slices.DeleteFunc(strings.Split(note, "; "), func(part string) bool {
		return part == "" || slices.Contains(said, part)
	})
}

// spanShare of the rows without a value at their beginning or end are said: shorter gaps are chance.
const spanShare = 0.05

// span are the first and the last row with a value; 0 where that is near the rows' own beginning or end.
func (p *plan) span(c *column) (first, last int64) {
	gap := int64(spanShare * float64(p.rows))
	if p.sparse || c.values() < p.rows/100 { // what is rare begins late by chance
		return 0, 0
	}
	if c.first > max(gap, differentRows) {
		first = c.first + 1
	}
	if p.rows-1-c.latest > max(gap, differentRows) {
		last = c.latest + 1
	}
	return first, last
}

// spanNote says where values begin and end, for a field that does not have them all along.
func (p *plan) spanNote(c *column) string {
	first, last := p.span(c)
	if first == 0 && last == 0 {
		return ""
	}
	return "values " + partly(&FeatureReport{FirstRow: first, LastRow: last})
}

func share(part, whole int64) float64 { return float64(part) / float64(max(whole, 1)) }

// hashedColumns reports whether the columns are shared by values.
func hashedColumns(c features.Column) bool {
	return hashed(c) && (c.Type != features.Category || cmp.Or(c.Encode, "onehot") == "hash")
}
