package pipeline

import (
	"errors"
	"fmt"
	"path/filepath"

	"millrace"
	"millrace/config"
	"millrace/decode"
)

// labelPaths finds out whether the paths of a label record are in any row of a file: a misspelt one would make dead
// letters of all of them.
type labelPaths struct {
	decoder              *decode.Decoder
	event                *millrace.Event
	rows, noID, noLabels int
}

func newLabelPaths(p *config.Pipeline) (*labelPaths, error) {
	label := p.Label
	label.ID = labelKey(p)
	d, err := decode.New(label.LabelRecordSpec(p.Limits))
	if err != nil {
		return nil, fmt.Errorf("compiling the schema of labels: %w", err)
	}
	return &labelPaths{decoder: d, event: d.NewEvent()}, nil
}

// see looks at one row. What else may be wrong with it is told by whoever learns it.
func (l *labelPaths) see(row []byte) {
	l.rows++
	var why *millrace.Rejection
	if !errors.As(l.decoder.Decode(&millrace.Record{Value: row}, l.event), &why) {
		return
	}
	switch why.Reason {
	case millrace.ReasonMissingID:
		l.noID++
	case millrace.ReasonMissingLabel:
		l.noLabels++
	}
}

// check refuses, as a config.UsageError, files that were read to their end, n rows in all, and have nothing at a path
// that is needed.
func (l *labelPaths) check(p *config.Pipeline, read *FileRows, n int) error {
	const nowhere = "no row of %s has a value at %s (%s), so that no label could be used: correct the path"
	labels := filepath.Base(read.labels.src.Path())
	switch {
	case l.rows > 0 && l.noID == l.rows:
		return config.Usagef(nowhere, labels, "label.id", labelKey(p))
	case l.rows > 0 && l.noLabels == l.rows:
		return config.Usagef(nowhere, labels, "label.path", p.Label.Path)
	case l.rows > 0 && p.Label.Time.Given() && !read.labels.src.Timed():
		return WithoutTimeError(labels, "label.time", p.Label.Time.Path)
	case n > l.rows && p.Events.Time.Given() && !read.events.src.Timed():
		return WithoutTimeError(read.events.src.Path(), "events.time", p.Events.Time.Path)
	}
	return nil
}

// WithoutTimeError is the config.UsageError of a file without the times that events and labels are merged by.
func WithoutTimeError(file, setting, path string) error {
	return config.Usagef("no row of %s has a time at %s (%s), and events and labels are merged by it: correct the path, or leave out "+
		"both events.time and label.time to merge by row numbers", filepath.Base(file), setting, path)
}
