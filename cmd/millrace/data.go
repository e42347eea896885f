package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"millrace"
	"millrace/config"
	"millrace/join"
	"millrace/offline"
)

// dataFlags say which labels a file of events has besides those in it.
type dataFlags struct {
	shape  shapeFlags
	labels string
	delay  string
}

func (f *dataFlags) add(flags *pflag.FlagSet) {
	f.shape.add(flags)
	flags.StringVar(&f.labels, "labels", "", "a file of labels that come later: rows with label.id, the label and label.time, merged with the events by time")
	flags.StringVar(&f.delay, "label-delay", "", "learn each label so much later than its event: a time, as 30d, or a number of events, as 1000")
}

// data is the files of events with their labels; again says that they are read more than once.
func (f *dataFlags) data(ctx context.Context, a *app, events []string, again bool) (offline.Data, error) {
	path, in, err := f.shape.files(ctx, a, events, f.labels, again || f.delay != "")
	d := offline.Data{Events: path, Labels: f.labels, Input: in}
	if err != nil || f.delay == "" {
		return d, err
	}
	if d.Delay, err = offline.ParseDelay(f.delay); err != nil {
		return d, config.Usagef("--label-delay: %w", err)
	}
	return d, nil
}

// tellMissing says what was found out of files, which paths no event or label had, and which rows are in no order,
// once where pipelines agree.
func (a *app) tellMissing(passes ...*offline.Pass) {
	var told []string
	for _, p := range passes {
		for _, text := range append(p.Notes(), p.Missing(), p.Disorder()) {
			if text != "" && !slices.Contains(told, text) {
				fmt.Fprintln(a.err, text)
				told = append(told, text)
			}
		}
	}
}

// tellRejected says what could not be used, with the first.
func (a *app) tellRejected(p *offline.Pass) {
	if first := p.First(); first != "" {
		fmt.Fprintf(a.err, "rejected: %s; the first: %s\n", p.Reasons(), first)
	}
	if first := p.FirstLabel(); first != "" {
		fmt.Fprintf(a.err, "labels rejected: %s; the first: %s\n", p.LabelReasons(), first)
	}
}

// printLabels says what became of events and of labels, where labels came later.
func printLabels(w io.Writer, s offline.Summary) error {
	if s.Waiting == nil {
		return nil
	}
	text := fmt.Sprintf("\nlabels that came later: %d", s.Labels)
	if d := s.LabelDelay; d != nil {
		text += fmt.Sprintf("; after their events: median %s, 90 %% within %s, 99 %% within %s, longest %s",
			delayText(d.Median), delayText(d.Percent90), delayText(d.Percent99), delayText(d.Longest))
	}
	events, labels := namesText(s.Names, join.EventNames()), namesText(s.Names, join.LabelNames())
	if *s.Waiting > 0 {
		events = append(events, fmt.Sprintf("waiting at the end %d", *s.Waiting))
	}
	if s.LabelsEarly > 0 {
		labels = append(labels, fmt.Sprintf("waiting at the end %d", s.LabelsEarly))
	}
	text += "\n  events: " + strings.Join(events, ", ")
	if len(labels) > 0 {
		text += "\n  labels: " + strings.Join(labels, ", ")
	}
	_, err := fmt.Fprintln(w, text)
	return err
}

// namesText lists how many there are of each name that there is one of.
func namesText(counts map[string]uint64, names []join.Name) []string {
	var out []string
	for _, name := range names {
		if n := counts[string(name)]; n > 0 {
			word := strings.TrimPrefix(string(name), "label_")
			out = append(out, fmt.Sprintf("%s %d", strings.ReplaceAll(word, "_", " "), n))
		}
	}
	return out
}

// delayText is a delay in seconds as a person says it: to two digits or so.
func delayText(seconds float64) string {
	d := time.Duration(seconds * float64(time.Second))
	unit := time.Millisecond
	for _, u := range []time.Duration{time.Second, time.Minute, time.Hour} {
		if d >= 48*u {
			unit = u
		}
	}
	return millrace.FormatDuration(d.Round(unit))
}
