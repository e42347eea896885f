package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"millrace/config"
	"millrace/decode"
	"millrace/features"
	"millrace/files"
)

// OpenLateRows reads a file of events and one of their labels as rows of the pipeline's two topics, merged by time. A
// row's time is its own, at events.time and label.time, else its number in milliseconds; records are spaced as the rows
// are, and the last one is of now. report is told of the rows that are left out. What the files or the pipeline are
// lacking is a config.UsageError.
func OpenLateRows(ctx context.Context, p *config.Pipeline, events, labels string, in files.Input, now time.Time, report func(fault string)) (*FileRows, error) {
	if !p.LateLabels() {
		return nil, config.Usagef("labels of a file of their own need a topic of their own: write label: {topic: TOPIC} in the pipeline file")
	}
	if err := CheckFileTimes(p); err != nil {
		return nil, err
	}
	last, disorder, err := newest(ctx, p, events, labels, in, now)
	if err != nil {
		return nil, err
	}
	out, err := openBoth(p, events, labels, in, report)
	if err != nil {
		return nil, err
	}
	out.shift, out.disorder = now.UnixMilli()-last, disorder
	out.again = func() (*FileRows, error) { return openBoth(p, events, labels, in, func(string) {}) }
	return out, nil
}

// CheckFileTimes refuses, as a config.UsageError, a pipeline with the time of one of two files: they are in no order.
func CheckFileTimes(p *config.Pipeline) error {
	const files = "a file of events and one of labels are merged by events.time and label.time, or by row numbers without both, and %s: " +
		"write %s: {time: PATH}, or leave out %s"
	switch {
	case p.Events.Time.Given() && !p.Label.Time.Given():
		return config.Usagef(files, "label.time is not given", "label", "events.time")
	case !p.Events.Time.Given() && p.Label.Time.Given():
		return config.Usagef(files, "events.time is not given", "events", "label.time")
	}
	return nil
}

// openBoth opens the two files from their beginning.
func openBoth(p *config.Pipeline, events, labels string, in files.Input, report func(fault string)) (*FileRows, error) {
	var err error
	o := fileOptions(p)
	o.Input = in
	if o.Time, err = RowTime(p.Events.Time, p.Limits); err != nil {
		return nil, config.UsageError{Err: err}
	}
	out := &FileRows{}
	if out.events, err = openRowReader(events, p.Events.Key, o, report); err != nil {
		return nil, err
	}
	out.events.columns = eventColumns(p)
	o = LabelFileOptions(p)
	o.Input = in.Labels()
	if o.Time, err = RowTime(p.Label.Time, p.Limits); err == nil {
		out.labels, err = openRowReader(labels, labelKey(p), o, report)
	}
	if err != nil {
		_ = out.events.src.Close() // a file that was only read
		return nil, err
	}
	out.labels.columns = labelColumns(p)
	return out, nil
}

// labelKey is the path of what labels are keyed by: the id of their event, as events mostly are. Where the id is the
// key, a row has it where an event has.
func labelKey(p *config.Pipeline) string {
	if p.Label.ID == decode.KeyID {
		return p.Events.ID
	}
	return p.Label.ID
}

// LabelFileOptions say how a file of labels is read: where they are numbers, words such as NA are none.
func LabelFileOptions(p *config.Pipeline) files.Options {
	all := fileOptions(p)
	return files.Options{
		Strings: func(column string) bool { return p.Label.Format != "" && features.JoinPath(column) == p.Label.Path },
		Missing: func(column string) bool { return p.Label.Type == "number" && all.Missing(column) },
		Known:   all.Known,
	}
}

// newest is the latest time of a row in either file, and which of them are not in the order of their times. It reads
// both, for a file does not say, and refuses files without the paths that make events and labels find each other.
func newest(ctx context.Context, p *config.Pipeline, events, labels string, in files.Input, now time.Time) (last int64, disorder []string, err error) {
	for _, path := range append([]string{events, labels}, in.More...) {
		if path == files.StdinPath {
			continue // whoever asks has kept it
		}
		info, err := os.Stat(path)
		if err == nil && !info.Mode().IsRegular() {
			err = fmt.Errorf("%s is no ordinary file, and is read twice", path)
		}
		if err != nil {
			return 0, nil, config.UsageError{Err: err}
		}
	}
	rows, err := openBoth(p, events, labels, in, func(string) {})
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = rows.Close() }() // files that were only read
	found, err := newLabelPaths(p)
	if err != nil {
		return 0, nil, err
	}
	var first int64
	for n := 0; ; n++ {
		row, err := rows.Next(ctx)
		if errors.Is(err, io.EOF) {
			return last, rows.disordered(), errors.Join(found.check(p, rows, n), spanned(first, last, now))
		}
		if err != nil {
			return 0, nil, fmt.Errorf("looking for the latest time: %w", err)
		}
		if row.Label {
			found.see(row.Value)
		}
		if n == 0 {
			first, last = row.Time, row.Time
		}
		first, last = min(first, row.Time), max(last, row.Time)
	}
}

// spanned refuses, as a config.UsageError, rows so far apart that the first would have a record time before 1970, which
// brokers take for none at all: mostly one row has a wrong time.
func spanned(first, last int64, now time.Time) error {
	if uint64(last-first) <= uint64(now.UnixMilli()) {
		return nil
	}
	return config.Usagef("the rows' times go from %s to %s: records that far apart would begin before 1970, where the last is of now; correct the "+
		"row whose time is wrong", time.UnixMilli(first).UTC().Format(time.RFC3339), time.UnixMilli(last).UTC().Format(time.RFC3339))
}
