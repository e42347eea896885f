package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"millrace"
	"millrace/config"
	"millrace/config/infer"
	"millrace/features"
	"millrace/files"
	"millrace/pipeline"
)

// pass is one reading of a file through the very path that a topic's events take: decode, extract,
// predict, learn.
type pass struct {
	Events   uint64
	Learned  uint64
	Rejected map[millrace.Reason]uint64
	Elapsed  time.Duration
	First    string // the first rejection, with its place
	present  []bool // by feature: whether an event had a value of it
}

func (p *pass) rejected() uint64 {
	var n uint64
	for _, v := range p.Rejected {
		n += v
	}
	return n
}

// learnFile learns every row of the file once.
func learnFile(ctx context.Context, path string, pieces *pipeline.Pieces, progress func(read int64)) (*pass, error) {
	src, err := files.Open(path, pieces.Files)
	if err != nil {
		return nil, err
	}
	defer src.Close() //nolint:errcheck // a file that was only read
	p := &pass{Rejected: map[millrace.Reason]uint64{}, present: make([]bool, len(pieces.Decoder.NewEvent().Fields))}
	event := pieces.Decoder.NewEvent()
	start := time.Now()
	for {
		b, err := src.Next(ctx)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", path, err)
		}
		for i := range b.Records {
			p.learn(pieces, &b.Records[i], event)
		}
		b.Release()
		progress(src.Read())
	}
	p.Elapsed = time.Since(start)
	return p, nil
}

func (p *pass) learn(pieces *pipeline.Pieces, rec *millrace.Record, event *millrace.Event) {
	err := pieces.Decoder.Decode(rec, event)
	if err == nil {
		for i := range event.Fields {
			p.present[i] = p.present[i] || event.Fields[i].Presence == millrace.Present
		}
		err = pieces.Trainer.Apply(event)
	}
	p.count(rec, err)
}

// missing says which features no event had a value of: a misspelt name is no fault of any event. It is empty when there are
// none.
func (p *pass) missing(columns []features.Column) string {
	var names []string
	for i, c := range columns {
		if !c.Derived() && i < len(p.present) && !p.present[i] {
			names = append(names, c.Name)
		}
	}
	if len(names) == 0 || len(names) == len(columns) && p.Learned == 0 {
		return ""
	}
	return "in no event: " + strings.Join(names, ", ")
}

// count counts one event, learned or rejected.
func (p *pass) count(rec *millrace.Record, err error) {
	p.Events++
	if err == nil {
		p.Learned++
		return
	}
	reason := millrace.ReasonBadRecord
	var why *millrace.Rejection
	if errors.As(err, &why) {
		reason = why.Reason
	}
	p.Rejected[reason]++
	if p.First == "" {
		p.First = fmt.Sprintf("%s, row %d: %v", rec.Topic, rec.Offset+1, err)
		for _, h := range rec.Headers {
			if h.Key == files.FaultHeader {
				p.First = string(h.Value)
			}
		}
	}
}

// reasons lists rejections as "reason n", most frequent first.
func (p *pass) reasons() string {
	keys := slices.SortedFunc(maps.Keys(p.Rejected), func(a, b millrace.Reason) int {
		if p.Rejected[a] != p.Rejected[b] {
			return int(p.Rejected[b]) - int(p.Rejected[a])
		}
		return strings.Compare(string(a), string(b))
	})
	parts := make([]string, len(keys))
	for i, k := range keys {
		parts[i] = fmt.Sprintf("%s %d", k, p.Rejected[k])
	}
	return strings.Join(parts, ", ")
}

const (
	// indicesAlone indices of a LIBSVM file are a feature each; more are one bag, which is quicker to read.
	indicesAlone = 1024
	// bagName is what that bag is called.
	bagName = "x"
)

// inferFile writes a pipeline file for a data file, as init does.
func inferFile(ctx context.Context, path string, o infer.Options) (*infer.Result, error) {
	indices, err := files.Indices(path, files.Options{})
	if err != nil {
		return nil, err
	}
	if indices > indicesAlone {
		o.Bag, o.Indices = bagName, indices
	}
	src, err := files.Open(path, files.Options{Bag: o.Bag})
	if err != nil {
		return nil, err
	}
	defer src.Close() //nolint:errcheck // a file that was only read
	if o.Name == "" {
		o.Name = pipelineName(path)
	}
	if src.Table() {
		o.Missing = files.Missing // as fileOptions has it
	}
	r, err := infer.FromSource(ctx, src.Next, o)
	if err != nil {
		return nil, fmt.Errorf("looking at %s: %w", path, err)
	}
	return r, nil
}

// inferred is inferFile's result, and the same parsed.
func inferred(ctx context.Context, path string, o infer.Options) (*infer.Result, *config.Pipeline, error) {
	r, err := inferFile(ctx, path, o)
	if err != nil {
		return nil, nil, err
	}
	p, err := config.Parse("inferred from "+path, bytes.Clone(r.YAML), func(string) (string, bool) { return "", false })
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

// pipelineName makes a name from a file's: letters, digits, dots and dashes, without the ending.
func pipelineName(path string) string {
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
