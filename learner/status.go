package learner

import (
	"math"
	"time"

	"millrace"
	"millrace/drift"
	"millrace/keyed"
	"millrace/model"
)

// Status is what a live view shows; it is replaced, never changed.
type Status struct {
	Learned, Rejected uint64
	Unlabelled        uint64                       // since the start
	Refusals          map[millrace.Reason]Refusals // since the start
	Model, Fading     Figures                      // over all events, and recently
	Majority          Losses
	FadingMajority    Losses
	Last              Losses
	Drift             []drift.Standing // of all detectors; nil where nobody watches
	Head              millrace.Head
	Skipped           uint64
	Snapshots         uint64
	// Late is set where labels come later, Windows where there are some.
	Late    *Late
	Windows *keyed.Stats
	// Features are what is known of single ones lately, at most ten of them.
	Features []FeatureFigures
	Stalled  time.Duration // for which merging has been waiting for a partition that does not answer
	// Positions are where the learner stands in each partition: everything before was applied.
	Positions []millrace.Position
}

// Late is what has become of events and labels that wait for each other.
type Late struct {
	Waiting int               // events that wait for their label
	Stored  int               // of them and of the ids that are remembered, on disk
	Files   int64             // bytes of disk that those take
	Kept    int               // labels that wait for their event
	Names   map[string]uint64 // events and labels by what became of them, in this process and those that it goes on from
	Holding bool              // expiries are held, because no label at all has come for long
	Oldest  time.Duration     // that the event that waits longest has waited, in stream time
	Delay   LabelDelay        // of the labels that joined in this process
	Losses  []DelayedLoss     // by how long labels took, the shortest first; it goes on over restarts
}

func (s *Stream) windowsStatus() *keyed.Stats {
	if w, ok := s.Windows.(windowStats); ok {
		stats := w.Stats()
		return &stats
	}
	return nil
}

func (l *Learner) stalled() time.Duration {
	if l.o.Stalled == nil {
		return 0
	}
	return l.o.Stalled()
}

func (l *Learner) snapshotAge() float64 {
	return l.o.Now().Sub(time.Unix(0, l.takenAt.Load())).Seconds()
}

// Status is the latest state, at most a few hundred events old.
func (l *Learner) Status() Status { return *l.status.Load() }

// report refreshes the gauges and the live status.
func (l *Learner) report() {
	p := l.o.Stream.Trainer.Progressive
	l.metrics.losses(p)
	l.experts.report()
	l.keyed.report()
	standings := l.o.Stream.Trainer.Drift.Standings()
	l.drift.report(standings)
	if m, ok := model.As[model.HasNorms](l.o.Stream.Trainer.Model); ok {
		w, g := m.Norms()
		l.metrics.weightNorm.Set(w)
		l.metrics.gradientNorm.Set(g)
	}
	if m, ok := model.As[model.HasUnits](l.o.Stream.Trainer.Model); ok {
		if share := m.DeadUnits(); !math.IsNaN(share) {
			l.metrics.deadUnits.WithLabelValues().Set(share)
		}
	}
	old := l.status.Load()
	s := Status{Learned: l.learned, Rejected: l.rejected, Unlabelled: l.o.Stream.Count(Unlabelled), Refusals: l.sharedRefusals()}
	s.Windows, s.Stalled = l.o.Stream.windowsStatus(), l.stalled()
	s.Model, s.Fading = p.Figures(All), p.Figures(Fading)
	_, s.Majority, s.Last = p.Report(All)
	_, s.FadingMajority, _ = p.Report(Fading)
	s.Late, s.Features, s.Drift = l.late(), l.watch.report(), standings
	s.Positions = make([]millrace.Position, 0, len(l.positions))
	for _, p := range l.positions {
		s.Positions = append(s.Positions, *p)
	}
	for {
		s.Head, s.Snapshots, s.Skipped = old.Head, old.Snapshots, old.Skipped
		if l.status.CompareAndSwap(old, &s) {
			return
		}
		old = l.status.Load()
	}
}

// late is what a table of waiting events says; nil where labels come with their events.
func (l *Learner) late() *Late {
	table := l.o.Stream.Join
	if table == nil {
		return nil
	}
	held := table.Stats()
	return &Late{Waiting: held.Waiting, Stored: held.Spilled, Files: held.Files, Kept: held.Kept, Names: l.o.Stream.Names(), Holding: held.Holding,
		Oldest: l.o.Stream.OldestWaiting(), Delay: l.keyed.labelDelay(), Losses: l.o.Stream.Trainer.Progressive.delayedLosses()}
}

// updateStatus changes a copy of the status; the learning and the publishing goroutine both do.
func (l *Learner) updateStatus(change func(*Status)) {
	for {
		old := l.status.Load()
		s := *old
		change(&s)
		if l.status.CompareAndSwap(old, &s) {
			return
		}
	}
}
