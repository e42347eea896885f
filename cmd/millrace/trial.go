package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"millrace"
	"millrace/config"
	"millrace/config/infer"
	"millrace/offline"
	"millrace/pipeline/status"
)

// tryPipeline looks for leaks and learns the first rows, for the report. What comes of it never keeps init from
// writing its file.
func (a *app) tryPipeline(ctx context.Context, p *config.Pipeline, data offline.Data, r *initReport) {
	if info, err := os.Stat(data.Events); err != nil || !info.Mode().IsRegular() {
		r.NoTry = "the data can be read only once"
		return
	}
	leaks, err := offline.Leaks(ctx, p, data)
	if err != nil {
		r.NoTry = offline.TrialFault(err)
		return
	}
	for i := range leaks {
		l := &leaks[i]
		text := fmt.Sprintf("%s alone tells %s in %s of rows that it was not learned from: is it known before the label is, or is it the label again?",
			l.Feature, p.Label.Path, shareText(l.Figure))
		if p.Target().Classes == 0 {
			text = fmt.Sprintf("%s alone explains %s of how %s varies: is it known before the label is, or is it the label again?",
				l.Feature, shareText(l.Figure), p.Label.Path)
		}
		r.warn(infer.Warning{Kind: infer.WarnLeak, Field: l.Feature, Figure: &l.Figure, Text: text})
	}
	if r.Try, err = offline.Try(ctx, p, data); err != nil {
		r.NoTry = offline.TrialFault(err)
		if errors.As(err, new(*offline.NoneLearnedError)) {
			r.warn(infer.Warning{Kind: infer.WarnRejected, Text: r.NoTry})
		}
		return
	}
	t := r.Try
	// Rows that cannot be read were told of before.
	unread := r.Skipped > 0 && slices.ContainsFunc([]millrace.Reason{millrace.ReasonMalformed, millrace.ReasonMalformedRow}, func(why millrace.Reason) bool {
		return t.Reasons == fmt.Sprintf("%s %s", why, thousands(int64(t.Rejected)))
	})
	if t.Rejected > 0 && !unread {
		part := float64(t.Rejected) / float64(t.Events)
		r.warn(infer.Warning{Kind: infer.WarnRejected, Figure: &part, Text: fmt.Sprintf("%s of %s cannot be used as the file is now (%s); the first: %s",
			thousands(int64(t.Rejected)), plural(int64(t.Events), "event"), t.Reasons, t.First)})
	}
	if !t.Better {
		r.warn(infer.Warning{Kind: infer.WarnNoBetter, Text: noBetterText(p, r)})
	}
}

// warn adds a warning. Those of the trial are graver than what was seen before it.
func (r *initReport) warn(w infer.Warning) { r.Warnings = append([]infer.Warning{w}, r.Warnings...) }

// noBetterText says that nothing was learned, and what to look at.
func noBetterText(p *config.Pipeline, r *initReport) string {
	text := fmt.Sprintf("after %s the model is no better than its baselines. Look at", plural(int64(r.Try.Learned), "event"))
	if n := len(r.LeftOut); n > 0 {
		text += fmt.Sprintf(" what was left out (%d),", n)
	}
	const few = 2000
	if r.Try.Learned < few {
		text += " whether there are enough events yet,"
	}
	return text + fmt.Sprintf(" whether %s is what you want to predict, and whether anything here can know it beforehand", p.Label.Path)
}

// tryText is what a trial came to, in a line.
func tryText(t *offline.Trial) string {
	text := fmt.Sprintf("try: %s in %.1f s", plural(int64(t.Events), "event"), t.Seconds)
	switch t.Stopped {
	case "time":
		text += " (no more time)"
	case "interrupted":
		text += " (interrupted)"
	}
	format := newErrorFormat(t.Baselines, 4)
	text += fmt.Sprintf(": %s %s", t.Family, triedText(t.Losses, format))
	if t.ROCAUC != nil {
		text += fmt.Sprintf(", area under the ROC curve %.4f", *t.ROCAUC)
	}
	first := "majority"
	if t.MAE != nil {
		first = "mean"
	}
	return text + fmt.Sprintf("; baselines: %s %s, last %s", first, triedText(t.Baselines[first], format), triedText(t.Baselines["last"], format))
}

// triedText is losses in words.
func triedText(l status.Losses, format errorFormat) string {
	switch {
	case l.MAE != nil:
		return fmt.Sprintf("MAE %s, RMSE %s", format.text(*l.MAE), format.text(*l.RMSE))
	case l.LogLoss == nil:
		return fmt.Sprintf("accuracy %.4f", *l.Accuracy)
	}
	return fmt.Sprintf("accuracy %.4f, log-loss %.4f", *l.Accuracy, *l.LogLoss)
}
