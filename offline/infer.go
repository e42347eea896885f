package offline

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"millrace"
	"millrace/config"
	"millrace/config/infer"
	"millrace/files"
)

const (
	// indicesAlone indices of a LIBSVM file are a feature each; more are one bag, which is quicker to read.
	indicesAlone = 1024
	// bagName is what that bag is called.
	bagName = "x"
	// LookDefault bytes of a file are looked at for features unless more or less is asked for: all of most files.
	LookDefault = 2 << 30
)

// Infer writes a pipeline file for the data's file of events, as init does.
func Infer(ctx context.Context, data Data, o infer.Options) (*infer.Result, error) {
	path := data.Events
	indices, err := files.Indices(path, files.Options{Input: data.Input})
	if err != nil {
		return nil, err
	}
	if indices > indicesAlone {
		o.Bag, o.Indices = bagName, indices
	}
	src, err := files.Open(path, files.Options{Input: data.Input, Bag: o.Bag})
	if err != nil {
		return nil, err
	}
	defer src.Close() //nolint:errcheck // a file that was only read
	if o.Name == "" {
		o.Name = Name(path)
	}
	if src.Table() {
		o.Missing, o.Cells = files.Missing, true // as package pipeline has it
	}
	if n := len(data.Input.More); n > 0 {
		o.Source = fmt.Sprintf("%s and %s", filepath.Base(path), millrace.Counted(n, "more file"))
	}
	o.Where = func(row int64) string { return files.Where(path, files.Options{Input: data.Input, Bag: o.Bag}, row) }
	if o.Look <= 0 {
		o.Look = LookDefault
	}
	o.Enough = func() bool { return src.Read() >= o.Look }
	next := src.Next
	if o.Progress != nil {
		read := o.Progress(src.Size())
		next = func(ctx context.Context) (*millrace.Batch, error) {
			read(src.Read())
			return src.Next(ctx)
		}
	}
	r, err := infer.FromSource(ctx, next, o)
	if err != nil {
		return nil, fmt.Errorf("looking at %s: %w", path, err)
	}
	for i, text := range src.Notes() {
		r.Report.Warnings = slices.Insert(r.Report.Warnings, i, infer.Warning{Kind: infer.WarnFile, Text: text})
	}
	return r, nil
}

// Inferred is Infer's result, and the same parsed.
func Inferred(ctx context.Context, data Data, o infer.Options) (*infer.Result, *config.Pipeline, error) {
	r, err := Infer(ctx, data, o)
	if err != nil {
		return nil, nil, err
	}
	p, err := config.Parse("inferred from "+data.Events, bytes.Clone(r.YAML), func(string) (string, bool) { return "", false })
	var problems config.Errors
	if errors.As(err, &problems) && strings.HasPrefix(problems[0].Path, "model") {
		// Nobody has seen the file that the place is of; what does not suit the label is the model that was asked for.
		return nil, nil, fmt.Errorf("%s with the label %s: %s", r.Model, r.Label, problems[0].Message)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("the inferred pipeline is not accepted: %w\n%s", err, r.YAML)
	}
	return r, p, nil
}

// Name makes a pipeline's name from a file's: letters, digits, dots and dashes, without the ending.
func Name(path string) string {
	if path == files.StdinPath {
		path = files.StdinName
	}
	name, _, _ := strings.Cut(filepath.Base(path), ".")
	name = strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' {
			return r
		}
		return '-'
	}, name)
	if name == "" {
		return "pipeline"
	}
	return name
}
