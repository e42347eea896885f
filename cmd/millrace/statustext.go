package main

import (
	"fmt"
	"io"
	"maps"
	"math"
	"millrace"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/term"

	"millrace/pipeline/status"
)

// redraw writes lines over the so many that were drawn before on a terminal, below what was written elsewhere. It says
// how many the next call draws over.
func redraw(w io.Writer, lines []string, before int, live bool) (int, error) {
	if !live {
		_, err := fmt.Fprintln(w, strings.Join(lines, "\n"))
		return 0, err
	}
	lines = fitted(lines, w)
	var b strings.Builder
	if before > 0 {
		fmt.Fprintf(&b, "\x1b[%dA\x1b[J", before)
	}
	for _, line := range lines {
		b.WriteString(line + "\x1b[K\n")
	}
	_, err := io.WriteString(w, b.String())
	return len(lines), err
}

// fitted are lines cut to what the writer's terminal shows: a longer one would break in two, and one line too many
// would scroll, and so be drawn twice.
func fitted(lines []string, w io.Writer) []string {
	width, height := 80, 24
	if f, ok := w.(*os.File); ok {
		if columns, rows, err := term.GetSize(int(f.Fd())); err == nil && columns > 0 && rows > 2 {
			width, height = columns, rows
		}
	}
	return clipped(lines, width, height-1) // the cursor stands in the last
}

// clipped cuts lines to so many columns, and leaves out those that there is no room for.
func clipped(lines []string, width, height int) []string {
	out := make([]string, 0, height)
	for i, line := range lines {
		if len(lines) > height && i >= height-1 {
			return append(out, fmt.Sprintf("… and %s more", plural(len(lines)-i, "line")))
		}
		if runes := []rune(line); len(runes) > width {
			line = string(runes[:width-1]) + "…"
		}
		out = append(out, line)
	}
	return out
}

// statusText is what all processes say: whole, or in a few lines each.
func statusText(all []told, whole bool) []string {
	var lines []string
	for i := range all {
		if i > 0 {
			lines = append(lines, "")
		}
		lines = append(lines, processText(&all[i], whole)...)
	}
	return lines
}

func processText(t *told, whole bool) []string {
	if t.Store != nil {
		return storedText(t.Store)
	}
	if t.Status == nil {
		return []string{fmt.Sprintf("%s: process %d says nothing: %s", t.Process.Pipeline, t.Process.PID, t.Error)}
	}
	s := t.Status
	how := "ready"
	if s.NotReady != "" {
		how = s.NotReady
	}
	head := s.Pipeline + ": " + how
	if p := t.Process; p != nil {
		head += fmt.Sprintf("; process %d, for %s", p.PID, time.Since(p.Started).Round(time.Second))
		if p.Config != "" {
			head += ", " + p.Config
		}
	}
	lines := []string{head}
	for _, path := range t.Changed {
		lines = append(lines, "  file       "+path+" is no longer as this process read it, which goes on as it began: start it again for what is there now")
	}
	if l := s.Learning; l != nil {
		lines = append(lines, learningText(l, t.LearnedPerSecond)...)
	}
	if c := s.Scoring; c != nil {
		lines = append(lines, scoringText(c, t.ScoredPerSecond))
	}
	for _, c := range s.Challengers {
		lines = append(lines, "  challenger "+c.Pipeline)
		lines = append(lines, learningText(c, nil)...)
	}
	if !whole {
		return append(lines, "  metrics    "+t.url+"/metrics")
	}
	lines = append(lines, figuresText(s)...)
	return append(lines, addressesText(s, t.url)...)
}

// learningText is a learner's; one without a rate is a challenger, or was not there when it was last asked.
func learningText(l *status.Learning, rate *float64) []string {
	line := fmt.Sprintf("  learned    %-10d", l.Learned)
	if rate != nil {
		line += " " + rateText(rate)
	}
	line += fmt.Sprintf("  behind %d, rejected %d", l.LagRecords, l.Rejected)
	if l.Unlabelled > 0 {
		line += fmt.Sprintf(", unlabelled %d", l.Unlabelled)
	}
	lines := []string{line + fmt.Sprintf("; version %d, %d published, %d skipped", l.Version, l.Published, l.Skipped)}
	switch {
	case l.Rebuild != nil:
		lines = append(lines, fmt.Sprintf("  %s: %d of %s", l.State, l.Rebuild.Done, millrace.Counted(l.Rebuild.Total, "record")))
	case l.State != status.AtWork:
		lines = append(lines, strings.TrimSuffix(fmt.Sprintf("  learner    %s: %s", l.State, l.Why), ": "))
	}
	if l.Late != nil {
		lines = append(lines, lateLine(l.Late))
	}
	if w := l.Windows; w != nil {
		lines = append(lines, fmt.Sprintf("  windows    %s, %.1f MiB, %s too late, %s evicted", millrace.Counted(w.Keys, "key"), float64(w.Bytes)/(1<<20),
			millrace.Counted(w.Late, "event"), millrace.Counted(w.Evicted, "key")))
	}
	return lines
}

// rateText is events a second, and a dash while they are not known.
func rateText(rate *float64) string {
	if rate == nil {
		return fmt.Sprintf("%8s", "–")
	}
	return fmt.Sprintf("%8s", fmt.Sprintf("%.0f/s", *rate))
}

func scoringText(c *status.Scoring, rate *float64) string {
	line := fmt.Sprintf("  scored     %-10d %s  behind %d, unscored %d; version %d", c.Scored, rateText(rate), c.LagRecords, c.Unscored, c.Version)
	if c.Partitions == 0 {
		line += "; it has no partition: others score them all"
	}
	return line
}

// figuresText is how well models predict, and what was rejected.
func figuresText(s *status.Status) []string {
	l := s.Learning
	if l == nil || l.Learned == 0 {
		return nil
	}
	lines := []string{""}
	if l.Classes > 0 {
		lines = append(lines, "  predicted before learning       all events         last thousand or so", "                               log-loss  accuracy    log-loss  accuracy")
	} else {
		lines = append(lines, "  predicted before learning       all events         last thousand or so", "                                    MAE      RMSE         MAE      RMSE")
	}
	baseline := "baseline: mean"
	if l.Classes > 0 {
		baseline = "baseline: majority"
	}
	lines = append(lines, figuresRow(l.Family, l.Model))
	for _, c := range s.Challengers {
		lines = append(lines, figuresRow(c.Pipeline, c.Model))
	}
	lines = append(lines, figuresRow(baseline, l.Baseline), figuresRow("baseline: last label", status.Progress{All: l.Last}))
	if all, fading := l.Model.All, l.Model.Fading; all.ROCAUC != nil && fading.ROCAUC != nil {
		lines = append(lines, fmt.Sprintf("  %s: precision %.4f, recall %.4f, area under the ROC curve %.4f; of late %.4f, %.4f, %.4f",
			l.Positive, *all.Precision, *all.Recall, *all.ROCAUC, *fading.Precision, *fading.Recall, *fading.ROCAUC))
	}
	if l.NoBetter != "" {
		lines = append(lines, "  "+noBetterThan(l.NoBetter))
	}
	for i, reason := range slices.Sorted(maps.Keys(l.Refused)) {
		r := l.Refused[reason]
		what := "            "
		if i == 0 {
			lines, what = append(lines, ""), "  rejected  "
		}
		at := ""
		if r.Path != "" {
			at = fmt.Sprintf(" at %q", r.Path)
		}
		lines = append(lines, fmt.Sprintf("%s %s %d, the newest%s in %s", what, reason, r.Count, at, r.Source))
	}
	return lines
}

// figuresRow is one predictor's line; what it has no figure of is a dash.
func figuresRow(name string, p status.Progress) string {
	text := func(x *float64) string {
		if x == nil {
			return "–"
		}
		if math.Abs(*x) >= 1000 { // an error of large labels
			return fmt.Sprintf("%.6g", *x)
		}
		return fmt.Sprintf("%.4f", *x)
	}
	all, fading := [2]*float64{p.All.LogLoss, p.All.Accuracy}, [2]*float64{p.Fading.LogLoss, p.Fading.Accuracy}
	if p.All.MAE != nil {
		all, fading = [2]*float64{p.All.MAE, p.All.RMSE}, [2]*float64{p.Fading.MAE, p.Fading.RMSE}
	}
	return fmt.Sprintf("  %-26.26s   %8s  %8s    %8s  %8s", name, text(all[0]), text(all[1]), text(fading[0]), text(fading[1]))
}

func addressesText(s *status.Status, url string) []string {
	lines := []string{"", fmt.Sprintf("  %s → %s", s.Events, s.Scores), "  metrics    " + url + "/metrics"}
	for _, a := range [][2]string{{"Kafka", s.Addresses.Kafka}, {"Redis", s.Addresses.Redis}, {"HTTP", s.Addresses.Score}} {
		if a[1] != "" {
			lines = append(lines, fmt.Sprintf("  %-10s %s", a[0], a[1]))
		}
	}
	return lines
}
