package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"

	"millrace"
	"millrace/config"
	"millrace/config/infer"
	"millrace/offline"
	"millrace/pipeline"
)

// initReport is what init says of data and of the pipeline that it wrote. docs/INIT.md describes it.
type initReport struct {
	infer.Report
	Learned uint64      `json:"learned,omitempty"` // events, by a snapshot that the file was written from
	Size    *sizeReport `json:"size,omitempty"`
	// Try is a quick try of the pipeline; nil where there was none, NoTry says why if one was wanted.
	Try   *offline.Trial `json:"try,omitempty"`
	NoTry string         `json:"no_try,omitempty"`
	Out   string         `json:"out,omitempty"`   // where the pipeline file is
	File  string         `json:"file,omitempty"`  // its text, where it is nowhere else
	Flags string         `json:"flags,omitempty"` // that say how the data is written, for other verbs that read it
}

// sizeReport is what the pipeline takes, as check says it, in bytes.
type sizeReport struct {
	Version int64            `json:"version_bytes"`
	Held    int64            `json:"held_bytes"`   // of all versions in the store, about the most
	Memory  int64            `json:"memory_bytes"` // of a process that learns and scores, about the most
	Shares  []pipeline.Share `json:"shares,omitempty"`
}

// sizeOf is what the pipeline of a result will take, and the pipeline. Where versions taken every 5s would not fit the
// store, the file gets a time that does.
func sizeOf(ctx context.Context, l *looked, r *initReport) (*config.Pipeline, *sizeReport, error) {
	const name = "the pipeline file"
	for taken := false; ; taken = true {
		p, err := config.Parse(name, bytes.Clone(l.result.YAML), func(string) (string, bool) { return "", false })
		if err != nil {
			return nil, nil, fmt.Errorf("reading what was written: %w", err)
		}
		found, err := pipeline.Check(ctx, p, name, pipeline.CheckOptions{})
		if err != nil {
			return nil, nil, err
		}
		if fits := pipeline.FittingSnapshots(p.Snapshots, found.Snapshot); fits != p.Snapshots && !taken {
			text := millrace.FormatDuration(fits.Every)
			if fits.BytesMax != p.Snapshots.BytesMax {
				text = fmt.Sprintf("{every: %s, bytes_max: %s}", text, fits.BytesMax)
			}
			l.result.TakeSnapshots(text, fmt.Sprintf("a version has %s, and those of the last minute stay in the store", byteText(found.Snapshot)))
			continue
		}
		for _, text := range found.Warnings {
			r.Warnings = append(r.Warnings, infer.Warning{Kind: infer.WarnCheck, Text: text})
		}
		return p, &sizeReport{found.Snapshot, found.Held, memoryMost(p, found.Snapshot), found.Shares}, nil
	}
}

// initJSON writes the report to standard output, with the pipeline file in it unless that has a place of its own.
func (a *app) initJSON(r *initReport, to *place, file []byte) error {
	if to.path == "" {
		r.File = string(file)
	} else {
		if err := to.write(file); err != nil {
			return err
		}
		r.Out = to.path
	}
	e := json.NewEncoder(a.out)
	e.SetEscapeHTML(false)
	return e.Encode(r)
}

// tellInferred says, in a line or two, what of the data a pipeline that nobody wrote does without, and what it guessed
// of the label.
func (a *app) tellInferred(r *infer.Report) {
	w := &reportWriter{width: screenOf(a.err)}
	if r.Label.Why != "" {
		w.text("  ", "label %s: a guess, %s; --label names another", r.Label.Path, r.Label.Why)
	}
	if n := len(r.LeftOut); n > 0 {
		const told = 3
		names := make([]string, 0, told)
		for _, l := range r.LeftOut[:min(n, told)] {
			names = append(names, fmt.Sprintf("%s (%s)", l.Field, l.Why))
		}
		more := ""
		if n > told {
			more = fmt.Sprintf(" and %d more", n-told)
		}
		w.text("  ", "left out: %s%s; millrace init says what was made of the others", strings.Join(names, ", "), more)
	}
	_, _ = a.err.Write(w.out.Bytes()) // as all that is said beside results
}

const (
	// screenWidest is as wide as a report gets: longer lines are hard to read.
	screenWidest = 120
	// featuresShown, leftShown and warningsShown are listed; of more the first ones are, and the rest is counted.
	featuresShown, leftShown, warningsShown = 20, 5, 10
	// nameWidest, exampleWidest are the most that a table has room for.
	nameWidest, exampleWidest = 28, 18
	nameNarrow, exampleNarrow = 18, 10
)

// screenOf is how many columns the writer's terminal has; 0 is no terminal, whose lines are not broken.
func screenOf(w io.Writer) int {
	if !isTerminal(w) {
		return 0
	}
	width, _, err := term.GetSize(int(w.(*os.File).Fd()))
	if err != nil || width < 40 {
		return 80
	}
	return min(width, screenWidest)
}

// reportWriter writes a report for people, in lines of at most so many columns.
type reportWriter struct {
	out   bytes.Buffer
	width int // 0 is any
}

// printReport writes the report as plain text.
func printReport(to io.Writer, r *initReport, width int) error {
	w := &reportWriter{width: width}
	w.head(r)
	w.features(r.Features)
	w.left(r.LeftOut)
	switch {
	case r.Try != nil:
		w.text("  ", "%s", tryText(r.Try))
	case r.NoTry != "":
		w.text("  ", "not tried: %s", r.NoTry)
	}
	if s := r.Size; s != nil {
		w.text("", "size: a version has %s, the store holds at most about %s of them; run takes at most about %s of memory",
			byteText(s.Version), byteText(s.Held), byteText(s.Memory))
	}
	for _, warning := range r.Warnings[:min(len(r.Warnings), warningsShown)] {
		w.text("  ", "warning: %s", warning.Text)
	}
	if n := len(r.Warnings) - warningsShown; n > 0 {
		w.text("  ", "and %s more: --output json has all", plural(n, "warning"))
	}
	if r.Flags != "" {
		w.text("  ", "how the data is written stands in no pipeline file: give evaluate, produce, predict and run --from these flags, too: %s", r.Flags)
	}
	_, err := to.Write(w.out.Bytes())
	return err
}

// head is what was read, and the label.
func (w *reportWriter) head(r *initReport) {
	rows := fmt.Sprintf("%s: %s looked at", r.Source, plural(r.Rows, "event"))
	if r.Rows == 0 {
		rows = fmt.Sprintf("%s: %s learned", r.Source, plural(int64(r.Learned), "event"))
	}
	if r.More {
		rows += ", not all that there are"
	}
	if r.Skipped > 0 {
		rows += fmt.Sprintf(", %s skipped", plural(r.Skipped, "event"))
	}
	w.text("  ", "%s", rows)
	l := &r.Label
	text := fmt.Sprintf("label %s (%s): ", l.Path, l.Kind)
	if l.Kind == "class" {
		var shares []string
		for _, c := range l.Classes[:min(len(l.Classes), featuresShown)] {
			text := c.Class
			if r.Rows > 0 {
				text += " " + shareText(c.Share)
			}
			if c.Class == l.Positive {
				text += " (positive)"
			}
			shares = append(shares, text)
		}
		if n := len(l.Classes) - featuresShown; n > 0 {
			shares = append(shares, fmt.Sprintf("and %d more", n))
		}
		text += strings.Join(shares, ", ")
	} else if l.Min != nil {
		text += fmt.Sprintf("%.6g to %.6g", *l.Min, *l.Max)
		if l.Mean != nil {
			text += fmt.Sprintf(", on average %.6g", *l.Mean)
		}
	}
	if l.Missing > 0 {
		text += "; missing in " + shareText(l.Missing)
	}
	w.text("  ", "%s", text)
	if r.ID != "" || r.Time != "" {
		w.text("  ", "events: id %s, time %s", cmp.Or(r.ID, "none"), cmp.Or(r.Time, "none"))
	}
}

// features is the table of features.
func (w *reportWriter) features(all []infer.FeatureReport) {
	w.text("", "%s:", plural(len(all), "feature"))
	names, examples := nameWidest, exampleWidest
	if w.width > 0 && w.width < 100 { // room for what was guessed
		names, examples = nameNarrow, exampleNarrow
	}
	shown := all[:min(len(all), featuresShown)]
	longest := len("feature")
	for i := range shown {
		longest = max(longest, utf8.RuneCountInString(shown[i].Name))
	}
	names = min(names, longest)
	line := func(name, kind, distinct, missing, example, guessed string) {
		text := fmt.Sprintf("  %-*s  %-8s %9s %8s  %-*s  %s", names, cut(name, names), kind, distinct, missing,
			examples, cut(example, examples), guessed)
		text = strings.TrimRight(text, " ")
		if w.width > 0 {
			text = cut(text, w.width)
		}
		w.out.WriteString(text + "\n")
	}
	line("feature", "kind", "distinct", "missing", "example", "guessed")
	for i := range shown {
		f := &shown[i]
		distinct := thousands(f.Distinct)
		switch {
		case f.Distinct == 0:
			distinct = "–" // none, or not known
		case f.DistinctAbout:
			distinct = "~" + thousands(rounded(f.Distinct))
		}
		line(f.Name, f.Kind, distinct, shareText(f.Missing), f.Example, strings.Join(f.Guessed, "; "))
	}
	if n := len(all) - len(shown); n > 0 {
		kinds := map[string]int{}
		var order []string
		for i := range all[len(shown):] {
			kind := all[len(shown)+i].Kind
			if kinds[kind]++; kinds[kind] == 1 {
				order = append(order, kind)
			}
		}
		for i, kind := range order {
			order[i] = fmt.Sprintf("%s %d", kind, kinds[kind])
		}
		w.text("  ", "  and %s more: %s", thousands(int64(n)), strings.Join(order, ", "))
	}
}

func (w *reportWriter) left(all []infer.LeftOut) {
	if len(all) > 0 {
		w.text("", "left out:")
	}
	for _, l := range all[:min(len(all), leftShown)] {
		w.text("    ", "  %s", l)
	}
	if n := len(all) - leftShown; n > 0 {
		w.text("", "  and %s more: the file names all", thousands(int64(n)))
	}
}

// text writes a paragraph, its further lines indented, with whatever would move a terminal's cursor taken out.
func (w *reportWriter) text(indent, format string, args ...any) {
	text := clean(fmt.Sprintf(format, args...))
	for w.width > 0 && utf8.RuneCountInString(text) > w.width {
		runes := []rune(text)
		at := w.width
		for at > len(indent)+1 && runes[at] != ' ' {
			at--
		}
		if at <= len(indent)+1 { // one long word
			at = w.width
		}
		w.out.WriteString(strings.TrimRight(string(runes[:at]), " ") + "\n")
		text = indent + strings.TrimLeft(string(runes[at:]), " ")
	}
	w.out.WriteString(text + "\n")
}

// clean takes out what is no visible character: data may hold anything.
func clean(text string) string {
	return strings.Map(func(r rune) rune {
		if !strconv.IsPrint(r) {
			return ' '
		}
		return r
	}, text)
}

// cut shortens text to so many characters, which it says.
func cut(text string, width int) string {
	text = clean(text)
	if utf8.RuneCountInString(text) <= width {
		return text
	}
	return string([]rune(text)[:width-1]) + "…"
}

// shareText writes a share as people do.
func shareText(share float64) string {
	switch p := 100 * share; {
	case p == 0:
		return "–"
	case p >= 99.95 && share < 1:
		return ">99.9 %"
	case p >= 10:
		return strconv.FormatFloat(math.Round(p*10)/10, 'f', -1, 64) + " %"
	case p >= 0.1:
		return fmt.Sprintf("%.1f %%", p)
	}
	return "<0.1 %"
}

// rounded is a number to two digits, as one is told that is not known better.
func rounded(n int64) int64 {
	unit := int64(1)
	for n/unit >= 100 {
		unit *= 10
	}
	return (n + unit/2) / unit * unit
}

// thousands writes a number with commas.
func thousands(n int64) string {
	digits := strconv.FormatInt(n, 10)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// plural is a number as people read it, and its thing: 1 event, 2,000 events.
func plural[N int | int64](n N, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return thousands(int64(n)) + " " + thing
}
