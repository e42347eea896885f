package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"millrace/payments"
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
	viewScores = 6
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
	l := d.learner.Load()
	if l == nil {
		return
	}
	s := l.Status()
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
		d.stages.env.log.Info("demo", "learned", s.Learned, "rejected", s.Rejected, "rate", int(v.rate),
			"log_loss", round4(s.Model.LogLoss), "majority_log_loss", round4(s.Majority.LogLoss), "version", s.Head.Seq)
		return
	}
	v.mu.Lock()
	newest := append([]string(nil), v.newest...)
	v.mu.Unlock()
	var b strings.Builder
	if v.lines > 0 {
		fmt.Fprintf(&b, "\x1b[%dA", v.lines)
	}
	lines := v.text(d, newest)
	for _, line := range lines {
		b.WriteString(line + "\x1b[K\n")
	}
	v.lines = len(lines)
	_, _ = io.WriteString(v.out, b.String()) // a terminal that is gone ends the demo by signal
}

func round4(x float64) float64 { return float64(int(x*1e4+0.5)) / 1e4 }

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

func (v *view) text(d *demo, newest []string) []string {
	s := d.learner.Load().Status()
	e := d.stages.env
	lines := []string{
		fmt.Sprintf("Millrace demo: payments → %s → %s", e.pipeline.Events.Topic, e.pipeline.Scores.Topic),
		"Fraud now: " + tale(d.produced.Load()),
		fmt.Sprintf("Kafka %s   Redis %s   metrics http://%s/metrics", e.kafka.Addr(), e.redis.Addr(), d.stages.admin.Address()),
		"",
		fmt.Sprintf("  produced %-10d learned %-10d rejected %-6d rate %.0f/s", d.produced.Load(), s.Learned, s.Rejected, v.rate),
		fmt.Sprintf("  scored   %-10d snapshot version %-4d (%d published, %d skipped)", d.stages.scoring.loop.Scored(), s.Head.Seq, s.Snapshots, s.Skipped),
		"",
		"  predicted before learning       all events         last thousand or so",
		"                               log-loss  accuracy    log-loss  accuracy",
		fmt.Sprintf("  %-26s   %8.4f  %8.4f    %8.4f  %8.4f", e.pipeline.Model.Type, s.Model.LogLoss, s.Model.Accuracy, s.Fading.LogLoss, s.Fading.Accuracy),
		fmt.Sprintf("  %-26s   %8.4f  %8.4f    %8.4f  %8.4f", "baseline: majority", s.Majority.LogLoss, s.Majority.Accuracy, s.FadingMajority.LogLoss, s.FadingMajority.Accuracy),
		fmt.Sprintf("  %-26s   %8s  %8.4f", "baseline: last label", "–", s.Last.Accuracy),
		fmt.Sprintf("  fraud: precision %.4f, recall %.4f, area under the ROC curve %.4f; of late %.4f, %.4f, %.4f",
			s.Binary.Precision, s.Binary.Recall, s.Binary.ROCAUC, s.FadingBinary.Precision, s.FadingBinary.Recall, s.FadingBinary.ROCAUC),
		"",
		"  newest scores",
	}
	for i := range viewScores {
		line := ""
		if i < len(newest) {
			line = "  " + newest[len(newest)-1-i]
		}
		if len(line) > 118 {
			line = line[:117] + "…"
		}
		lines = append(lines, line)
	}
	return append(lines, "", "  Ctrl-C ends")
}

func (s demoSummary) print(w io.Writer) error {
	if err := s.summary.print(w, "payments", "model"); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\n%d scores written, %d snapshots published, %.1f s in all\n", s.Scores, s.Snapshots, s.Seconds)
	return err
}
