package pipeline

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"millrace"
	"millrace/config"
	"millrace/explain"
	"millrace/scorer"
	scoreweb "millrace/scorer/web"
)

// reasons are the texts that the pipeline file has for its features.
func reasons(p *config.Pipeline) map[string]string {
	texts := map[string]string{}
	for i := range p.Features {
		if f := &p.Features[i]; f.Reason != "" {
			texts[f.Name] = f.Reason
		}
	}
	return texts
}

// explainer says why events that come over HTTP are scored as they are.
func explainer(p *config.Pipeline) func(s scoreweb.Session, rec *millrace.Record) (any, error) {
	texts := reasons(p)
	return func(s scoreweb.Session, rec *millrace.Record) (any, error) {
		own, ok := s.(*scorer.Session)
		if !ok {
			return nil, scorer.ErrNoReasons
		}
		return own.Report(rec, texts)
	}
}

// Explain says why an event, one JSON object, is scored as it is by the predictor's version, as if it came now. An
// event that cannot be scored is a *millrace.Rejection.
func (r *Predictor) Explain(event []byte) (explain.Report, error) {
	if r.remote != nil {
		return explain.Report{}, config.Usagef("a running pipeline explains over HTTP at /v1/explain; leave out --url")
	}
	var windows scorer.Windows
	if r.windows != nil {
		windows = r.windows
	}
	report, err := r.scorer.NewSession(windows).Report(&millrace.Record{Value: event, Time: time.Now().UnixMilli()}, reasons(r.pipeline))
	var why *millrace.Rejection
	if err != nil && !errors.As(err, &why) {
		return report, fmt.Errorf("explaining the event: %w", err)
	}
	if r.Cold() {
		report.Note = "windows are empty (--cold)"
	}
	return report, err
}

// versionOf finds a version of the pipeline's that its store still has.
func versionOf(ctx context.Context, e *environment, seq uint64) (scorer.Snapshots, millrace.Head, error) {
	name := e.pipeline.Name
	if err := e.openStore(ctx, Servers{}); err != nil {
		return nil, millrace.Head{}, err
	}
	all, err := e.store.List(ctx, name)
	if err != nil {
		return nil, millrace.Head{}, fmt.Errorf("looking for versions of %s: %w", name, err)
	}
	var there []string
	for i := range all {
		if all[i].Seq == seq && all[i].Fault == "" {
			s, err := e.store.Load(ctx, name, all[i].Head, false)
			return one{s}, all[i].Head, err
		}
		there = append(there, strconv.FormatUint(all[i].Seq, 10))
	}
	slices.Reverse(there)
	if len(there) == 0 {
		return nil, millrace.Head{}, fmt.Errorf("the store has no version of %s at all", name)
	}
	return nil, millrace.Head{}, config.UsageError{Err: fmt.Errorf("version %d of %s is gone; there are %s (snapshots.keep says how many stay)",
		seq, name, strings.Join(there, ", "))}
}

// ExplainText writes a report for people: each feature's value beside the usual one, and what it has moved the score
// by.
func ExplainText(w io.Writer, r *explain.Report) error {
	var out bytes.Buffer
	unit := ""
	if r.Of != "" {
		unit = " (log-odds of " + r.Of + ")"
		fmt.Fprintf(&out, "%s: score %.4g, class %s, by version %d of %s\n", r.Of, r.Score, r.Class, r.Version, r.Model)
	} else {
		fmt.Fprintf(&out, "score %.6g, by version %d of %s\n", r.Score, r.Version, r.Model)
	}
	width := len("feature")
	for i := range r.Features {
		width = max(width, len(r.Features[i].Feature))
	}
	fmt.Fprintf(&out, "\n%12s  %-*s  value (usual)\n%+12.4f  as usual%s\n", "contribution", width, "feature", r.Base, unit)
	for i := range r.Features {
		c := &r.Features[i]
		fmt.Fprintf(&out, "%+12.4f  %-*s  %s (%s)", c.Contribution, width, c.Feature, plainValue(c.Value), plainValue(c.Usual))
		if c.Reason != "" {
			fmt.Fprintf(&out, "  %s", c.Reason)
		}
		out.WriteByte('\n')
	}
	fmt.Fprintf(&out, "%+12.4f  the score%s\n", r.Total, unit)
	if r.Method == explain.Sampled {
		fmt.Fprintf(&out, "\nsampled by %s: standard errors are up to %.2g\n", millrace.Counted(r.Evaluations, "prediction"), r.StandardError)
	}
	if r.Note != "" {
		fmt.Fprintln(&out, r.Note)
	}
	_, err := w.Write(out.Bytes())
	return err //nolint:wrapcheck // whoever writes there knows what it is
}

// plainValue is a value as people read it: numbers with fewer digits, nothing for none.
func plainValue(text []byte) string {
	if string(text) == "null" {
		return "none"
	}
	if v, err := strconv.ParseFloat(string(text), 64); err == nil {
		return strconv.FormatFloat(v, 'g', 6, 64)
	}
	return string(text)
}
