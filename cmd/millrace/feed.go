package main

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"millrace"
	"millrace/offline"
	"millrace/pipeline"
	"millrace/pipeline/status"
)

// feed is a pipeline that runs beside what is sent to it, of payments that are generated or of files.
type feed struct {
	late     bool // labels come later
	running  *pipeline.Pipeline
	log      *slog.Logger
	started  time.Time
	before   status.Learning // what was learned before anything was sent
	produced atomic.Uint64
}

// run produces, learns and scores; it ends when produce does, ctx ends, or something fails. show tells how it goes.
func (f *feed) run(ctx context.Context, produce func(context.Context) error, show func(context.Context)) error {
	inner, stop := context.WithCancel(ctx)
	defer stop()
	g, inner := errgroup.WithContext(inner)
	g.Go(func() error { defer stop(); return f.running.Run(inner) })
	g.Go(func() error {
		show(inner)
		return nil
	})
	g.Go(func() error {
		err := produce(inner)
		if inner.Err() != nil && errors.Is(err, inner.Err()) {
			return nil
		}
		stop()
		return err
	})
	return g.Wait()
}

// begin waits until the pipeline learns, and notes what it has learned by then.
func (f *feed) begin(ctx context.Context) error {
	if err := f.running.Begun(ctx); err != nil {
		return err
	}
	f.before = *f.running.Status().Learning
	return nil
}

// applied is how many events the learner has taken.
func applied(l *status.Learning) uint64 {
	if l.Late != nil {
		return l.Late.Events()
	}
	return l.Learned + l.Rejected + l.Unlabelled
}

// count counts the events that are sent.
func (f *feed) count(rows pipeline.Rows) pipeline.Rows {
	return func(ctx context.Context) (pipeline.Row, error) {
		row, err := rows(ctx)
		if err == nil && !row.Label {
			f.produced.Add(1)
		}
		return row, err
	}
}

// since is how much a count has risen; after a rollback it may have fallen.
func since(now, before uint64) uint64 { return now - min(now, before) }

// feedSummary is what is printed at the end. Its counts are of this run; the losses and the other figures are of all
// events that were learned, by earlier runs as well.
type feedSummary struct {
	offline.Summary
	LearnedInAll uint64 `json:"learned_in_all"` // by earlier runs as well
	// Reasons are the dead letters of this run by reason.
	Reasons   map[millrace.Reason]uint64 `json:"rejected_by_reason,omitempty"`
	Scores    uint64                     `json:"scores"`
	Snapshots uint64                     `json:"snapshots"`
	Seconds   float64                    `json:"seconds"`
}

func (f *feed) summary() feedSummary {
	now := f.running.Status()
	l := now.Learning
	s := feedSummary{Summary: offline.SummaryOf(l.Model.All, l.Baseline.All, l.Last)}
	s.Positive, s.NoBetter = l.Positive, l.NoBetter
	s.Events, s.Learned, s.Rejected = f.produced.Load(), since(l.Learned, f.before.Learned), since(l.Rejected, f.before.Rejected)
	s.Unlabelled = since(l.Unlabelled, f.before.Unlabelled)
	s.LearnedInAll, s.Reasons = l.Learned, map[millrace.Reason]uint64{}
	for reason, r := range l.Refused {
		if n := since(r.Count, f.before.Refused[reason].Count); n > 0 {
			s.Reasons[millrace.Reason(reason)] = n
		}
	}
	s.Scores, s.Snapshots = now.Scoring.Scored, l.Published
	f.tellLate(&s.Summary, l.Late)
	s.Seconds = time.Since(f.started).Seconds()
	s.EventsPerSecond = float64(s.Events) / s.Seconds
	return s
}

// tellLate adds what became of events and labels since anything was sent, and what waits at the end.
func (f *feed) tellLate(s *offline.Summary, now *status.Late) {
	if now == nil || f.before.Late == nil {
		return
	}
	waiting := uint64(now.Waiting)
	s.Waiting, s.LabelsEarly, s.Names = &waiting, uint64(now.Kept), map[string]uint64{}
	s.Labels = since(now.Labels(), f.before.Late.Labels())
	for name, n := range now.Names {
		s.Names[name] = since(n, f.before.Late.Names[name])
	}
}
