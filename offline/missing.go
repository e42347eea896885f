package offline

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"millrace"
	"millrace/features"
	"millrace/join"
	"millrace/pipeline"
)

// Missing says which features no event had a value of, and which other paths are in no event or no label: a misspelt
// name is no fault of any of them. It is empty when there are none; a line a kind of record.
func (p *Pass) Missing() string { return p.missing(p.pipeline.FeatureSpec().Columns) }

func (p *Pass) missing(columns features.Columns) string {
	var names []string
	for i, c := range columns {
		if !c.Derived() && i < len(p.present) && !p.present[i] {
			names = append(names, c.Name)
		}
	}
	if len(names) == len(columns) && p.Learned == 0 {
		names = nil
	}
	if p.Events > 0 && p.Names[string(join.NameNoID)] == p.Events {
		names = append(names, at("events.id", p.pipeline.Events.ID))
	}
	if p.data.Delay.Given && p.Labels == 0 && p.Rejections() < p.Events {
		names = append(names, at("label.path", p.pipeline.Label.Path))
	}
	if p.withoutTime(0) {
		names = append(names, at("events.time", p.pipeline.Events.Time.Path))
	}
	var lines []string
	if len(names) > 0 {
		lines = append(lines, "in no event: "+strings.Join(names, ", "))
	}
	if names := p.missingOfLabels(); len(names) > 0 {
		lines = append(lines, "in no label: "+strings.Join(names, ", "))
	}
	return strings.Join(lines, "\n")
}

// missingOfLabels are the paths that no label which came later had. A label without an id is not looked into further.
func (p *Pass) missingOfLabels() (names []string) {
	if p.Labels == 0 || p.data.Labels == "" {
		return nil
	}
	if p.LabelsRejected[millrace.ReasonMissingID] == p.Labels {
		names = append(names, at("label.id", p.pipeline.Label.ID))
	}
	if p.LabelsRejected[millrace.ReasonMissingLabel] == p.Labels {
		names = append(names, at("label.path", p.pipeline.Label.Path))
	}
	if p.withoutTime(labels) {
		names = append(names, at("label.time", p.pipeline.Label.Time.Path))
	}
	return names
}

// Notes says what was found out and nobody asked for, a text each.
func (p *Pass) Notes() []string {
	var notes []string
	for source, f := range p.files {
		if source == 0 || p.data.Labels != "" { // else the file of events is read a second time
			notes = append(notes, f.Notes()...)
		}
	}
	if text := p.pipeline.TimeTeachesLabel(); text != "" && p.data.late() {
		notes = append(notes, "warning: "+text)
	}
	return notes
}

// Disorder says which files were learned although their rows are not in the order of their times, a line each.
func (p *Pass) Disorder() string {
	var lines []string
	for _, f := range p.files {
		if text := f.Disorder(); text != "" && !slices.Contains(lines, text) {
			lines = append(lines, text)
		}
	}
	return strings.Join(lines, "\n")
}

func at(setting, path string) string { return fmt.Sprintf("%s (%s)", setting, path) }

// withoutTime reports whether no row of a file had the time that its rows are to have. Rows whose time cannot be read,
// or that cannot be read at all, are told as such.
func (p *Pass) withoutTime(source int) bool {
	if source >= len(p.files) || p.files[source].o.Time == nil || p.files[source].Timed() {
		return false
	}
	rows, rejected := p.Events, p.Rejected
	if source == labels {
		rows, rejected = p.Labels, p.LabelsRejected
	}
	return rows > rejected[millrace.ReasonBadTime]+rejected[millrace.ReasonMalformed]+rejected[millrace.ReasonMalformedRow]
}

// untimed refuses two files that were merged by times which one of them does not have: its rows were taken to come a
// millisecond after each other, in 1970.
func (p *Pass) untimed() error {
	if p.data.Delay.Given && p.data.Delay.Time == 0 {
		return nil // merged by their numbers
	}
	for source, f := range p.files {
		if !p.data.late() || !p.withoutTime(source) {
			continue
		}
		setting, path := "events.time", p.pipeline.Events.Time.Path
		if source == labels && p.data.Labels != "" {
			setting, path = "label.time", p.pipeline.Label.Time.Path
		}
		return pipeline.WithoutTimeError(f.path, setting, path)
	}
	return nil
}

// NoneLearnedError is the error of a file without a row that can be learned.
type NoneLearnedError struct {
	File string
	Pass Pass
}

// Error says why, with the first row.
func (e *NoneLearnedError) Error() string {
	p := &e.Pass
	if p.Events == 0 {
		return e.File + " has no rows"
	}
	none := fmt.Sprintf("no row of %s could be learned: ", e.File)
	switch n := p.Unlabelled; {
	case p.Names != nil && p.Rejections() < p.Events:
		return none + p.withoutLabels()
	case n == p.Events:
		return fmt.Sprintf("no row of %s has a label: none has a value at %s", e.File, at("label.path", p.pipeline.Label.Path))
	case n > 0:
		return fmt.Sprintf("%s%d without a label, %s; the first that was refused: %s", none, n, p.Reasons(), p.First())
	}
	return none + p.Reasons() + "; the first: " + p.First()
}

// withoutLabels says why no event found a label that came later.
func (p *Pass) withoutLabels() string {
	switch {
	case p.Labels == 0 && p.data.Delay.Given:
		return "none has a label: none has a value at " + at("label.path", p.pipeline.Label.Path)
	case p.Labels == 0 && p.data.Labels != "":
		return "labels come later, and " + filepath.Base(p.data.Labels) + " has no rows"
	case p.Labels == 0:
		return "labels of this pipeline come later, and there are none; give them with --labels FILE"
	}
	text := fmt.Sprintf("no label found its event, of %s and %s", millrace.Counted(p.Labels, "label"), millrace.Counted(p.Events, "event"))
	if n := p.LabelRejections(); n > 0 {
		text += fmt.Sprintf("; %s could not be used: %s; the first: %s", millrace.Counted(n, "label"), p.LabelReasons(), p.FirstLabel())
	}
	if n := p.Rejections(); n > 0 {
		text += fmt.Sprintf("; %s could not be used: %s; the first: %s", millrace.Counted(n, "event"), p.Reasons(), p.First())
	}
	if p.ids[0] != "" && p.ids[labels] != "" {
		text += fmt.Sprintf("; the first id of the events is %q, that of the labels %q", p.ids[0], p.ids[labels])
	}
	if missing := p.missing(nil); missing != "" {
		text += "; " + strings.ReplaceAll(missing, "\n", "; ")
	}
	return text
}
