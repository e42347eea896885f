package pipeline

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"millrace"
	"millrace/drift"
	"millrace/learner"
	"millrace/pipeline/status"
)

// Status is what the pipeline says of itself at the moment. It is safe to call while the pipeline opens and runs.
func (r *Pipeline) Status() status.Status {
	p := r.env.pipeline
	s := status.Status{Instance: r.instance, Pipeline: p.Name, Family: p.Model.Type, Classes: p.Target().Classes, Positive: p.Label.PositiveName(), Events: p.Events.Topic,
		Scores: p.Scores.Topic, Absent: r.env.cluster.Absent()}
	if !r.opened.Load() { // its parts are being made
		s.NotReady = cmp.Or(awaiting(s.Absent), "starting")
		return s
	}
	s.Addresses = r.addresses()
	switch {
	case !r.started.Load():
		s.NotReady = "starting"
	case r.scoring != nil:
		s.NotReady = r.scoring.notReady()
	}
	if r.learning != nil {
		s.Learning = learningStatus(r.env, r.learner.Load())
		if again := s.Learning.Rebuild; again != nil && r.scoring == nil {
			s.NotReady = fmt.Sprintf("reading the log again: %d of %s", again.Done, millrace.Counted(again.Total, "record"))
		}
	}
	if why := awaiting(s.Absent); why != "" && r.heldUp(s.Absent) {
		s.NotReady = why
	}
	if r.scoring != nil {
		scored := r.scoring.loop.Scored()
		s.Scoring = &status.Scoring{Scored: scored, Unscored: r.scoring.loop.Finished() - scored}
		s.Scoring.LagRecords, s.Scoring.Partitions = total(r.scoring.source.Lag())
		if v := r.scoring.scorer.Current(); v != nil {
			s.Scoring.Version = v.Head.Seq
		}
	}
	for _, c := range r.env.challengers {
		s.Challengers = append(s.Challengers, c.status())
	}
	return s
}

// awaiting says which topics are waited for; empty for none.
func awaiting(topics []string) string {
	switch len(topics) {
	case 0:
		return ""
	case 1:
		return "waiting for topic " + topics[0] + ", which does not exist"
	}
	return "waiting for topics " + strings.Join(topics, ", ") + ", which do not exist"
}

// heldUp reports whether the process does nothing while it waits for topics: where scoring goes on beside a learner, or
// answers over HTTP, it does.
func (r *Pipeline) heldUp(absent []string) bool {
	if r.scoring == nil {
		return true
	}
	return r.answers == nil && slices.Contains(absent, r.env.pipeline.Events.Topic)
}

func (r *Pipeline) addresses() status.Addresses {
	var a status.Addresses
	if r.admin != nil {
		a.Admin = r.admin.Address()
	}
	if r.answers != nil {
		a.Score = r.answers.Address()
	}
	if r.env.kafka != nil {
		a.Kafka = r.env.kafka.Addr()
	}
	if r.env.redis != nil {
		a.Redis = r.env.redis.Addr()
	}
	return a
}

// learningStatus is that of the learner at work; nil is one that has not begun.
func learningStatus(e *environment, l *learner.Learner) *status.Learning {
	p := e.pipeline
	classes := p.Target().Classes
	s := &status.Learning{Pipeline: p.Name, Family: p.Model.Type, Classes: classes, Positive: p.Label.PositiveName(), State: status.Starting}
	if l != nil {
		s.State = status.AtWork
	}
	if ended := e.ended.Load(); ended != nil {
		s.State, s.Why = ended.state, ended.why
	}
	if again := e.rebuilding.Load(); again != nil {
		done, total := again.Progress()
		s.State, s.Rebuild = status.Rebuilding, &status.Rebuild{Done: done, Total: total}
	}
	if l == nil {
		return s
	}
	at := l.Status()
	s.Learned, s.Rejected, s.Unlabelled, s.Version = at.Learned, at.Rejected, at.Unlabelled, at.Head.Seq
	s.Published, s.Skipped = at.Snapshots, at.Skipped
	s.Refused, s.LagRecords = refusedStatus(at.Refusals), e.learningLag()
	s.Late, s.Drift = lateStatus(at.Late, classes), driftStatus(at.Drift, p.Events.Topic)
	s.StalledSeconds = at.Stalled.Seconds()
	if w := at.Windows; w != nil {
		s.Windows = &status.Windows{Keys: w.Keys, Bytes: w.Bytes, Late: w.Late, Evicted: w.Evicted}
	}
	s.Features = featuresStatus(at.Features)
	s.Model = status.Progress{All: Figures(at.Model, classes), Fading: Figures(at.Fading, classes)}
	s.Baseline = status.Progress{All: Losses(at.Majority, classes), Fading: Losses(at.FadingMajority, classes)}
	s.Last = Losses(at.Last, classes)
	s.Last.LogLoss = nil // a label has no probability
	if !p.Label.MovesLosses() {
		s.NoBetter = status.NoBetter(s.Learned, s.Model.All, s.Baseline.All, s.Last)
	}
	return s
}

// featuresStatus is that of single features; nil where nothing is known of them.
func featuresStatus(all []learner.FeatureFigures) []status.Feature {
	known := func(v float64) *float64 {
		if math.IsNaN(v) {
			return nil
		}
		return &v
	}
	var s []status.Feature
	for _, f := range all {
		if one := (status.Feature{Name: f.Name, Importance: known(f.Importance), Missing: known(f.Missing), Unknown: known(f.Unknown)}); one != (status.Feature{Name: f.Name}) {
			s = append(s, one)
		}
	}
	return s
}

// refusedStatus is that of dead letters; nil where there are none.
func refusedStatus(all map[millrace.Reason]learner.Refusals) map[string]status.Refused {
	if len(all) == 0 {
		return nil
	}
	s := make(map[string]status.Refused, len(all))
	for reason, r := range all {
		source := millrace.AppendSource(nil, r.Source.Topic, r.Source.Partition, r.Source.Offset)
		s[string(reason)] = status.Refused{Count: r.Count, Source: string(source), Path: r.Path}
	}
	return s
}

// driftStatus is that of the detectors of drift; nil where nobody watches.
func driftStatus(all []drift.Standing, topic string) *status.Drift {
	if all == nil {
		return nil
	}
	s := &status.Drift{}
	for _, d := range all {
		s.Alarms += d.Alarms
		if a := d.Last; a != nil {
			from := millrace.AppendSource(nil, topic, a.From.Partition, a.From.Offset)
			s.Latest = append(s.Latest, status.DriftAlarm{Of: string(a.Of), Feature: a.Feature, Alarms: d.Alarms, Side: string(a.Side),
				Size: a.Size, From: string(from), Event: a.Event})
		}
	}
	return s
}

// lateStatus is that of labels that come later; nil where none do.
func lateStatus(l *learner.Late, classes int) *status.Late {
	if l == nil {
		return nil
	}
	s := &status.Late{Waiting: l.Waiting, Stored: l.Stored, DiskBytes: l.Files, Kept: l.Kept, Names: l.Names, Holding: l.Holding,
		OldestSeconds: l.Oldest.Seconds()}
	if d := l.Delay; d.Labels > 0 {
		s.Delay = &status.LabelDelay{Labels: d.Labels, Mean: d.Mean.Seconds(), Median: d.Median.Seconds(), Percent95: d.Percent95.Seconds()}
	}
	for _, d := range l.Losses {
		by := status.ByDelay{Delay: d.Delay, Losses: status.Losses{LogLoss: &d.Loss}}
		if classes == 0 {
			by.Losses = status.Losses{MAE: &d.Loss}
		}
		s.ByDelay = append(s.ByDelay, by)
	}
	return s
}

// Losses are the figures that suit a label of so many classes; 0 is a number.
func Losses(l learner.Losses, classes int) status.Losses {
	if classes == 0 {
		return status.Losses{MAE: &l.MAE, RMSE: &l.RMSE}
	}
	return status.Losses{Accuracy: &l.Accuracy, LogLoss: &l.LogLoss}
}

// Figures are a model's figures that suit a label of so many classes; 0 is a number.
func Figures(f learner.Figures, classes int) status.Losses {
	l := Losses(f.Losses, classes)
	if b := f.Binary; b != nil {
		l.Precision, l.Recall, l.ROCAUC, l.AveragePrecision = &b.Precision, &b.Recall, &b.ROCAUC, &b.AveragePrecision
	}
	if c := f.Calibration; c != nil {
		l.ECE, l.ECEExpected = &c.ECE, &c.Expected
	}
	if c := f.Coverage; c != nil {
		l.Coverage, l.IntervalWidth, l.Unbounded = &c.Held, &c.Width, &c.Unbounded
	}
	return l
}

// figures are what a log line tells of a run.
func figures(s status.Status) []any {
	figures := []any{"pipeline", s.Pipeline}
	if len(s.Absent) > 0 {
		figures = append(figures, "absent_topics", strings.Join(s.Absent, ","))
	}
	if s.Learning != nil {
		figures = append(figures, learnerFigures(s.Learning)...)
	}
	if s.Scoring != nil {
		figures = append(figures, "scored", s.Scoring.Scored, "unscored", s.Scoring.Unscored)
	}
	return figures
}

// learnerFigures are what a log line tells of a learner: nothing of one that has not begun, no losses of one that has
// ended. Its losses are recent ones, and named so: evaluate and the versions tell those of all events.
func learnerFigures(s *status.Learning) []any {
	switch s.State {
	case status.AtWork:
	case status.Starting:
		return nil
	case status.Rebuilding:
		return []any{"learning", s.State, "records", s.Rebuild.Done, "of", s.Rebuild.Total}
	default:
		return []any{"learning", s.State, "learned", s.Learned, "rejected", s.Rejected, "version", s.Version}
	}
	figures := []any{"learned", s.Learned, "rejected", s.Rejected, "version", s.Version}
	if s.Unlabelled > 0 {
		figures = append(figures, "unlabelled", s.Unlabelled)
	}
	if s.Late != nil {
		figures = append(figures, "waiting", s.Late.Waiting, "joined", s.Late.Names["joined"], "expired", s.Late.Expired())
	}
	if s.Classes > 0 {
		figures = append(figures, "recent_log_loss", status.Rounded(*s.Model.Fading.LogLoss),
			"recent_majority_log_loss", status.Rounded(*s.Baseline.Fading.LogLoss))
	} else {
		figures = append(figures, "recent_mae", status.Rounded(*s.Model.Fading.MAE), "recent_mean_mae", status.Rounded(*s.Baseline.Fading.MAE))
	}
	if s.Classes == 2 {
		figures = append(figures, "recent_roc_auc", status.Rounded(*s.Model.Fading.ROCAUC))
	}
	return figures
}
