package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"millrace"
	"millrace/payments"
	"millrace/pipeline/status"
)

// view shows a demo while it runs: redrawn in place on a terminal, a plain line a second elsewhere.
type view struct {
	out  io.Writer
	live bool

	mu     sync.Mutex
	newest []string // scores, newest last
	lines  int      // drawn before

	lastEvents uint64
	lastAt     time.Time
	rate       float64
}

const (
	viewEvery  = 200 * time.Millisecond
	plainEvery = 2 * time.Second
	viewScores = 5
)

func newView(out io.Writer, live bool) *view { return &view{out: out, live: live} }

// score keeps the newest scores as they are written.
func (v *view) score(_, value []byte) {
	if !v.live {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.newest = append(v.newest, string(value))
	if len(v.newest) > viewScores {
		v.newest = v.newest[1:]
	}
}

func (v *view) run(ctx context.Context, d *demo) {
	every := plainEvery
	if v.live {
		every = viewEvery
	}
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	v.lastAt = time.Now()
	for {
		select {
		case <-ctx.Done():
			v.draw(d)
			return
		case <-ticker.C:
			v.draw(d)
		}
	}
}

// draw writes the state: over the former one on a terminal, to the log elsewhere.
func (v *view) draw(d *demo) {
	at := d.running.Status()
	s := at.Learning
	if s.Model.All.LogLoss == nil { // no learner is at work yet
		return
	}
	now := time.Now()
	if dt := now.Sub(v.lastAt).Seconds(); dt > 0 {
		rate := float64(since(s.Learned, v.lastEvents)) / dt
		if v.rate == 0 {
			v.rate = rate
		}
		v.rate += 0.3 * (rate - v.rate) // smoothed, so that the digits can be read
	}
	v.lastEvents, v.lastAt = s.Learned, now
	if !v.live {
		figures := []any{"learned", s.Learned, "rejected", s.Rejected}
		if s.Late != nil {
			figures = append(figures, "waiting", s.Late.Waiting, "joined", s.Late.Names["joined"], "expired", s.Late.Expired())
		}
		d.log.Info("demo", append(figures, "rate", int(v.rate), "log_loss", status.Rounded(*s.Model.All.LogLoss), "majority_log_loss", status.Rounded(*s.Baseline.All.LogLoss), "version", s.Version)...)
		return
	}
	v.mu.Lock()
	newest := append([]string(nil), v.newest...)
	v.mu.Unlock()
	var b strings.Builder
	if v.lines > 0 {
		fmt.Fprintf(&b, "\x1b[%dA", v.lines)
	}
	lines := fitted(v.text(&at, d.produced.Load(), newest), v.out)
	for _, line := range lines {
		b.WriteString(line + "\x1b[K\n")
	}
	v.lines = len(lines)
	_, _ = io.WriteString(v.out, b.String()) // a terminal that is gone ends the demo by signal
}

// tale says what fraud looks like in the n-th payment.
func tale(n uint64) string {
	text := ""
	for _, s := range payments.Shifts() {
		if s.At <= n%payments.Cycle {
			text = s.Tale
		}
	}
	return text
}

func (v *view) text(at *status.Status, produced uint64, newest []string) []string {
	s := at.Learning
	model, baseline := s.Model, s.Baseline
	lines := []string{
		fmt.Sprintf("Millrace demo: payments → %s → %s", at.Events, at.Scores),
		"Now: " + tale(produced),
		fmt.Sprintf("Kafka %s  Redis %s", at.Addresses.Kafka, at.Addresses.Redis),
		fmt.Sprintf("metrics http://%s/metrics", at.Addresses.Admin),
		fmt.Sprintf("  produced %-10d learned %-10d rejected %-6d rate %.0f/s", produced, s.Learned, s.Rejected, v.rate),
		fmt.Sprintf("  scored   %-10d snapshot version %-4d (%d published, %d skipped)", at.Scoring.Scored, s.Version, s.Published, s.Skipped),
		lateLine(s.Late),
		"",
		"  predicted before learning       all events         last thousand or so",
		"                               log-loss  accuracy    log-loss  accuracy",
		viewRow(at.Family, model),
		viewRow("baseline: majority", baseline),
		fmt.Sprintf("  %-26s   %8s  %8.4f", "baseline: last label", "–", *s.Last.Accuracy),
		fmt.Sprintf("  fraud: precision, recall, AUC %.4f %.4f %.4f; late %.4f %.4f %.4f",
			*model.All.Precision, *model.All.Recall, *model.All.ROCAUC, *model.Fading.Precision, *model.Fading.Recall, *model.Fading.ROCAUC),
		"",
		"  newest scores",
	}
	for i := range viewScores {
		line := ""
		if i < len(newest) {
			line = "  " + newest[len(newest)-1-i]
		}
		lines = append(lines, line)
	}
	return append(lines, "  Ctrl-C ends")
}

// lateLine is what waits for its label, and what has become of the rest.
func lateLine(l *status.Late) string {
	if l == nil {
		return "  labels come with their events"
	}
	return fmt.Sprintf("  waiting  %-8d joined %-8d expired %-9d labels %d, %d lost",
		l.Waiting, l.Names["joined"], l.Expired(), l.Labels(), l.Names["label_unmatched"]+l.Names["label_repeated"])
}

// viewRow is one predictor's line.
func viewRow(name string, p status.Progress) string {
	return fmt.Sprintf("  %-26s   %8.4f  %8.4f    %8.4f  %8.4f", name, *p.All.LogLoss, *p.All.Accuracy, *p.Fading.LogLoss, *p.Fading.Accuracy)
}

// print says how it went. model is what its row is called.
func (s feedSummary) print(w io.Writer, name, model string) error {
	if s.Accuracy == nil && s.MAE == nil { // it ended before a learner was at work
		_, err := fmt.Fprintf(w, "%s: %s, none learned\n", name, millrace.Counted(s.Events, "event"))
		return err
	}
	head := heading(s.Summary, name)
	if len(s.Reasons) > 0 {
		head += "rejected: " + reasonsText(s.Reasons) + "; millrace dead show has them\n"
	}
	if s.LearnedInAll > s.Learned {
		head += fmt.Sprintf("these counts are of this run; what follows is of all %s that were learned so far, by earlier runs as well\n",
			millrace.Counted(s.LearnedInAll, "event"))
	}
	if err := printFigures(w, s.Summary, head, model); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\n%s written, %s published, %.1f s in all\n", millrace.Counted(s.Scores, "score"), millrace.Counted(s.Snapshots, "snapshot"), s.Seconds)
	return err
}
