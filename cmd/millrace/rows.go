package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/spf13/pflag"

	"millrace/config"
	"millrace/files"
	"millrace/pipeline"
)

// rowFlags say which rows of files are sent, and how fast: of produce, and of run with --from.
type rowFlags struct {
	rate   float64
	loop   bool
	labels string
	shape  shapeFlags
	paths  []string // that were opened, those of labels last
}

func (f *rowFlags) add(flags *pflag.FlagSet) {
	flags.Float64Var(&f.rate, "rate", 0, "events a second; 0 is as fast as it goes")
	flags.BoolVar(&f.loop, "loop", false, "start again at the end of the file")
	flags.StringVar(&f.labels, "labels", "", "file of labels that come later than their events, sent to the topic of labels in the order of times")
	f.shape.add(flags)
}

// check refuses what cannot be had together.
func (f *rowFlags) check() error {
	if f.labels != "" && f.loop {
		return config.Usagef("--loop: files of events and labels are sent with their times, once")
	}
	return checkRate(f.rate)
}

// open opens files as rows of the pipeline's topics; what is left out, and what is odd, is said.
func (f *rowFlags) open(ctx context.Context, a *app, p *config.Pipeline, names []string) (*pipeline.FileRows, error) {
	report := func(fault string) { fmt.Fprintln(a.err, "left out:", fault) }
	path, in, err := f.shape.files(ctx, a, names, f.labels, f.loop || f.labels != "")
	if err != nil {
		return nil, err
	}
	f.paths = append([]string{path}, in.More...)
	var rows *pipeline.FileRows
	if f.labels != "" {
		f.paths = append(f.paths, f.labels)
		rows, err = pipeline.OpenLateRows(ctx, p, path, f.labels, in, time.Now(), report)
	} else {
		rows, err = pipeline.OpenRows(p, path, in, f.loop, report)
	}
	if err != nil {
		return nil, err
	}
	for _, text := range append(rows.Disorder(), rows.Absent()) {
		if text != "" {
			fmt.Fprintln(a.err, text)
		}
	}
	return rows, nil
}

// digest tells the files that were opened apart from others.
func (f *rowFlags) digest(ctx context.Context, a *app) (string, error) {
	var size int64
	for _, path := range f.paths {
		if info, err := os.Stat(path); err == nil {
			size += info.Size()
		}
	}
	progress, finish := a.progress("looking whether rows were sent before")
	defer finish()
	digest, _, err := files.Digest(ctx, f.paths, f.shape.shape, progress(size))
	return digest, err
}

// closeRows closes files, and says what was found out of them.
func (a *app) closeRows(rows *pipeline.FileRows) {
	for _, text := range rows.Notes() {
		fmt.Fprintln(a.err, text)
	}
	_ = rows.Close() // a file that was only read
}
